"""What a newcomer does wrong on curved spaces, and what then is said; what once went wrong silently."""

import re

import numpy as np
import pytest
import torch

from torsor import Field, check, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import ConfigError, FieldTypeError, SpaceError, TorsorError

SO2 = G.SO(2)
SCALAR, VECTOR = R.trivial(SO2), R.irrep(SO2, 1)
MESH = S.Mesh.icosphere(1, SO2)
BALL = S.Sphere.icosphere(1)
ONES = torch.ones(len(MESH), 1)
CONV = nn.Conv(SCALAR, SCALAR, K.Harmonic(radius=0.7))
GRID = S.LatLon(6, 12)

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
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_word(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=re.escape(message)):
        call()


def test_a_mesh_file_that_is_damaged(tmp_path):
    pytest.importorskip("trimesh")
    path = tmp_path / "broken.ply"
    path.write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9\nproperty float x\nend_header\n123")
    with pytest.raises(SpaceError, match=r"broken\.ply"):
        S.Mesh.load(path, SO2)


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
