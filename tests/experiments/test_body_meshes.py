"""The experiment on body meshes with made-up surfaces: curvature, symmetry, measures, and a whole small run."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

from torsor import groups as G
from torsor import spaces as S

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
runs, meshes = (importlib.import_module(name) for name in ("point_runs", "body_meshes"))
sys.path.pop()

pytestmark = pytest.mark.filterwarnings("ignore:no equivariant map")
SO2 = G.SO(2)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Sizes for surfaces of 162 vertices."""
    monkeypatch.setattr(meshes, "RADII", {"fine": 0.15, "down": 0.2, "middle": 0.3, "further": 0.4, "coarse": 0.4})
    monkeypatch.setattr(meshes, "COARSER", (40, 12))
    monkeypatch.setattr(meshes, "FIELDS", ((4, 2, 2), (4, 2, 2), (4, 2, 2)))
    monkeypatch.setattr(meshes, "CHOSEN", 50)


def sphere(subdivisions):
    mesh = S.Mesh.icosphere(subdivisions, SO2)
    return mesh.positions, mesh.faces


def blob(seed=0, subdivisions=2):
    """A sphere with bumps and without any symmetry."""
    x, faces = sphere(subdivisions)
    random = torch.Generator().manual_seed(seed)
    waves = torch.randn(3, 4, generator=random).double()
    return x * (1 + 0.1 * (2 * x @ waves + waves.sum(0)).sin().sum(1, keepdim=True) / 2), faces


def made_up(tmp_path, number=4, sizes=(2, 1, 1)):
    vertices, faces = zip(*(blob(seed) for seed in range(number)), strict=True)
    parts = (vertices[0][:, 0] > 0).long() + 2 * (vertices[0][:, 1] > 0).long()
    return meshes.Bodies(torch.stack(vertices).float(), faces[0], parts, tmp_path / "geometry", sizes)


def surface(mesh):
    labels = torch.zeros(len(mesh), dtype=torch.int64)
    return meshes.surface(mesh, labels, labels)


def scores(network, mesh, seed=3):
    torch.manual_seed(seed)
    return meshes.MeshNet(network, 15).double().eval()(surface(mesh))


def change(a, b):
    a, b = a.detach(), b.detach()
    return float((a - b).abs().max() / b.abs().max())


# -------------------------------------------------------------------------------------------------------- the geometry


def test_shape_operator_of_a_sphere():
    """S = 1/ρ, ρ = 1/√4π, times 1 - (R/ρ)²/9: neighbourhoods of radius R see sin(r/ρ) for r/ρ."""
    mesh = meshes.normalised(*sphere(3))
    found = meshes.curvatures(mesh, mesh.neighbours(0.15, norm="mean"))
    expected = 2 * (4 * torch.pi) ** 0.5 * (1 - 4 * torch.pi * 0.15**2 / 9) * meshes.RADII["fine"]
    assert (found[:, 0:6:2] / expected - 1).abs().max() < 0.01
    assert found[:, 1:6:2].max() < 0.02 * expected


def test_shape_operator_at_the_end_of_an_ellipsoid():
    """Curvatures c/a² and c/b² at (0, 0, c), and the direction in which the surface bends more is that of a < b."""
    x, faces = sphere(4)
    a, b, c = 0.8, 1.0, 1.1
    pole = int((x - torch.tensor([0.0, 0, 1.0])).norm(dim=1).argmin())
    mesh = S.Mesh(x * torch.tensor([a, b, c]), faces, SO2)
    assert (mesh.positions[pole] - torch.tensor([0, 0, c])).norm() < 1e-9
    frames = mesh.frames.clone()
    frames[pole] = mesh.tangents[pole, :2].T  # the axes of space
    mesh = mesh.with_frames(frames)
    found = meshes.curvatures(mesh, mesh.neighbours(0.15, norm="mean"))[pole] / meshes.RADII["fine"]
    one, two = c / a**2, c / b**2
    assert float(found[0]) == pytest.approx(one + two, rel=0.04)
    assert float(found[1]) == pytest.approx((one - two) / 2, rel=0.06)
    assert float(found[6]) == pytest.approx((one - two) / 2, rel=0.06)
    assert abs(float(found[7])) < 0.02


