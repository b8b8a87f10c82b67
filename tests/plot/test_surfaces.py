"""Pictures of surfaces, against closed forms, known topology, and the same picture in other frames."""

import sys

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")
pytest.importorskip("pyvista")
pytest.importorskip("scipy")

from tests import meshes  # noqa: E402
from torsor import Field  # noqa: E402
from torsor import groups as G  # noqa: E402
from torsor import kernels as K  # noqa: E402
from torsor import reps as R  # noqa: E402
from torsor import spaces as S  # noqa: E402
from torsor.errors import FieldTypeError, MissingExtraError, SpaceError  # noqa: E402
from torsor.plot.canvas import INK  # noqa: E402
from torsor.plot.surface_atlas import sheet  # noqa: E402
from torsor.plot.surface_geometry import (  # noqa: E402
    ambient_frames,
    angle_defects,
    arrow_triangles,
    spread,
    triangles,
    vertex_normals,
)
from torsor.plot.surface_holonomy import carried_around, holonomy  # noqa: E402
from torsor.plot.surface_kernels import carried_kernel, cut  # noqa: E402
from torsor.plot.surface_picture import View  # noqa: E402
from torsor.plot.surfaces import surface  # noqa: E402
from torsor.spaces.affine import Affine  # noqa: E402
from torsor.spaces.mesh import Mesh  # noqa: E402
from torsor.spaces.sphere import Sphere  # noqa: E402

SO2 = G.SO(2)
VECTOR, SCALAR = R.irrep(SO2, 1), R.trivial(SO2)


def arrays(mesh: meshes.Mesh) -> tuple[np.ndarray, np.ndarray]:
    return mesh[0].numpy(), mesh[1].numpy()


def sphere(level: int = 2) -> Sphere:
    return Sphere.icosphere(level)


def torus(group: G.Group = SO2) -> Mesh:
    return Mesh(*meshes.torus(24, 12), group)


def random_gauge(space, seed: int = 0) -> torch.Tensor:
    return space.group.sample(len(space), generator=torch.Generator().manual_seed(seed))


def corners(figure, colour: str) -> np.ndarray:
    """The points of all surfaces of one colour in a figure of plotly."""
    found = [t for t in figure.data if t.type == "mesh3d" and t.color == colour]
    return np.concatenate([np.stack([t.x, t.y, t.z], 1) for t in found])


def arrows(figure, colour: str) -> np.ndarray:
    """(k, 2, 3) the tails and tips of all arrows of one colour."""
    return corners(figure, colour).reshape(-1, 60, 3)[:, [0, -1]]


def painted(figure) -> list[np.ndarray]:
    return [np.asarray(t.intensity) for t in figure.data if t.type == "mesh3d" and t.intensity is not None]


def wrapped(angle: float) -> float:
    return abs((angle + np.pi) % (2 * np.pi) - np.pi)


# -------------------------------------------------------------------------------------------------------- geometry


def test_the_hull_of_a_sphere_is_a_closed_surface_oriented_outwards():
    for space in (sphere(2), Sphere.fibonacci(300), Sphere.latlon(8, 16)):
        x, faces = space.positions.numpy(), triangles(space)
        sides = np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1), axis=0)
        assert len(x) - len(sides) + len(faces) == 2
        volume = np.linalg.det(x[faces]) / 6
        assert volume.min() > 0
        assert 0.85 < volume.sum() / (4 / 3 * np.pi) < 1


def test_frames_of_a_sphere_in_space():
    """East is horizontal, north towards the pole, both tangent."""
    space = sphere(1).subset(torch.arange(10))
    e, x = ambient_frames(space), space.positions.numpy()
    east = np.cross([0.0, 1.0, 0.0], x)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    np.testing.assert_allclose(e[:, :, 0], east, atol=1e-12)
    np.testing.assert_allclose(e[:, :, 1], np.cross(x, east), atol=1e-12)


