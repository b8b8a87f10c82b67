"""Spectral layers of the sphere against fields in closed form: gradients of (a·v)^l, and random tensors of R³.

A null vector a ∈ C³ makes (a·v)^l a solid harmonic, whose k-fold gradient along ε = east + i north is
l!/(l-k)! (a·ε)^k (a·v)^{l-k}: a field of frequency k, which a rotation g turns into that of ga. No transform is needed
to write these down, to turn them, or to apply a convolution to them.
"""

import copy
import math
import pickle

import numpy as np
import pytest
import torch

from tests.oracles import hom_by_force
from torsor import groups as G
from torsor import reps as R
from torsor.errors import FieldTypeError, KernelError, SpaceError
from torsor.fields import Field
from torsor.linalg import spherical_harmonics, wigner
from torsor.nn.spectral import SphericalResample, SphericalSample
from torsor.nn.spectral_conv import DegreeWeights, SphericalConv
from torsor.spaces.grid import Grid
from torsor.spaces.harmonic_rotation import rotated_coefficients
from torsor.spaces.harmonics import InverseSphericalTransform, SphericalTransform
from torsor.spaces.icosahedron import Icosahedron
from torsor.spaces.latlon import LatLon
from torsor.spaces.sphere import Sphere, meridian_frames

SO2, O2, SO3 = G.SO(2), G.O(2), G.SO(3)
MIXED = R.trivial(SO2) + 2 * R.irrep(SO2, 1) + R.irrep(SO2, 3) + 2 * R.trivial(SO2) + R.irrep(SO2, 2)
OTHER = R.irrep(SO2, 2) + R.trivial(SO2) + R.irrep(SO2, 1)
GRIDS = [LatLon(9, 17), LatLon(17, 18, "equiangular"), LatLon(17, 17, "poles"), LatLon(12, 24)]
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


def rotation(seed: int = 0) -> np.ndarray:
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return q * np.linalg.det(q)


def epsilon(grid: LatLon) -> tuple[np.ndarray, np.ndarray]:
    """The points v and east + i north, (rows, columns, 3)."""
    return grid.embedding.numpy(), grid.frames.numpy() @ np.array([1, 1j])


