"""Layers on points: values by definition, equivariance under isometries and permutations, gradients, refused types."""

import copy

import pytest
import torch
from torch.utils import _pytree

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import FieldTypeError, SpaceError
from torsor.nn.cloud import interpolation_weights
from torsor.spaces import Grid, Points

D4, O2, SO2, LINE = G.Dihedral(4), G.O(2), G.SO(2), G.Reflection(1)
PERMUTED = 2 * R.regular(D4) + R.trivial(D4)
SHEARED = R.standard(G.MatrixGroup([[[0.0, 1.0], [0.0, 0.0]]]))
TYPES = [
    R.trivial(SO2) + 2 * R.irrep(SO2, 1) + R.irrep(SO2, 3),
    R.standard(O2) + R.sign(O2),
    PERMUTED + R.standard(D4),
    R.regular(LINE) + R.sign(LINE),
    2 * R.standard(G.SO(3)),
]


def field(rep, n: int = 40, elements: int = 2) -> Field:
    points = Points(torch.randn(n, rep.group.dim, dtype=torch.float64), torch.arange(n) * elements // n)
    return Field(torch.randn(n, rep.dim, dtype=torch.float64), rep, points)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layers(rep):
    modes = ["mean", "nearest", "norm"] + ["max"] * rep.is_permutation
    pools = [nn.PointPool(rep, 7, mode=mode) for mode in modes] + [nn.PointPool(rep, ratio=0.3)]
    return pools + [nn.GlobalPool(rep, mode) for mode in ["mean", "sum", "norm"] + ["max"] * rep.is_permutation]


def close(a: Field, b: Field) -> bool:
    same = torch.allclose(a.tensor, b.tensor, atol=1e-12) and a.rep == b.rep
    return same and torch.allclose(a.space.positions, b.space.positions, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------- symmetries


@pytest.mark.parametrize("rep", [*TYPES, PERMUTED], ids=str)
def test_layers_commute_with_isometries(rep):
    f, other = field(rep), Points(torch.randn(30, rep.group.dim, dtype=torch.float64), torch.arange(30) // 15)
    t = torch.randn(rep.group.dim, dtype=torch.float64)
    for g in rep.group.sample(3):
        moved = Field(f.tensor @ rep.rho(g).T, rep, f.space.moved(g, t))
        for layer in layers(rep):
            y, z = layer(f), layer(moved)
            assert close(z, Field(y.tensor @ rep.rho(g).T, rep, y.space.moved(g, t))), layer
        layer = nn.PointInterpolate(rep)
        y, z = layer(f, other), layer(moved, other.moved(g, t))
        assert close(z, Field(y.tensor @ rep.rho(g).T, rep, other.moved(g, t)))


def test_layers_commute_with_permutations():
    f, other = field(PERMUTED), Points(torch.randn(30, 2, dtype=torch.float64), torch.arange(30) // 15)
    permutation = torch.cat([torch.randperm(20), 20 + torch.randperm(20)])
    permuted = Field(f.tensor[permutation], PERMUTED, f.space.permuted(permutation))
    for layer in layers(PERMUTED):
        assert close(layer(f), layer(permuted)), layer  # samples come in an order of their own
    assert close(nn.PointInterpolate(PERMUTED)(f, other), nn.PointInterpolate(PERMUTED)(permuted, other))


def test_a_maximum_of_irreps_would_not_be_equivariant():
    """The control of the refusal: the same layer, without its check, fails."""
    rep = R.irrep(SO2, 1)
    layer = nn.PointPool(rep, 7)
    layer.mode = "max"
    f, g = field(rep), SO2.exp(0.7 * SO2.algebra[0])
    difference = layer(f.transform(g)).tensor - layer(f).transform(g).tensor
    assert difference.abs().max() > 0.1


# ------------------------------------------------------------------------------------------------------------- pooling


@pytest.mark.parametrize("mode", ["mean", "max", "nearest"])
def test_pooled_values_by_definition(mode):
    f = field(PERMUTED)
    y = nn.PointPool(PERMUTED, 5, mode=mode)(f)
    index = f.space.farthest(5)
    assert torch.equal(y.space.positions, f.space.positions[index]) and y.space.index.tolist() == [0] * 5 + [1] * 5
    distance = torch.cdist(f.space.positions, y.space.positions)
    distance[f.space.index[:, None] != y.space.index] = torch.inf
    cluster = distance.argmin(1)
    for i in range(10):
        members = f.tensor[cluster == i]
        expected = {"mean": members.mean(0), "max": members.amax(0), "nearest": f.tensor[index[i]]}[mode]
        assert torch.allclose(y.tensor[i], expected, atol=1e-14)


def test_pooling_plain_tensors():
    f = field(PERMUTED)
    coarse, graph = f.space.coarsened(ratio=0.25)
    for mode in ("mean", "max", "norm", "nearest"):
        layer = nn.PointPool(PERMUTED, ratio=0.25, mode=mode)
        assert torch.equal(layer(f.tensor, graph), layer(f).tensor) and len(coarse) == 10


def test_means_are_weighted_by_the_graph():
    rep = R.trivial(D4)
    points = Points(torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]]))
    graph = points.neighbours(2.0, target=Points(torch.tensor([[0.5, 0.0], [99.0, 0.0]])))
    object.__setattr__(graph, "weight", torch.tensor([3.0, 1.0]))
    x = torch.tensor([[4.0], [8.0], [100.0]])
    assert nn.PointPool(rep, 1)(x, graph).tolist() == [[5.0], [0.0]]  # a target without edges gets zero
    for mode, value in (("max", 8.0), ("nearest", 4.0)):
        assert nn.PointPool(rep, 1, mode=mode)(x, graph).tolist() == [[value], [0.0]]
    assert nn.PointPool(rep, 1, mode="max")(-x, graph).tolist() == [[-4.0], [0.0]]


def test_one_row_a_batch_element():
    f = field(PERMUTED, elements=4)
    parts = f.tensor.view(4, 10, -1)
    for mode, expected in (("mean", parts.mean(1)), ("sum", parts.sum(1)), ("max", parts.amax(1))):
        layer = nn.GlobalPool(PERMUTED, mode)
        y = layer(f)
        assert torch.allclose(y.tensor, expected) and y.space.index.tolist() == [0, 1, 2, 3]
        assert torch.allclose(y.space.positions, f.space.positions.view(4, 10, -1).mean(1))
        assert torch.equal(layer(f.tensor, f.space.batch), y.tensor)
        assert torch.equal(layer(f.tensor, f.space.batch, 4), y.tensor)
        assert torch.allclose(layer(f.tensor), layer(Field(f.tensor, PERMUTED, Points(f.space.positions))).tensor)
        assert layer(f.tensor).shape == (1, PERMUTED.dim)


def test_norms_select_whole_fields():
    """Of every field the longest member of the cluster; the fields of a feature may come from different points."""
    rep = R.trivial(O2) + 2 * R.standard(O2)
    f = field(rep)
    y, pooled = nn.GlobalPool(rep, "norm")(f), nn.PointPool(rep, 4, mode="norm")(f)
    target = f.space.coarsened(4)[1]
    for output, group in (
        (y, [f.space.index == i for i in range(2)]),
        (pooled, [target.source[target.target == i] for i in range(8)]),
    ):
        for i, members in enumerate(group):
            for part in (slice(0, 1), slice(1, 3), slice(3, 5)):
                values = f.tensor[members][:, part]
                assert torch.equal(output.tensor[i, part], values[values.norm(dim=1).argmax()])


def test_a_network_commutes_with_rotations():
    """Convolve, pool, convolve, interpolate, as in a U-Net; and pool everything."""
    a, h = R.trivial(SO2), R.trivial(SO2) + 2 * R.irrep(SO2, 1)
    first, second = (nn.Conv(rep, h, K.Harmonic(radius=1.0)).double() for rep in (a, h))
    pool, up, everything = nn.PointPool(h, ratio=0.5), nn.PointInterpolate(h), nn.GlobalPool(h, "norm")
    f, g = field(a, 80), SO2.exp(1.1 * SO2.algebra[0])

    def network(f):
        return up(second(pool(first(f))), f.space)

    y = network(f)
    assert close(network(f.transform(g)), y.transform(g)) and y.tensor.norm() > 1
    assert not torch.allclose(y.tensor, y.transform(g).tensor, atol=1e-2)
    total = nn.Sequential(first, pool, everything)
    assert close(total(f.transform(g)), total(f).transform(g)) and total(f).tensor.shape == (2, h.dim)


def test_means_of_many_points_in_low_precision():
    rep = R.trivial(LINE)
    x = torch.full((5000, 1), 1.5, dtype=torch.bfloat16)
    assert nn.GlobalPool(rep)(x).item() == 1.5


# ------------------------------------------------------------------------------------------------------- interpolation


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_interpolation_is_exact_at_the_nodes(dtype):
    f = field(PERMUTED)
    f = Field(f.tensor.to(dtype), PERMUTED, f.space.to(dtype=dtype))
    again = nn.PointInterpolate(PERMUTED)(f, Points(f.space.positions.clone(), f.space.batch))
    assert torch.equal(again.tensor, f.tensor)


def test_interpolation_reproduces_constants_and_stays_between():
    f = field(PERMUTED)
    fine = Points(3 * torch.randn(100, 2, dtype=torch.float64), torch.arange(100) // 50)
    ones = Field(torch.ones_like(f.tensor), PERMUTED, f.space)
    y = nn.PointInterpolate(PERMUTED, 5)(ones, fine)
    assert torch.allclose(y.tensor, torch.ones_like(y.tensor), rtol=1e-14) and y.space is fine
    z = nn.PointInterpolate(PERMUTED, 5)(f, fine).tensor
    for element in range(2):
        inside = f.tensor[f.space.index == element]
        assert bool((z[fine.index == element] <= inside.amax(0) + 1e-12).all())
        assert bool((z[fine.index == element] >= inside.amin(0) - 1e-12).all())


def test_interpolation_by_hand():
    rep = R.trivial(LINE)
    coarse = Points(torch.tensor([[0.0], [3.0], [100.0]]))
    x = torch.tensor([[1.0], [2.0], [9.0]])
    layer = nn.PointInterpolate(rep, 2)
    y = layer(Field(x, rep, coarse), Points(torch.tensor([[1.0], [3.0], [6.0]])))
    expected = [[(1 + 2 / 4) / (1 + 1 / 4)], [2.0], [(1 / 36 + 2 / 9) / (1 / 36 + 1 / 9)]]
    assert torch.allclose(y.tensor, torch.tensor(expected))


def test_interpolation_between_coincident_points():
    rep = R.trivial(LINE)
    coarse = Points(torch.tensor([[0.0], [0.0], [1.0]]))
    y = nn.PointInterpolate(rep)(Field(torch.tensor([[1.0], [3.0], [7.0]]), rep, coarse), Points(torch.zeros(1, 1)))
    assert y.tensor.tolist() == [[2.0]]


@pytest.mark.parametrize("scale", [1e-18, 1e-6, 1.0, 1e15])
def test_weights_neither_overflow_nor_vanish(scale):
    coarse = Points(scale * torch.tensor([[0.0], [1.0], [3.0]]))
    graph = coarse.neighbours(k=3, target=Points(scale * torch.tensor([[2.0]])))
    expected = torch.tensor([1 / 4, 1.0, 1.0]) / 2.25
    assert torch.allclose(interpolation_weights(graph), expected, rtol=1e-5)


def test_few_coarse_points():
    f = field(PERMUTED, n=2, elements=2)
    fine = Points(torch.randn(6, 2, dtype=torch.float64), torch.arange(6) // 3)
    y = nn.PointInterpolate(PERMUTED)(f, fine)
    assert torch.allclose(y.tensor, f.tensor[fine.index])


def test_interpolation_has_gradients_in_positions():
    rep = R.trivial(LINE)
    x = torch.randn(4, 1, dtype=torch.float64, requires_grad=True)
    positions = torch.tensor([[0.0], [1.0], [2.5], [4.0]], dtype=torch.float64, requires_grad=True)
    fine = torch.tensor([[0.3], [1.7], [3.9]], dtype=torch.float64, requires_grad=True)

    def interpolate(x, positions, fine):
        return nn.PointInterpolate(rep)(Field(x, rep, Points(positions)), Points(fine)).tensor

    assert torch.autograd.gradcheck(interpolate, (x, positions, fine))
    at_nodes = interpolate(x, positions, positions.detach().clone().requires_grad_())
    gradients = torch.autograd.grad(at_nodes.sum(), (x, positions))
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@pytest.mark.parametrize("mode", ["mean", "max", "norm", "nearest"])
def test_pooling_has_gradients(mode):
    f = field(PERMUTED, n=12)
    layer = nn.PointPool(PERMUTED, 2, mode=mode)
    graph = f.space.coarsened(2)[1]
    assert torch.autograd.gradcheck(lambda x: layer(x, graph), (f.tensor.requires_grad_(),))


def test_down_and_up_again():
    """The skeleton of a U-Net: the finest points come back, the batch is kept."""
    f = field(PERMUTED)
    pools = [nn.PointPool(PERMUTED, ratio=0.5) for _ in range(2)]
    middle = pools[0](f)
    y = nn.PointInterpolate(PERMUTED)(nn.PointInterpolate(PERMUTED)(pools[1](middle), middle.space), f.space)
    assert y.space is f.space and y.tensor.shape == f.tensor.shape and bool(y.tensor.isfinite().all())


# --------------------------------------------------------------------------------------------------------- citizenship


def graph_of(layer, points: Points):
    if isinstance(layer, nn.GlobalPool):
        return (points.index, points.elements)
    if isinstance(layer, nn.PointPool):
        return (points.coarsened(5)[1],)
    return (points.neighbours(k=3, target=Points(torch.randn(6, 2), torch.arange(6) // 3)),)


@pytest.mark.parametrize(
    "layer", [*layers(PERMUTED), nn.PointInterpolate(PERMUTED)], ids=lambda layer: f"{type(layer).__name__} {layer}"
)
def test_layers_compile_export_and_copy(layer):
    x, points = torch.randn(40, PERMUTED.dim), field(PERMUTED).space.to(dtype=torch.float32)
    geometry = graph_of(layer, points)
    y = layer(x, *geometry)
    torch._dynamo.reset()
    assert torch.allclose(torch.compile(layer, fullgraph=True, backend="eager")(x, *geometry), y)
    assert torch.allclose(torch.export.export(layer, (x, *geometry)).module()(x, *geometry), y)
    assert torch.equal(copy.deepcopy(layer)(x, *geometry), y) and torch.equal(layer.freeze()(x, *geometry), y)
    assert not layer.state_dict() and layer(x.bfloat16(), *geometry).dtype == torch.bfloat16


def test_fields_on_points_are_pytrees():
    f = field(PERMUTED)
    leaves, structure = _pytree.tree_flatten(f)
    again = _pytree.tree_unflatten(leaves, structure)
    assert torch.equal(nn.PointPool(PERMUTED, 3)(again).tensor, nn.PointPool(PERMUTED, 3)(f).tensor)


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.PointPool(PERMUTED), "either n"),
        (lambda: nn.PointPool(PERMUTED, 3, ratio=0.5), "either n"),
        (lambda: nn.PointPool(PERMUTED, 0), "either n"),
        (lambda: nn.PointPool(PERMUTED, ratio=1.5), r"\(0, 1\]"),
        (lambda: nn.PointPool(PERMUTED, 3, mode="sum"), "mode among"),
        (lambda: nn.PointPool(R.standard(SO2), 3, mode="max"), "permutation representation"),
        (lambda: nn.GlobalPool(R.irrep(SO2, 1), "max"), "permutation representation"),
        (lambda: nn.GlobalPool(PERMUTED, "nearest"), "mode among"),
        (lambda: nn.GlobalPool(SHEARED, "norm"), "orthogonal"),
        (lambda: nn.PointPool(SHEARED, 3, mode="norm"), "orthogonal"),
        (lambda: nn.PointInterpolate(PERMUTED, 0), "of 1 or more"),
    ],
)
def test_wrong_layers(make, message):
    with pytest.raises(FieldTypeError, match=message):
        make()


def test_wrong_inputs():
    f, pool, up = field(PERMUTED), nn.PointPool(PERMUTED, 3), nn.PointInterpolate(PERMUTED)
    graph = f.space.coarsened(3)[1]
    with pytest.raises(FieldTypeError, match="expects fields of type"):
        pool(field(R.trivial(D4)))
    with pytest.raises(FieldTypeError, match="channels in axis 1"):
        pool(f.tensor[:, 1:], graph)
    with pytest.raises(SpaceError, match=r"layer\(x, graph\).*got NoneType"):
        pool(f.tensor)
    with pytest.raises(SpaceError, match="features of 39 points and edges of 40"):
        pool(f.tensor[1:], graph)
    with pytest.raises(SpaceError, match="field on Points or a manifold, got one on Grid"):
        pool(Field(torch.zeros(1, PERMUTED.dim, 4, 4), PERMUTED, Grid(2)))
    with pytest.raises(SpaceError, match=r"layer\(field, points\), got NoneType"):
        up(f)
    with pytest.raises(SpaceError, match="batch index for 40 points"):
        nn.GlobalPool(PERMUTED)(f.tensor, torch.zeros(3, dtype=torch.int64))
    with pytest.raises(FieldTypeError, match="no refinement"):
        pool.refined(2)


def test_interpolation_in_a_batch_is_that_of_its_parts_alone():
    """A part with one sample does not take samples from the others."""
    a, b = (
        Points(torch.rand(100, 3, generator=seeded())),
        Points(torch.rand(10, 3, generator=seeded(1))),
    )
    scalar = R.trivial(G.SO(3))
    pool, up = nn.PointPool(scalar, ratio=0.1), nn.PointInterpolate(scalar)
    x = torch.randn(110, 1, generator=seeded(2))
    both = Points.batched([a, b])
    together = up(pool(Field(x, scalar, both)), both).tensor
    alone = [up(pool(Field(part, scalar, cloud)), cloud).tensor for part, cloud in ((x[:100], a), (x[100:], b))]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)


def test_interpolation_on_a_manifold_takes_what_a_piece_has():
    so2 = G.SO(2)
    scalar, ball = R.trivial(so2), S.Mesh.icosphere(1, so2)
    near, far = ball.vertices, 0.2 * ball.vertices + 5
    two = S.Mesh(torch.cat([near, far]), torch.cat([ball.faces, ball.faces + len(near)]), so2)
    x = torch.randn(len(two), 1, dtype=torch.float64, generator=seeded())
    for samples in (S.Sphere.icosphere(1), two):
        for n in (2, 4, 9):
            coarse = nn.PointPool(scalar, n)(Field(x[: len(samples)], scalar, samples))
            if samples is two and n == 2:  # one sample in each piece: a constant on each
                y = nn.PointInterpolate(scalar)(coarse, two).tensor
                assert y[:42].std() < 1e-12 and y[42:].std() < 1e-12
            assert nn.PointInterpolate(scalar)(coarse, samples).tensor.isfinite().all()
    batch = S.batched([ball, S.Mesh.icosphere(2, so2)])
    coarse = nn.PointPool(scalar, ratio=0.02)(Field(torch.ones(len(batch), 1), scalar, batch))
    assert torch.allclose(nn.PointInterpolate(scalar)(coarse, batch).tensor, torch.ones(len(batch), 1))
