"""Harmonic kernels: rings, limits, origin, support, independence, refinement, errors, variance."""

import numpy as np
import pytest
import torch

from torsor import check, nn, testing
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import BottleneckWarning, KernelError

SPAN = [G.Cyclic(4), G.Cyclic(8), G.Dihedral(4), G.Dihedral(8), G.SO(2), G.O(2)]


def values(spec: K.Harmonic, v, sigma, tau) -> np.ndarray:
    """The basis kernels σ → τ at points: (number, dim τ, dim σ, n)."""
    return spec.bases_at(np.asarray(v, dtype=float), (sigma,), (tau,))[0][0]


def test_rings_and_limits_are_visible():
    assert K.Harmonic(1).rings == (0.0,) and K.Harmonic(1).limits == (0,)
    assert K.Harmonic(5).rings == (0.0, 1.0, 2.0) and K.Harmonic(5).limits == (0, 2, 4)
    assert K.Harmonic(4).rings == (0.5, 1.5) and K.Harmonic(4).limits == (1, 3)
    assert K.Harmonic(7, degrees=3).limits == (0, 2, 3, 3)
    assert K.Harmonic(5, degrees=(0, 1, 1)).limits == (0, 1, 1)
    assert K.Harmonic((3, 5)).rings == (0.0, 1.0, 2.0)
    assert K.Harmonic([5, 5]) == K.Harmonic((5, 5))


def test_the_limits_decide_the_degrees():
    one, wave = R.trivial(G.SO(2)), R.irrep(G.SO(2), 3)
    assert [(l, r) for l, r, _ in K.Harmonic(5).labels(one, wave)] == [(3, 2.0)] * 2
    assert K.Harmonic(5, degrees=2).labels(one, wave) == []
    for spec in (K.Harmonic(7), K.Harmonic(4, degrees=2), K.Harmonic(5, degrees=(1, 2, 2))):
        for sigma in R.irreps(G.O(2), 2):
            for tau in R.irreps(G.O(2), 2):
                assert len(spec.labels(sigma, tau)) == len(values(spec, [[0, 1]], sigma, tau))


@pytest.mark.parametrize("group", [*SPAN, G.Trivial(2), G.Reflection(2)], ids=str)
@pytest.mark.parametrize("size", [2, 3, 4, 5, 7])
def test_sampled_bases_are_linearly_independent(group, size):
    spec, reps = K.Harmonic(size), R.irreps(group, 3)
    smallest = 1.0
    for row, tau in zip(spec.bases(reps, reps), reps, strict=True):
        for basis in row:
            flat = basis.reshape(len(basis), int(np.prod(basis.shape[1:])))
            if len(flat):
                assert np.abs((flat**2).sum(1) - tau.dim).max() < 1e-12
                smallest = min(smallest, np.linalg.svd(flat / np.sqrt(tau.dim), compute_uv=False)[-1])
    assert smallest > 1e-3


@pytest.mark.parametrize("size", [2, 3, 5, 6])
def test_waves_vanish_at_the_origin_and_the_rest_does_not(size):
    """K(0) commutes with the group, so only degree 0 survives there."""
    spec = K.Harmonic(size)
    for sigma in R.irreps(G.SO(2), 3):
        for tau in R.irreps(G.SO(2), 3):
            origin = values(spec, [[0.0, 0.0]], sigma, tau)
            for value, (degree, _, _) in zip(origin, spec.labels(sigma, tau), strict=True):
                assert (np.abs(value).max() < 1e-15) == (degree > 0)