def null_vectors(n: int, seed: int = 0) -> np.ndarray:
    """Random a ∈ C³ with a·a = 0, |a|² = 2, (n, 3)."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, 3, 3)))[0]
    return q[:, 0] + 1j * q[:, 1]


def gradient(a: np.ndarray, l: int, k: int, grid: LatLon) -> np.ndarray:
    """The k-fold gradient of Re (a·v)^l, divided by √((l+k)!/(l-k)!), as a complex function (rows, columns)."""
    v, e = epsilon(grid)
    size = math.factorial(l) / math.factorial(l - k) if k <= l else 0.0
    size /= math.sqrt(math.factorial(l + k) / math.factorial(l - k)) if k <= l else 1.0
    return size / 2 * sum((e @ b) ** k * (v @ b) ** max(l - k, 0) for b in (a, a.conj()))


def field(coefficients: np.ndarray, vectors: np.ndarray, rep: R.Representation, grid: LatLon) -> torch.Tensor:
    """Σ_{l,j} over harmonics (l, j): coefficient (channel, l, j) times the gradient, or the curl, of Re (a_j·v)^l."""
    rows, start = [], 0
    for n, term in rep.terms:
        k = getattr(term, "k", 0)
        for _ in range(n):
            part = coefficients[start : start + term.dim]
            weights = part[0] + (1j * part[1] if k else 0.0)  # the curl is i times the gradient
            total = sum(
                weights[l, j] * gradient(vectors[j], l, k, grid)
                for l in range(len(weights))
                for j in range(len(vectors))
            )
            rows += [total.real, total.imag] if k else [total.real]
            start += term.dim
    return torch.tensor(np.stack(rows))[None]


def polynomial_field(k: int, degree: int, grid: LatLon, g: np.ndarray, seed: int = 0) -> torch.Tensor:
    """Random polynomial tensors T_{i1…ik}(v) of R³, moved by g: T(g⁻¹v)(g⁻¹ε, …, g⁻¹ε), as (1, components, …)."""
    rng = np.random.default_rng(seed)
    v, e = epsilon(grid)
    v, e = v @ g, e @ g  # row vectors
    total = 0.0
    for p in range(degree + 1):
        tensor = rng.normal(size=(3,) * (p + k))
        tensor = np.broadcast_to(tensor, (*v.shape[:2], *tensor.shape))
        for vector in [v] * p + [e] * k:
            tensor = np.einsum("xyi,xyi...->xy...", vector, tensor)
        total = total + tensor
    parts = [np.real(total), np.imag(total)] if k else [np.real(total)]
    return torch.tensor(np.stack(parts))[None]


def mean_square(x: torch.Tensor, grid: LatLon) -> torch.Tensor:
    return (x.square() * grid.areas).sum((-1, -2))


# ------------------------------------------------------------------------------------------- the grid


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_grid(grid):
    v, frames = grid.embedding, grid.frames
    assert v.shape == (*grid.shape, 3) and (v.norm(dim=-1) - 1).abs().max() < 1e-15
    basis = torch.cat([frames, v[..., None]], -1)
    assert (basis.mT @ basis - torch.eye(3)).abs().max() < 1e-15 and (torch.linalg.det(basis) - 1).abs().max() < 1e-14
    assert (v[1:, :, 1] > v[:-1, :, 1]).all()  # south to north
    assert (v[:, 0, 0].abs() < 1e-15).all() and (v[4, 1, 0] > 0)  # longitude 0 at axis 2, eastwards to axis 0
    step = 1e-6
    east = torch.stack([grid.longitudes.sin(), 0 * grid.longitudes, grid.longitudes.cos()], -1)
    moved = torch.stack([(grid.longitudes + step).sin(), 0 * grid.longitudes, (grid.longitudes + step).cos()], -1)
    assert ((moved - east) / step - frames[4, :, :, 0]).abs().max() < 1e-5 and (frames[:, :, 1, 1] > -1e-15).all()
    assert abs(float((grid.areas * torch.ones(grid.shape)).sum()) - 4 * math.pi) < 1e-13
    assert float((grid.areas * v[..., 0] ** 2).sum()) == pytest.approx(4 * math.pi / 3, rel=1e-14)
    assert grid.lmax == (11 if grid.rows == 12 else 8)


# -------------------------------------------------------------------------------------- the transform


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_scalars_are_expanded_in_the_harmonics_of_linalg(grid):
    transform = SphericalTransform(R.trivial(SO2), grid, 8, dtype=torch.float64)
    y = spherical_harmonics(grid.embedding, range(9), "integral")  # (rows, columns, 81)
    found = transform(y.permute(2, 0, 1)[:, None])[:, 0]
    expected, start = torch.zeros(81, 9, 17, dtype=torch.float64), 0
    for l in range(9):
        for m in range(-l, l + 1):
            expected[start, l, 8 + m] = 1
            start += 1
    assert (found - expected).abs().max() < 1e-13


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_gradients_have_the_coefficients_of_their_functions(k, grid):
    """E of the k-fold gradient of f is f's own, B of it is 0; of its quarter turn the other way round."""
    transform = SphericalTransform(R.irrep(SO2, k), grid, 8, dtype=torch.float64)
    scalar = SphericalTransform(R.trivial(SO2), grid, 8, dtype=torch.float64)
    for l, a in enumerate(null_vectors(9, k)):
        f, h = gradient(a, l, 0, grid), gradient(a, l, k, grid)
        expected = scalar(torch.tensor(f.real)[None, None])[0, 0] * (l >= k)
        assert abs(float(expected.square().sum() - (l >= k) * mean_square(torch.tensor(f.real), grid))) < 1e-13
        e, b = transform(torch.tensor(np.stack([h.real, h.imag]))[None])[0]
        assert (e - expected).abs().max() < 1e-13 and b.abs().max() < 1e-13
        e, b = transform(torch.tensor(np.stack([-h.imag, h.real]))[None])[0]
        assert (b - expected).abs().max() < 1e-13 and e.abs().max() < 1e-13


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_random_tensors_turn_by_wigner_matrices(k):
    """Coefficients of a random polynomial tensor field of R³, moved by g, are D^l(g) times those of the field."""
    grid, g = LatLon(10, 20), rotation(k)
    rep = R.irrep(SO2, k)
    transform = SphericalTransform(rep, grid, dtype=torch.float64)
    x, moved = (polynomial_field(k, 5, grid, h) for h in (np.eye(3), g))
    a, b = transform(x)[0], transform(moved)[0]
    turned = Field(x, rep, grid).transform(torch.tensor(g)).tensor
    assert (turned - moved).abs().max() < 1e-12 * x.abs().max()
    for l in range(10):
        inner = slice(9 - l, 10 + l)
        expected = torch.einsum("mn,cn->cm", torch.tensor(wigner(g, l)), a[:, l, inner])
        assert (b[:, l, inner] - expected).abs().max() < 1e-12 * a.abs().max()
    assert a[:, 6 + k :].abs().max() < 1e-12 and (a[:, k : 6 + k].abs().amax((0, 2)) > 1e-3).all()
    back = InverseSphericalTransform(rep, grid, dtype=torch.float64)
    assert (back(a[None]) - x).abs().max() < 1e-12 * x.abs().max()
    assert (b - a).abs().max() > 0.1


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_round_trips(grid):
    forth = SphericalTransform(MIXED, grid, 8, dtype=torch.float64)
    back = InverseSphericalTransform(MIXED, grid, 8, dtype=torch.float64)
    x = field(np.random.default_rng(0).normal(size=(MIXED.dim, 9, 3)), null_vectors(3), MIXED, grid)
    a = forth(x)
    assert a.shape == (1, MIXED.dim, 9, 17) and (back(a) - x).abs().max() < 1e-12 * x.abs().max()
    assert (forth(back(a)) - a).abs().max() < 1e-12 * a.abs().max()
    assert (a.square().sum((-1, -2)).sum() - mean_square(x, grid).sum()).abs() < 1e-12 * a.square().sum()
    noise = torch.randn(1, MIXED.dim, 9, 17, dtype=torch.float64)  # |m| > l and l < k are ignored
    assert (back(noise) - back(forth(back(noise)))).abs().max() < 1e-12 * noise.abs().max() * 10


