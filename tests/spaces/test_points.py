"""Clouds of points: what they check, how they move, and farthest point sampling."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils import _pytree

from torsor.errors import SpaceError, TorsorError
from torsor.spaces import Points


def cloud(n: int, d: int, seed: int = 0, elements: int = 1) -> Points:
    x = np.random.default_rng(seed).random((n, d))
    return Points(torch.tensor(x), torch.arange(n) * elements // n if elements > 1 else None)


def rotation(d: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(d, d, dtype=torch.float64))[0]


# ---------------------------------------------------------------------------------------------------------- the cloud


def test_what_a_cloud_knows():
    points = Points(
        torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0], [1.0, 2.0], [5.0, 1.0]]), torch.tensor([0, 0, 1, 1, 1])
    )
    assert (len(points), points.dim, points.elements, points.sizes.tolist()) == (5, 2, 2, [2, 3])
    assert points.extent().tolist() == [[3.0, 4.0], [4.0, 1.0]]
    assert torch.allclose(points.centroids(), torch.tensor([[1.5, 2.0], [7 / 3, 4 / 3]]))
    assert points.spacing() == pytest.approx(4.0)  # of 5, 5, 1, 1, 4
    assert repr(points) == "Points(5 of R^2 in 2 clouds)" and repr(cloud(3, 1)) == "Points(3 of R^1)"


def test_spacing_leaves_out_lonely_points():
    points = Points(torch.tensor([[0.0], [7.0], [9.0], [0.0]]), torch.tensor([0, 1, 1, 2]))
    assert points.spacing() == 2.0
    with pytest.raises(SpaceError, match="two points or more"):
        Points(torch.zeros(2, 3), torch.arange(2)).spacing()


def test_grids_are_in_the_order_of_a_flattened_tensor():
    points = Points.from_grid((2, 3), (1.0, 0.5), dtype=torch.float64)
    expected = [[-0.5, -0.5], [-0.5, 0.0], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.0], [0.5, 0.5]]
    assert points.positions.tolist() == expected and points.positions.dtype == torch.float64
    assert Points.from_grid((4, 5, 3), 0.25).spacing() == 0.25
    x = torch.randn(4, 4, dtype=torch.float64)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    moved = Points.from_grid((4, 4), dtype=torch.float64).moved(turn).positions
    place = ((moved + 1.5) @ torch.tensor([4.0, 1.0], dtype=torch.float64)).round().long()
    assert torch.equal(
        torch.zeros(16, dtype=torch.float64).index_copy(0, place, x.flatten()).view(4, 4), torch.rot90(x)
    )


def test_batches_of_clouds():
    a, b, c = cloud(3, 2), cloud(4, 2, 1, elements=2), cloud(2, 2, 2)
    points = Points.batched([a, b, c])
    assert points.index.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3] and points.elements == 4
    assert torch.equal(points.positions, torch.cat([a.positions, b.positions, c.positions]))
    graph = points.neighbours(k=1)
    alone = [cloud.neighbours(k=1) for cloud in (a, b, c)]
    shifts = (0, 3, 7)
    assert graph.source.tolist() == [s + q for g, s in zip(alone, shifts, strict=True) for q in g.source.tolist()]


def test_subsets_and_permutations():
    points = cloud(6, 2, elements=2)
    part = points.subset(torch.tensor([2, 0, 4]))
    assert torch.equal(part.positions, points.positions[[2, 0, 4]]) and part.index.tolist() == [0, 0, 1]
    other = points.permuted(torch.tensor([2, 1, 0, 5, 3, 4]))
    assert torch.equal(other.positions, points.positions[[2, 1, 0, 5, 3, 4]])
    for wrong, message in (([0, 1, 2, 3, 4, 4], "repeat"), ([5, 1, 2, 3, 4, 0], "ascending"), ([0, 1], "leave out")):
        with pytest.raises(SpaceError, match=message):
            points.permuted(torch.tensor(wrong))


def test_moved():
    points, g, t = cloud(5, 3), rotation(3), torch.randn(3, dtype=torch.float64)
    expected = torch.stack([g @ x + t for x in points.positions])
    assert torch.allclose(points.moved(g, t).positions, expected)
    assert torch.allclose(points.moved(g).positions, expected - t)
    assert Points(points.positions.float()).moved(g, t).positions.dtype == torch.float32
    with pytest.raises(SpaceError, match=r"matrix \(3, 3\)"):
        points.moved(torch.eye(2))


def test_to_and_copies():
    points = cloud(6, 2, elements=2)
    points.neighbours(0.9)
    assert points.to(dtype=torch.float32).positions.dtype == torch.float32
    for other in (copy.deepcopy(points), pickle.loads(pickle.dumps(points))):
        assert torch.equal(other.positions, points.positions) and torch.equal(other.batch, points.batch)
        assert other.elements == 2 and not other._cache


@pytest.mark.parametrize("elements", [1, 2])
def test_points_are_a_pytree(elements):
    points = cloud(6, 2, elements=elements)
    leaves, structure = _pytree.tree_flatten(points)
    again = _pytree.tree_unflatten(leaves, _pytree.treespec_loads(_pytree.treespec_dumps(structure)))
    assert again.positions is points.positions and again.batch is points.batch and again.elements == elements
    assert len(again.neighbours(0.9)) == len(points.neighbours(0.9))
    meta = _pytree.tree_map(lambda x: x.to("meta"), points)
    assert meta.positions.device.type == "meta" and len(meta) == 6


def test_everything_stays_on_the_device_of_the_positions():
    """Under another default device, whose tensors hold no data, any tensor made without a device would fail."""
    points = cloud(50, 3, elements=2)
    other, order = Points.batched([points, points]), torch.randperm(25)
    target = cloud(9, 3, 1, elements=2)
    with torch.device("meta"):
        for norm in ("sum", "mean", "density"):
            for search in ({"radius": 0.5}, {"k": 3}, {"radius": 0.5, "k": 3}):
                assert points.neighbours(**search, norm=norm).v.device.type == "cpu"
                assert points.neighbours(**search, norm=norm, target=target).weight.device.type == "cpu"
        assert points.coarsened(4)[1].rows.device.type == "cpu" and points.spacing() > 0
        for value in (points.extent(), points.centroids(), other.index, other.sizes):
            assert value.device.type == "cpu"
        assert points.permuted(torch.cat([order, order + 25])).positions.device.type == "cpu"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(0, 3),), "empty cloud"),
        ((torch.tensor([[0.0], [float("nan")]]),), "NaN or infinity in 1 of 2 points"),
        ((torch.tensor([[0.0, float("inf")]]),), "NaN or infinity"),
        ((torch.zeros(3, 2, dtype=torch.int64),), "floating-point tensor, got torch.int64"),
        ((torch.zeros(3),), r"\(points, d\)"),
        ((torch.zeros(3, 0),), r"\(points, d\)"),
        (([[0.0]],), "got list"),
        ((torch.zeros(3, 2), torch.tensor([0, 1, 0])), "ascending"),
        ((torch.zeros(3, 2), torch.tensor([0, 0, 2])), r"one point or more, got the elements \[0, 2\]"),
        ((torch.zeros(2, 2), torch.tensor([-1, 0])), "elements"),
        ((torch.zeros(2, 2), torch.tensor([0])), r"\(2,\) of int64"),
        ((torch.zeros(2, 2), torch.tensor([0.0, 1.0])), "int64"),
    ],
)
def test_wrong_clouds(arguments, message):
    with pytest.raises(SpaceError, match=message) as caught:
        Points(*arguments)
    assert isinstance(caught.value, TorsorError)


def test_other_errors():
    with pytest.raises(SpaceError, match="at least one cloud"):
        Points.batched([])
    for sizes, spacing in (((0, 2), 1.0), ((2, 2), -1.0), ((2, 2), (1.0,)), ((), 1.0)):
        with pytest.raises(SpaceError, match="positive sizes"):
            Points.from_grid(sizes, spacing)


# ------------------------------------------------------------------------------------------------------------ sampling


def greedy(x: np.ndarray, n: int) -> list[int]:
    """Farthest point sampling by its definition."""
    chosen = [int(np.argmax(((x - x.mean(0)) ** 2).sum(1)))]
    while len(chosen) < n:
        distance = np.array([min(((p - x[q]) ** 2).sum() for q in chosen) for p in x])
        distance[chosen] = -1
        chosen.append(int(np.argmax(distance)))
    return chosen


@pytest.mark.parametrize("d", [1, 2, 3])
def test_farthest_point_sampling_by_its_definition(d):
    points = cloud(60, d)
    assert points.farthest(20).tolist() == greedy(points.positions.numpy(), 20)
    assert points.farthest(7).tolist() == points.farthest(20)[:7].tolist()
    assert points.farthest(ratio=0.3).tolist() == points.farthest(18).tolist()


def test_samples_of_every_batch_element():
    clouds = [cloud(n, 2, n) for n in (30, 5, 17)]
    points = Points.batched(clouds)
    for how in ({"n": 5}, {"ratio": 0.25}):
        expected = [shift + i for c, shift in zip(clouds, (0, 30, 35), strict=True) for i in c.farthest(**how).tolist()]
        assert points.farthest(**how).tolist() == expected


def test_samples_cover():
    """The covering radius is at most twice the best there is: every two samples are at least that far apart."""
    points = cloud(500, 2)
    index = points.farthest(40)
    to_samples = torch.cdist(points.positions, points.positions[index]).min(1).values.max()
    between = torch.cdist(points.positions[index], points.positions[index]).fill_diagonal_(9).min()
    assert to_samples <= between
    assert to_samples < 0.6 * torch.cdist(points.positions, points.positions[:40]).min(1).values.max()


def test_sampling_commutes_with_isometries_and_permutations():
    points = cloud(200, 3, elements=2)
    index = points.farthest(25)
    moved = points.moved(rotation(3), torch.randn(3, dtype=torch.float64))
    assert torch.equal(moved.farthest(25), index)
    permutation = torch.cat([torch.randperm(100), 100 + torch.randperm(100)])
    assert torch.equal(permutation[points.permuted(permutation).farthest(25)], index)


def test_no_point_is_sampled_twice():
    points = Points(torch.tensor([[0.0], [0.0], [1.0], [1.0], [1.0]]))
    assert sorted(points.farthest(5).tolist()) == [0, 1, 2, 3, 4]
    assert {float(points.positions[i]) for i in points.farthest(2)} == {0.0, 1.0}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({}, "either n or ratio"),
        ({"n": 2, "ratio": 0.5}, "either n or ratio"),
        ({"n": 0}, "got 0"),
        ({"n": 4}, r"1 … 3 of the 3 points of batch element 1, got 4; ratio= adapts"),
        ({"ratio": 0.0}, r"\(0, 1\]"),
        ({"ratio": 1.5}, r"\(0, 1\]"),
    ],
)
def test_wrong_samples(how, message):
    with pytest.raises(SpaceError, match=message):
        Points.batched([cloud(9, 2), cloud(3, 2)]).farthest(**how)


@pytest.mark.parametrize("elements", [1, 3])
def test_clusters_are_the_nearest_samples(elements):
    points = cloud(90, 2, elements=elements)
    coarse, graph = points.coarsened(6)
    index = points.farthest(6)
    assert torch.equal(coarse.positions, points.positions[index]) and (graph.sources, graph.targets) == (
        90,
        len(coarse),
    )
    distance = torch.cdist(points.positions, coarse.positions)
    distance[points.index[:, None] != coarse.index] = torch.inf
    assert torch.equal(graph.target[graph.source.argsort()], distance.argmin(1))
    assert torch.allclose(graph.sum(graph.weight), torch.ones(len(coarse), dtype=torch.float64))
    assert torch.equal(graph.v, points.positions[graph.source] - coarse.positions[graph.target])
    assert points.coarsened(6)[0] is coarse


def test_clusters_of_coincident_samples_are_not_empty():
    coarse, graph = Points(torch.tensor([[0.0], [0.0], [1.0]])).coarsened(3)
    assert len(coarse) == 3 and graph.isolated == 0


def test_samples_carry_gradients():
    x = cloud(20, 2).positions.requires_grad_()
    points = Points(x)
    for _ in range(2):
        coarse, graph = points.coarsened(5)
        gradient = torch.autograd.grad(coarse.positions.sum() + graph.v.square().sum(), x)[0]
        assert gradient.abs().sum() > 0


def test_positions_of_inference_mode_are_looked_at_each_time():
    with torch.inference_mode():
        points = Points(torch.rand(20, 3))
        first = len(points.neighbours(radius=0.3))
        points.positions.mul_(0.1)
        assert len(points.neighbours(radius=0.3)) == 400 > first


def test_few_points_within_a_radius_need_no_k():
    assert len(Points(torch.rand(3, 3)).neighbours(radius=2.0, k=16)) == 9


def test_wrong_batches():
    with pytest.raises(SpaceError, match="as a tensor"):
        Points(torch.rand(3, 2), [0, 0, 1])  # type: ignore[arg-type]
    for clouds in ([torch.rand(3, 2)], [Points(torch.rand(3, 2)), Points(torch.rand(3, 2).double())]):
        with pytest.raises(SpaceError, match="of one dtype"):
            Points.batched(clouds)  # type: ignore[arg-type]
