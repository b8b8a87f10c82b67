"""Intertwiners of any matrix group at scale: counts of invariant theory, exactness at random elements, one basis."""

from math import comb

import numpy as np
import pytest
import torch

from tests.linalg.test_invariants import bell
from torsor import groups as G
from torsor import reps as R
from torsor.errors import RepresentationError
from torsor.linalg import canonical_bases, null_projectors
from torsor.linalg.invariants import DIRECT
from torsor.reps.hom import factors, hom_array

LORENTZ, SO4, SL2, S4 = G.O(1, 3), G.SO(4), G.SL(2), G.Symmetric(4)


def error(maps: torch.Tensor, rho: R.Representation, sigma: R.Representation, scale: float | None = None) -> float:
    """|σ(g) W - W ρ(g)| of a random W in the span, relative to |σ(g)| |W|, the worst of four elements."""
    g = rho.group.sample(4, torch.Generator().manual_seed(1), scale=scale)
    w = torch.tensordot(torch.randn(len(maps), generator=torch.Generator().manual_seed(0), dtype=maps.dtype), maps, 1)
    left, right = sigma.rho(g), rho.rho(g)
    apart = torch.linalg.matrix_norm(left @ w - w @ right)
    size = torch.linalg.matrix_norm(left, 2) * torch.linalg.matrix_norm(w) + torch.linalg.matrix_norm(w @ right)
    return float((apart / size).max())


def tensors(group: G.Group, *orders: tuple[int, int]) -> tuple[R.Representation, ...]:
    return tuple(R.tensor(group, p, q) for p, q in orders)


COUNTS = {
    "SO(4)": (*tensors(SO4, (4, 0), (4, 0)), 196),
    "O(4)": (*tensors(G.O(4), (3, 0), (3, 0)), 15),
    "SO(3)": (*tensors(G.SO(3), (4, 0), (4, 0)), 91),
    "SO(1,3)": (*tensors(G.SO(1, 3), (3, 0), (1, 2)), 25),
    "O(1,3)": (*tensors(LORENTZ, (4, 0), (0, 4)), 105),
    "SO0(1,3)": (*tensors(G.SO0(1, 3), (3, 0), (3, 0)), 25),
    "SO(2,2)": (*tensors(G.SO(2, 2), (3, 0), (3, 0)), 25),
    "SL(2)": (*tensors(G.SL(2), (4, 0), (2, 2)), 14),  # Catalan: invariants of 8 vectors
    "SL(3)": (*tensors(G.SL(3), (3, 0), (3, 0)), 6),  # permutations of 3 indices
    "SL(3) volume": (*tensors(G.SL(3), (0, 0), (6, 0)), 5),  # standard tableaux 3 × 2
    "SL(3) nothing": (*tensors(G.SL(3), (0, 0), (5, 0)), 0),
    "GL(3)": (*tensors(G.GL(3), (3, 1), (3, 1)), 23),  # permutations of 4 with no increasing run of over 3: 24 - 1
    "GL(3) nothing": (*tensors(G.GL(3), (2, 0), (3, 0)), 0),
    "Sp(4)": (*tensors(G.Sp(4), (3, 0), (3, 0)), 14),  # (6 - 1)!! = 15, one relation of Pfaffians
    "U(1)": (*tensors(G.U(1), (5, 0), (5, 0)), comb(10, 5)),
    "SU(2)": (*tensors(G.SU(2), (2, 0), (1, 0)), 0),
    "S3": (*tensors(G.Symmetric(3), (3, 0), (2, 0)), bell(5, 3)),
    "S6": (*tensors(G.Symmetric(6), (2, 0), (2, 0)), bell(4, 6)),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_exactness_at_random_elements(name):
    rho, sigma, count = COUNTS[name]
    maps = R.hom(rho, sigma)
    assert maps.shape == (count, sigma.dim, rho.dim)
    if count:
        gram = maps.flatten(1) @ maps.flatten(1).T
        assert (gram - torch.eye(count, dtype=gram.dtype)).abs().max() < 1e-11
        assert error(maps, rho, sigma, None if rho.group.is_compact else 0.5) < 1e-12


def test_tensors_of_order_eight():
    """T₈ of SO(4), 65,536 components: as maps from the scalars and as maps between T₄ the same invariants."""
    invariants = R.hom(R.trivial(SO4), R.tensor(SO4, 8))
    assert invariants.shape == (196, 65536, 1)
    maps = R.hom(R.tensor(SO4, 4), R.tensor(SO4, 4))
    assert (maps.flatten(1) - invariants[..., 0]).abs().max() < 1e-10


def test_the_metric_is_the_map_to_the_dual():
    (eta,) = R.hom(R.standard(LORENTZ), R.standard(LORENTZ).dual())
    expected = torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64)) / 2
    assert (eta - expected).abs().max() < 1e-13
    (form,) = R.hom(R.standard(G.Sp(4)), R.standard(G.Sp(4)).dual())
    assert (form + form.T).abs().max() < 1e-13 and (
        form @ form + torch.eye(4, dtype=form.dtype) / 4
    ).abs().max() < 1e-13


