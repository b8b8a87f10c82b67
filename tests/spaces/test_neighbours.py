"""Edges against brute force, in every dimension, over batches, with ties, duplicates and isolated points."""

from dataclasses import replace
from itertools import product
from math import inf

import numpy as np
import pytest
import torch
from torch.utils import _pytree

from torsor import groups as G
from torsor.errors import SpaceError, SparsityWarning
from torsor.spaces import Mesh, Neighbours, Points


def cloud(n: int, d: int, seed: int = 0, elements: int = 1, dtype=torch.float64) -> Points:
    x = np.random.default_rng(seed).random((n, d))
    batch = torch.arange(n) * elements // n if elements > 1 else None
    return Points(torch.tensor(x, dtype=dtype), batch)


def distances(source: Points, target: Points) -> np.ndarray:
    """|x_q - x_p| in NumPy, (targets, sources), infinite across batch elements."""
    p, q = target.positions.double().numpy(), source.positions.double().numpy()
    distance = np.sqrt(((q[None] - p[:, None]) ** 2).sum(-1))
    return np.where(target.index.numpy()[:, None] == source.index.numpy()[None], distance, inf)


def pairs(graph: Neighbours) -> list[tuple[int, int]]:
    return list(zip(graph.target.tolist(), graph.source.tolist(), strict=True))


def brute(source: Points, target: Points | None, radius: float | None, k: int | None, loop: bool):
    """The edges by their definition, point by point."""
    there, edges = target or source, []
    distance = distances(source, there)
    for p in range(len(there)):
        others = [q for q in range(len(source)) if distance[p, q] < inf and (target is not None or q != p)]
        others = [q for q in others if radius is None or distance[p, q] <= radius]
        others = sorted(others, key=lambda q: (distance[p, q], q))[:k]
        edges += sorted((p, q) for q in others + ([p] if loop and target is None else []))
    return edges


SEARCHES = [
    {"radius": 0.2},
    {"radius": 0.2, "loop": False},
    {"radius": 5.0},
    {"k": 4},
    {"k": 1, "loop": False},
    {"radius": 0.25, "k": 3},
]


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("elements", [1, 3])
@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_edges_are_those_of_brute_force(d, elements, search):
    points = cloud(60, d, elements=elements)
    expected = brute(points, None, search.get("radius"), search.get("k"), search.get("loop", True))
    if any(p != q for p, q in expected):
        assert pairs(points.neighbours(**search)) == expected
    else:
        with pytest.warns(SparsityWarning, match="smallest distance"):
            assert pairs(points.neighbours(**search)) == expected


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("elements", [1, 3])
@pytest.mark.parametrize("search", [{"radius": 0.3}, {"k": 5}, {"radius": 0.3, "k": 2}], ids=str)
def test_edges_between_two_clouds(d, elements, search):
    source, target = cloud(50, d, 1, elements), cloud(31, d, 2, elements)
    graph = source.neighbours(**search, target=target)
    assert pairs(graph) == brute(source, target, search.get("radius"), search.get("k"), True)
    assert (graph.sources, graph.targets) == (50, 31)
    difference = source.positions[graph.source] - target.positions[graph.target]
    assert torch.equal(graph.v, difference)


def test_a_limit_keeps_the_nearest():
    points = cloud(80, 2)
    assert pairs(points.neighbours(0.4, limit=3)) == brute(points, None, 0.4, 3, True)