def test_frames_of_a_mesh_in_space():
    """Orthonormal, tangent to the torus, right-handed about the outward normal, turned by a regauging."""
    space = torus()
    g = random_gauge(space)
    x, e = space.positions.numpy(), ambient_frames(space)
    ring = x * [1, 1, 0] / np.linalg.norm(x[:, :2], axis=1, keepdims=True)
    normal = (x - ring) / 0.4
    np.testing.assert_allclose(e.swapaxes(1, 2) @ e, np.broadcast_to(np.eye(2), (len(x), 2, 2)), atol=1e-12)
    assert np.abs(np.einsum("ni,nij->nj", normal, e)).max() < 0.1
    assert (np.cross(e[:, :, 0], e[:, :, 1]) * normal).sum(1).min() > 0.99
    np.testing.assert_allclose(ambient_frames(space.regauge(g)), e @ g.numpy().swapaxes(1, 2), atol=1e-12)
    assert (vertex_normals(x, triangles(space)) * normal).sum(1).min() > 0.99


@pytest.mark.parametrize(
    ("mesh", "euler"), [(meshes.sphere(2), 2), (meshes.torus(20, 11), 0), (meshes.cube(2), 2)], ids="oTc"
)
def test_angle_defects_obey_gauss_and_bonnet(mesh, euler):
    assert angle_defects(*arrays(mesh)).sum() == pytest.approx(2 * np.pi * euler, abs=1e-10)


def test_angle_defects_of_a_cube():
    x, faces = arrays(meshes.cube(2))
    corner = np.isin(x, [0.0, 1.0]).all(1)
    np.testing.assert_allclose(angle_defects(x, faces), np.where(corner, np.pi / 2, 0.0), atol=1e-12)


def test_arrows_point_where_they_should():
    """The tip lies at tail + vector; the thickness is a tenth of the length."""
    rng = np.random.default_rng(0)
    tails, vectors = rng.normal(size=(2, 5, 3))
    points, faces = arrow_triangles(tails, vectors)
    assert faces.max() == len(points) - 1
    for tail, vector, part in zip(tails, vectors, points.reshape(5, -1, 3), strict=True):
        length = np.linalg.norm(vector)
        along = (part - tail) @ vector / length
        away = np.linalg.norm(part - tail - along[:, None] * vector / length, axis=1)
        assert along.min() == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(part[along.argmax()], tail + vector, atol=1e-12)
        assert away.max() == pytest.approx(0.1 * length)


def test_a_cut_triangle_keeps_its_area():
    for n in (1, 2, 5):
        weights, small = cut(n)
        assert len(small) == n * n
        np.testing.assert_allclose(weights.sum(1), 1)
        plane = weights @ np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        a, b, c = np.moveaxis(plane[small], 1, 0)
        areas = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
        np.testing.assert_allclose(areas, 0.5 / n**2)


