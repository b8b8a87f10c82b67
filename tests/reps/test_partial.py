"""A window of scales: a part of the regular representation of the scalings, honest about its ends."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import BottleneckWarning, FieldTypeError, RepresentationError
from torsor.fibre.invariants import invariant_vectors
from torsor.symbolic import Symbolic
from torsor.testing import ConformanceError, check_representation

S2 = G.Scaling(2)
GROUPS = [
    S2,
    G.Scaling(1, 2**0.5),
    G.Join(G.Cyclic(4), S2),
    G.Join(G.Dihedral(3), S2),
    G.Join(G.Octahedral(), G.Scaling(3)),
]


def whole(rep, f, k):
    """f moved by k scales within an unlimited stack of scales: a dictionary from the power to the value."""
    return {rep.start + i + k: f[i * rep.rep.dim : (i + 1) * rep.rep.dim] for i in range(rep.scales)}


@pytest.mark.parametrize("k", [-5, -1, 0, 1, 2, 3])
def test_shift_drops_what_leaves_and_takes_zero_for_what_enters(k):
    group = G.Join(G.Cyclic(4), S2)
    rep, f = R.regular(group, window=(-1, 2)), np.arange(1.0, 17.0)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    g = 2.0**k * turn
    moved, inside = rep.rho(g) @ f, rep.interior(g)
    expected, known = np.zeros(16), np.zeros(16, bool)
    for power, value in whole(rep, f, k).items():
        if -1 <= power <= 2:
            place = slice(4 * (power + 1), 4 * (power + 2))
            expected[place], known[place] = np.roll(value, 1), True  # r e_h = e_{rh}, in the order e, r, r², r³
    assert np.array_equal(moved, expected) and np.array_equal(inside, known)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_it_is_a_representation_on_interior_scales_and_not_at_the_ends(group, generator):
    rep = R.regular(group, window=4)
    g, h = group.sample(40, generator), group.sample(40, generator)
    error = rep.rho(g) @ rep.rho(h) - rep.rho(g @ h)
    assert float((error.abs() * rep.interior(g)[..., None]).max()) < 1e-9
    assert float(error.abs().max()) > 0.5
    identity = torch.eye(group.dim, dtype=torch.float64)
    assert torch.allclose(rep.rho(identity), torch.eye(rep.dim, dtype=torch.float64)) and rep.interior(identity).all()
    assert np.allclose(rep.rho(g.numpy()), rep.rho(g)) and np.array_equal(rep.interior(g.numpy()), rep.interior(g))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_conformance(group):
    check_representation(2 * R.regular(group, window=3) + R.trivial(group))


def test_conformance_notices_a_wrong_shift(monkeypatch):
    right = R.PartialRepresentation._rho
    monkeypatch.setattr(R.PartialRepresentation, "_rho", lambda self, g: right(self, g @ g))
    with pytest.raises(ConformanceError):
        check_representation(R.regular(S2, window=3))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_decomposition_puts_irreps_at_every_scale(group, generator):
    rep = R.regular(group, window=3)
    found = R.decompose(rep)
    assert np.allclose(found.basis @ found.inverse, np.eye(rep.dim))
    assert sum(m * sigma.dim for m, sigma in found.blocks) == rep.dim
    g = group.sample(10, generator)
    for h in g:
        blocks = [sigma.rho(h).numpy() for m, sigma in found.blocks for _ in range(m)]
        size, diagonal = 0, np.zeros((rep.dim, rep.dim))
        for block in blocks:
            diagonal[size : size + len(block), size : size + len(block)] = block
            size += len(block)
        assert np.allclose(found.basis @ diagonal @ found.inverse, rep.rho(h).numpy(), atol=1e-9)


def test_direct_sums_know_their_interior(generator):
    rep = 2 * R.regular(S2, window=2) + R.trivial(S2)
    inside = rep.interior(2.0 * torch.eye(2, dtype=torch.float64))
    assert inside.tolist() == [False, True, False, True, True]


def test_intertwiners_depend_on_the_ratio_of_scales():
    group = G.Join(G.Cyclic(4), S2)
    wide, narrow = R.regular(group, window=4), R.regular(group, window=(1, 2))
    maps = R.hom(wide, narrow).numpy()
    assert maps.shape == (4 * 5, 8, 16)  # |C4| maps at each of the ratios that occur, j - i in -2 … 2
    flat = maps.reshape(20, -1)
    assert np.allclose(flat @ flat.T, np.eye(20), atol=1e-10)
    blocks = maps.reshape(20, 2, 4, 4, 4)
    assert np.allclose(blocks[:, 0, :, :-1], blocks[:, 1, :, 1:])
    assert np.allclose(invariant_vectors(wide), 1.0)


@pytest.mark.parametrize("rep", [R.standard(S2), R.density(S2, 0.5), R.trivial(S2)], ids=str)
def test_intertwiners_to_a_window_carry_the_weight_of_the_field(rep):
    window = R.regular(S2, window=4)
    g = 2.0 * np.eye(2)
    for maps, left, right in ((R.hom(rep, window), window, rep), (R.hom(window, rep), rep, window)):
        assert len(maps) == rep.dim
        error = (
            (left.rho(g) @ maps.numpy() - maps.numpy() @ right.rho(g))
            * left.interior(g)[:, None]
            * right.interior(np.linalg.inv(g))
        )
        assert np.abs(error).max() < 1e-12


def test_linear_layers_commute_with_shifts(generator):
    window = 3 * R.regular(S2, window=5)
    layer = nn.Linear(window, window).double()
    f = torch.zeros(1, 15, dtype=torch.float64)
    f[:, [2, 7, 12]] = torch.randn(3, generator=generator, dtype=torch.float64)  # all in the middle: nothing leaves
    g = 2.0 * torch.eye(2, dtype=torch.float64)
    moved = layer(f @ window.rho(g).T)
    expected = layer(f) @ window.rho(g).T
    inside = window.interior(g)
    assert torch.allclose(moved[:, inside], expected[:, inside]) and expected.abs().max() > 0.1


def test_flags_and_layers():
    rep = R.regular(G.Join(G.Cyclic(4), S2), window=3)
    assert rep.is_permutation and rep.is_orthogonal and not rep.is_trivial and rep.dim == 12
    x = torch.randn(8, 24, 5, 5)
    for layer in (nn.ReLU(2 * rep), nn.BatchNorm(2 * rep), nn.InstanceNorm(2 * rep), nn.GroupPool(2 * rep)):
        assert layer(x).isfinite().all()
    assert torch.equal(nn.GroupPool(2 * rep)(x), x.view(8, 2, 12, 5, 5).amax(2))
    irreps = R.regular(G.Join(G.SO(2), S2), band=1, window=3)
    assert not irreps.is_permutation and irreps.dim == 9
    with pytest.raises(FieldTypeError, match="mixes them"):
        nn.ReLU(irreps)
    assert nn.Fourier(irreps, torch.nn.Tanh())(torch.randn(2, 9, 4, 4)).shape == (2, 9, 4, 4)


def test_batch_norm_shares_its_statistics_between_the_scales():
    rep = R.regular(S2, window=3)
    layer = nn.BatchNorm(2 * rep)
    x = 3 + torch.randn(64, 6, 8, 8)
    y = layer(x)
    assert layer.running_mean.numel() == 2 and abs(float(y.mean())) < 1e-2 and abs(float(y.std()) - 1) < 1e-2


def test_fourier_layers_work_at_each_scale_apart(generator):
    rep = R.regular(G.Join(G.SO(2), S2), band=2, window=2)
    one = R.regular(G.SO(2), band=2)
    x = torch.randn(3, 10, 2, generator=generator)
    apart = [nn.Fourier(one, torch.nn.SiLU(), 16)(part) for part in x.split(5, 1)]
    assert torch.allclose(nn.Fourier(rep, torch.nn.SiLU(), 16)(x), torch.cat(apart, 1), atol=1e-6)


def test_restriction_and_symbols():
    group = G.Join(G.Cyclic(4), S2)
    rep = R.regular(group, window=3)
    assert rep == Symbolic.from_dict(rep.to_dict()) and rep != R.regular(group, window=4)
    assert rep.restrict(G.Cyclic(4)) == 3 * R.regular(G.Cyclic(4))
    below = rep.restrict(S2)
    assert below.group == S2 and below.scales == 3 and below.dim == 12
    inflated = R.inflated(group, R.regular(G.Cyclic(4)))
    g = 4.0 * G.Cyclic(4).elements()
    assert torch.allclose(inflated.rho(g), R.regular(G.Cyclic(4)).rho(G.Cyclic(4).elements()))
    assert R.inflated(group, R.trivial(G.Cyclic(4))) == R.trivial(group)


def test_errors():
    with pytest.raises(RepresentationError, match="window of scales, window=4"):
        R.regular(S2)
    with pytest.raises(RepresentationError, match="window of scales, window=4"):
        R.regular(G.Join(G.SO(2), S2), band=2)
    with pytest.raises(RepresentationError, match="at least one scale"):
        R.regular(S2, window=0)
    with pytest.raises(RepresentationError, match="discrete group of scalings"):
        R.regular(G.Scaling(2, None), window=3)
    with pytest.raises(RepresentationError, match="expected scalings"):
        R.regular(G.Cyclic(4), window=3)
    with pytest.raises(RepresentationError, match="at each scale"):
        R.scaled(S2, R.trivial(G.Cyclic(4)), 3)


def test_no_path_to_types_without_a_common_part():
    group = G.Join(G.Cyclic(4), S2)
    turning = R.scaled(group, R.irrep(G.Cyclic(4), 1), 3)
    assert len(R.hom(turning, R.trivial(group))) == 0
    with pytest.warns(BottleneckWarning):
        nn.Linear(turning + R.trivial(group), R.trivial(group))