def test_round_trip_at_degree_128():
    grid, rep = LatLon(129, 257), R.trivial(SO2) + R.irrep(SO2, 1)
    forth = SphericalTransform(rep, grid, dtype=torch.float64)
    back = InverseSphericalTransform(rep, grid, dtype=torch.float64)
    x = back(torch.randn(1, 3, 129, 257, dtype=torch.float64))
    assert (back(forth(x)) - x).abs().max() < 1e-12 * x.abs().max()


# ----------------------------------------------------------------------------- the maps that commute


def action(k: int, l: int, g: np.ndarray, grid: LatLon) -> np.ndarray:
    """How g acts on the fields of frequency k and degree l, in a basis of gradients and curls of (a_j·v)^l."""
    a = null_vectors(2 * l + 1, 5)

    def basis(vectors: np.ndarray) -> np.ndarray:
        f = np.stack([gradient(b, l, k, grid).ravel() for b in vectors])
        f = np.concatenate([f, 1j * f]) if k else f
        return np.concatenate([f.real, f.imag], 1)

    return np.linalg.lstsq(basis(a).T, basis(a @ g.T).T, rcond=None)[0]


@pytest.mark.parametrize("l", [1, 2])
@pytest.mark.parametrize(("j", "k", "number"), [(0, 0, 1), (0, 1, 2), (1, 0, 2), (1, 1, 4), (1, 2, 4), (2, 2, 4)])
def test_counts_against_a_null_space(j, k, number, l):
    """dim of the real-linear maps from frequency j to k at degree l that commute with rotations, by brute force."""
    number = number if l >= max(j, k) else 0
    turns = [rotation(1), rotation(2)]
    if l >= max(j, k):
        images = [np.stack([action(f, l, g, LatLon(4, 8)) for g in turns]) for f in (j, k)]
        assert len(hom_by_force(*images)) == number
    up_to = [
        DegreeWeights(R.irrep(SO2, j), R.irrep(SO2, k), m).weight.numel() if m >= max(j, k) else 0 for m in (l - 1, l)
    ]
    assert up_to[1] - up_to[0] == number


def test_counts():
    assert DegreeWeights(3 * R.irrep(SO2, 1), 2 * R.irrep(SO2, 2), 9).weight.numel() == 8 * 4 * 6
    assert DegreeWeights(MIXED, OTHER, 9, nodes=4).weight.numel() == 4 * 11 * 5
    assert DegreeWeights(R.trivial(O2), R.irrep(O2, 1, 1), 9).weight.numel() == 9
    assert DegreeWeights(R.sign(O2) + R.trivial(O2), R.irrep(O2, 1, 1), 9).weight.numel() == 18
    assert DegreeWeights(R.irrep(O2, 1, 2), R.irrep(O2, 1, 1), 9).weight.numel() == 2 * 8


def test_blocks_are_views():
    weights = DegreeWeights(2 * R.irrep(SO2, 1), R.trivial(SO2) + R.irrep(SO2, 2), 4, dtype=torch.float64)
    blocks = weights.blocks()
    assert {place: tuple(block.shape) for place, block in blocks.items()} == {
        (0, 0): (4, 1, 2, 2),
        (1, 0): (3, 1, 2, 4),
    }
    with torch.no_grad():
        weights.weight.zero_()
        blocks[1, 0][1, 0, 1, 2] = 7.0  # degree 3, input copy 1, curl out of gradient
    expected = torch.zeros(5, 3, 4, dtype=torch.float64)
    expected[3, 2, 2] = 7.0
    assert torch.equal(weights.expand(), expected)


# ---------------------------------------------------------------------------------- the convolution