def test_the_screen_of_a_view():
    """From axis 0, with axis 2 up: right is axis 1."""
    view = View((), np.array([[0.0, 0, 0], [1, 2, 4]]), np.array([3.0, 0, 0]), np.array([0.0, 0, 1]))
    np.testing.assert_allclose(view.screen, [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-15)
    centre, half = view.window
    np.testing.assert_allclose(centre, [0.5, 1, 2])
    np.testing.assert_allclose(half, [1, 2])
    above = View((), view.focus, np.array([0.0, 0, 1]), np.array([0.0, 0, 1])).screen
    np.testing.assert_allclose(above @ above.T, np.eye(3), atol=1e-15)


# -------------------------------------------------------------------------------------------------------- holonomy


def literal(x: np.ndarray, faces: np.ndarray, vertex: int) -> float:
    """2π minus the angles at a vertex, by the law of cosines, face by face."""
    total = 0.0
    for face in faces[(faces == vertex).any(1)]:
        others = [x[k] for k in face if k != vertex]
        a, b = (np.linalg.norm(y - x[vertex]) for y in others)
        c = np.linalg.norm(others[0] - others[1])
        total += np.arccos((a * a + b * b - c * c) / (2 * a * b))
    return 2 * np.pi - total


def bumpy(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x, faces = arrays(meshes.torus(14, 9))
    return x + 0.03 * np.random.default_rng(seed).normal(size=x.shape), faces


def test_a_vector_turns_by_the_angle_defect_of_the_vertex():
    x, faces = bumpy()
    defects = [literal(x, faces, vertex) for vertex in range(0, len(x), 7)]
    assert min(defects) < -0.1 < 0.1 < max(defects)
    for vertex, defect in zip(range(0, len(x), 7), defects, strict=True):
        assert wrapped(carried_around(x, faces, vertex).angle - defect) < 1e-10


@pytest.mark.parametrize(("mesh", "angle"), [(meshes.sphere(0), np.pi / 3), (meshes.cube(1), np.pi / 2)], ids="ic")
def test_holonomy_of_platonic_solids(mesh, angle):
    """(2π - 5 π/3) of an icosahedron, 2π - 3 π/2 of a cube; anticlockwise, as the way around."""
    x, faces = arrays(mesh)
    for vertex in range(len(x)):
        assert carried_around(x, faces, vertex).angle == pytest.approx(angle, abs=1e-12)
    assert carried_around(x[:, [1, 0, 2]], faces[:, ::-1], 0).angle == pytest.approx(angle, abs=1e-12)


def test_holonomy_of_a_plane_is_none():
    x, faces = arrays(meshes.plane(9))
    for radius in (None, 0.2, 0.3):
        found = carried_around(x, faces, 40, radius)
        assert abs(found.angle) < 1e-12
        assert abs(found.defect) < 1e-10
        assert np.abs(found.vectors - found.vectors[0]).max() < 1e-12


@pytest.mark.parametrize("radius", [0.35, 0.5])
def test_larger_loops_enclose_more_defects(radius):
    """The sum over all vertices inside, whatever the seed of the bumps."""
    for seed in range(3):
        x, faces = bumpy(seed)
        found = carried_around(x, faces, 4, radius)
        inside = np.flatnonzero(found.inside)
        assert len(inside) > 1
        assert wrapped(found.angle - sum(literal(x, faces, i) for i in inside)) < 1e-10
        assert wrapped(found.angle - found.defect) < 1e-10


def test_holonomy_of_a_cap_is_about_its_area():
    """2π (1 - cos θ), with the chord 2 sin(θ/2) the radius."""
    for level in (3, 4, 5):
        found = carried_around(*arrays(meshes.sphere(level)), 5, 0.8)
        assert found.angle == pytest.approx(np.pi * 0.8**2, rel=0.02)
        assert found.defect == pytest.approx(found.angle, abs=1e-9)


def test_carried_vectors_are_tangent_and_keep_their_length():
    x, faces = bumpy()
    found = carried_around(x, faces, 4, 0.5)
    a, b, c = np.moveaxis(x[faces[found.faces]], 1, 0)
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-12)
    assert np.abs((found.vectors[:-1] * normals).sum(1)).max() < 1e-12
    assert np.abs(((found.places[:-1] - a) * normals).sum(1)).max() < 1e-12
    np.testing.assert_allclose(found.places[0], found.places[-1])
    shared = [len(set(f) & set(g)) for f, g in zip(faces[found.faces], np.roll(faces[found.faces], -1, 0), strict=True)]
    assert set(shared) == {2}


@pytest.mark.parametrize(
    ("mesh", "vertex", "radius"),
    [
        (meshes.plane(9), 0, None),  # on the boundary
        (meshes.plane(9), 40, 0.6),  # reaches it
        (meshes.torus(24, 12), 0, 5.0),  # everything
        (meshes.torus(24, 12), 0, 1.2),  # an annulus
        (meshes.sphere(1), 1000, None),
    ],
)
def test_there_is_not_always_a_loop(mesh, vertex, radius):
    with pytest.raises(SpaceError):
        carried_around(*arrays(mesh), vertex, radius)


def test_the_picture_of_holonomy_says_the_angle():
    figure = holonomy(Mesh(*meshes.cube(2), SO2), 0, backend="plotly")
    assert "angle 90.0°, sum of angle defects 90.0°" in figure.layout.annotations[0].text
    start, end = (
        next(np.array([t.x[0], t.y[0], t.z[0]]) for t in figure.data if t.text == (word,)) for word in ("start", "end")
    )
    assert np.linalg.norm(start - end) > 0.1
    assert holonomy(sphere(1), 3, backend="plotly", title="a").layout.annotations[0].text == "a"


# ---------------------------------------------------------------------------------------------------------- fields


@pytest.mark.parametrize("space", [sphere(), torus()], ids=["sphere", "torus"])
def test_pictures_of_vectors_do_not_depend_on_frames(space):
    """f ↦ ρ(g) f, e ↦ e g⁻¹: the same arrows; coefficients in the wrong frames and frames themselves differ."""
    g = random_gauge(space)
    f = Field(torch.randn(len(space), 2, generator=torch.Generator().manual_seed(1)).double(), VECTOR, space)
    options = {"backend": "plotly", "arrows": 50}
    before = arrows(surface(space, vectors=f, **options), "#222222")
    after = f.gauged(g)
    np.testing.assert_allclose(arrows(surface(after.space, vectors=after, **options), "#222222"), before, atol=1e-10)
    wrong = arrows(surface(after.space, vectors=f.tensor, **options), "#222222")
    assert np.abs(wrong - before).max() > 0.05
    first, second = (arrows(surface(s, frames=True, **options), "#111111") for s in (space, after.space))
    assert np.abs(first - second).max() > 0.05


def test_arrows_are_the_vectors():
    """Rotation about the pole: the field ω × x, by its coefficients in (east, north)."""
    space = sphere()
    x = space.positions.numpy()
    speed = np.sqrt(1 - x[:, 1] ** 2)
    f = torch.tensor(np.stack([speed, 0 * speed], 1))
    tips = arrows(surface(space, vectors=f, backend="plotly", arrows=len(x)), "#222222")
    drawn = tips[:, 1] - tips[:, 0]
    omega = np.cross([0.0, 1.0, 0.0], x[spread(x, len(x))])
    omega = omega[np.linalg.norm(omega, axis=1) > 0.02]
    ratio = np.linalg.norm(drawn, axis=1) / np.linalg.norm(omega, axis=1)
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-9)
    np.testing.assert_allclose(drawn, ratio[:, None] * omega, atol=1e-9)