def dense(points: Points, radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    """All pairs from the full matrix of distances in torch."""
    distance = torch.cdist(points.positions, points.positions, compute_mode="donot_use_mm_for_euclid_dist")
    same = points.index[:, None] == points.index
    target, source = ((distance <= radius) & same).nonzero(as_tuple=True)
    return target, source


@pytest.mark.parametrize("kind", ["uniform", "gaussian", "sphere", "clustered", "batched", "flat", "far"])
def test_cells_equal_the_dense_search_at_5000_points(kind):
    x = torch.randn(5000, 3, dtype=torch.float64)
    batch, radius = None, 0.07
    if kind == "uniform":
        x = torch.rand(5000, 3, dtype=torch.float64)
    elif kind == "sphere":
        x = torch.nn.functional.normalize(x)
    elif kind == "clustered":
        x, radius = x.sign() * x.abs() ** 4, 0.02
    elif kind == "batched":
        x, batch = x + 100 * torch.arange(5).repeat_interleave(1000)[:, None], torch.arange(5).repeat_interleave(1000)
        radius = 0.3
    elif kind == "flat":
        x = x * torch.tensor([1.0, 1.0, 0.0])
    elif kind == "far":
        x, radius = x[:3000], 0.1
        x[0], x[1] = 1e9, -1e9  # more cells than int64 could number
    points = Points(x, batch)
    graph, expected = points.neighbours(radius), dense(points, radius)
    assert len(graph) > 1.1 * len(x)
    assert torch.equal(graph.target, expected[0]) and torch.equal(graph.source, expected[1])


@pytest.mark.parametrize("kind", ["gaussian", "clustered", "line"])
def test_nearest_equal_the_dense_search_at_3000_points(kind):
    x = torch.randn(3000, 3, dtype=torch.float64)
    x = {"gaussian": x, "clustered": x**5, "line": x * torch.tensor([1.0, 0.0, 0.0])}[kind]
    graph = Points(x).neighbours(k=7)
    expected = (
        torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").topk(8, largest=False).indices.sort(1).values
    )
    assert torch.equal(graph.source.view(3000, 8), expected)


def test_chunks_do_not_change_the_edges(monkeypatch):
    points = cloud(400, 3)
    expected = points.neighbours(0.3), points.neighbours(k=9)
    monkeypatch.setattr("torsor.spaces.search.CHUNK", 50)
    again = Points(points.positions)
    for graph, other in zip(expected, (again.neighbours(0.3), again.neighbours(k=9)), strict=True):
        assert pairs(graph) == pairs(other)


def test_rows_are_offsets():
    graph = cloud(100, 2).neighbours(0.1)
    assert graph.rows.tolist() == [int((graph.target < p).sum()) for p in range(101)]
    assert bool((graph.target.diff() >= 0).all()) and graph.degree.sum() == len(graph)
    x = torch.randn(len(graph), 3)
    expected = torch.stack([x[graph.rows[p] : graph.rows[p + 1]].sum(0) for p in range(100)])
    assert torch.allclose(graph.sum(x), expected, atol=1e-5)


def test_isolated_targets_are_counted():
    target = Points(torch.tensor([[0.0], [5.0], [9.0]]))
    graph = Points(torch.tensor([[0.1], [0.2]])).neighbours(1.0, target=target)
    assert graph.isolated == 2 and graph.rows.tolist() == [0, 2, 2, 2]


# ------------------------------------------------------------------------------------------------- ties and duplicates


@pytest.mark.parametrize(("dtype", "spacing"), [(torch.float64, 0.1), (torch.float32, 0.1), (torch.float64, 1 / 3)])
def test_pairs_at_exactly_the_radius_count(dtype, spacing):
    """On a cubic lattice every interior point has six neighbours at one spacing, whatever rounding does."""
    points = Points.from_grid((6, 7, 5), spacing, dtype=dtype)
    graph = points.neighbours(spacing, loop=False)
    along = [5 * 7 * 5, 6 * 6 * 5, 6 * 7 * 4]
    assert len(graph) == 2 * sum(along)


def test_equally_near_points_go_by_index():
    graph = Points(torch.tensor([[0.0], [1.0], [-1.0], [2.0], [-2.0]])).neighbours(k=1, loop=False)
    assert graph.source.tolist() == [1, 0, 0, 1, 2]


def test_coincident_points_are_neighbours():
    x = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]], requires_grad=True)
    points = Points(x)
    assert pairs(points.neighbours(0.5)) == [*product(range(3), range(3)), (3, 3)]
    assert pairs(points.neighbours(k=1, loop=False)) == [(0, 1), (1, 0), (2, 0), (3, 0)]
    for norm in ("sum", "mean", "density"):
        graph = points.neighbours(0.5, norm=norm)
        assert bool(graph.v.isfinite().all()) and bool(graph.weight.isfinite().all())


def test_all_points_in_one_place():
    points = Points(torch.ones(7, 3))
    assert len(points.neighbours(k=3)) == 7 * 4 and len(points.neighbours(0.1)) == 49


def test_a_single_point_has_itself():
    points = Points(torch.zeros(1, 3))
    assert pairs(points.neighbours(1.0)) == [(0, 0)] and len(points.neighbours(1.0, loop=False)) == 0


# ------------------------------------------------------------------------------------------------------------- weights