def case(in_rep=MIXED, out_rep=OTHER, grid=GRIDS[0], g=None, seed=0, **options):
    """A layer, an input in closed form moved by g, and the output that the weights give in closed form."""
    torch.manual_seed(seed)
    layer = SphericalConv(in_rep, out_rep, grid, dtype=torch.float64, **options)
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    size, a = layer.lmax + 1, null_vectors(2, seed)
    coefficients = np.random.default_rng(seed).normal(size=(in_rep.dim, size, 2))
    a = a if g is None else a @ g.T
    for channels, term in in_rep.fields:
        coefficients[channels, : getattr(term, "k", 0)] = 0
    mixed = np.einsum("loi,ilj->olj", layer.kernel.expand().detach().numpy(), coefficients)
    x, y = (
        field(c, a, rep, where) for c, rep, where in ((coefficients, in_rep, grid), (mixed, out_rep, layer.out_grid))
    )
    bias = layer.expanded_bias()
    return layer, x, y if bias is None else y + bias.detach()[:, None, None]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("nodes", [None, 3])
def test_convolution_in_closed_form_in_every_orientation(grid, nodes):
    """Gradients and curls of (a·v)^l go to those that the weights say, for a and for ga: the layer commutes with g."""
    for g in (None, rotation(1), rotation(2), np.diag([1.0, -1, -1])):
        layer, x, expected = case(grid=grid, g=g, nodes=nodes)
        assert (layer(x) - expected).abs().max() < 1e-12 * expected.abs().max()
    layer.kernel.weight.data[0] += 1.0
    assert (layer(x) - expected).abs().max() > 1e-3


def test_convolution_onto_other_grids():
    for out in (LatLon(5, 9), LatLon(11, 12, "equiangular"), LatLon(20, 50)):
        layer, x, expected = case(grid=LatLon(9, 17), out_grid=out)
        assert layer.lmax == min(out.lmax, 8) and layer(x).shape[2:] == out.shape
        assert (layer(x) - expected).abs().max() < 1e-12 * expected.abs().max()


def test_higher_degrees_are_dropped():
    layer, x, expected = case(lmax=4)
    high = np.zeros((MIXED.dim, 9, 1))
    high[:, 5:] = 1.0
    extra = field(high, null_vectors(1, 3), MIXED, GRIDS[0])
    assert extra.abs().max() > 0.1 and (layer(x + extra) - expected).abs().max() < 1e-12 * expected.abs().max()


@pytest.mark.parametrize("k", [0, 1, 2])
def test_gradients_commute_with_rotations(k):
    """Of ⟨layer(x), t⟩ with a field t that moves along: equal in weights; in x along a field h that moves along."""
    grid, found = LatLon(10, 20), []
    in_rep, out_rep = R.irrep(SO2, k) + R.trivial(SO2), R.irrep(SO2, 1)
    for g in (np.eye(3), rotation(4)):
        torch.manual_seed(0)
        layer = SphericalConv(in_rep, out_rep, grid, dtype=torch.float64)
        x, h = (torch.cat([polynomial_field(j, 4, grid, g, s + j) for j in (k, 0)], 1) for s in (1, 7))
        x.requires_grad_()
        y = layer(x)
        scalar = (y * polynomial_field(1, 4, grid, g, 9) * grid.areas).sum() + (y**2 * grid.areas).sum() ** 2
        weight, slope = torch.autograd.grad(scalar, [layer.weight, x])
        found.append([scalar.detach(), weight, (slope * h).sum()])
    for a, b in zip(*found, strict=True):
        assert (a - b).abs().max() < 1e-10 * a.abs().max()


def test_an_unconstrained_map_does_not_commute():
    """The control: multiplying coefficients by a function of m as well."""
    grid, found = GRIDS[0], []
    forth = SphericalTransform(R.irrep(SO2, 1), grid, dtype=torch.float64)
    factor = torch.linspace(0, 1, 17, dtype=torch.float64)
    for g in (np.eye(3), rotation(4)):
        a = forth(polynomial_field(1, 4, grid, g)) * factor
        found.append(float(a.square().sum()))
    assert abs(found[0] / found[1] - 1) > 1e-3


