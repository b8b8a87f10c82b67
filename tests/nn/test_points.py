"""Convolution on scattered points: against the literal sum, under every isometry and permutation, and against grids."""

import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import BottleneckWarning, FieldTypeError, KernelError, SparsityWarning

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")

RADIUS = 0.45
GROUPS = [
    G.Reflection(1),
    G.SO(2),
    G.O(2),
    G.Cyclic(5),
    G.SO(3),
    G.O(3),
    G.Icosahedral(),
    G.Octahedral().with_inversion(),
    G.Axial(G.Dihedral(3), reflection=-1),
    G.Axial(G.SO(2), mirror=True),
]
SPECS = {
    "radial": K.Harmonic(radius=RADIUS),
    "depthwise": K.Harmonic(radius=RADIUS, depthwise=True),
    "rings": K.Harmonic(5, spacing=0.15),
    "implicit": K.Implicit(radius=RADIUS, hidden=2),
    "differential": K.Differential(1, radius=0.9),
}


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cloud(d: int, n: int = 40, seed: int = 0) -> S.Points:
    return S.Points(torch.rand(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


def types(group: G.Group) -> tuple[R.Representation, R.Representation]:
    into = 2 * R.trivial(group) + 2 * R.standard(group)
    return into, into + (R.regular(group) if group.is_finite and (group.order or 0) <= 12 else R.symmetric(group, 2))


def network(group: G.Group, spec: K.KernelSpec, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    into, middle = types(group)
    net = nn.Sequential(
        nn.Conv(into, middle, spec, dtype=torch.float64),
        nn.Norm(middle, dtype=torch.float64),
        nn.Conv(middle, into, spec, dtype=torch.float64),
    )
    with torch.no_grad():
        for p in net.parameters():
            p += 0.05 * torch.randn_like(p)
    return net


def run(net, rep, x, positions, slope, batch=None):
    """The output, and the gradients with respect to features, positions and parameters of ⟨slope, output⟩."""
    x, positions = x.detach().requires_grad_(), positions.detach().requires_grad_()
    y = net(Field(x, rep, S.Points(positions, batch))).tensor
    into, where, *parameters = torch.autograd.grad(
        (y * slope).sum(), [x, positions, *net.parameters()], materialize_grads=True, allow_unused=True
    )
    return y.detach(), into, where, torch.cat([p.flatten() for p in parameters])


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-10) -> bool:
    return bool((a - b).norm() <= tolerance * b.norm()) and bool(b.norm() > 1e-3)


def check_isometries(group: G.Group, spec: K.KernelSpec, tolerance: float = 1e-10) -> None:
    net, d = network(group, spec), group.dim
    rep, n = net.in_rep, 40
    x, positions, slope = draw(n, rep.dim), cloud(d).positions, draw(n, net.out_rep.dim, seed=1)
    here = run(net, rep, x, positions, slope)
    generator = torch.Generator().manual_seed(2)
    for g, shift in zip(group.sample(3, generator), draw(3, d, seed=3), strict=True):
        order = torch.randperm(n, generator=generator)
        rho_in, rho_out = rep.rho(g), net.out_rep.rho(g)
        there = run(net, rep, (x @ rho_in.T)[order], (positions @ g.T + shift)[order], (slope @ rho_out.T)[order])
        expected = (here[0] @ rho_out.T)[order], (here[1] @ rho_in.T)[order], (here[2] @ g.T)[order], here[3]
        for name, a, b in zip(("output", "features", "positions", "parameters"), there, expected, strict=True):
            if not (name == "positions" and not b.abs().any()):  # kernels on grids are constants of the positions
                assert close(a, b, tolerance), (group, name)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_isometries_and_permutations(group):
    """Rotations, reflections, translations and permutations at once, outputs and all gradients, to 1e-10."""
    check_isometries(group, SPECS["radial"])
    check_isometries(group, SPECS["depthwise"])


@pytest.mark.parametrize("group", [G.SO(2), G.O(3)], ids=str)
@pytest.mark.parametrize("name", ["rings", "implicit", "differential"])
def test_isometries_of_other_kernels(group, name):
    loose = name == "differential"  # on random clouds the weights of derivatives are ill-conditioned in the positions
    check_isometries(group, SPECS[name], 1e-8 if loose else 1e-10)


def test_elements_outside_the_group_change_the_output():
    """The check above could fail: a reflection is no symmetry of SO(3), a rotation none of {e}."""
    for group, g in ((G.SO(3), G.O(3).generators[0]), (G.Trivial(3), G.SO(3).sample(1)[0])):
        net = network(group, SPECS["radial"])
        x, positions = draw(40, net.in_rep.dim), cloud(3).positions
        pseudo = R.direct_sum(
            [(m, R.standard(G.O(3)) if r.dim == 3 else R.trivial(G.O(3))) for m, r in net.in_rep.terms]
        )
        y = net(Field(x, net.in_rep, S.Points(positions))).tensor @ pseudo.rho(g).T
        z = net(Field(x @ pseudo.rho(g).T, net.in_rep, S.Points(positions @ g.T))).tensor
        assert (y - z).norm() > 1e-2 * y.norm()


@pytest.mark.parametrize("name", SPECS)
def test_the_plain_sum_edge_by_edge(name):
    """Loops over the edges with K(v) as a matrix; gradients too."""
    group = G.SO(2)
    rep, out = types(group)
    torch.manual_seed(0)
    conv = nn.Conv(rep, out, SPECS[name], dtype=torch.float64)
    graph, x = cloud(2, 25).neighbours(**conv.neighbourhood), draw(25, rep.dim).requires_grad_()
    y = conv(x, graph)
    matrices = conv.kernel.matrices(graph)
    rows = [torch.zeros(out.dim, dtype=torch.float64) for _ in range(25)]
    for e, (p, q) in enumerate(zip(graph.target.tolist(), graph.source.tolist(), strict=True)):
        rows[p] = rows[p] + graph.weight[e] * matrices[e] @ x[q]
    literal = torch.stack(rows) + (conv.expanded_bias() if conv.bias is not None else 0)
    assert close(y, literal, 1e-12)
    slope = draw(25, out.dim, seed=4)
    wanted = [x, *conv.parameters()]
    grads = [torch.autograd.grad(v, wanted, slope, retain_graph=True, allow_unused=True) for v in (y, literal)]
    for a, b in zip(*grads, strict=True):
        assert (a is None and b is None) or (a - b).norm() <= 1e-10 * (1 + b.norm())


@pytest.mark.parametrize(
    "spec",
    [
        K.Harmonic(5, moments=-1),
        K.Harmonic(radius=2.5),
        K.Harmonic(radius=2.5, depthwise=True),
        K.Implicit(radius=2.5, hidden=2),
    ],
    ids=lambda s: f"{type(s).__name__} {getattr(s, 'depthwise', '')}",
)
@pytest.mark.parametrize("group", [G.Reflection(1), G.O(2), G.SO(3)], ids=str)
def test_regular_points_are_a_grid(group, spec):
    """The same weights on the points of a grid, zeros outside: the grid convolution, to rounding."""
    d = group.dim
    rep, out = types(group)
    torch.manual_seed(0)
    conv = nn.Conv(rep, out, spec, norm="sum", dtype=torch.float64)
    sizes = (7, 6, 5)[:d]
    x = draw(1, rep.dim, *sizes)
    field = conv(Field(x[0].flatten(1).T, rep, S.Points.from_grid(sizes, dtype=torch.float64)))
    assert close(field.tensor.T.reshape(1, out.dim, *sizes), conv(x), 1e-12)


def test_anisotropic_grids():
    group = G.Axial(G.Cyclic(4))
    rep = R.trivial(group) + R.standard(group)
    spacing = (1.0, 1.0, 1.3)
    conv = nn.Conv(rep, rep, K.Harmonic(radius=2.2, spacing=spacing), norm="sum", dtype=torch.float64)
    x = draw(1, rep.dim, 6, 5, 4)
    points = S.Points.from_grid((6, 5, 4), spacing, dtype=torch.float64)
    y = conv(Field(x[0].flatten(1).T, rep, points)).tensor
    assert conv.kernel.sizes == (5, 5, 3) and close(y.T.reshape(1, -1, 6, 5, 4), conv(x), 1e-12)


HEXAGONAL = ((1.0, -0.5), (0.0, 3**0.5 / 2))


@pytest.mark.parametrize("group", [G.Cyclic(6), G.Dihedral(6), G.Cyclic(3)], ids=str)
def test_stencils_of_the_hexagonal_lattice(group):
    """A hexagon of lattice points: every element of the group permutes them, and the network commutes to rounding."""
    index = torch.stack(torch.meshgrid(torch.arange(-4, 5), torch.arange(-4, 5), indexing="ij"), -1).reshape(-1, 2)
    lattice = index.double() @ torch.tensor(HEXAGONAL, dtype=torch.float64).T
    positions = lattice[lattice.norm(dim=1) < 4.1]
    net = network(group, K.Stencil(3, HEXAGONAL))
    rep, x = net.in_rep, draw(len(positions), net.in_rep.dim)
    slope = draw(len(positions), net.out_rep.dim, seed=1)
    here = run(net, rep, x, positions, slope)
    for g in group.elements():
        order = torch.cdist(positions, positions @ g.T).argmin(1)
        there = run(net, rep, (x @ rep.rho(g).T)[order], positions, (slope @ net.out_rep.rho(g).T)[order])
        assert close(there[0], (here[0] @ net.out_rep.rho(g).T)[order], 1e-12)
        assert close(there[1], (here[1] @ rep.rho(g).T)[order], 1e-12) and close(there[3], here[3], 1e-12)


def test_batches_do_not_see_each_other():
    group = G.SO(3)
    net = network(group, SPECS["radial"])
    a, b = cloud(3, 30, 1), cloud(3, 20, 2)
    x = draw(50, net.in_rep.dim)
    both = net(Field(x, net.in_rep, S.Points.batched([a, b]))).tensor
    apart = [net(Field(part, net.in_rep, p)).tensor for part, p in zip(x.split([30, 20]), (a, b), strict=True)]
    assert close(both, torch.cat(apart), 1e-12)


def test_bipartite():
    """From 40 points to 10 others: rows of the convolution on all 50."""
    group = G.O(2)
    rep, out = types(group)
    conv = nn.Conv(rep, out, K.Harmonic(radius=RADIUS), norm="sum", dtype=torch.float64)
    source, target = cloud(2, 40, 1), cloud(2, 10, 2)
    x = draw(40, rep.dim)
    y = conv(Field(x, rep, source), target)
    together = S.Points(torch.cat([source.positions, target.positions]))
    silent = torch.cat([x, torch.zeros(10, rep.dim, dtype=torch.float64)])
    assert y.space is target and close(y.tensor, conv(Field(silent, rep, together)).tensor[40:], 1e-12)


@pytest.mark.parametrize("norm", ["sum", "mean", "density"])
def test_norms(norm):
    conv = nn.Conv(R.trivial(G.SO(2)), R.trivial(G.SO(2)), K.Harmonic(radius=RADIUS), norm=norm, dtype=torch.float64)
    points, x = cloud(2), draw(40, 1)
    graph = points.neighbours(RADIUS, norm=norm)
    plain = points.neighbours(RADIUS, norm="sum")
    mean = 1 / plain.degree.double()[plain.target]
    weight = {"sum": torch.ones(len(plain)), "mean": mean, "density": graph.weight}[norm]
    literal = plain.sum(weight.double()[:, None] * conv.kernel(plain.v)[:, 0] * x[plain.source])
    assert close(conv(Field(x, conv.in_rep, points)).tensor, literal + conv.expanded_bias(), 1e-12)


def test_nearest_neighbours():
    conv = nn.Conv(R.trivial(G.SO(2)), R.trivial(G.SO(2)), K.Harmonic(radius=RADIUS), k=4)
    assert conv.neighbourhood == {"radius": RADIUS, "norm": "mean", "k": 4}
    assert cloud(2).neighbours(**conv.neighbourhood).degree.max() == 5


def test_coincident_points_and_isolated_ones():
    """v = 0 between distinct points is allowed; a point without neighbours but itself keeps its own term."""
    group = G.SO(3)
    net = network(group, SPECS["radial"])
    positions = cloud(3).positions.clone()
    positions[1] = positions[0]
    positions[2] = 50.0
    y, into, where, parameters = run(net, net.in_rep, draw(40, net.in_rep.dim), positions, draw(40, net.out_rep.dim))
    assert all(t.isfinite().all() for t in (y, into, where, parameters))
    bare = nn.Conv(R.trivial(group), R.trivial(group), K.Harmonic(radius=RADIUS), dtype=torch.float64)
    with torch.no_grad():
        bare.bias.fill_(0.7)
    graph = S.Points(positions).neighbours(RADIUS, loop=False)
    assert graph.isolated == 1 and float(bare(draw(40, 1), graph)[2].detach()) == pytest.approx(0.7)


def test_a_graph_without_edges_gives_the_bias():
    conv = nn.Conv(R.trivial(G.SO(2)), R.trivial(G.SO(2)), K.Harmonic(radius=1.0), dtype=torch.float64)
    empty = torch.zeros(0, dtype=torch.int64)
    graph = S.Neighbours(empty, empty, torch.zeros(0, 2).double(), torch.zeros(0).double(), targets=3, sources=4)
    for spec in (K.Harmonic(radius=1.0), K.Harmonic(radius=1.0, depthwise=True)):
        conv = nn.Conv(R.trivial(G.SO(2)), R.trivial(G.SO(2)), spec, dtype=torch.float64)
        assert conv(draw(4, 1), graph).abs().max() == 0


def test_clear_errors():
    group = G.SO(2)
    rep = R.trivial(group)
    conv, graph = nn.Conv(rep, rep, K.Harmonic(radius=RADIUS)), cloud(2).neighbours(RADIUS)
    with pytest.raises(FieldTypeError, match=r"\(40, 1\) at the sources"):
        conv(torch.zeros(39, 1), graph)
    with pytest.raises(FieldTypeError, match="graph in R"):
        conv(torch.zeros(40, 1), cloud(3).neighbours(0.9))
    with pytest.raises(FieldTypeError, match="belong to grids"):
        nn.Conv(rep, rep, K.Harmonic(3), stride=2)(torch.zeros(40, 1), graph)
    with pytest.raises(KernelError, match="no attributes"):
        conv(torch.zeros(40, 1), graph, torch.zeros(len(graph), 1))
    with pytest.warns(SparsityWarning, match="take a larger radius"):
        alone = nn.Conv(rep, rep, K.Harmonic(radius=1e-6))(
            Field(torch.ones(40, 1), rep, cloud(2).to(dtype=torch.float32))
        )
    assert alone.tensor.isfinite().all() and alone.tensor.std() < 1e-6
    with pytest.raises(FieldTypeError, match="expects fields of type"):
        conv(Field(torch.zeros(40, 1), R.trivial(G.O(2)), cloud(2)))
    with pytest.raises(KernelError, match="offsets of its lattice"):
        nn.Conv(R.trivial(G.Cyclic(4)), R.trivial(G.Cyclic(4)), K.Stencil(3))(
            Field(torch.zeros(40, 1), R.trivial(G.Cyclic(4)), cloud(2))
        )


def test_natural_mistakes():
    rep = R.trivial(G.SO(2))
    conv, points = nn.Conv(rep, rep, K.Harmonic(radius=RADIUS)), S.Points(torch.rand(9, 2))
    x, graph = torch.randn(9, 1), points.neighbours(RADIUS)
    with pytest.raises(FieldTypeError, match="expected the neighbours of the points"):
        conv(x, points)
    for wrong in (graph, points.positions, Field(x, rep, points)):
        with pytest.raises(FieldTypeError, match="expected the points of the output"):
            conv(Field(x, rep, points), wrong)
    with pytest.raises(FieldTypeError, match="dtype of the layer"):
        conv(x.double(), graph)
    with pytest.raises(FieldTypeError, match="as many rows"):
        Field(torch.randn(8, 1), rep, points)
    for options, message in (({}, "got neither"), ({"radius": float("inf")}, "positive radius")):
        with pytest.raises(KernelError, match=message):
            K.Harmonic(**options)
    moved = Field(x, rep, points).to(dtype=torch.float64)
    assert moved.tensor.dtype == moved.space.positions.dtype == torch.float64


@pytest.mark.parametrize(
    "spec", [K.Harmonic(radius=1.5), K.Harmonic(radius=0.3, depthwise=True), K.Implicit(radius=0.3)]
)
def test_kernels_for_points_stay_when_frozen(spec):
    rep = R.trivial(G.SO(3)) + R.standard(G.SO(3))
    net = nn.Sequential(nn.Conv(rep, rep, spec), nn.BatchNorm(rep)).eval()
    field = Field(torch.randn(30, rep.dim), rep, S.Points(torch.rand(30, 3)))
    assert torch.allclose(nn.freeze(net)(field).tensor, net(field).tensor)


def test_layers_between_convolutions():
    group = G.O(3)
    rep = R.from_string(group, "4x0e+2x1o")
    gated = nn.Gated(rep)
    net = nn.Sequential(
        nn.Conv(rep, gated.in_rep, SPECS["radial"]),
        gated,
        nn.BatchNorm(rep),
        nn.PointPool(rep, ratio=0.5),
        nn.GlobalPool(rep),
    )
    y = net(Field(torch.randn(40, rep.dim), rep, S.Points(torch.rand(40, 3))))
    assert y.tensor.shape == (1, rep.dim) and y.tensor.isfinite().all()


@pytest.mark.parametrize("name", ["radial", "depthwise"])
def test_compiled_exported_copied(name):
    group = G.SO(3)
    rep = R.from_string(group, "3x0+2x1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BottleneckWarning)
        conv = nn.Conv(rep, rep, SPECS[name])
    points = S.Points(torch.rand(30, 3))
    graph, x = points.neighbours(RADIUS), torch.randn(30, rep.dim, requires_grad=True)
    y = conv(x, graph)
    compiled = torch.compile(conv, fullgraph=True, backend="aot_eager")(x, graph)
    assert torch.allclose(compiled, y, atol=1e-5)
    wanted = [x, *conv.parameters()]
    for a, b in zip(torch.autograd.grad(compiled.sum(), wanted), torch.autograd.grad(y.sum(), wanted), strict=True):
        assert torch.allclose(a, b, atol=1e-4 * float(b.abs().max()) + 1e-6)
    exported = torch.export.export(conv, (x.detach(), graph)).module()
    assert torch.allclose(exported(x, graph), conv(x, graph), atol=1e-5)
    assert torch.equal(deepcopy(conv)(x, graph), conv(x, graph))
    with torch.no_grad(), nn.cached(conv):
        assert torch.allclose(conv(x, graph), conv(x, graph), atol=1e-6)


def test_distances_keep_their_sign():
    """v points from the target to the source: a vector kernel on a ramp gives its gradient's direction."""
    group = G.SO(3)
    conv = nn.Conv(
        R.trivial(group), R.standard(group), K.Harmonic(radius=0.6, degrees=1), bias=False, dtype=torch.float64
    )
    points = S.Points.from_grid((5, 5, 5), 0.25, dtype=torch.float64)
    y = conv(Field(points.positions[:, :1].clone(), conv.in_rep, points)).tensor[62]
    assert np.argmax(np.abs(y.detach().numpy())) == 0 and y[1:].abs().max() < 1e-12