def test_weights():
    points = cloud(50, 2)
    graph = points.neighbours(0.3, norm="sum")
    assert torch.equal(graph.weight, torch.ones_like(graph.weight))
    mean = points.neighbours(0.3)
    assert torch.allclose(mean.sum(mean.weight), torch.ones(50, dtype=torch.float64))
    assert torch.equal(mean.weight, 1 / graph.degree[graph.target].double())


@pytest.mark.parametrize(("d", "volume"), [(1, 2.0), (2, np.pi), (3, 4 * np.pi / 3)])
def test_density_weights_by_their_definition(d, volume):
    points = cloud(40, d)
    distance = distances(points, points)
    graph = points.neighbours(0.3, norm="density")
    expected = volume * 0.3**d / (distance <= 0.3).sum(1)
    assert np.allclose(graph.weight.numpy(), expected[graph.source.numpy()], rtol=1e-12)
    nearest = points.neighbours(k=5, norm="density")
    expected = volume * np.sort(distance, 1)[:, 5] ** d / 5
    assert np.allclose(nearest.weight.numpy(), expected[nearest.source.numpy()], rtol=1e-12)


@pytest.mark.parametrize("search", [{"radius": 0.6}, {"k": 24}], ids=str)
def test_density_weights_integrate_where_sums_do_not(search):
    """∫ exp(-|x - c|²/2) dv = 2π from samples whose density falls along the first axis, and is 0.6 of its mean at c."""
    u = torch.rand(6000, 2, dtype=torch.float64)
    x = 10 * torch.stack([u[:, 0] ** 2, u[:, 1]], 1) - 5
    points = Points(torch.cat([x, x.new_tensor([[2.0, 0.0]])]))
    f = torch.exp(-(points.positions - points.positions[-1]).square().sum(1) / 2)
    graph = points.neighbours(**search, norm="density")
    own = graph.weight[graph.source == graph.target]
    assert abs(float((own * f).sum()) / (2 * np.pi) - 1) < 0.04
    assert abs(float(f.mean() * 100) / (2 * np.pi) - 1) > 0.3  # equal weights


def test_density_weights_integrate_over_one_ball():
    """The sum that a convolution takes, over the sources near one target: ∫ (1 - |v|²/R²) dv over a ball is 8πR³/15."""
    points = cloud(6000, 3)
    centre = Points(torch.full((1, 3), 0.5, dtype=torch.float64))
    graph = points.neighbours(0.25, target=centre, norm="density")
    integral = float((graph.weight * (1 - graph.v.square().sum(1) / 0.25**2)).sum())
    assert integral == pytest.approx(8 * np.pi * 0.25**3 / 15, rel=0.05)


@pytest.mark.parametrize("search", [{"radius": 2.5}, {"k": 8}], ids=str)
def test_density_weights_scale_as_a_volume(search):
    x = cloud(30, 3).positions * 10
    base = Points(x).neighbours(**search, norm="density").weight
    scaled = {**search, "radius": 2 * search["radius"]} if "radius" in search else search
    assert torch.allclose(Points(2 * x).neighbours(**scaled, norm="density").weight, 8 * base)


# ------------------------------------------------------------------------------------------------------------ symmetry


def rotation(d: int) -> torch.Tensor:
    q, _ = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64))
    return q


@pytest.mark.parametrize("norm", ["sum", "mean", "density"])
@pytest.mark.parametrize("search", [{"radius": 0.3}, {"k": 6}], ids=str)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_isometries_move_the_edges(d, search, norm):
    points = cloud(120, d, elements=2)
    g, t = rotation(d), torch.randn(d, dtype=torch.float64)
    graph = points.neighbours(**search, norm=norm)
    moved = points.moved(g, t).neighbours(**search, norm=norm)
    assert torch.equal(moved.target, graph.target) and torch.equal(moved.source, graph.source)
    assert torch.allclose(moved.v, graph.v @ g.T, atol=1e-13)
    assert torch.allclose(moved.weight, graph.weight, rtol=1e-12)