def test_smooth_at_the_origin():
    """Second differences along any line through 0 converge: K(h) + K(-h) - 2K(0) = O(h²), also of the angular part."""
    spec, reps = K.Harmonic(5), R.irreps(G.O(2), 2)
    for direction in ([1.0, 0.0], [0.6, 0.8]):
        for sigma in reps:
            for tau in reps:
                curvature = []
                for h in (1e-2, 5e-3):
                    line = values(spec, np.outer([h, 0.0, -h], direction), sigma, tau)
                    curvature.append((line[..., 0] + line[..., 2] - 2 * line[..., 1]) / h**2)
                assert np.abs(curvature[0] - curvature[1]).max(initial=0) < 1e-2
                jump = values(spec, [[1e-7, 0], [0, 0], [0, 1e-7]], sigma, tau)
                assert np.abs(jump - jump[..., 1:2]).max(initial=0) < 1e-5


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_support_is_the_ball_of_half_size_plus_one(size):
    """Zero beyond (size+1)/2; not zero just within; every offset of the ball is in the box."""
    spec, end = K.Harmonic(size), (size + 1) / 2
    one = R.trivial(G.SO(2))
    directions = np.stack([np.cos(np.arange(9.0)), np.sin(np.arange(9.0))], -1)
    assert np.abs(values(spec, (end + 1e-12) * directions, one, one)).max() == 0
    assert np.abs(values(spec, (end + 3) * directions, one, one)).max() == 0
    assert (np.abs(values(spec, (end - 0.2) * directions, one, one))[-1] > 0).all()
    grid = np.stack(np.meshgrid(*2 * [np.arange(-8, 9) + (size - 1) / 2 % 1], indexing="ij"), -1).reshape(-1, 2)
    inside = grid[np.abs(values(spec, grid, one, one)).max((0, 1, 2)) > 0]
    assert np.abs(inside).max() <= (size - 1) / 2


@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("factor", [2, 3])
def test_refinement_samples_the_same_function(size, factor):
    """The finer stencil at v is k^-d times the coarse function there, and its offsets cover the support."""
    group = G.Dihedral(4)
    spec, fine = K.Harmonic(size, moments=-1), K.Harmonic(size, moments=-1).refined(factor)
    kernel = spec(R.standard(group), R.regular(group), dtype=torch.float64)
    finer = fine(R.standard(group), R.regular(group), dtype=torch.float64)
    finer.load_state_dict(kernel.state_dict())
    v = torch.tensor(fine.offsets(2))
    values = finer.stencil().flatten(2).permute(2, 0, 1)
    assert (values - kernel(v) / factor**2).abs().max() < 1e-12
    step = (v[1:] - v[:-1])[:, 1].abs().min()
    assert abs(step - 1 / factor) < 1e-12 and finer.sizes[0] % 2 == size % 2
    outside = torch.randn(200, 2, dtype=torch.float64) * 10
    outside = outside[outside.abs().amax(1) > v.abs().max() + 1 / factor - 1e-9]
    assert kernel(outside).abs().max() == 0
    assert fine.refined(2) == spec.refined(2 * factor) and fine.rings == spec.rings


@pytest.mark.parametrize("spacing", [1.0, (1.0, 1.3)])
@pytest.mark.parametrize("size", [3, 4, 5, 7])
@pytest.mark.parametrize("factor", [1, 2])
def test_moments_of_the_stencil_are_those_of_the_function(size, spacing, factor):
    """Σ_v K(v) v^α · cell over the stencil = ∫ K v^α by the midpoint rule on a fine lattice, up to `matched`."""
    group = G.Cyclic(2) if spacing != 1.0 else G.Dihedral(8)
    spec = K.Harmonic(size, spacing=spacing).refined(factor)
    out = R.standard(group) + (R.irrep(group, 1, 3) if spacing == 1.0 else R.trivial(group))
    kernel = spec(R.standard(group), out, dtype=torch.float64)
    h = 0.1 if size > 5 else 0.05
    axis = torch.arange(-(size + 1) * 0.7 + h / 2, (size + 1) * 0.7, h, dtype=torch.float64)
    fine = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    with torch.no_grad():
        function, stencil = kernel(fine), kernel.stencil().flatten(2).permute(2, 0, 1)
    offsets = torch.tensor(spec.offsets(2))
    scale = function.abs().sum() * h**2
    cell = torch.tensor(spacing).expand(2).prod() / factor**2
    assert spec.matched(2) == size - 1
    for i in range(size):
        for j in range(size - i):
            integral = torch.einsum("n,nab->ab", fine[:, 0] ** i * fine[:, 1] ** j, function) * h**2
            total = torch.einsum("n,nab->ab", offsets[:, 0] ** i * offsets[:, 1] ** j, stencil) * cell
            assert (integral - total).abs().max() < 1e-5 * scale * (size + 1) ** (i + j)