def test_curvature_in_other_frames_turns_twice_as_fast():
    mesh = meshes.normalised(*blob())
    angle = 2 * torch.pi * torch.rand(len(mesh), dtype=torch.float64)
    g = SO2.exp(angle[:, None, None] * SO2.algebra[0])
    before, after = (meshes.curvatures(m, m.neighbours(0.15, norm="mean")) for m in (mesh, mesh.regauge(g)))
    assert change(after[:, :6], before[:, :6]) < 1e-9
    turned = before[:, 6:].unflatten(1, (3, 2)) @ SO2.exp(2 * angle[:, None, None] * SO2.algebra[0]).mT
    assert change(after[:, 6:], turned.flatten(1)) < 1e-9
    assert change(after[:, 6:], before[:, 6:]) > 0.1


def test_reversed_edges_are_those_that_the_mesh_finds():
    mesh = S.Mesh(*blob(), SO2)
    mesh = mesh.regauge(SO2.sample(len(mesh)))
    coarse = mesh.coarsened(40)[0]
    found = meshes.reversed_edges(mesh.neighbours(0.4, target=coarse))
    expected = coarse.neighbours(0.4, target=mesh)
    assert torch.equal(found.target, expected.target) and torch.equal(found.source, expected.source)
    assert change(found.v, expected.v) < 1e-9
    assert change(found.g, expected.g) < 1e-9
    assert change(found.v, -expected.v) > 0.1


def test_ring_has_the_edges_of_all_faces_and_loops():
    x, faces = blob()
    found = meshes.ring(S.Mesh(x, faces, SO2))
    edges = {tuple(pair) for f in faces.tolist() for i in range(3) for pair in ((f[i], f[i - 1]), (f[i - 1], f[i]))}
    loops = {(p, p) for p in range(len(x))}
    assert set(zip(found.target.tolist(), found.source.tolist(), strict=True)) == edges | loops
    assert torch.allclose(found.v[:, 0], (x[found.target] - x[found.source]).norm(dim=1))


def test_remeshing_keeps_the_surface():
    pytest.importorskip("pyvista")
    x, faces = blob(subdivisions=3)
    fewer, triangles = meshes.remeshed(x, faces, 0.6)
    mesh = S.Mesh(fewer, triangles, SO2)
    assert mesh.triangulation.euler == 2
    assert len(triangles) == pytest.approx(0.6 * len(faces), rel=0.02)
    assert float(mesh.cells.sum()) == pytest.approx(float(S.Mesh(x, faces, SO2).cells.sum()), rel=0.02)
    assert torch.equal(meshes.nearest(fewer, x), torch.cdist(fewer, x).argmin(1))


def test_a_surface_is_kept_as_it_was(tmp_path):
    kept = surface(meshes.normalised(*blob()))
    kept.save(tmp_path / "surface.pt")
    found = meshes.Surface.load(tmp_path / "surface.pt")
    assert set(found.graphs) == set(kept.graphs)
    for name, graph in found.graphs.items():
        assert torch.equal(graph.source, kept.graphs[name].source) and torch.equal(
            graph.target, kept.graphs[name].target
        )
        assert change(graph.v, kept.graphs[name].v) < 1e-6
        assert change(graph.transporters, kept.graphs[name].transporters) < 1e-6


# ----------------------------------------------------------------------------------------------------------- symmetry