@pytest.mark.parametrize("mirror", [np.diag([1.0, -1, 1]), np.diag([-1.0, 1, 1])], ids=["north-south", "east-west"])
@pytest.mark.parametrize("group", [O2, SO2], ids=str)
def test_reflections(mirror, group):
    """Mirrored fields: rows or columns reversed, ρ of the flip of north or east in the frame. Only O(2) commutes."""
    irrep = (lambda k: R.irrep(O2, 1, k)) if group == O2 else (lambda k: R.irrep(SO2, k))
    rep = R.trivial(group) + 2 * irrep(1) + irrep(2) + irrep(3)
    rep = rep + R.sign(O2) if group == O2 else rep
    layer = SphericalConv(rep, rep, GRIDS[0], dtype=torch.float64)
    flip = torch.tensor(mirror[[0, 1]][:, [0, 1]])  # on (east, north)

    def reflect(x: torch.Tensor) -> torch.Tensor:
        x = x.flip(2) if mirror[1, 1] < 0 else x.flip(3).roll(1, 3)
        signs = [1.0]
        for k in (1, 1, 2, 3):
            signs += [1.0, -1.0] if flip[1, 1] < 0 else [(-1.0) ** k, -((-1.0) ** k)]
        return x * torch.tensor(signs + [-1.0] * (group == O2), dtype=torch.float64)[:, None, None]

    if group == O2:
        assert torch.equal(rep.rho(flip).diagonal(), reflect(torch.ones(1, rep.dim, 1, 1).double())[0, :, 0, 0])
    x = torch.randn(2, rep.dim, *GRIDS[0].shape, dtype=torch.float64)
    error = float((layer(reflect(x)) - reflect(layer(x))).detach().abs().max())
    assert error < 1e-12 if group == O2 else error > 0.1
    smooth = Field(x, rep, GRIDS[0]).transform(torch.eye(3))
    if group == O2:
        moved = smooth.transform(torch.tensor(mirror)).tensor
        assert (moved - reflect(smooth.tensor)).abs().max() < 1e-12 and (moved - smooth.tensor).abs().max() > 0.1
        return
    with pytest.raises(SpaceError, match=r"SO\(2\) know rotations of the sphere only"):
        smooth.transform(torch.tensor(mirror))


def test_one_rotation_for_each_of_a_batch():
    rep, grid = R.irrep(SO2, 2) + R.trivial(SO2), LatLon(6, 12)
    g = torch.tensor(np.stack([rotation(1), rotation(2)]))
    a = SphericalTransform(rep, grid, dtype=torch.float64)(torch.randn(2, 3, 6, 12, dtype=torch.float64))
    both = rotated_coefficients(a, rep, g)
    for k in range(2):
        assert (rotated_coefficients(a[k : k + 1], rep, g[k]) - both[k : k + 1]).abs().max() < 1e-13
    back = rotated_coefficients(both, rep, g.mT)
    assert (back - a).abs().max() < 1e-13
    with pytest.raises(FieldTypeError, match="one rotation, or 2"):
        rotated_coefficients(a, rep, g[:1].expand(3, 3, 3))
    with pytest.raises(FieldTypeError, match=r"lmax\+1"):
        rotated_coefficients(a[..., 1:], rep, g)
    with pytest.raises(SpaceError, match="g gᵀ = 1"):
        rotated_coefficients(a, rep, 2 * g)


def test_the_derivative_with_respect_to_the_rotation():
    rep = R.irrep(SO2, 1) + R.trivial(SO2)
    a, c = torch.randn(2, 2, 3, 6, 11, dtype=torch.float64)
    for start in (torch.eye(3, dtype=torch.float64), torch.tensor(rotation(4))):
        g = start.clone().requires_grad_()
        (rotated_coefficients(a, rep, g) * c).sum().backward()
        for generator in SO3.algebra:
            ahead, behind = (
                (rotated_coefficients(a, rep, torch.linalg.matrix_exp(t * generator) @ start) * c).sum()
                for t in (1e-5, -1e-5)
            )
            slope = (g.grad * (generator @ start)).sum()
            assert abs(float((ahead - behind) / 2e-5 - slope)) < 1e-6 * float(g.grad.abs().max())


def test_values_at_points_in_closed_form():
    """1 + x·a + xᵀMx, the tangent part of a vector of R³, and the traceless tangent part of a symmetric matrix."""
    rep, grid = R.trivial(SO2) + R.irrep(SO2, 1) + R.irrep(SO2, 2), LatLon(7, 14)
    rng = np.random.default_rng(0)
    c, m, s, p = rng.normal(size=3), *rng.normal(size=(2, 3, 3)), rng.normal(size=(40, 3))
    p[:2] = (0.0, 3.0, 0.0), (0.0, -1.0, 0.0)

    def field(x, e):  # (n, 3), (n, 3, 2): at points, in frames
        vector = np.einsum("nxi,x->ni", e, c)
        tensor = np.einsum("nxi,xy,nyj->nij", e, m + m.T, e)
        twice = np.stack([tensor[:, 0, 0] - tensor[:, 1, 1], 2 * tensor[:, 0, 1]], 1)
        return np.concatenate([(1 + x @ c + np.einsum("nx,xy,ny->n", x, s, x))[:, None], vector, twice], 1)

    here = field(grid.embedding.flatten(0, 1).numpy(), grid.frames.flatten(0, 1).numpy())
    f = torch.tensor(here).T.reshape(1, 5, 7, 14)
    sample = SphericalSample(rep, grid, torch.tensor(p).view(8, 5, 3), dtype=torch.float64)
    unit = p / np.linalg.norm(p, axis=1, keepdims=True)
    expected = field(unit, meridian_frames(torch.tensor(unit)).numpy())
    assert (sample(f) - torch.tensor(expected).T.reshape(1, 5, 8, 5)).abs().max() < 1e-12
    assert torch.autograd.gradcheck(sample, f.clone().requires_grad_())