def test_moment_matching_lowers_the_error_under_rotations():
    """The response of the C8 layer to smooth inputs: 45° against the bound of plain samples."""
    group, errors = G.Cyclic(8), []
    for moments in (None, -1):
        torch.manual_seed(0)
        conv = nn.Conv(R.regular(group), R.regular(group), K.Harmonic(5, moments=moments), bias=False)
        report = check.equivariance(conv, elements=group.elements()[1:2], gradients=False, size=15)
        errors.append(report.sampled_error)
    assert errors[0] < 1e-2 and errors[1] > 8 * errors[0]


def test_spacing_scales_the_function():
    """A kernel of spacing h is that of spacing 1 at v / h; anisotropic grids sample physical offsets."""
    one, wave = R.trivial(G.Cyclic(4)), R.irrep(G.Cyclic(4), 1)
    v = np.random.default_rng(0).normal(size=(7, 2))
    assert (
        np.abs(values(K.Harmonic(5, spacing=0.3), 0.3 * v, one, wave) - values(K.Harmonic(5), v, one, wave)).max()
        < 1e-12
    )
    flat = K.Harmonic((5, 3), spacing=(1.0, 2.0))
    assert np.abs(flat.offsets(2)).max(0).tolist() == [2, 2]
    kernel = flat(R.standard(G.Dihedral(4)), R.standard(G.Dihedral(4)), dtype=torch.float64)
    g = G.Dihedral(4).elements()
    assert kernel.residual(torch.randn(8, 2, dtype=torch.float64), g) < 1e-12
    line = K.Harmonic(3, spacing=(0.5,))(R.trivial(G.Reflection(1)), R.sign(G.Reflection(1)))
    assert line.stencil().shape == (1, 1, 3) and line.stencil()[0, 0, 0] == -line.stencil()[0, 0, 2]


def test_groups_that_mix_no_axes_take_rectangles():
    for group in (G.Cyclic(2), G.Dihedral(2), G.Reflection(2), G.Trivial(2)):
        kernel = K.Harmonic((3, 6))(R.regular(group), R.regular(group), dtype=torch.float64)
        assert kernel.stencil().shape[2:] == (3, 6)
        assert kernel.residual(torch.randn(5, 2, dtype=torch.float64), group.sample(5)) < 1e-12


def test_large_kernels():
    """High degrees are as exact as low ones."""
    spec = K.Harmonic(45, moments=-1)
    kernel = spec(R.irrep(G.SO(2), 1), R.irrep(G.SO(2), 1), dtype=torch.float64)
    wave = spec(R.trivial(G.SO(2)), R.irrep(G.SO(2), 40), dtype=torch.float64)
    v = 12 * torch.randn(6, 2, dtype=torch.float64)
    assert kernel.residual(v, G.SO(2).sample(6)) < 1e-11 and wave.residual(2 * v, G.SO(2).sample(6)) < 1e-8


