"""`check.gauge` and `check.isometry`: they pass what is equivariant, and fail what is not, on manifolds and atlases."""

import pytest
import torch

from torsor import Field, check, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import ConfigError, FieldTypeError, SpaceError

SO2, FLIP = G.SO(2), G.Reflection(2, 0)
VECTORS = R.trivial(SO2) + R.irrep(SO2, 1)


def empty(space, rep, *batch):
    shape = (len(space), rep.dim) if not batch else (*batch, rep.dim, *space.shape)
    return Field(torch.zeros(shape), rep, space)


class Wrong(torch.nn.Module):
    """The absolute value of every component: no map of vectors."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, f):
        y = self.layer(f)
        return Field(y.tensor.abs(), y.rep, y.space)


def test_a_component_wise_function_of_vectors_is_caught():
    ball = S.Mesh.icosphere(1, SO2)
    conv = nn.Conv(VECTORS, VECTORS, K.Harmonic(radius=0.9))
    good, bad = (check.gauge(net, empty(ball, VECTORS)) for net in (conv, Wrong(conv)))
    assert good.passed() and good.float32 < 1e-5 and not bad.passed() and bad.error > 0.1
    assert "commutes with gauge" in str(good) and "does NOT" in str(bad)
    turns = G.Icosahedral().elements()[:4]
    assert check.isometry(conv, empty(ball, VECTORS), turns).passed()
    scaled = torch.linspace(0.5, 2, len(ball))[:, None]

    class Placed(torch.nn.Module):
        def forward(self, f):
            return Field(conv.to(f.tensor.dtype)(f).tensor * scaled.to(f.tensor), f.rep, f.space)

    assert not check.isometry(Placed(), empty(ball, VECTORS), turns[1:]).passed()


def test_dead_and_constant_networks_fail():
    ball = S.Mesh.icosphere(1, SO2)
    conv = nn.Conv(VECTORS, VECTORS, K.Harmonic(radius=0.9))
    torch.nn.init.zeros_(conv.weight)
    assert not check.gauge(conv, empty(ball, VECTORS)).passed()


@pytest.mark.parametrize(
    "make", [lambda: S.Mobius(8, 6, FLIP), lambda: S.Torus(6, 6, FLIP), lambda: S.Klein(6, 6, FLIP)]
)
def test_atlases(make):
    strip = make()
    rep = R.trivial(FLIP) + R.regular(FLIP) + R.sign(FLIP)
    conv = nn.Conv(rep, rep, K.Stencil(3))
    f = empty(strip, rep, 2)
    assert check.gauge(conv, f).passed()
    assert check.isometry(conv, f, strip.symmetries()).passed()
    assert not check.gauge(Wrong(conv), f).passed()


def test_icosahedra_to_one_number():
    C6 = G.Cyclic(6)
    ball, image, fields = S.Icosahedron(2, C6), R.trivial(C6), 2 * R.regular(C6)
    conv = nn.Conv(image, fields, K.Stencil(3, S.HEXAGONAL))
    net = torch.nn.Sequential(conv, nn.ELU(fields), nn.GroupPool(fields), nn.AtlasGlobalPool(2 * image))
    f = empty(ball, image, 2)
    assert check.gauge(net, f).passed() and check.isometry(net, f, ball.symmetries()[::9]).passed()


def test_the_error_of_sampled_nonlinearities_falls_with_the_number_of_samples():
    ball, fields = S.Mesh.icosphere(1, SO2), 2 * R.regular(SO2, band=2)
    first, second = (
        nn.Conv(R.trivial(SO2), fields, K.Harmonic(radius=0.9)),
        nn.Conv(fields, fields, K.Harmonic(radius=0.9)),
    )
    errors = []
    for samples in (7, 15, 31):
        net = nn.Sequential(first, nn.Fourier(fields, torch.nn.functional.elu, samples), second)
        errors.append(check.gauge(net, empty(ball, R.trivial(SO2)), gradients=False).error)
    assert errors[2] < errors[1] < errors[0] < 0.2 and errors[2] < 1e-2, errors


def test_pooled_batches_and_parts_of_spaces():
    parts = [S.Mesh.icosphere(1, SO2), S.Mesh.torus(8, 6, SO2)]
    both, pool = S.batched(parts), nn.PointPool(VECTORS, 10)
    assert check.gauge(pool, empty(both, VECTORS)).passed()
    some = parts[0].subset(torch.arange(0, 42, 2))
    conv = nn.Conv(VECTORS, VECTORS, K.Harmonic(radius=1.2))
    assert check.gauge(torch.nn.Sequential(conv, nn.PointPool(VECTORS, 9), conv), empty(some, VECTORS)).passed()


def test_a_network_of_a_smaller_group_is_not_fooled():
    """C4 types on a space of SO(2): no answer could be independent of the frames; Restrict changes both."""
    mesh, C4 = S.Mesh.torus(12, 6, G.O(2), inner=0.25), G.Cyclic(4)
    with pytest.raises(FieldTypeError, match="structure group"):
        empty(mesh, R.standard(C4))
    vector = R.standard(G.O(2))
    conv = nn.Conv(vector, vector, K.Harmonic(radius=0.6))
    down = nn.Restrict(vector, C4)
    last = nn.Conv(down.out_rep, R.regular(C4), K.Harmonic(radius=0.6))
    assert check.gauge(nn.Sequential(conv, down), empty(mesh, vector)).blind > 1e-2
    f = Field(torch.randn(len(mesh), 2, dtype=torch.float64), vector, mesh)
    small = f.restrict(C4)
    assert torch.allclose(small.space.to_ambient(small.tensor), mesh.to_ambient(f.tensor), atol=1e-12)
    assert check.gauge(last, small).passed()


def test_fields_elsewhere_are_refused():
    with pytest.raises(FieldTypeError, match="manifold or an atlas"):
        check.gauge(torch.nn.Identity(), Field(torch.zeros(1, 1, 4, 4), R.trivial(SO2)))
    ball = empty(S.Mesh.icosphere(0, SO2), VECTORS)
    with pytest.raises(ConfigError, match="one or more isometries"):
        check.isometry(torch.nn.Identity(), ball, [])
    with pytest.raises(ConfigError, match="samples"):
        check.gauge(torch.nn.Identity(), ball, samples=0)


def on_the_globe():
    grid, half = S.LatLon(12, 24), S.LatLon(8, 16)
    layers = [
        nn.SphericalConv(VECTORS, 3 * VECTORS, grid),
        nn.SphericalResample(3 * VECTORS, grid, half),
        nn.SphericalConv(3 * VECTORS, VECTORS, half),
    ]
    return nn.Sequential(*layers), empty(grid, VECTORS, 2)


def test_any_rotation_of_the_globe():
    net, field = on_the_globe()
    turns = G.SO(3).sample(3)
    report = check.isometry(net, field, turns)
    assert report.passed(1e-12) and report.float32 < 1e-5 and report.blind > 0.1 and len(report.errors) == 3
    assert "commutes with isometries" in str(report)
    assert not check.isometry(Wrong(net), field, turns).passed()


def test_what_sees_the_compass_is_no_rotation():
    class East(torch.nn.Module):
        def forward(self, f):
            return Field(f.tensor[:, 1:2], R.trivial(SO2), f.space)

    grid = S.LatLon(6, 12)
    report = check.isometry(East(), empty(grid, VECTORS, 1), G.SO(3).sample(2))
    assert not report.passed() and report.error > 0.1


def test_means_over_the_globe():
    class Mean(torch.nn.Module):
        def forward(self, f):
            return (f.tensor[:, :1] ** 2 * f.space.areas.to(f.tensor)).sum((2, 3))

    grid = S.LatLon(24, 48)  # degrees of the square up to 46 are integrated exactly
    assert check.isometry(Mean(), empty(grid, VECTORS, 2), G.SO(3).sample(2)).passed()


def test_isometries_move_outputs_on_coarser_atlases():
    C6 = G.Cyclic(6)
    ball, hidden, kernel = S.Icosahedron(2, C6), R.regular(C6), K.Stencil(3, S.HEXAGONAL)
    net = nn.Sequential(nn.Conv(R.trivial(C6), hidden, kernel), nn.AtlasPool(hidden), nn.Conv(hidden, hidden, kernel))
    field = empty(ball, R.trivial(C6), 1)
    assert check.isometry(net, field, ball.matrices()[1:4]).passed(1e-12)
    with pytest.raises(FieldTypeError, match="functions from a space"):
        check.isometry(net, field, ball.symmetries()[1:4])

    strip = S.Mobius(8, 16)
    rep = R.regular(strip.group)
    net = nn.Sequential(nn.Conv(rep, rep, K.Stencil(3)), nn.AtlasPool(rep), nn.Conv(rep, rep, K.Stencil(3)))
    along = [lambda space: space.shift(space.shape[2] // 4), lambda space: space.shift(space.shape[2])]
    assert check.isometry(net, empty(strip, rep, 1), along).passed(1e-12)


def test_isometries_of_subsets_that_they_permute():
    globe = S.Sphere.latlon(6, 12)
    every_second = globe.subset(torch.arange(72).view(6, 12)[:, ::2].flatten())
    conv = nn.Conv(VECTORS, VECTORS, K.Harmonic(radius=0.9))

    class Down(torch.nn.Module):
        def forward(self, f):
            return conv.to(f.tensor.dtype)(f, every_second)

    turn = torch.tensor([[0.5, 0, 0.75**0.5], [0, 1, 0], [-(0.75**0.5), 0, 0.5]], dtype=torch.float64)
    for isometry in (turn, globe.act(turn), lambda space: space.act(turn)):
        assert check.isometry(Down(), empty(globe, VECTORS), [isometry]).passed()
    half = globe.act(turn @ turn.T.new_tensor([[0.75**0.5, 0, -0.5], [0, 1, 0], [0.5, 0, 0.75**0.5]]))  # by 30 degrees
    with pytest.raises(FieldTypeError, match="not mapped to itself"):
        check.isometry(Down(), empty(globe, VECTORS), [half])


def test_plain_tensors_are_invariants():
    class Tensor(torch.nn.Module):
        def forward(self, f):
            return f.tensor

    mesh = S.Mesh.torus(6, 5, SO2)
    report = check.gauge(Tensor(), empty(mesh, R.irrep(SO2, 1)))
    assert report.invariant and not report.passed() and "plain tensor" in str(report)
    report = check.gauge(Tensor(), empty(mesh, R.trivial(SO2)))
    assert report.invariant and report.passed() and "plain tensor" not in str(report)


def test_what_keeps_higher_degrees_commutes_too():
    class Skip(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.SphericalConv(VECTORS, VECTORS, S.LatLon(8, 16))

        def forward(self, f):
            return f + self.conv(f)

    class Absolute(torch.nn.Module):
        def forward(self, f):
            return Field(f.tensor.abs(), f.rep, f.space)

    field, g = empty(S.LatLon(8, 16), VECTORS, 2), G.SO(3).sample(2)
    for net in (torch.nn.Identity(), nn.Linear(VECTORS, 2 * VECTORS), Skip()):
        assert check.isometry(net, field, g).passed(1e-12)
    assert check.isometry(Absolute(), field, g).error > 0.1


def test_the_globe_refuses():
    net, field = on_the_globe()
    with pytest.raises(FieldTypeError, match="no other gauge"):
        check.gauge(net, field)
    with pytest.raises(ConfigError, match="one or more isometries"):
        check.isometry(net, field, [])
    with pytest.raises(FieldTypeError, match="check.isometry"):
        check.equivariance(net)
    with pytest.raises(SpaceError, match="know rotations"):
        check.isometry(net, field, [-torch.eye(3)])
    with pytest.raises(SpaceError, match="expected rotations"):
        check.isometry(net, field, [torch.ones(2, 2)])
    for wrong in ("x", None, S.Motion(torch.arange(3), torch.eye(2).expand(3, 2, 2))):
        with pytest.raises(SpaceError, match="expected rotations"):
            check.isometry(net, field, [wrong])

    class Nowhere(torch.nn.Module):
        def forward(self, f):
            return Field(f.tensor, f.rep)

    with pytest.raises(FieldTypeError, match="output on a grid of latitudes"):
        check.isometry(Nowhere(), field, [torch.eye(3)])