@pytest.mark.parametrize("norm", ["sum", "mean", "density"])
@pytest.mark.parametrize("search", [{"radius": 0.3}, {"k": 6}, {"radius": 0.3, "limit": 4}], ids=str)
def test_permutations_permute_the_edges(search, norm):
    points = cloud(80, 3)
    permutation = torch.randperm(80)
    graph, other = points.neighbours(**search, norm=norm), points.permuted(permutation).neighbours(**search, norm=norm)
    named = {(p, q): (v, w) for p, q, v, w in zip(*rows(graph), strict=True)}
    permuted = {(int(permutation[p]), int(permutation[q])): (v, w) for p, q, v, w in zip(*rows(other), strict=True)}
    assert named == permuted


def rows(graph: Neighbours) -> tuple[list, ...]:
    return graph.target.tolist(), graph.source.tolist(), graph.v.tolist(), graph.weight.tolist()


# ------------------------------------------------------------------------------------------------- gradients and caches


def test_gradients_reach_the_positions_more_than_once():
    x = cloud(20, 2).positions.requires_grad_()
    points = Points(x)
    for _ in range(2):
        (gradient,) = torch.autograd.grad(points.neighbours(0.5).v.square().sum(), x)
        difference = x[None] - x[:, None]
        near = (difference.square().sum(-1) <= 0.25).double()
        (expected,) = torch.autograd.grad((difference.square().sum(-1) * near).sum(), x)
        assert torch.allclose(gradient, expected)
    source = cloud(10, 2, 3)
    graph = source.neighbours(0.5, target=points)
    assert graph.v.requires_grad and torch.autograd.grad(graph.v.square().sum(), x)[0].abs().sum() > 0


def test_graphs_are_computed_once():
    points, other = cloud(30, 2), cloud(20, 2, 1)
    assert points.neighbours(0.3) is points.neighbours(0.3)
    assert points.neighbours(0.3, target=other) is points.neighbours(0.3, target=other)
    assert points.neighbours(0.3) is not points.neighbours(0.4)
    assert points.neighbours(0.3, target=points) is points.neighbours(0.3)
    assert points.neighbours(1) is points.neighbours(1.0)


def test_positions_that_change_in_place_are_searched_again():
    x = cloud(30, 2).positions
    points, other = Points(x), cloud(20, 2, 1)
    before = [len(points.neighbours(0.3)), len(other.neighbours(0.3, target=points))]
    x.mul_(10)
    assert len(points.neighbours(0.3)) < before[0] and len(points._cache) <= 4
    x.div_(10).add_(0.5)
    assert len(other.neighbours(0.3, target=points)) < before[1]


def test_a_graph_made_in_inference_mode_serves_training():
    points = cloud(20, 2)
    with torch.inference_mode():
        points.neighbours(0.5)
    x = torch.randn(20, 1, dtype=torch.float64, requires_grad=True)
    graph = points.neighbours(0.5)
    graph.sum(x[graph.source] * graph.v * graph.weight[:, None]).sum().backward()
    assert x.grad is not None


# -------------------------------------------------------------------------------------------------------- the container


def example(transporters: bool = False) -> Neighbours:
    g = torch.eye(2).expand(3, 2, 2) if transporters else None
    target, source = torch.tensor([2, 0, 0]), torch.tensor([0, 1, 0])
    return Neighbours.from_edges(target, source, torch.randn(3, 2), targets=4, sources=2, g=g)


def test_from_edges_sorts():
    graph = example()
    assert pairs(graph) == [(0, 0), (0, 1), (2, 0)] and graph.rows.tolist() == [0, 2, 2, 3, 3]
    assert graph.isolated == 2 and graph.dim == 2 and repr(graph) == "Neighbours(3 edges, 2 -> 4 points of R^2)"


@pytest.mark.parametrize("transporters", [False, True])
def test_neighbours_are_a_pytree(transporters):
    graph = example(transporters)
    leaves, structure = _pytree.tree_flatten(graph)
    assert all(isinstance(leaf, torch.Tensor) for leaf in leaves) and len(leaves) == 5 + transporters
    again = _pytree.tree_unflatten(leaves, _pytree.treespec_loads(_pytree.treespec_dumps(structure)))
    for name in ("target", "source", "v", "weight", "rows", "g"):
        assert getattr(again, name) is getattr(graph, name)
    assert (again.targets, again.sources) == (4, 2)
    assert _pytree.tree_map(lambda x: x.double() if x.is_floating_point() else x, graph).v.dtype == torch.float64


def test_to():
    graph = example(True).to(dtype=torch.float64)
    assert {graph.v.dtype, graph.weight.dtype, graph.g.dtype} == {torch.float64} and graph.target.dtype == torch.int64
    assert graph.to("meta").v.device.type == "meta"


