"""Kernels with a radial network: steerable at every point, smooth at the origin, zero beyond the radius."""

import math
import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch

from torsor import check
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import BottleneckWarning, KernelError
from torsor.testing import check_kernel

pytestmark = pytest.mark.filterwarnings("ignore:bottleneck")

GROUPS = {
    "reflection of R": G.Reflection(1),
    "SO(2)": G.SO(2),
    "O(2)": G.O(2),
    "D5": G.Dihedral(5),
    "SO(3)": G.SO(3),
    "O(3)": G.O(3),
    "T": G.Tetrahedral(),
    "Oh": G.Octahedral().with_inversion(),
    "{e} of R³": G.Trivial(3),
}


def types(group: G.Group) -> tuple[R.Representation, R.Representation]:
    vector = R.standard(group)
    return 2 * R.trivial(group) + 2 * vector, vector + 3 * R.trivial(group) + R.sign(group)


def build(name: str, **options) -> K.SteerableKernel:
    torch.manual_seed(0)
    return K.Harmonic(radius=0.8, **options)(*types(GROUPS[name]), dtype=torch.float64)


def points(n: int, d: int, seed: int = 0) -> torch.Tensor:
    v = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 0.3 * v


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("name", GROUPS)
def test_steerable(name, depthwise):
    kernel = build(name, depthwise=depthwise, degrees=3)
    group = kernel.in_rep.group
    v = points(12, group.dim)
    v[0] = 0.0
    assert kernel.residual(v, group.sample(12, torch.Generator().manual_seed(1))) < 1e-12
    assert kernel(v).abs().max() > 1e-2


@pytest.mark.parametrize("depthwise", [False, True])
def test_conformance(depthwise):
    check_kernel(build("O(3)", depthwise=depthwise))
    check_kernel(build("D5", depthwise=depthwise, spacing=0.3))
    assert check.kernel(build("SO(3)", depthwise=depthwise)) < 1e-12


@pytest.mark.parametrize("depthwise", [False, True])
def test_zero_beyond_the_radius_and_smooth_at_it(depthwise):
    kernel = build("SO(3)", depthwise=depthwise)
    u = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    assert kernel(torch.stack([0.8 * u, 0.9 * u, 5 * u])).abs().max() < 1e-14
    inside = [float(kernel((0.8 - h) * u).detach().abs().max()) for h in (2e-3, 1e-3)]
    assert inside[0] / inside[1] == pytest.approx(
        8, rel=0.1
    )  # it falls with the third power: two continuous derivatives


@pytest.mark.parametrize("depthwise", [False, True])
def test_no_kink_at_the_origin(depthwise):
    """Along a line through 0 the second difference at the origin is that beside it."""
    kernel = build("O(3)", depthwise=depthwise, degrees=3)
    u, h = torch.tensor([0.48, 0.6, 0.64], dtype=torch.float64), 1e-3
    line = kernel(torch.arange(-3, 5, dtype=torch.float64)[:, None] * h * u).detach()
    second = (line[2:] - 2 * line[1:-1] + line[:-2]) / h**2
    assert (second[2] - second[4]).abs().max() < 0.05 * second.abs().max() + 1e-6
    frequencies = kernel(torch.zeros(1, 3, dtype=torch.float64))[0]
    assert frequencies[0, 0].abs() < 1e-12  # a scalar to a vector component: nothing at the origin


@pytest.mark.parametrize("depthwise", [False, True])
def test_gradient_with_respect_to_the_points(depthwise):
    kernel = build("SO(2)", depthwise=depthwise)
    v = points(3, 2)
    v[0] = 0.0
    assert torch.autograd.gradcheck(kernel, v.requires_grad_())


def test_counts_equal_character_theory():
    """Number of weights = J × Σ_l dim Hom_SO(3)(D^l ⊗ σ, τ): triangles."""
    group = G.SO(3)
    for s in range(4):
        for t in range(4):
            triangles = sum(abs(s - t) <= l <= s + t for l in range(5))
            kernel = K.Harmonic(radius=1.0, degrees=4, functions=3)
            if not triangles:
                continue
            built = kernel(R.irrep(group, s), R.irrep(group, t))
            assert built.weight.numel() == 3 * triangles


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("name", ["SO(2)", "SO(3)"])
def test_variance_of_random_weights(name, depthwise):
    """White input at as many random points of the ball as the spacing says keeps its variance, up to a factor."""
    group = GROUPS[name]
    rep = R.direct_sum([(8, R.irrep(group, k)) for k in range(3)])
    d, n = group.dim, 4000
    v = torch.randn(n, d, generator=torch.Generator().manual_seed(3))
    r = torch.rand(n, 1, generator=torch.Generator().manual_seed(4)) ** (1 / d)
    v = v / v.norm(dim=1, keepdim=True) * r
    ball = math.pi if d == 2 else 4 * math.pi / 3
    spacing = (ball / 50) ** (1 / d)
    found = []
    for seed in range(6):
        torch.manual_seed(seed)
        kernel = K.Harmonic(radius=1.0, spacing=spacing, depthwise=depthwise)(rep, rep)
        found.append(float(50 * kernel(v).detach().square().mean(0).sum(1).mean()))
    assert 0.5 < np.mean(found) < 2.0