def test_vectors_near_the_poles():
    """In the frame of meridian 0, whatever the signs of zeros and the azimuths of points next to the pole."""
    grid, vector = LatLon(8, 16), R.irrep(SO2, 1)
    x = torch.randn(1, 2, 8, 16, dtype=torch.float64)
    for sign in (1.0, -1.0):
        poles = torch.tensor([[0.0, 1, 0], [-0.0, 1, -0.0], [1e-9, 1, 1e-9], [-1e-9, 1, 0]], dtype=torch.float64) * sign
        sphere = Sphere.points(poles, SO2)
        for points in (poles, sphere):
            values = SphericalSample(vector, grid, points, dtype=torch.float64)(x)[0].T
            vectors = sphere.to_ambient(values)
            assert (vectors - vectors[:1]).abs().max() < 1e-7


def test_values_on_an_icosahedron_turn_with_it():
    ball, grid, scalar = Icosahedron(2), LatLon(8, 16), R.trivial(SO2)
    sample = SphericalSample(2 * scalar, grid, ball).double()
    f = SphericalResample(2 * scalar, grid, grid).double()(Field(torch.randn(1, 2, 8, 16).double(), 2 * scalar, grid))
    for motion, turn in zip(ball.symmetries()[1:4], ball.matrices()[1:4], strict=True):
        assert (sample(f.transform(turn)).tensor - sample(f).transform(motion).tensor).abs().max() < 1e-12
    assert sample(f).rep == 2 * R.trivial(ball.group) and not sample(f).tensor[:, :, ~ball.mask].any()
    with pytest.raises(FieldTypeError, match="expected scalars"):
        SphericalSample(R.irrep(SO2, 1), grid, ball)
    with pytest.raises(FieldTypeError, match="points make no space"):
        SphericalSample(2 * scalar, grid, torch.eye(3)).double()(f)
    with pytest.raises(SpaceError, match="neither zero nor infinite"):
        SphericalSample(scalar, grid, torch.zeros(4, 3))
    with pytest.raises(SpaceError, match="neither zero nor infinite"):
        SphericalSample(scalar, grid, torch.zeros(0, 3))


def test_transforms_refuse():
    scalar, grid = R.trivial(SO2), LatLon(8, 16)
    x = torch.randn(2, 1, 8, 16)
    there, back = SphericalTransform(scalar, grid), InverseSphericalTransform(scalar, grid)
    refused = [
        (lambda: there(x * 1j), "real numbers"),
        (lambda: back(there(x) * 1j), "real numbers"),
        (lambda: SphericalConv(scalar, scalar, grid)(x * 1j), "real numbers"),
        (lambda: rotated_coefficients(there(x).long(), scalar, torch.eye(3)), "real coefficients"),
        (lambda: there(x.double()), "dtype of the layer"),
        (lambda: SphericalResample(scalar, grid, LatLon(4, 8))(x.double()), "dtype of the layer"),
        (lambda: there(Field(x, scalar, grid)), "expects a tensor"),
        (lambda: SphericalTransform(scalar, Grid(2)), "LatLon"),
        (lambda: SphericalResample(scalar, grid, Grid(2)), "LatLon"),
        (lambda: SphericalTransform("scalar", grid), "a representation"),
        (lambda: rotated_coefficients(there(x), "scalar", torch.eye(3)), "a representation"),
        (lambda: Field(torch.zeros(1, 1, 5, 5), scalar, LatLon(6, 12)), "tensor"),
        (lambda: Field(torch.zeros(1, 3, 6, 12), R.standard(SO3), LatLon(6, 12)), "tangent plane"),
    ]
    for call, message in refused:
        with pytest.raises(FieldTypeError, match=message):
            call()


def test_empty_batches_and_half_precision():
    scalar, grid = R.trivial(SO2), LatLon(8, 16)
    x, layer = torch.randn(2, 1, 8, 16), SphericalConv(scalar, scalar, grid)
    assert layer(x[:0]).shape == Field(x[:0], scalar, grid).transform(torch.eye(3)).tensor.shape == (0, 1, 8, 16)
    a = SphericalTransform(scalar, grid)(x)
    back = InverseSphericalTransform(scalar, grid)
    assert (back(a.half()) - back(a)).abs().max() < 1e-2
    field, g = Field(x, scalar, grid), torch.tensor(rotation(1))
    plain = field.transform(g).tensor
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(field.transform(g).tensor, plain)


def test_tables_made_in_inference_serve_training():
    scalar = R.trivial(SO2)
    with torch.inference_mode():
        resample = SphericalResample(scalar, LatLon(8, 16), LatLon(4, 8))
    x = torch.randn(1, 1, 8, 16, requires_grad=True)
    resample(x).square().sum().backward()
    assert bool(x.grad.isfinite().all())


