"""Sampled nonlinearities of functions on the sphere, SO(3), O(3), and groups about an axis."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError
from torsor.fibre.sampling import sample

SO3, O3 = G.SO(3), G.O(3)
C_INF, C_INF_V = G.Axial(G.SO(2)), G.Axial(G.O(2))

TYPES = {
    "SO(3)": (R.regular(SO3, band=1), (6, 12, 24)),
    "O(3)": (R.regular(O3, band=1), (6, 12, 20)),
    "sphere": (R.quotient(SO3, C_INF, band=3), (9, 18, 36)),
    "sphere about axis 0": (R.quotient(SO3, G.Axial(G.SO(2), axis=0), band=3), (9, 18, 36)),
    "sphere of O(3)": (R.quotient(O3, C_INF_V, band=3), (8, 18, 36)),
    "spherical": (R.spherical(O3, 3), (9, 18, 36)),
    "spherical of T": (R.spherical(G.Tetrahedral(), 3), (9, 18, 36)),
    "cubes": (R.quotient(SO3, G.Octahedral(), band=4), (12, 18, 27)),
    "about an axis": (R.regular(C_INF, band=2), (8, 16, 32)),
    "cone": (R.quotient(C_INF_V, G.Axial(G.Dihedral(1)), band=3), (9, 18, 36)),
}


def move(rho: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nij,nj->ni", rho, x)


def error(layer: nn.Layer, n: int = 64, seed: int = 0) -> float:
    """‖N(ρ(g) x) - ρ(g) N(x)‖ / ‖N(x)‖ over random g, x."""
    generator = torch.Generator().manual_seed(seed)
    g = layer.in_rep.group.sample(n, generator)
    x = torch.randn(n, layer.in_rep.dim, dtype=torch.float64, generator=generator)
    y = move(layer.out_rep.rho(g), layer(x))
    return float((layer(move(layer.in_rep.rho(g), x)) - y).norm() / y.norm())


@pytest.fixture(params=TYPES)
def case(request):
    return TYPES[request.param]


def test_more_samples_less_aliasing(case):
    rep, numbers = case
    found = [error(nn.Fourier(rep, torch.nn.ELU(), n).double()) for n in numbers]
    assert found[0] > 2 * found[1] > 4 * found[2] and found[2] < 0.01, found


def test_the_default_is_good(case):
    assert error(nn.Fourier(case[0], torch.nn.ELU()).double()) < 0.1


def test_band_limited_functions_pass_unchanged(case):
    x = torch.randn(3, case[0].dim, 2, dtype=torch.float64)
    assert (nn.Fourier(case[0], torch.nn.Identity()).double()(x) - x).abs().max() < 1e-10


def test_squares_are_exact(case):
    """x² has twice the band: its projection by a fine quadrature is exact, hence equivariant to rounding."""
    rep, numbers = case
    layer = nn.Fourier(rep, torch.square, 4 * 4 + 1).double()
    assert error(layer) < 1e-10


def test_against_brute_force():
    """y = ∫ Y f(⟨Y, x⟩) over the sphere by a far finer grid about another axis, for a smooth f."""
    rep = R.spherical(SO3, 2)
    x = 0.3 * torch.randn(5, 9, dtype=torch.float64)
    cosines, w = np.polynomial.legendre.leggauss(40)
    phi = 2 * np.pi * np.arange(80) / 80
    s = np.sqrt(1 - cosines**2)[:, None]
    points = np.stack([s * np.cos(phi), s * np.sin(phi), cosines[:, None] + 0 * phi], -1).reshape(-1, 3)
    weights = torch.tensor(np.repeat(w / 2, 80) / 80)
    values = torch.tensor(rep.evaluation_at(points))
    expected = torch.tanh(x @ values.T) * weights @ values
    found = nn.Fourier(rep, torch.nn.Tanh(), 60).double()(x)
    assert (found - expected).abs().max() < 1e-8 * expected.abs().max()


def test_exact_under_turns_about_the_pole():
    """N longitudes about the axis of the sphere: exact under its turns by 2π/N, and for even N under the inversion."""
    rep, n = R.spherical(O3, 2), 10
    layer = nn.Fourier(rep, torch.nn.ELU(), n).double()
    angle = 2 * np.pi / n
    turn = torch.tensor([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    x = torch.randn(6, 9, dtype=torch.float64)
    for g in (turn, -torch.eye(3, dtype=torch.float64)):
        rho = rep.rho(g[None].expand(6, 3, 3))
        assert (layer(move(rho, x)) - move(rho, layer(x))).abs().max() < 1e-12


def test_samples_of_a_symmetric_set():
    """The rotations of the icosahedron: exact under them, whatever the function."""
    ico = G.Icosahedral().elements()
    rep = R.regular(SO3, band=2)
    layer = nn.Fourier(rep, torch.nn.ReLU(), ico).double()
    x = torch.randn(8, rep.dim, dtype=torch.float64)
    rho = rep.rho(ico[[3, 7, 11, 20, 33, 41, 52, 59]])
    assert (layer(move(rho, x)) - move(rho, layer(x))).abs().max() < 1e-10


def test_numbers_of_samples():
    assert len(sample(R.spherical(SO3, 2)).elements) == 12 * 6
    assert len(sample(R.regular(SO3, band=1)).elements) == 6 * 3 * 6
    assert len(sample(R.regular(O3, band=1)).elements) == 2 * 6 * 3 * 6
    assert len(sample(R.quotient(O3, C_INF_V, band=2)).elements) == 12 * 6  # an element and its negative coincide
    for rep, _ in TYPES.values():
        found = sample(rep)
        assert abs(found.weights.mean() - 1) < 1e-12 and len(found.weights) == len(found.elements)


@pytest.mark.parametrize("name", ["SO(3)", "O(3)", "sphere of O(3)", "spherical", "cone"])
def test_group_pool(name):
    rep = TYPES[name][0]
    assert error(nn.GroupPool(2 * rep + R.trivial(rep.group), "mean").double()) < 1e-12
    found = [error(nn.GroupPool(rep, "max", n).double()) for n in (8, 24)]
    assert found[1] < found[0] / 2 and found[1] < 0.1
    x = torch.randn(4, rep.dim, dtype=torch.float64)
    assert (nn.GroupPool(rep, "mean").double()(x)[:, 0].abs() - x[:, 0].abs()).abs().max() < 1e-12  # the constant part


@pytest.mark.parametrize("rep", [R.spherical(O3, 1), R.quotient(SO3, C_INF, band=1)], ids=str)
def test_vector_pool(rep):
    """A function of degree 1 is ⟨a, x⟩: it is largest at x = a/|a|, with the value |a|, so that y = a."""
    layer = nn.VectorPool(rep, 120).double()
    assert error(layer, 128) < 0.05
    x = torch.randn(16, rep.dim, dtype=torch.float64)
    x[:, 0] = 0
    assert (layer(x).norm(dim=1) - 3**0.5 * x.norm(dim=1)).abs().max() < 0.01 * x.norm(dim=1).max()


def test_refused():
    with pytest.raises(FieldTypeError, match=r"functions on G/H, got irrep\(2\) of SO\(3\)"):
        nn.Fourier(R.irrep(SO3, 2))
    with pytest.raises(FieldTypeError, match="samples do not determine the 35 components"):
        nn.Fourier(R.regular(SO3, band=2), samples=3)