@pytest.mark.parametrize("network", meshes.NETWORKS)
def test_scores_do_not_depend_on_gauge_place_and_size(network):
    x, faces = blob()
    mesh = meshes.normalised(x, faces)
    expected = scores(network, mesh)
    assert change(scores(network, mesh.regauge(SO2.sample(len(x)))), expected) < 1e-9
    moved = 1.7 * x @ G.SO(3).sample(1)[0].double().T + 5
    assert change(scores(network, meshes.normalised(moved, faces)), expected) < 1e-8
    assert change(scores(network, meshes.normalised(x * torch.tensor([1.0, 1.2, 1.0]), faces)), expected) > 1e-3


def test_scores_depend_on_a_gauge_that_only_the_input_is_in():
    mesh = meshes.normalised(*blob())
    seen, other = surface(mesh), surface(mesh.regauge(SO2.sample(len(mesh))))
    torch.manual_seed(0)
    net = meshes.MeshNet("SO(2)", 15).double().eval()
    mixed = meshes.Surface(other.features, seen.graphs, seen.parts, seen.vertex)
    assert change(net(mixed), net(seen)) > 1e-3


def test_only_fields_see_left_and_right():
    x, faces = blob()
    mirrored = meshes.normalised(x * torch.tensor([-1.0, 1, 1]), faces.flip(1))
    for network in meshes.NETWORKS:
        difference = change(scores(network, mirrored), scores(network, meshes.normalised(x, faces)))
        assert difference > 1e-3 if network == "SO(2)" else difference < 1e-8


def test_messages_are_means_over_neighbours():
    mesh = S.Mesh(*blob(), SO2)
    rep = meshes.R.trivial(SO2)
    layer, graph = meshes.Messages(3 * rep, 2 * rep, 0.5).double(), meshes.ring(mesh)
    x = torch.randn(len(mesh), 3, dtype=torch.float64)
    p = 5
    near = [q for q in range(len(mesh)) if bool(((mesh.faces == p).any(1) & (mesh.faces == q).any(1)).any())]
    total = sum(
        (layer.near(x[q]) + (mesh.positions[p] - mesh.positions[q]).norm() / 0.5 * layer.length).relu() for q in near
    )
    assert torch.allclose(layer(x, graph)[p], layer.here(x[p]) + layer.mean(total / len(near)))


def test_networks_have_equal_size(monkeypatch):
    monkeypatch.undo()
    sizes = [runs.count(meshes.build(network, 15)) for network in meshes.NETWORKS]
    assert max(sizes) < 1.03 * min(sizes)
    assert 60_000 < min(sizes) < 100_000


# --------------------------------------------------------------------------------------------------- measures and runs


def test_scores_of_correspondences():
    x = torch.tensor([[0.0, 0, 0], [0, 0, 2.0], [0.05, 0, 0], [0, 1.0, 0]])
    data = meshes.Bodies(torch.stack([x, x / 4]), torch.zeros(1, 3), torch.zeros(4), Path(), (2, 0, 0))
    task = meshes.Task("correspondence", data)
    found = task.scores(torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1, 2, 3]))
    assert found["exact"] == pytest.approx(1 / 2)
    assert found["near"] == pytest.approx(3 / 4)  # 0.025 of the height, and more than half of it


def test_a_small_run(tmp_path, monkeypatch):
    pytest.importorskip("pyvista")
    monkeypatch.setattr(meshes, "build", meshes.MeshNet)
    monkeypatch.setattr(meshes, "NETWORKS", ("SO(2)", "graph"))
    data, protocol = made_up(tmp_path), meshes.Protocol((2, 1, 1), 1, (1e-2,))
    for _ in range(2):  # the second time nothing is left to do
        meshes.run(data, protocol, 1, tmp_path, tmp_path, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    for name in meshes.TASKS:
        rows = runs.Table(tmp_path / f"body_{name}.csv", ()).rows()
        tested = [row for row in rows if row["phase"] == "test"]
        names = [f"{network}{ending}" for ending in ("", meshes.SEVERAL) for network in meshes.NETWORKS]
        assert [row["network"] for row in tested] == names
        for row in tested:
            assert float(row["regauged_same"]) == float(row["moved_same"]) == 1
            assert float(row["regauged_digits"]) > 4