def test_scalars_are_painted_where_they_are():
    space = torus()
    f = space.positions[:, 0]
    figure = surface(space, f, backend="plotly", label="height")
    (trace,) = [t for t in figure.data if t.type == "mesh3d"]
    np.testing.assert_array_equal(trace.intensity, f)
    np.testing.assert_array_equal(trace.x, f)
    assert (trace.cmin, trace.cmax) == (-float(f.abs().max()), float(f.abs().max()))
    assert trace.colorbar.title.text == "height"
    assert surface(space, f.abs(), backend="plotly").data[0].cmin == 0
    field = Field(f[:, None], SCALAR, space)
    np.testing.assert_array_equal(surface(space, field, backend="plotly").data[0].intensity, f)


def test_an_image_shows_the_colours():
    """Left of the middle a sphere is blue, right of it red, seen with axis 0 to the right; outside it is white."""
    space = sphere(3)
    image = surface(space, space.positions[:, 0].sign(), look=(0.0, 0.0, 1.0), label="")
    assert image.dtype == np.uint8
    height, width, channels = image.shape
    assert (height, width, channels) == (760, 760, 3)
    np.testing.assert_array_equal(image[3, 3], 255)
    left, right = image[380, 250].astype(int), image[380, 510].astype(int)
    assert left[2] - left[0] > 80
    assert right[0] - right[2] > 80


def test_files_are_written_and_nothing_is_printed(tmp_path, capfd):
    png, html = tmp_path / "a.png", tmp_path / "a.html"
    space = sphere(1)
    image = surface(space, space.positions[:, 1], frames=True, title="a sphere", lines=True, path=png)
    surface(space, frames=True, backend="plotly", path=html)
    from PIL import Image

    np.testing.assert_array_equal(np.asarray(Image.open(png))[..., :3], image)
    assert "plotly" in html.read_text(encoding="utf-8")[:5000]
    assert capfd.readouterr() == ("", "")


def test_what_is_no_surface_is_refused():
    space = sphere(1)
    with pytest.raises(SpaceError, match="R³"):
        surface(Affine(torch.rand(5, 2), SO2))
    with pytest.raises(SpaceError, match="neither|faces"):
        surface(space.subset(torch.arange(3)))
    with pytest.raises(FieldTypeError, match="scalar"):
        surface(space, torch.zeros(len(space), 2))
    with pytest.raises(FieldTypeError, match="type"):
        surface(space, vectors=Field(torch.zeros(len(space), 2), R.irrep(SO2, 2), space))
    with pytest.raises(FieldTypeError, match="finite"):
        surface(space, torch.full((len(space),), torch.nan))
    with pytest.raises(FieldTypeError, match="finite"):
        surface(space, vectors=torch.full((len(space), 2), torch.inf))
    with pytest.raises(FieldTypeError, match="backend"):
        surface(space, backend="paper")


@pytest.mark.parametrize(
    ("module", "extra"), [("pyvista", "mesh"), ("plotly.graph_objects", "plot"), ("scipy.spatial", "mesh")]
)
def test_a_missing_extra_is_named(module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"torsor\[{extra}\]"):
        surface(sphere(0), backend="plotly" if extra == "plot" else "pyvista")