def test_stencil_is_the_kernel_at_the_pixels():
    kernel = K.Harmonic(radius=2.5, spacing=(1.0, 0.8))(R.trivial(G.Cyclic(2)), R.regular(G.Cyclic(2)))
    assert kernel.sizes == (5, 7)
    offsets = torch.as_tensor(kernel.spec.offsets(2), dtype=torch.float32)
    assert torch.allclose(kernel.stencil().flatten(2).permute(2, 0, 1), kernel(offsets), atol=1e-6)


def test_the_name_harmonic_builds_both():
    spec = K.Harmonic(radius=0.5, degrees=1)
    assert isinstance(spec, K.RadialHarmonic) and spec == K.RadialHarmonic(0.5, 1)
    assert K.KernelSpec.from_dict(spec.to_dict()) == spec
    assert isinstance(K.Harmonic(size=5), K.Harmonic) and K.Harmonic(5) == K.Harmonic(size=5)


@pytest.mark.parametrize("depthwise", [False, True])
def test_copies_and_state(depthwise):
    kernel = build("SO(3)", depthwise=depthwise)
    other = build("SO(3)", depthwise=depthwise)
    kernel.reset_parameters()
    other.load_state_dict(kernel.state_dict())
    v = points(5, 3)
    assert torch.equal(kernel(v), other(v)) and torch.equal(kernel(v), deepcopy(kernel)(v))
    assert kernel.float().double()(v).isfinite().all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"radius": 0.0}, "positive radius"),
        ({"radius": 1.0, "degrees": -1}, "degrees of at least 0"),
        ({"radius": 1.0, "functions": 0}, "positive radius"),
        ({"radius": float("nan")}, "positive radius"),
        ({"radius": 1.0, "size": 5}, "not both"),
        ({"radius": 1.0, "degrees": 21}, "accurate up to degree 20"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(KernelError, match=message):
        K.Harmonic(**options)


def test_degrees_beyond_what_is_accurate():
    scalar = R.trivial(G.SO(3))
    with pytest.raises(KernelError, match="accurate up to degree 20"):
        K.Harmonic(size=5, degrees=(0, 2, 40))(scalar, scalar)


def test_radius_below_the_spacing():
    kernel = K.Harmonic(radius=0.9)(R.trivial(G.SO(2)), R.trivial(G.SO(2)))
    with pytest.raises(KernelError, match="does not reach the next pixel"):
        kernel.stencil()


def test_wrong_groups():
    boost = G.SO(1, 1)
    with pytest.raises(KernelError, match="compact"):
        K.Harmonic(radius=1.0)(R.trivial(boost), R.trivial(boost))
    with pytest.raises(KernelError, match="leads from"):
        K.Harmonic(radius=1.0, degrees=1, depthwise=True)(R.trivial(G.SO(3)), R.irrep(G.SO(3), 2))
    with pytest.raises(KernelError, match="no equivariant map"):
        K.Harmonic(radius=1.0, degrees=1)(R.trivial(G.SO(3)), R.irrep(G.SO(3), 2))


@pytest.mark.parametrize("depthwise", [False, True])
def test_bottlenecks_are_told(depthwise):
    group = G.SO(3)
    with pytest.warns(BottleneckWarning, match=r"irrep\(3\) of the output stay zero"):
        K.Harmonic(radius=1.0, degrees=1, depthwise=depthwise)(R.trivial(group), R.irrep(group, 1) + R.irrep(group, 3))
    with pytest.warns(BottleneckWarning, match=r"trivial of the input are ignored"):
        rep = R.trivial(group) + R.irrep(group, 2)
        K.Harmonic(radius=1.0, degrees=1, depthwise=depthwise)(rep, R.irrep(group, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        K.Harmonic(radius=1.0, degrees=1, depthwise=depthwise)(rep, rep + R.irrep(group, 3))