ERRORS = {
    "rectangular C4": (
        lambda: (K.Harmonic((3, 5)), G.Cyclic(4)),
        r"C4 does not preserve.*\(3, 5\).*subgroup that does, C2",
    ),
    "rectangular D4": (lambda: (K.Harmonic((3, 5)), G.Dihedral(4)), "subgroup that does, D2"),
    "rectangular SO(2)": (lambda: (K.Harmonic((3, 5)), G.SO(2)), "subgroup that does, C2"),
    "boosts": (lambda: (K.Harmonic(3), G.O(1, 2)), r"compact group of rotations and reflections, got O\(1,2\)"),
    "integers": (lambda: (K.Harmonic(3), G.MatrixGroup([], [[[1, -1], [1, 0]]])), "rotations and reflections"),
    "three sizes": (lambda: (K.Harmonic((3, 3, 3)), G.Cyclic(4)), "expected 2 kernel sizes"),
    "three spacings": (lambda: (K.Harmonic(3, spacing=(1.0, 1.0, 1.0)), G.Cyclic(4)), "expected 2 spacings"),
    "size": (lambda: (K.Harmonic(0), G.Cyclic(4)), "at least 1"),
    "width": (lambda: (K.Harmonic(3, width=0.0), G.Cyclic(4)), "positive width"),
    "spacing": (lambda: (K.Harmonic(3, spacing=-1.0), G.Cyclic(4)), "positive width and spacing"),
    "degrees": (lambda: (K.Harmonic(5, degrees=(0, 1)), G.Cyclic(4)), "expected 3 degrees"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(KernelError, match=message):
        spec, group = make()
        spec(R.trivial(group), R.trivial(group))


def test_bottlenecks_and_empty_layers():
    one, wave, high = R.trivial(G.SO(2)), R.irrep(G.SO(2), 2), R.irrep(G.SO(2), 9)
    with pytest.warns(BottleneckWarning, match=r"SO\(2\) .*irrep\(9\) of the output stay zero$"):
        K.Harmonic(5)(one, wave + high)
    with pytest.raises(KernelError, match=r"no equivariant map exists from trivial of SO\(2\) to irrep\(9\)"):
        K.Harmonic(5)(one, high)
    with pytest.raises(KernelError, match="no equivariant map"):
        K.Harmonic(5)(R.trivial(G.O(2)), R.sign(G.O(2)))


def test_wrong_points():
    kernel = K.Harmonic(3)(R.trivial(G.SO(2)), R.trivial(G.SO(2)))
    with pytest.raises(KernelError, match=r"2 components, got shape \(4, 3\)"):
        kernel(torch.zeros(4, 3))
    assert kernel(torch.zeros(2, 3, 2)).shape == (2, 3, 1, 1) and kernel(torch.zeros(0, 2)).shape == (0, 1, 1)


SUITE = {
    "C8 regular": (G.Cyclic(8), lambda g: (R.regular(g), R.regular(g) + R.trivial(g))),
    "D8 mixed": (G.Dihedral(8), lambda g: (2 * R.standard(g) + R.sign(g), R.quotient(g, G.Cyclic(2)))),
    "SO(2)": (G.SO(2), lambda g: (R.regular(g, band=2), R.tensor(g, 2))),
    "O(2)": (G.O(2), lambda g: (R.induced(g, R.irrep(G.SO(2), 1)), R.regular(g, band=2))),
    "SO(3)": (G.SO(3), lambda g: (R.standard(g) + R.trivial(g), R.symmetric(g, 2))),
    "cylinder": (G.SO(2) * G.Reflection(1), lambda g: (R.standard(g), R.standard(g) + R.sign(g))),
    "internal": (G.Cyclic(4).internal(G.Cyclic(3)), lambda g: (R.regular(g), R.standard(g))),
    "Reflection(1)": (G.Reflection(1), lambda g: (R.regular(g), R.regular(g))),
}


@pytest.mark.parametrize("name", SUITE)
@pytest.mark.parametrize("size", [3, 4])
def test_shipped_suite(name, size):
    group, make = SUITE[name]
    testing.check_kernel(K.Harmonic(size)(*make(group)))


VARIANCE = {
    "C8 regular": (R.regular(G.Cyclic(8)), R.regular(G.Cyclic(8)), K.Harmonic(5)),
    "D4 stencil": (3 * R.regular(G.Dihedral(4)), R.regular(G.Dihedral(4)), K.Stencil(3)),
    "D4 irreps": (
        2 * R.trivial(G.Dihedral(4)) + 3 * R.standard(G.Dihedral(4)),
        R.irrep(G.Dihedral(4), 1, 1) + R.quotient(G.Dihedral(4), G.Cyclic(4)),
        K.Harmonic(3),
    ),
    "SO(2)": (4 * R.irrep(G.SO(2), 1), R.trivial(G.SO(2)) + R.irrep(G.SO(2), 2) + R.tensor(G.SO(2), 2), K.Harmonic(7)),
    "O(2)": (R.regular(G.O(2), band=2), R.induced(G.O(2), R.irrep(G.SO(2), 1)), K.Harmonic(4)),
    "SO(3)": (R.standard(G.SO(3)) + R.trivial(G.SO(3)), R.standard(G.SO(3)), K.Harmonic(3)),
}


@pytest.mark.parametrize("name", VARIANCE)
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_initialisation_keeps_the_variance_of_every_field(name, gain):
    """White input of unit variance: an output channel has variance Σ K² over inputs and samples, on average gain²."""
    rho_in, rho_out, spec = VARIANCE[name]
    kernel, power = spec(rho_in, rho_out, dtype=torch.float64), 0.0
    for _ in range(300):
        kernel.reset_parameters(gain)
        power = power + kernel.expand().detach().square().sum((1, 2)) / 300
    for place, _ in rho_out.fields:
        assert abs(power[place].mean() / gain**2 - 1) < 0.15