@pytest.mark.parametrize(
    "rho, sigma",
    [
        (2 * R.standard(LORENTZ) + R.trivial(LORENTZ), R.standard(LORENTZ).dual() + R.tensor(LORENTZ, 2)),
        (R.tensor(G.SO(3), 2) + R.irrep(G.SO(3), 2), 2 * R.tensor(G.SO(3), 2)),
        (R.tensor(SL2, 2, 1) + 3 * R.standard(SL2), R.tensor(SL2, 2, 1) + R.tensor(SL2, 1, 1) + R.trivial(SL2)),
        (R.tensor(S4, 2) + R.sign(S4), R.tensor(S4, 2) + R.trivial(S4)),
    ],
    ids=lambda r: r.name,
)
def test_sums_are_solved_term_by_term_in_the_basis_of_the_whole(rho, sigma):
    """Against the null space of the Kronecker constraints of the whole sums."""
    assert rho.dim * sigma.dim > DIRECT
    one, other = np.eye(rho.dim), np.eye(sigma.dim)
    pairs = [*zip(rho.algebra_images, sigma.algebra_images, strict=True)]
    pairs += [*zip(rho.generator_images, sigma.generator_images, strict=True)]
    rows = np.concatenate([np.kron(b, one) - np.kron(other, a.T) for a, b in pairs])
    expected = canonical_bases(null_projectors(rows[None]))[0]
    found = hom_array(rho, sigma)
    assert found.shape == (len(expected), sigma.dim, rho.dim)
    assert np.abs(found.reshape(expected.shape) - expected).max() < 1e-10


@pytest.mark.parametrize(
    "rep",
    [
        R.tensor(G.SL(2), 2, 1),
        R.tensor(LORENTZ, 1, 1) * R.symmetric(LORENTZ, 2),
        (R.tensor(G.SL(2), 1, 1) * R.standard(G.SL(2))).dual(),
        R.density(G.GL(2), 0.5) * R.tensor(G.GL(2), 0, 2),
        R.tensor(LORENTZ, 0),
    ],
    ids=lambda r: r.name,
)
def test_factors_multiply_to_the_representation(rep):
    g = rep.group.sample(3, torch.Generator().manual_seed(0), scale=0.5).numpy()
    for dual in (False, True):
        product = np.ones((3, 1, 1))
        for factor in factors(rep, dual=dual):
            product = np.einsum("nij,nkl->nikjl", product, factor.rho(g)).reshape(
                3, *(2 * [product.shape[-1] * factor.dim])
            )
        expected = rep.dual().rho(g) if dual else rep.rho(g)
        assert np.abs(product - expected).max() < 1e-10


def test_what_is_too_large_says_so():
    with pytest.raises(RepresentationError, match=r"1,048,576 components .* lower order"):
        R.hom(R.tensor(LORENTZ, 5), R.tensor(LORENTZ, 5))