def test_o2_layers_commute_with_rotations():
    rep = R.trivial(O2) + R.irrep(O2, 1, 1) + R.irrep(O2, 1, 2)
    for g in (None, rotation(3)):
        layer, x, expected = case(rep, R.irrep(O2, 1, 1) + R.trivial(O2), g=g)
        assert (layer(x) - expected).abs().max() < 1e-12 * expected.abs().max()


def test_standard_is_irrep_one():
    torch.manual_seed(0)
    a = SphericalConv(R.standard(SO2), R.standard(SO2), GRIDS[0], dtype=torch.float64)
    torch.manual_seed(0)
    b = SphericalConv(R.irrep(SO2, 1), R.irrep(SO2, 1), GRIDS[0], dtype=torch.float64)
    x = torch.randn(1, 2, 9, 17, dtype=torch.float64)
    assert torch.equal(a(x), b(x))


# --------------------------------------------------------------------------------------- resampling


@pytest.mark.parametrize("out", [LatLon(5, 9), LatLon(30, 40), LatLon(17, 20, "poles")], ids=str)
def test_resampling_in_closed_form(out):
    a = null_vectors(2, 1)
    coefficients = np.random.default_rng(0).normal(size=(MIXED.dim, 9, 2))
    layer = SphericalResample(MIXED, GRIDS[0], out, dtype=torch.float64)
    x, expected = field(coefficients, a, MIXED, GRIDS[0]), field(coefficients[:, : layer.lmax + 1], a, MIXED, out)
    assert (layer(x) - expected).abs().max() < 1e-12 * expected.abs().max()


# ------------------------------------------------------------------------------ as modules of PyTorch


@pytest.mark.parametrize("nodes", [None, 5])
@pytest.mark.parametrize("group", [SO2, O2], ids=str)
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_initialisation_keeps_the_variance(nodes, group, gain):
    """White coefficients of variance 1 have variance gain² behind the layer, in every component of every term."""
    irrep = (lambda k: R.irrep(O2, 1, k)) if group == O2 else (lambda k: R.irrep(SO2, k))
    in_rep = 12 * R.trivial(group) + 20 * irrep(1) + 8 * irrep(2)
    kernel = DegreeWeights(
        in_rep, 60 * R.trivial(group) + 60 * irrep(1) + 60 * irrep(4), 12, nodes, dtype=torch.float64
    )
    kernel.reset_parameters(gain)
    present = torch.ones(13, in_rep.dim)  # there are no vectors of degree 0
    present[:1, 12:52], present[:2, 52:] = 0, 0
    variance = torch.einsum("loi,li->lo", kernel.expand().detach() ** 2, present.double())
    for place, least in ((slice(0, 60), 0), (slice(60, 180), 1), (slice(180, 300), 4)):
        number = 2 * torch.arange(least, 13) + 1
        mean = variance[least:, place].mean(1)
        assert abs(float((number * mean).sum() / number.sum()) / gain**2 - 1) < 0.1
        if nodes is None:
            assert (mean / gain**2 - 1).abs().max() < 0.35


def test_initialisation_on_the_grid():
    rep = 16 * R.trivial(SO2) + 16 * R.irrep(SO2, 1)
    layer = SphericalConv(rep, rep, LatLon(16, 31), dtype=torch.float64)
    x = torch.randn(8, rep.dim, 16, 31, dtype=torch.float64)
    x = SphericalResample(rep, layer.grid, layer.grid, dtype=torch.float64)(x)
    x = x / mean_square(x, layer.grid).mean().sqrt()
    y = layer(x).detach()
    assert 0.85 < float(mean_square(y, layer.grid).mean()) < 1.15


def test_gradcheck():
    layer = SphericalConv(R.trivial(SO2) + R.irrep(SO2, 1), R.irrep(SO2, 1), LatLon(2, 4), dtype=torch.float64)
    x = torch.randn(2, 3, 2, 4, dtype=torch.float64, requires_grad=True)

    def run(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"kernel.weight": weight}, (x,))

    assert torch.autograd.gradcheck(run, (x, layer.weight))
    assert torch.autograd.gradgradcheck(run, (x, layer.weight))