# --------------------------------------------------------------------------------------------------------- kernels


def edge(v: torch.Tensor) -> torch.Tensor:
    """A smooth edge detector within radius ½: not steerable."""
    return v[:, 0] * (1 - (4 * v.square().sum(1)).clamp(max=1)) ** 2


@pytest.mark.parametrize("space", [sphere(3), torus()], ids=["sphere", "torus"])
def test_a_steerable_kernel_is_painted_alike_in_all_gauges(space):
    torch.manual_seed(0)
    kernel = K.Harmonic(radius=0.5)(SCALAR, SCALAR).double()
    first, second = painted(carried_kernel(space, kernel, [3, 40], backend="plotly"))
    assert np.abs(first).max() > 1e-3
    np.testing.assert_allclose(second, first, atol=1e-12 * np.abs(first).max())
    first, second = painted(carried_kernel(space, edge, [3, 40], radius=0.5, backend="plotly"))
    assert np.abs(first - second).max() > 0.2 * np.abs(first).max()


@pytest.mark.parametrize("space", [sphere(3), torus()], ids=["sphere", "torus"])
def test_the_vectors_of_a_steerable_kernel_are_the_same_in_all_gauges(space):
    torch.manual_seed(0)
    kernel = K.Harmonic(radius=0.5)(SCALAR, VECTOR).double()
    g = random_gauge(space, 5)
    for k, alike in ((kernel, True), (lambda v: torch.stack([edge(v), 0 * edge(v)], 1), False)):
        figures = [
            carried_kernel(s, k, [3, 40], radius=0.5, gauges=1, backend="plotly") for s in (space, space.regauge(g))
        ]
        first, second = (arrows(f, "#08306b") for f in figures)
        assert len(first) > 10
        same = first.shape == second.shape and np.abs(first - second).max() < 1e-10
        assert same == alike


def test_what_is_painted_is_the_kernel():
    """On the sphere, with the closed form of log: at the vertices exactly, inside triangles up to their size."""
    space, p = sphere(4), 17
    figure = carried_kernel(space, edge, [p], radius=0.5, gauges=1, backend="plotly")
    (trace,) = [t for t in figure.data if t.intensity is not None]
    x, e = np.stack([trace.x, trace.y, trace.z], 1), space.frames[p].numpy()
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    origin = space.positions[p].numpy()
    angle = np.arccos(np.clip(x @ origin, -1, 1))
    u = (x - (x @ origin)[:, None] * origin) * (angle / np.maximum(np.sin(angle), 1e-12))[:, None]
    expected = edge(torch.from_numpy(u @ e)).numpy()
    expected[: len(space)] = 0  # the vertices come first, as part of the unpainted surface
    assert np.abs(trace.intensity - expected).max() < 0.02 * np.abs(expected).max()
    assert np.isin(trace.intensity[np.r_[: len(space)]], 0).all()
    assert (np.abs(trace.intensity[len(space) :]) > 0.01).mean() > 0.3


def test_kernels_that_cannot_be_drawn_are_refused():
    space = sphere(1)
    with pytest.raises(FieldTypeError, match="radius"):
        carried_kernel(space, edge, [0])
    with pytest.raises(FieldTypeError, match="kernel between"):
        carried_kernel(space, K.Harmonic(radius=0.5)(SCALAR, R.irrep(SO2, 2)), [0])
    with pytest.raises(FieldTypeError, match="kernel between"):
        carried_kernel(space, K.Harmonic(radius=0.5)(VECTOR, VECTOR), [0])
    with pytest.raises(FieldTypeError, match="structure group"):
        carried_kernel(space, K.Harmonic(radius=0.5)(R.trivial(G.O(2)), R.trivial(G.O(2))), [0])
    with pytest.raises(FieldTypeError, match="scalar or vector"):
        carried_kernel(space, lambda v: v[:, [0, 0, 1]], [0], radius=0.5)
    for points in ([], [len(space)], [-1]):
        with pytest.raises(SpaceError, match="indices"):
            carried_kernel(space, edge, points, radius=0.5)


def test_an_image_of_a_kernel_has_a_panel_for_each_gauge():
    image = carried_kernel(sphere(2), edge, [5], radius=0.6, gauges=2)
    assert image.shape == (760 + 60, 2 * 760 + 130, 3)
    assert (image[:, :760] != image[:, 760 : 2 * 760]).any()


