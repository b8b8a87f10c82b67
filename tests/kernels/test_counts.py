"""Kernels of irreps, regular, quotient and induced types of every planar group: counts per degree, and (*)."""

import numpy as np
import pytest
import torch

from tests.oracles import PLANAR, Planar
from tests.reps.test_characters import mask_of
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R

SPEC = K.Harmonic(size=5)


def types(planar: Planar) -> dict[str, tuple[R.Representation, np.ndarray]]:
    """Reducible types with their characters: closed forms, and the formula of Frobenius."""
    group, delta = planar.group, np.exp(1j * planar.angles) - 1
    identity = np.where((np.abs(delta) < 1e-9) & (planar.flips == 0), 1.0, 0.0)
    waves = sum(2 * np.cos(k * planar.angles) for k in (1, 2)) + 1
    found = {}
    if group.is_finite:
        found["regular"] = R.regular(group), planar.order * identity
    elif planar.reflects:  # each (1, k) twice, trivial and sign once
        found["regular"] = R.regular(group, band=2), np.where(planar.flips > 0, 0.0, 2 * waves)
        found["circle"] = R.quotient(group, G.Reflection(2), band=2), np.where(planar.flips > 0, 1.0, waves)
    else:
        found["regular"] = R.regular(group, band=2), waves
    subgroups = [G.Cyclic(m) for m in (2, 3, 4) if planar.n and planar.n % m == 0 and planar.n > m]
    if planar.reflects and not isinstance(group, G.Reflection):
        subgroups += [G.Reflection(2)] if planar.n else [G.SO(2)]
    for subgroup in subgroups[:2]:
        mask = mask_of(planar, subgroup)
        found[f"quotient {subgroup}"] = R.quotient(group, subgroup), planar.induced(mask, mask.astype(float))
    if planar.reflects and planar.n and planar.n > 2:
        mask, k = planar.flips == 0, planar.n // 2 - (planar.n % 2 == 0)
        tau = R.irrep(G.Cyclic(planar.n), k)
        found[f"induced {k}"] = R.induced(group, tau), planar.induced(mask, 2 * np.cos(k * planar.angles))
    return found


def counts_per_degree(rho_in: R.Representation, rho_out: R.Representation) -> list[int]:
    """From the labels of the basis: how many covariants of each degree, on the outermost ring."""
    numbers = [0] * (max(SPEC.limits) + 1)
    for n, tau in R.decompose(rho_out).blocks:
        for m, sigma in R.decompose(rho_in).blocks:
            for degree, ring, _ in SPEC.labels(sigma, tau):
                numbers[degree] += n * m * (ring == SPEC.rings[-1])
    return numbers


@pytest.mark.parametrize("planar", PLANAR, ids=lambda p: p.name)
def test_reducible_types(planar):
    """The counts per degree, the number of weights, and (*) at random points and elements to 1e-10."""
    found = types(planar)
    names = list(found)
    pairs = [(names[0], other) for other in names] + [(other, names[0]) for other in names[1:]] + [(names[-1],) * 2]
    for source, target in pairs:
        (rho_in, chi), (rho_out, psi) = found[source], found[target]
        expected = [planar.count(psi, chi, planar.harmonic(l)) for l in range(5)]
        assert counts_per_degree(rho_in, rho_out) == expected, (source, target)
        if rho_in.dim * rho_out.dim > 300 and (source, target) != (names[0], names[0]):
            continue
        kernel = SPEC(rho_in, rho_out, dtype=torch.float64)
        on_rings = sum(sum(expected[: limit + 1]) for limit in SPEC.limits)
        assert kernel.weight.numel() == on_rings, (source, target)
        assert residual(planar, kernel) < 1e-10, (source, target)


def residual(planar: Planar, kernel: K.ExpandedKernel, n: int = 5) -> float:
    """max |K(gv) - ρ_out(g) K(v) ρ_in(g)⁻¹| / max |K|, spelt out with the elements of the oracle."""
    rng = np.random.default_rng(0)
    g = planar.elements[rng.integers(planar.order, size=n)]
    v = rng.normal(size=(n, 2))
    with torch.no_grad():
        both = kernel(torch.tensor(np.concatenate([v, np.einsum("nij,nj->ni", g, v)]))).numpy()
    expected = kernel.out_rep.rho(g) @ both[:n] @ np.linalg.inv(kernel.in_rep.rho(g))
    return float(np.abs(both[n:] - expected).max() / np.abs(both).max())


def test_the_residual_could_fail(rng):
    planar = PLANAR[7]
    kernel = SPEC(R.regular(planar.group), R.regular(planar.group), dtype=torch.float64)
    kernel.__class__ = type("Broken", (K.ExpandedKernel,), {"forward": lambda self, v: _broken(self, v)})
    assert residual(planar, kernel) > 1e-3


def _broken(kernel, v):
    value = K.ExpandedKernel.forward(kernel, v)
    return value + 0.1 * v[:, :1, None]


def test_fields_of_several_types():
    group = G.Dihedral(4)
    rho_in = 2 * R.trivial(group) + R.regular(group) + R.standard(group)
    rho_out = R.irrep(group, 1, 1) + 3 * R.sign(group) + R.quotient(group, G.Cyclic(2))
    kernel = SPEC(rho_in, rho_out, dtype=torch.float64)
    assert residual(next(p for p in PLANAR if p.group == group), kernel) < 1e-12
    assert kernel.stencil().shape == (rho_out.dim, rho_in.dim, 5, 5)
