"""What a newcomer does wrong on curved spaces, and what then is said; what once went wrong silently."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch

from torsor import Field, check, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import ConfigError, FieldTypeError, KernelError, SpaceError, TorsorError
from torsor.spaces.framed import FramedPoints

SO2 = G.SO(2)
SCALAR, VECTOR = R.trivial(SO2), R.irrep(SO2, 1)
MESH = S.Mesh.icosphere(1, SO2)
BALL = S.Sphere.icosphere(1)
ONES = torch.ones(len(MESH), 1)
CONV = nn.Conv(SCALAR, SCALAR, K.Harmonic(radius=0.7))
GRID = S.LatLon(6, 12)
EYES = torch.eye(2).expand(len(MESH), 2, 2)
FLIPS = torch.diag(torch.tensor([1.0, -1.0])).expand(len(MESH), 2, 2)
PLANE = S.Affine(torch.rand(9, 2, generator=torch.Generator().manual_seed(0)), G.Trivial(2))
TORUS = S.Torus(4, 4)
FLAT, HALF = R.trivial(TORUS.group), R.trivial(G.Cyclic(2))


class NoSignature(S.Metric):
    def __call__(self, x):
        return torch.eye(2).to(x).expand(*x.shape, 2)


class Single(NoSignature):
    signature = (0, 2)

    def __call__(self, x):
        return super().__call__(x).float()


class Asymmetric(NoSignature):
    signature = (0, 2)

    def __call__(self, x):
        return super().__call__(x) + torch.tensor([[0.0, 0.1], [0.0, 0.0]]).to(x)


class InPlace(NoSignature):
    signature = (0, 2)

    def __call__(self, x):
        g = torch.zeros(*x.shape, 2, dtype=x.dtype)
        g[..., 0, 0], g[..., 1, 1] = 1.0, 1 + x[..., 0] ** 2
        return g


class Growing(NoSignature):
    signature = (0, 2)

    def __call__(self, x):
        return torch.diag_embed(torch.stack([torch.ones_like(x[..., 0]), (1 + 0.3 * x[..., 1]) ** 2], -1))


def cap(metric, group=SO2, **options):
    options = {"shape": (6, 6), **options}
    return S.Chart.grid(metric, group, (1.0, 0.0), (2.0, 1.0), options.pop("shape"), **options)


CAP = cap(S.SphereMetric())

REFUSED = {
    "another kind of space": (lambda: Field(ONES, SCALAR, "m"), FieldTypeError, "expected a space"),
    "a tuple of spaces": (lambda: Field(ONES, SCALAR, (MESH,)), FieldTypeError, "expected a space"),
    "arguments in another order": (lambda: Field(ONES, MESH, SCALAR), FieldTypeError, "Field(tensor, type, space)"),
    "a list of numbers": (lambda: Field([[1.0]] * 42, SCALAR, MESH), FieldTypeError, "expected a tensor"),
    "an axis too many": (lambda: Field(ONES[:, :, None], SCALAR, MESH), FieldTypeError, "shape (42, 1)"),
    "a sum over two spaces": (
        lambda: Field(ONES, SCALAR, MESH) + Field(ONES[:9], SCALAR, MESH.subset(torch.arange(9))),
        FieldTypeError,
        "expected fields on one space",
    ),
    "an array to a layer": (lambda: CONV(ONES.numpy()), FieldTypeError, "a tensor or a torsor.Field"),
    "a space to a layer": (lambda: nn.Linear(SCALAR, SCALAR)(MESH), FieldTypeError, "a tensor or a torsor.Field"),
    "another precision": (lambda: nn.Linear(SCALAR, SCALAR)(ONES.double()), FieldTypeError, "dtype of the layer"),
    "integers": (lambda: nn.Linear(SCALAR, SCALAR)(ONES.long()), FieldTypeError, "got torch.int64"),
    "a number as a kernel": (lambda: nn.Conv(SCALAR, SCALAR, 0.5), FieldTypeError, "expected a kernel"),
    "an equal mesh as target": (
        lambda: CONV(Field(ONES, SCALAR, MESH), S.Mesh.icosphere(1, SO2)),
        SpaceError,
        "another one, however alike",
    ),
    "a mask of another length": (lambda: MESH.subset(torch.ones(5, dtype=torch.bool)), SpaceError, "mask of 42"),
    "indices that are no integers": (lambda: MESH.subset(torch.rand(5)), SpaceError, "expected indices"),
    "negative areas": (lambda: S.Sphere.points(torch.eye(3), cells=-torch.ones(3)), SpaceError, "not negative"),
    "directions of length zero": (lambda: S.Sphere.points(torch.zeros(4, 3)), SpaceError, "neither zero nor infinite"),
    "complex vertices": (lambda: S.Mesh(MESH.vertices + 0j, MESH.faces, SO2), SpaceError, "real coordinates"),
    "a name for a group": (lambda: S.Mesh(MESH.vertices, MESH.faces, "SO2"), SpaceError, "expected a structure group"),
    "no parts": (lambda: S.batched([]), SpaceError, "got none"),
    "a batch in a batch": (lambda: S.batched([S.batched([MESH]), MESH]), SpaceError, "batch.parts"),
    "a singular matrix": (lambda: BALL.act(torch.zeros(3, 3)), SpaceError, "finite invertible matrix"),
    "a matrix with NaN": (lambda: MESH.act(torch.full((3, 3), torch.nan)), SpaceError, "finite invertible matrix"),
    "vectors of another size": (lambda: MESH.to_ambient(torch.ones(42, 3)), SpaceError, "(42, …, 2)"),
    "half a row": (lambda: S.LatLon(2.5, 4), SpaceError, "LatLon(2.5, 4"),
    "points for a spectral layer": (lambda: nn.SphericalConv(SCALAR, SCALAR, BALL), FieldTypeError, "LatLon"),
    "a tensor to a check": (lambda: check.gauge(CONV, ONES), FieldTypeError, "expected a Field"),
    "a function to a check": (lambda: check.gauge(abs, Field(ONES, SCALAR, MESH)), FieldTypeError, "torch.nn.Module"),
    "motions of another space": (
        lambda: check.isometry(CONV, Field(ONES, SCALAR, MESH), [S.Mesh.icosphere(0, SO2).act(torch.eye(3))]),
        FieldTypeError,
        "expected motions of",
    ),
    "two sizes": (lambda: check.equivariance(CONV, size=(6, 12)), ConfigError, "expected one size"),
    "a layer as a kernel": (lambda: check.kernel(CONV), FieldTypeError, "conv.kernel"),
    "frames that are not orthonormal": (lambda: MESH.with_frames(2 * EYES), SpaceError, "orthonormal frames"),
    "mirrored frames": (lambda: MESH.with_frames(FLIPS), SpaceError, "orientation of the surface"),
    "frames of nothing": (lambda: PLANE.with_frames(0 * PLANE.frames), SpaceError, "linearly independent"),
    "NaN as frames": (lambda: MESH.with_frames(torch.nan * EYES), SpaceError, "finite frames"),
    "frames in space": (lambda: MESH.with_frames(MESH.tangents), SpaceError, "frames of shape (42, 2, 2)"),
    "too few frames": (lambda: MESH.with_frames(EYES[1:]), SpaceError, "frames of shape (42, 2, 2)"),
    "frames outside the tangent planes": (
        lambda: BALL.with_frames(torch.eye(3)[:, :2].expand(len(BALL), 3, 2)),
        SpaceError,
        "orthonormal tangent vectors",
    ),
    "coordinate vectors of a chart": (lambda: CAP.with_frames(torch.eye(2).expand(len(CAP), 2, 2)), SpaceError, "= η"),
    "a field for vectors": (lambda: MESH.to_ambient(Field(torch.ones(42, 2), VECTOR, MESH)), SpaceError, "got a field"),
    "a name for a smaller group": (lambda: MESH.restrict("C3"), SpaceError, "expected a structure group"),
    "a name for a group of rings": (
        lambda: S.Punctured(torch.eye(2), G.Trivial(2)).restrict("e"),
        SpaceError,
        "structure group",
    ),
    "a name for the group of an atlas": (lambda: S.Icosahedron(2, "C6"), SpaceError, "expected a structure group"),
    "a name for the group of a chart": (lambda: cap(S.SphereMetric(), "SO2"), SpaceError, "expected a structure group"),
    "a class for a metric": (lambda: cap(S.SphereMetric), SpaceError, "an instance of a subclass of spaces.Metric"),
    "a metric without a signature": (lambda: cap(NoSignature()), SpaceError, "numbers of minus and plus signs"),
    "a metric in single precision": (lambda: cap(Single()), SpaceError, "got torch.float32"),
    "an asymmetric metric": (lambda: cap(Asymmetric()), SpaceError, "symmetric metric"),
    "a metric written entry by entry": (lambda: cap(InPlace()), SpaceError, "torch.stack or torch.diag_embed"),
    "a period that the metric has not": (lambda: cap(Growing(), shape=(8, 16), periodic=(0, 1)), SpaceError, "period"),
    "one number of cells": (lambda: cap(S.SphereMetric(), shape=12), SpaceError, "one a coordinate"),
    "parts of cells": (lambda: cap(S.SphereMetric(), shape=(6.0, 6.0)), SpaceError, "whole numbers of cells"),
    "half a window": (lambda: cap(S.SphereMetric(), window=1.5), SpaceError, "whole numbers of cells"),
    "a convolution on latitudes": (lambda: CONV(Field(torch.ones(1, 1, 6, 12), SCALAR, GRID)), FieldTypeError, "Conv"),
    "two precisions on an atlas": (
        lambda: nn.Conv(FLAT, FLAT, K.Stencil(3))(Field(torch.ones(1, 1, 1, 4, 4).double(), FLAT, TORUS)),
        FieldTypeError,
        "dtype of the layer",
    ),
    "a margin on a mesh": (
        lambda: nn.Conv(SCALAR, SCALAR, K.Harmonic(radius=0.7), padding=3)(Field(ONES, SCALAR, MESH)),
        FieldTypeError,
        "they have no margin",
    ),
    "features without their space": (lambda: CONV(ONES), FieldTypeError, "Field(x, type, space)"),
    "numbers for types": (lambda: nn.Conv(1, 2, K.Harmonic(radius=1.0)), FieldTypeError, "a representation as in_rep"),
    "an unknown norm": (lambda: nn.Conv(SCALAR, SCALAR, K.Harmonic(radius=1.0), norm="max"), FieldTypeError, "norm"),
    "no neighbours": (lambda: nn.Conv(SCALAR, SCALAR, K.Harmonic(radius=1.0), k=0), FieldTypeError, "number k"),
    "an unknown method": (lambda: S.Mesh(MESH.vertices, MESH.faces, SO2, method="foo"), SpaceError, '"heat"'),
    "a radius in words": (lambda: MESH.neighbours("0.3"), SpaceError, "positive finite radius"),
    "a kernel's radius in words": (lambda: K.Harmonic(radius="a"), KernelError, "expected a radius"),
    "a lattice in words": (lambda: K.Stencil(3, "hexagonal"), KernelError, "spaces.HEXAGONAL"),
    "another lattice": (
        lambda: nn.Conv(HALF, HALF, K.Stencil(3, S.HEXAGONAL))(
            Field(torch.ones(1, 1, 1, 4, 4), HALF, S.Torus(4, 4, G.Cyclic(2)))
        ),
        KernelError,
        "Stencil(3, spaces.SQUARE)",
    ),
    "one space to batch": (lambda: S.batched(MESH), SpaceError, "batched([space, …])"),
    "a third axis": (lambda: TORUS.shift(3, 2), SpaceError, "axis 0 or 1"),
    "half a step": (lambda: TORUS.shift(0.5), SpaceError, "whole number of steps"),
    "a motion of another atlas": (
        lambda: Field(torch.ones(1, 1, 1, 4, 4), FLAT, TORUS).transform(S.Torus(8, 8).shift(1)),
        SpaceError,
        "expected a motion of",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_word(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=re.escape(message)):
        call()


WRONG_EDGES = {
    "a tuple": lambda e: tuple(e),
    "too few": lambda e: e._replace(jacobian=e.jacobian[1:]),
    "indices as vectors": lambda e: e._replace(u=e.u.long()),
    "NaN": lambda e: e._replace(u=e.u * torch.nan),
    "negative volumes": lambda e: e._replace(jacobian=-e.jacobian),
    "indices out of range": lambda e: e._replace(p=e.p + 100),
    "no tensor": lambda e: e._replace(q=None),
    "transport of another size": lambda e: e._replace(transport=torch.eye(3).double().expand(len(e.p), 3, 3)),
}


@pytest.mark.parametrize("name", WRONG_EDGES)
def test_spaces_of_ones_own_are_told_what_is_wrong(name):
    class Own(S.Affine):
        def connect(self, *args):
            return WRONG_EDGES[name](super().connect(*args))

    with pytest.raises(SpaceError, match="connect of Own"):
        Own(PLANE.positions, G.SO(2)).neighbours(0.5)


def test_edges_in_single_precision():
    class Own(S.Affine):
        def connect(self, *args):
            edges = super().connect(*args)
            return S.Edges(edges.p.int(), edges.q.int(), edges.u, torch.ones(len(edges.p)), None)

    ours, theirs = (kind(PLANE.positions, SO2).neighbours(0.5) for kind in (Own, S.Affine))
    assert torch.equal(ours.target, theirs.target) and torch.equal(ours.weight, theirs.weight)


def test_numbers_of_all_kinds():
    chart = S.Chart.grid(
        S.SphereMetric(),
        SO2,
        np.array([1.0, 0.0]),
        torch.tensor([2.0, 1.0]),
        np.array([6, 6]),
        periodic=np.zeros(2, bool),
    )
    assert torch.equal(chart.positions, CAP.positions)
    third = S.Chart.grid(S.FlatMetric(0, 1), G.O(1), [0.1], [0.4], [3], periodic=[False])
    assert torch.equal(third.positions[:, 0], 0.1 + (0.4 - 0.1) / 3 * (torch.arange(3, dtype=torch.float64) + 0.5))
    again = S.Chart(chart.positions.numpy(), chart.frames, chart.cells, chart.metric, SO2, chart.window, (0.0, 0.0))
    assert len(again) == 36
    length = torch.tensor(0.7)
    assert K.Harmonic(radius=length) == K.Harmonic(radius=float(length))
    assert len(MESH.neighbours(length)) == len(MESH.neighbours(np.float32(0.7))) == len(MESH.neighbours(float(length)))


def test_gauges_in_single_precision():
    for space in (BALL, CAP, MESH, PLANE.with_frames(PLANE.frames, G.Trivial(2))):
        g = space.group.sample(len(space)).float()
        assert (space.regauge(g).frames - space.regauge(g.double()).frames).abs().max() < 1e-6


def test_bases_however_long_or_oblique():
    flat = S.Chart.grid(S.FlatMetric(1, 1), G.SO0(1, 1), (0, 0), (1, 1), (5, 5))
    boost = torch.linalg.matrix_exp(torch.tensor([[0.0, 13.0], [13.0, 0.0]], dtype=torch.float64))
    assert torch.equal(flat.regauge(boost.expand(25, 2, 2)).group.contains(boost), torch.tensor(True))
    for frame in ([[1, 1e10], [0, 1]], [[1e200, 0], [0, 1e-200]]):
        frames = torch.tensor(frame, dtype=torch.float64).expand(9, 2, 2)
        S.Affine(PLANE.positions, G.GL(2), frames, window=0.5)
    a, size = torch.randn(200, 3, dtype=torch.float64), torch.randn(200, 1, dtype=torch.float64)
    for frames in torch.stack([a, a * size], -1):
        with pytest.raises(SpaceError, match="linearly independent"):
            FramedPoints(torch.zeros(1, 3), frames[None], torch.ones(1), SO2)


def test_copies_of_a_space_are_the_space():
    field = Field(torch.randn(len(MESH), 1), SCALAR, MESH)
    for copied in (copy.deepcopy(field), pickle.loads(pickle.dumps(field)), field.to(torch.float32)):
        assert torch.equal((field + copied).tensor, 2 * field.tensor)
        assert torch.equal(CONV(field, copied.space).tensor, CONV(field).tensor)
    g = SO2.sample(2 * len(MESH))
    pair = Field.batched([field, field])
    assert torch.equal((pair + Field.batched([field, field])).tensor, 2 * pair.tensor)
    assert torch.equal((pair.gauged(g) + pair.gauged(g)).tensor, 2 * pair.gauged(g).tensor)
    small = Field(field.tensor[:9], SCALAR, MESH.subset(torch.arange(9)))
    assert torch.equal((small + pickle.loads(pickle.dumps(small))).tensor, 2 * small.tensor)
    with pytest.raises(FieldTypeError, match="one space"):
        _ = field + Field(field.tensor, SCALAR, MESH.regauge(SO2.sample(len(MESH))))

    class Keeps(torch.nn.Module):
        """A network that holds the mesh on which it works, and is copied with it."""

        def __init__(self):
            super().__init__()
            self.conv, self.mesh = nn.Conv(SCALAR, VECTOR, K.Harmonic(radius=0.7)), MESH

        def forward(self, f):
            return self.conv(f, self.mesh)

    assert check.isometry(Keeps(), field, [torch.diag(torch.tensor([1.0, -1.0, -1.0]))]).passed()


def test_frames_of_ones_own():
    """A trivialisation of one's own: the field goes along, whatever frames the mesh would choose."""
    none, torus = G.Trivial(2), S.Mesh.torus(8, 6, SO2)
    own = torus.restrict(none).frames @ SO2.sample(1)
    field = Field(torch.randn(len(torus), 2, dtype=torch.float64), VECTOR, torus)
    small = field.restrict(none, own)
    assert torch.equal(small.space.frames, own) and small.space.group == none
    assert torch.allclose(small.space.to_ambient(small.tensor), torus.to_ambient(field.tensor), atol=1e-12)
    batch = S.batched([torus, torus]).restrict(none, torch.cat([own, own]))
    assert torch.equal(batch.frames[len(torus) :], own)
    with pytest.raises(SpaceError, match="orientation"):
        torus.restrict(none, own @ FLIPS[0].double())
    with pytest.raises(SpaceError, match=r"SO\(2\) relates"):
        S.Affine(PLANE.positions, SO2).restrict(none, FLIPS[:9])
    kept = S.Mesh.torus(6, 5, G.Scaling(2)).restrict(none, singular="allow")  # scalings relate no other direction
    assert torch.equal(kept.frames, S.Mesh.torus(6, 5, SO2).frames)
    with pytest.raises(SpaceError, match="expected frames of shape"):
        batch.with_frames(own.numpy())
    with pytest.raises(FieldTypeError, match="a manifold for other frames"):
        Field(torch.ones(1, 1, 6, 12), SCALAR, GRID).restrict(none, own)