# --------------------------------------------------------------------------------------------------------- atlases


def euler(faces: np.ndarray) -> tuple[int, int]:
    """V - E + F, and the number of edges of one face."""
    sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    sides, counts = np.unique(sides, axis=0, return_counts=True)
    assert counts.max() == 2
    return len(np.unique(faces)) - len(sides) + len(faces), int((counts == 1).sum())


def test_atlases_are_drawn_as_the_surfaces_that_they_are():
    """Euler characteristics and lengths of boundaries: twelve corners are missing of an icosahedron."""
    assert euler(sheet(S.Torus(9, 7)).faces.numpy()) == (0, 0)
    assert euler(sheet(S.Klein(9, 7)).faces.numpy()) == (0, 0)
    assert euler(sheet(S.Mobius(9, 7)).faces.numpy()) == (0, 18)
    assert euler(sheet(S.Cylinder(9, 7)).faces.numpy()) == (0, 18)
    assert euler(sheet(S.Icosahedron(3, G.Cyclic(6))).faces.numpy()) == (2 - 12, 60)


def test_low_sides_glued_to_low_sides_have_no_gap():
    seam = S.Seam.of_sides((4, 4), 0, (0, 0), 1, (0, 0), True)
    embedding = torch.randn(2, 4, 4, 3, dtype=torch.float64)
    atlas = S.Atlas(S.Gluing(2, (4, 4), (seam,)), G.O(2), embedding=embedding)
    faces = sheet(atlas).faces.numpy()
    assert euler(faces) == (1, 20) and len(faces) == 2 * (2 * 9 + 3)


def test_frames_of_an_atlas_are_derivatives_of_its_embedding():
    """Along the circles of the torus, to second order in the step; the lattice vectors of the icosahedron."""
    torus = S.Torus(60, 40, SO2)
    e, x = sheet(torus).ambient_frames.numpy().reshape(40, 60, 3, 2), torus.embedding[0].numpy()
    ring = np.linalg.norm(x[..., :2], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(e[..., 0], axis=-1), 2 * np.pi / 40, rtol=5e-3)
    np.testing.assert_allclose(np.linalg.norm(e[..., 1], axis=-1), ring * 2 * np.pi / 60, rtol=5e-3)
    assert np.abs(np.einsum("ijk,ijk->ij", e[..., 0], e[..., 1])).max() < 1e-12
    ball = S.Icosahedron(3, G.Cyclic(6))
    e = sheet(ball).ambient_frames.numpy()
    gram = e.swapaxes(-1, -2) @ e
    flat = (
        np.abs(gram - np.median(gram[:, 0, 0]) * np.eye(2)).max((1, 2)) < 1e-9
    )  # away from the edges, between the triangles
    assert flat.sum() >= 20 * 21  # the inner points of triangles of side 8


def test_vectors_on_an_atlas_do_not_depend_on_the_frames():
    torus, rep = S.Torus(12, 8, SO2), VECTOR
    f = Field(torch.randn(1, 2, 1, 8, 12, dtype=torch.float64), rep, torus)
    g = SO2.sample(96, torch.Generator().manual_seed(0)).view(1, 8, 12, 2, 2)
    turned = torus.regauge(g)
    there = Field(torus.transform(f.tensor, rep, g), rep, turned)
    a, b = (arrows(surface(torus, vectors=x, backend="plotly"), INK) for x in (f, there))
    np.testing.assert_allclose(a, b, atol=1e-9)
    assert len(a) > 90


def test_scalars_on_an_atlas_and_what_is_refused():
    strip = S.Mobius(12, 6)
    x = torch.randn(1, 6, 12)
    for values in (x, x[None, None], Field(x[None, None], R.trivial(strip.group), strip)):
        (found,) = painted(surface(strip, values, backend="plotly", frames=True))
        np.testing.assert_allclose(found, x.flatten().numpy())
    with pytest.raises(FieldTypeError, match="one sample"):
        surface(strip, torch.zeros(2, 1, 1, 6, 12))
    seams = (S.Seam.of_sides((4, 4), 0, (1, 1), 0, (1, 0)),)
    with pytest.raises(SpaceError, match="embedding"):
        surface(S.Atlas(S.Gluing(1, (4, 4), seams), SO2))