def test_neighbours_are_an_argument_of_compiled_and_exported_code():
    class Net(torch.nn.Module):
        def forward(self, x, graph):
            return graph.sum(x[graph.source] * graph.weight[:, None])

    graph, x = cloud(20, 2, dtype=torch.float32).neighbours(0.4, norm="mean"), torch.randn(20, 3)
    expected = Net()(x, graph)
    assert torch.allclose(torch.compile(Net(), fullgraph=True, backend="eager")(x, graph), expected)
    assert torch.allclose(torch.export.export(Net(), (x, graph)).module()(x, graph), expected)


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "a radius or k"),
        ({"radius": 0.0}, "positive finite radius, got 0.0"),
        ({"radius": -1.0}, "positive finite radius, got -1.0"),
        ({"radius": float("nan")}, "got nan"),
        ({"radius": inf}, "got inf"),
        ({"k": 0}, "k of 1 or more"),
        ({"k": 3}, "expected k ≤ 2, the other points of batch element 0, got k=3; take a smaller k"),
        ({"radius": 1.0, "limit": 0}, "limit of 1 or more"),
        ({"radius": 1.0, "norm": "max"}, "norm among"),
        ({"radius": 1.0, "target": Points(torch.zeros(1, 2))}, "dimension"),
        ({"radius": 1.0, "target": Points(torch.zeros(1, 1, dtype=torch.float64))}, "dtype"),
        ({"radius": 1.0, "target": Points(torch.zeros(2, 1), torch.arange(2))}, "number of clouds"),
        ({"k": 4, "target": Points(torch.tensor([[4.0]]))}, "expected k ≤ 3, the points of batch element 0"),
    ],
)
def test_wrong_searches(arguments, message):
    with pytest.raises(SpaceError, match=message):
        Points(torch.tensor([[0.0], [0.5], [2.0]])).neighbours(**arguments)


def test_a_radius_below_the_spacing():
    """Each point sees itself only, or nothing; and a warning says so."""
    points, far = Points(torch.tensor([[0.0], [0.5], [2.0]])), Points(torch.tensor([[4.0]]))
    with pytest.warns(SparsityWarning, match="smallest distance between two points is 0.5"):
        assert pairs(points.neighbours(radius=0.01)) == [(0, 0), (1, 1), (2, 2)]
    with pytest.warns(SparsityWarning, match="smallest distance between two points is 2"):
        assert points.neighbours(radius=0.5, target=far).isolated == 1
    assert len(points.neighbours(radius=1.0, k=7)) == 5


def test_density_of_lonely_points():
    points = Points(torch.zeros(2, 1), torch.arange(2))
    with pytest.raises(SpaceError, match="density"):
        points.neighbours(k=1, norm="density", target=Points(torch.ones(2, 1), torch.arange(2)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": torch.tensor([1, 0])}, "sorted by target; Neighbours.from_edges"),
        ({"target": torch.tensor([0, 2])}, r"target indices 0 … 1, got 0 … 2"),
        ({"source": torch.tensor([-1, 2])}, r"source indices 0 … 2, got -1"),
        ({"source": torch.tensor([0])}, "source of shape"),
        ({"weight": torch.ones(2, 1)}, "weight of shape"),
        ({"g": torch.ones(2, 3, 3)}, r"g of shape \(2, 2, 2\)"),
    ],
)
def test_wrong_edges(changes, message):
    parts = {"target": torch.tensor([0, 1]), "source": torch.tensor([0, 2]), "v": torch.ones(2, 2)}
    parts |= {"weight": torch.ones(2), "targets": 2, "sources": 3}
    Neighbours(**parts)
    with pytest.raises(SpaceError, match=message):
        Neighbours(**{**parts, **changes})


def test_edges_cast_to_another_dtype_carry_gradients_and_follow_changes():
    mesh = Mesh.icosphere(0, G.SO(2))
    graph, x = mesh.neighbours(1.2), torch.zeros(1)
    for name in ("v", "weight", "g"):
        part = getattr(graph, name).clone().requires_grad_()
        assert getattr(replace(graph, **{name: part}).like(x), name).requires_grad
    own = replace(graph, g=graph.g.clone())
    before = own.like(x).g
    assert own.like(x).g is before
    own.g.neg_()
    assert torch.equal(own.like(x).g, -before)