def test_samples_of_moved_meshes_are_the_same_samples():
    for mesh in (S.Mesh.torus(20, 10, SO2), S.Mesh.icosphere(2, SO2)):
        for turn in G.SO(3).sample(3):
            moved = S.Mesh(mesh.vertices @ turn.T + 1.3, mesh.faces, SO2)
            for ratio in (0.5, 0.25):
                assert torch.equal(mesh.coarsened(ratio=ratio)[0].members, moved.coarsened(ratio=ratio)[0].members)


def test_a_mesh_file_that_is_damaged(tmp_path):
    pytest.importorskip("trimesh")
    path = tmp_path / "broken.ply"
    path.write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9\nproperty float x\nend_header\n123")
    with pytest.raises(SpaceError, match=r"broken\.ply"):
        S.Mesh.load(path, SO2)
    unknown = tmp_path / "mesh.npz"
    unknown.write_bytes(b"123")
    with pytest.raises(SpaceError, match=r"mesh\.npz"):
        S.Mesh.load(unknown, SO2)


def test_vectors_of_space_and_back_on_every_surface():
    """Tangent vectors with further axes; of meshes, spheres, parts and batches of them."""
    x = torch.randn(42, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    part = torch.arange(9)
    for space in (MESH, BALL, MESH.regauge(SO2.sample(42, torch.Generator().manual_seed(1)))):
        there = space.to_ambient(x)
        assert there.shape == (42, 5, 3)
        assert (there * space.positions[:, None]).sum(2).abs().max() < (1e-12 if space is BALL else 0.7)
        assert torch.allclose(space.from_ambient(there), x, atol=1e-12)
        assert torch.allclose(space.subset(part).to_ambient(x[part]), there[part], atol=1e-12)
        both = S.batched([space, space.subset(part)])
        assert torch.allclose(both.to_ambient(torch.cat([x, x[part]])), torch.cat([there, there[part]]), atol=1e-12)
    assert BALL.from_ambient(torch.ones(42, 3, dtype=torch.float32)).dtype == torch.float32


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_half_precision_knows_no_unit(scale):
    torch.manual_seed(0)
    conv = nn.Conv(VECTOR, VECTOR, K.Harmonic(radius=0.7 * scale, spacing=scale))
    mesh = S.Mesh(scale * MESH.vertices, MESH.faces, SO2)
    x = torch.randn(42, 2)
    y = conv(Field(x, VECTOR, mesh)).tensor
    z = conv.half()(Field(x.half(), VECTOR, mesh)).tensor
    assert (z - y).norm() < 1e-2 * y.norm()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_spectral_layers_in_half_precision(dtype):
    torch.manual_seed(0)
    conv, x = nn.SphericalConv(SCALAR, SCALAR + VECTOR, GRID), torch.randn(2, 1, 6, 12)
    y, z = conv(x), conv.to(dtype)(x.to(dtype))
    assert z.dtype == dtype and (z - y).norm() < 2e-2 * y.norm()
    with pytest.raises(FieldTypeError, match="dtype of the layer"):
        conv(x.double())
    assert "SphericalConv" in str(nn.summary(nn.Sequential(nn.SphericalConv(SCALAR, SCALAR, GRID)), (6, 12)))


def test_graphs_to_other_points_go_with_them():
    mesh = S.Mesh.icosphere(1, SO2)
    graphs = lambda: [key for key in mesh._cache if isinstance(key, tuple)]  # noqa: E731
    for seed in range(3):
        few = mesh.subset(torch.randperm(42, generator=torch.Generator().manual_seed(seed))[:5])
        assert CONV(Field(ONES, SCALAR, mesh), few).tensor.shape == (5, 1)
        assert mesh.neighbours(0.7, target=few) is mesh.neighbours(0.7, target=few)
    assert not graphs()
    assert mesh.neighbours(torch.tensor(0.5)) is mesh.neighbours(0.5)


def test_radii_of_all_sizes():
    """Of a huge one the neighbourhood is the component; a tiny one holds each point alone."""
    everything = MESH.neighbours(100.0)
    assert len(everything) == 42**2 and MESH._extent(None) < 3.8
    with pytest.warns(UserWarning, match="sees itself only"):
        assert len(S.Mesh.icosphere(0, SO2).neighbours(1e-200)) == 12


def test_frames_that_are_allowed_to_be_singular_stay_so():
    c4 = G.Cyclic(4)
    mesh = S.Mesh.icosphere(1, SO2, singular="allow")
    with pytest.raises(SpaceError, match="singular"):
        MESH.restrict(c4)
    assert Field(ONES, SCALAR, mesh).restrict(c4).space.group == c4
    assert nn.Restrict(SCALAR, c4)(Field(ONES, SCALAR, mesh)).space.singularities
    assert np.isclose(sum(mesh.restrict(c4).singularities.values()), 2)


def test_points_out_of_reach_are_not_interpolated_to():
    far = S.Mesh(torch.cat([MESH.vertices, MESH.vertices + 9]), torch.cat([MESH.faces, MESH.faces + 42]), SO2)
    some = far.subset(torch.arange(5))
    with pytest.raises(SpaceError, match="none for 42 of 84"):
        nn.PointInterpolate(SCALAR)(Field(torch.ones(5, 1), SCALAR, some), far)
    axes = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]])
    cone = S.Punctured(axes, G.Axial(SO2), antipodes="skip")
    assert len(cone.neighbours(k=1, fewer=True)) == 2