def test_transforms_have_exact_gradients():
    rep, grid = R.trivial(SO2) + R.irrep(SO2, 1), LatLon(3, 6)
    x = torch.randn(1, 3, 3, 6, dtype=torch.float64, requires_grad=True)
    a = torch.randn(1, 3, 3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(SphericalTransform(rep, grid, dtype=torch.float64), x)
    assert torch.autograd.gradcheck(InverseSphericalTransform(rep, grid, dtype=torch.float64), a)


def test_compiles_whole():
    torch._dynamo.reset()
    layer, x, expected = case(R.trivial(SO2) + R.irrep(SO2, 1), R.irrep(SO2, 2))
    module = pickle.loads(pickle.dumps(layer))
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    leaf, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    y = compiled(leaf)
    assert (y - expected).abs().max() < 1e-12 * expected.abs().max()
    slopes = torch.autograd.grad(y.square().sum(), [leaf, module.kernel.weight])
    plain = torch.autograd.grad(layer(other).square().sum(), [other, layer.kernel.weight])
    assert all((a - b).abs().max() < 1e-10 * b.abs().max() for a, b in zip(slopes, plain, strict=True))


@pytest.mark.slow
def test_exports():
    """torch.export and ONNX: there the Fourier transform is a real matrix product."""
    onnxruntime = pytest.importorskip("onnxruntime")
    layer, x, expected = case(R.irrep(SO2, 1), R.trivial(SO2) + R.irrep(SO2, 2))
    layer.eval()
    exported = torch.export.export(layer, (x,))
    assert (exported.module()(x) - expected).abs().max() < 1e-12 * expected.abs().max()
    program = torch.onnx.export(layer.float(), (x.float(),), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    (found,) = session.run(None, {session.get_inputs()[0].name: x.float().numpy()})
    assert np.abs(found - expected.numpy()).max() < 1e-5 * float(expected.abs().max())


def test_precisions_devices_and_states():
    layer, x, expected = case()
    assert list(layer.state_dict()) == ["bias", "kernel.weight"]
    assert not any(p.is_complex() for p in [*layer.parameters(), *layer.buffers()])
    single = copy.deepcopy(layer).float()
    y = single(x.float())
    assert y.dtype == torch.float32 and (y - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (single.double()(x) - expected).abs().max() < 1e-5 * expected.abs().max()
    single.load_state_dict(layer.state_dict())
    assert torch.equal(single(x), layer(x))  # tables are derived again in float64
    with torch.autocast("cpu", torch.bfloat16):
        mixed = copy.deepcopy(layer).float()(x.bfloat16())
    assert (mixed - expected).abs().max() < 0.05 * expected.abs().max()
    with torch.device("meta"):
        meta = SphericalConv(MIXED, OTHER, GRIDS[0])
    assert all(t.is_meta for t in [*meta.parameters(), *meta.buffers()])
    real = meta.to_empty(device="cpu").double()
    real.load_state_dict(layer.state_dict())
    assert torch.equal(real(x), layer(x))


def test_fields():
    layer, x, expected = case(out_grid=LatLon(5, 9))
    y = layer(Field(x, MIXED, GRIDS[0]))
    assert y.space == LatLon(5, 9) and y.rep == OTHER and torch.equal(y.tensor, layer(x))


def test_refusals():
    grid = GRIDS[0]
    with pytest.raises(FieldTypeError, match=r"expected a structure group SO\(2\) or O\(2\)"):
        SphericalConv(R.trivial(SO3), R.trivial(SO3), grid)
    with pytest.raises(FieldTypeError, match=r"sum of irreps of SO\(2\), got .*nn.Linear"):
        SphericalConv(R.tensor(SO2, 2), R.trivial(SO2), grid)
    with pytest.raises(FieldTypeError, match=r"from 0 to 8, which LatLon.* resolve, got 9"):
        SphericalTransform(R.trivial(SO2), grid, 9)
    with pytest.raises(FieldTypeError, match=r"from 0 to 4"):
        SphericalResample(R.trivial(SO2), grid, LatLon(5, 9), lmax=6)
    with pytest.raises(FieldTypeError, match=r"\(batch, channels, 9, 17\), got shape \(1, 1, 17, 9\)"):
        SphericalConv(R.trivial(SO2), R.trivial(SO2), grid)(torch.zeros(1, 1, 17, 9))
    with pytest.raises(FieldTypeError, match=r"\(batch, 1, 9, 17\)"):
        InverseSphericalTransform(R.trivial(SO2), grid)(torch.zeros(1, 1, 9, 9))
    with pytest.raises(FieldTypeError, match="1 channels"):
        SphericalTransform(R.trivial(SO2), grid)(torch.zeros(1, 2, 9, 17))
    with pytest.raises(KernelError, match="no equivariant map"):
        SphericalConv(R.trivial(O2), R.sign(O2), grid)
    with pytest.raises(KernelError, match="no equivariant map"):
        SphericalConv(R.irrep(SO2, 9), R.irrep(SO2, 9), grid)
    with pytest.raises(KernelError, match="at least 2 nodes"):
        SphericalConv(R.trivial(SO2), R.trivial(SO2), grid, nodes=1)
    with pytest.raises(SpaceError, match="among gauss, equiangular, poles"):
        LatLon(9, 17, "healpix")
    with pytest.raises(FieldTypeError, match="no refinement"):
        SphericalConv(R.trivial(SO2), R.trivial(SO2), grid).refined(2)