def test_points_that_stand_for_nothing():
    cells = torch.ones(42)
    cells[3] = 0
    part = S.Sphere(BALL.positions, SO2, cells).subset(torch.arange(10))
    assert len(part.neighbours(k=3)) == 40 and part.volumes[3] == 0
    field = Field(torch.randn(10, 1), SCALAR, part)
    assert (
        nn.GlobalPool(SCALAR)(field).tensor.isfinite().all() and nn.InstanceNorm(SCALAR)(field).tensor.isfinite().all()
    )


def test_masked_norms_compile_and_export_before_they_have_run():
    rep = R.regular(G.Cyclic(6))
    norm, x = nn.BatchNorm(rep).eval(), torch.randn(1, 6, 5, 4, 8)
    compiled = torch.compile(norm, fullgraph=True, backend="eager")
    y = compiled(Field(x, rep, S.Icosahedron(2, G.Cyclic(6)))).tensor
    assert torch.equal(y, norm(Field(x, rep, S.Icosahedron(2, G.Cyclic(6)))).tensor)


COUNTED = {
    "subdivisions": lambda n: S.Mesh.icosphere(n, SO2),
    "vertices of a torus": lambda n: S.Mesh.torus(n, 8, SO2),
    "points of a spiral": lambda n: S.Sphere.fibonacci(n),
    "latitudes": lambda n: S.Sphere.latlon(n, 8),
    "longitudes": lambda n: S.LatLon(8, n),
    "resolution": lambda n: S.Icosahedron(n),
    "length of a strip": lambda n: S.Mobius(n, 4),
    "width of a bottle": lambda n: S.Klein(4, n),
    "sides of a torus": lambda n: S.Torus(n, 4),
    "rings": lambda n: S.LogPolar(n, 8, 1.0, 2.0),
    "angles": lambda n: S.Punctured.polar_grid(4, n, 1.0, 2.0),
    "radii": lambda n: S.Punctured.polar_grid(n, 8, 1.0, 2.0),
    "samples": lambda n: S.Sphere.fibonacci(20).coarsened(n),
    "nearest": lambda n: S.Sphere.fibonacci(20).neighbours(k=n),
    "pixels of a kernel": lambda n: K.Stencil(n),
    "degrees": lambda n: nn.SphericalConv(R.trivial(SO2), R.trivial(SO2), S.LatLon(8, 16), lmax=n),
    "nodes": lambda n: nn.SphericalConv(R.trivial(SO2), R.trivial(SO2), S.LatLon(8, 16), nodes=n),
}


@pytest.mark.parametrize("make", COUNTED.values(), ids=COUNTED)
@pytest.mark.parametrize("n", [2.5, 14 / 2, -1, "3"], ids=repr)
def test_what_is_counted_is_a_whole_number(make, n):
    with pytest.raises(TorsorError, match="expected"):
        make(n)
