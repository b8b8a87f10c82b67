"""Transport along edges: what the literal matrices ρ(g) and K(v) of every edge give, without ever forming them."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import KernelError
from torsor.kernels import offsets, sums
from torsor.kernels.base import gather
from torsor.spaces.neighbours import Neighbours

pytestmark = pytest.mark.filterwarnings("ignore:bottleneck")

SO2, O2, C4, D4 = G.SO(2), G.O(2), G.Cyclic(4), G.Dihedral(4)
T = R.trivial
TYPES = {
    "SO(2) irreps": 2 * T(SO2) + 3 * R.irrep(SO2, 1) + T(SO2) + 2 * R.irrep(SO2, 2),
    "SO(2) regular, band-limited": 2 * R.regular(SO2, band=2) + R.irrep(SO2, 1),
    "SO(2) tensors": R.tensor(SO2, 1, 1) + 2 * R.standard(SO2),
    "O(2) irreps": T(O2) + R.sign(O2) + 2 * R.irrep(O2, 1, 1) + R.irrep(O2, 1, 3),
    "C4 regular": 2 * R.regular(C4) + T(C4),
    "D4 regular": 2 * R.regular(D4) + R.standard(D4) + R.quotient(D4, G.Reflection(2)),
    "SO(3) tensors": T(G.SO(3)) + R.standard(G.SO(3)) + R.symmetric(G.SO(3), 2),
    "O regular": R.regular(G.Octahedral()) + R.standard(G.Octahedral()),
}
KERNELS = {
    "radial": lambda: K.Harmonic(radius=1.2, functions=3, hidden=4),
    "depthwise": lambda: K.Harmonic(radius=1.2, depthwise=True, hidden=4),
    "rings": lambda: K.Harmonic(size=3),
}


def graph_of(group: G.Group, edges: int = 90, *, v: torch.Tensor | None = None, seed: int = 0) -> Neighbours:
    """Random edges among 11 points: target 0 has many, the last two have none."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(9, (edges,), generator=generator)
    target[: edges // 3] = 0
    source = torch.randint(11, (edges,), generator=generator)
    v = 0.5 * torch.randn(edges, group.dim, generator=generator, dtype=torch.float64) if v is None else v
    weight = torch.rand(edges, generator=generator, dtype=torch.float64)
    return Neighbours.from_edges(
        target, source, v, weight, targets=11, sources=11, g=group.sample(edges, generator).double()
    )


def literal(kernel, x, graph, rep):
    """Σ_q w K(v) ρ(g) f(q), with all matrices of all edges."""
    moved = torch.einsum("eij,ej->ei", rep.rho(graph.g), x[graph.source])
    messages = graph.weight[:, None] * torch.einsum("eoi,ei->eo", kernel(graph.v), moved)
    return torch.zeros(graph.targets, messages.shape[1], dtype=x.dtype).index_add(0, graph.target, messages)


def assert_same(fast, plain, wanted, tolerance=1e-12):
    """Equal values, and equal gradients of a random linear functional with respect to all that is wanted."""
    assert plain.abs().max() > 1e-3
    assert (fast - plain).abs().max() < tolerance * plain.abs().max()
    slope = torch.randn(plain.shape, generator=torch.Generator().manual_seed(9), dtype=plain.dtype)
    found = [torch.autograd.grad(y, wanted, slope, allow_unused=True, retain_graph=True) for y in (fast, plain)]
    for a, b in zip(*found, strict=True):
        assert (a is None) == (b is None)
        assert a is None or (a - b).abs().max() < tolerance * b.abs().max().clamp(min=1e-3)


def features(rep, points=11):
    return torch.randn(points, rep.dim, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_frequencies_are_powers_of_the_angle():
    """e^{ikθ} z of complex numbers."""
    rep = T(SO2) + 2 * R.irrep(SO2, 1) + R.irrep(SO2, 3) + R.irrep(SO2, 1)
    graph, x = graph_of(SO2), features(TYPES["SO(2) irreps"])[:, : rep.dim]
    moved, turn = gather(x, graph, rep), torch.complex(graph.g[:, 0, 0], graph.g[:, 1, 0])
    there = x[graph.source]
    assert torch.equal(moved[:, 0], there[:, 0])
    for k, start in ((1, 1), (1, 3), (3, 5), (1, 7)):
        expected = turn**k * torch.complex(there[:, start].clone(), there[:, start + 1].clone())
        assert (torch.view_as_complex(moved[:, start : start + 2].clone()) - expected).abs().max() < 1e-13


@pytest.mark.parametrize("group", [C4, D4, G.Octahedral()], ids=str)
def test_regular_features_are_permuted(group):
    """(ρ(g) f)(h) = f(g⁻¹h), from the products of all pairs of elements."""
    elements = group.elements()
    graph, x = graph_of(group), torch.randn(11, len(elements), dtype=torch.float64)
    moved = gather(x, graph, R.regular(group))
    products = graph.g.mT[:, None] @ elements  # g⁻¹ h, orthogonal matrices
    index = (products[:, :, None] - elements).abs().amax((-1, -2)).argmin(-1)
    assert (moved - x[graph.source].gather(1, index)).abs().max() < 1e-14


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("family", KERNELS)
def test_kernels_equal_their_matrices(family, name):
    rep = TYPES[name]
    if family == "rings" and (rep.group.dim == 3 or "regular" in name):
        pytest.skip("slow for so many different v; below on a lattice")
    torch.manual_seed(0)
    kernel = KERNELS[family]()(rep, rep, dtype=torch.float64)
    graph, x = graph_of(rep.group), features(rep).requires_grad_()
    moving = replace(graph, v=graph.v.clone().requires_grad_(), weight=graph.weight.clone().requires_grad_())
    wanted = [x, moving.weight, *kernel.parameters(), *([] if family == "rings" else [moving.v])]
    assert_same(kernel.apply_to(x, moving), literal(kernel, x, moving, rep), wanted)
    still = kernel.apply_to(x, replace(graph, g=None))
    assert (still - kernel.apply_to(x, moving)).abs().max() > 1e-2 * still.abs().max()


def test_the_reference_is_literal():
    rep = TYPES["D4 regular"]
    kernel, graph, x = K.Harmonic(radius=1.0)(rep, rep, dtype=torch.float64), graph_of(D4), features(rep)
    assert_same(K.SteerableKernel.apply_to(kernel, x, graph), literal(kernel, x, graph, rep), list(kernel.parameters()))


@pytest.mark.parametrize("family", KERNELS)
def test_gradients_of_transporters(family):
    """Frames may be learnt: the gradient with respect to g, ρ extended to all matrices by its formula."""
    rep = R.irrep(SO2, 1) + T(SO2) + R.irrep(SO2, 2) + R.tensor(SO2, 2, 0)
    torch.manual_seed(0)
    kernel, x = KERNELS[family]()(rep, rep, dtype=torch.float64), features(rep).requires_grad_()
    graph = graph_of(SO2)
    angle = torch.atan2(graph.g[:, 1, 0], graph.g[:, 0, 0]).requires_grad_()
    c, s = angle.cos(), angle.sin()
    moving = replace(graph, g=torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2))
    assert_same(kernel.apply_to(x, moving), literal(kernel, x, moving, rep), [angle, x, *kernel.parameters()])


@pytest.mark.parametrize("family", KERNELS)
def test_numerical_derivatives(family):
    rep = R.irrep(SO2, 1) + T(SO2)
    torch.manual_seed(0)
    kernel, graph = KERNELS[family]()(rep, rep, dtype=torch.float64), graph_of(SO2, 6)
    w = [p.detach() for p in kernel.parameters()][0].clone().requires_grad_()
    angle = torch.atan2(graph.g[:, 1, 0], graph.g[:, 0, 0]).requires_grad_()

    def value(x, w, angle):
        c, s = angle.cos(), angle.sin()
        g = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)
        name = next(name for name, _ in kernel.named_parameters())
        return torch.func.functional_call(Applied(kernel), {f"kernel.{name}": w}, (x, replace(graph, g=g)))

    x = features(rep).requires_grad_()
    assert torch.autograd.gradcheck(value, (x, w, angle), fast_mode=True)
    assert torch.autograd.gradgradcheck(value, (x, w, angle), fast_mode=True)


class Applied(torch.nn.Module):
    def __init__(self, kernel):
        super().__init__()
        self.kernel = kernel

    def forward(self, x, graph):
        return self.kernel.apply_to(x, graph)


@pytest.mark.parametrize("entries", [1, 300])
def test_pieces(entries, monkeypatch):
    """However the edges are cut, padded and not."""
    rep = TYPES["SO(2) irreps"]
    monkeypatch.setitem(sums.ENTRIES, "cpu", entries)
    monkeypatch.setattr(offsets, "KERNEL_ENTRIES", 20 * rep.dim**2)
    for family in ("radial", "rings"):
        kernel, x = KERNELS[family]()(rep, rep, dtype=torch.float64), features(rep).requires_grad_()
        graph = graph_of(SO2, 50)
        assert_same(kernel.apply_to(x, graph), literal(kernel, x, graph, rep), [x, *kernel.parameters()])


@pytest.mark.parametrize("family", KERNELS)
def test_no_edges_and_isolated_points(family):
    rep = TYPES["SO(2) irreps"]
    kernel, x = KERNELS[family]()(rep, rep, dtype=torch.float64), features(rep).requires_grad_()
    assert kernel.apply_to(x, graph_of(SO2))[9:].abs().max() == 0
    y = kernel.apply_to(x, graph_of(SO2, 0))
    assert y.shape == (11, rep.dim) and y.abs().max() == 0
    assert torch.autograd.grad(y.sum(), x)[0].abs().max() == 0


@pytest.mark.parametrize("family", ["radial", "rings"])
def test_points_without_an_edge_between_them_never_meet(family):
    """Not a number at one point stays with its neighbours, though pieces are padded."""
    rep = TYPES["SO(2) irreps"]
    kernel, x, graph = KERNELS[family]()(rep, rep, dtype=torch.float64), features(rep), graph_of(SO2)
    x[4] = float("nan")
    touched = torch.zeros(11, dtype=torch.bool).index_fill(0, graph.target[graph.source == 4], True)
    assert torch.equal(kernel.apply_to(x, graph).isnan().any(1), touched) and not touched.all()


@pytest.mark.parametrize("name", ["SO(2) irreps", "D4 regular", "SO(3) tensors"])
def test_gauge_transformations(name):
    """New frames at all points: v ↦ h_p v, g ↦ h_p g h_q⁻¹, f ↦ ρ(h) f turn the output by ρ(h_p)."""
    rep, kernel = TYPES[name], KERNELS["radial"]()(TYPES[name], TYPES[name], dtype=torch.float64)
    graph, x = graph_of(rep.group), features(rep)
    h = rep.group.sample(11, torch.Generator().manual_seed(5)).double()
    p, q = h[graph.target], h[graph.source]
    other = replace(graph, v=(p @ graph.v[..., None])[..., 0], g=p @ graph.g @ q.mT)
    turn = rep.rho(h)
    y, moved = kernel.apply_to(x, graph), kernel.apply_to((turn @ x[..., None])[..., 0], other)
    expected = (turn @ y[..., None])[..., 0]
    assert (moved - expected).abs().max() < 1e-12 * expected.abs().max()
    assert (moved - y).abs().max() > 1e-2 * expected.abs().max()


def lattice(rep, n=6):
    """A torus of n × n pixels with transporters, its offsets perturbed by rounding; edges to the 3 × 3 around."""
    place = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), -1).reshape(-1, 2)
    steps = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), -1).reshape(-1, 2)
    there = ((place[:, None] + steps) % n) @ np.array([n, 1])
    target = torch.arange(n * n).repeat_interleave(9)
    v = torch.tensor(np.tile(steps, (n * n, 1)), dtype=torch.float64)
    v += 1e-14 * torch.randn(v.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = rep.group.sample(len(v), torch.Generator().manual_seed(1)).double()
    return Neighbours.from_edges(target, torch.tensor(there.ravel()), v, targets=n * n, sources=n * n, g=g)


@pytest.mark.parametrize("spec", [K.Stencil(3), K.Harmonic(size=3)], ids=str)
@pytest.mark.parametrize("name", ["C4 regular", "D4 regular"])
def test_lattice_edges_share_their_kernels(spec, name, monkeypatch):
    rep = TYPES[name]
    kernel, graph = spec(rep, rep, dtype=torch.float64), lattice(rep)
    x = features(rep, 36).requires_grad_()
    expected, seen = literal(kernel, x, graph, rep), []
    monkeypatch.setattr(type(kernel), "forward", counted(type(kernel).forward, seen))
    assert_same(kernel.apply_to(x, graph), expected, [x, *kernel.parameters()])
    assert sum(seen) <= 9 and len(graph) == 324


def counted(forward, seen):
    def wrapped(self, v):
        seen.append(len(v))
        return forward(self, v)

    return wrapped


def test_stencils_on_graphs_are_grid_convolutions():
    """Without transport a periodic lattice gives torch's own convolution."""
    rep = TYPES["D4 regular"]
    kernel, graph = K.Stencil(3)(rep, rep, dtype=torch.float64), replace(lattice(rep), g=None)
    x = features(rep, 36)
    image = torch.nn.functional.pad(x.T.view(1, -1, 6, 6), (1, 1, 1, 1), mode="circular")
    expected = torch.nn.functional.conv2d(image, kernel.stencil()).view(-1, 36).T
    assert (kernel.apply_to(x, graph) - expected).abs().max() < 1e-12 * expected.abs().max()
    with pytest.raises(KernelError, match="lattice"):
        kernel.apply_to(x, replace(graph, v=graph.v + 0.3))


class Largest(TorchDispatchMode):
    """The number of entries of the largest tensor that any operation gives."""

    entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(value, torch.Tensor):
                self.entries = max(self.entries, value.numel())
        return out


@pytest.mark.parametrize("family", KERNELS)
def test_no_matrices_of_edges(family, monkeypatch):
    """Forward and backward no tensor has more than a few times edges × c entries; the literal way has edges × c²."""
    monkeypatch.setitem(sums.ENTRIES, "cpu", 1 << 14)
    monkeypatch.setattr(offsets, "KERNEL_ENTRIES", 1 << 16)
    rep = 8 * T(SO2) + 8 * R.irrep(SO2, 1)
    kernel, graph = KERNELS[family]()(rep, rep, dtype=torch.float64), graph_of(SO2, 1000)
    x = features(rep).requires_grad_()
    found = []
    for apply_to in (kernel.apply_to, lambda x, graph: literal(kernel, x, graph, rep)):
        with Largest() as largest:
            torch.autograd.grad(apply_to(x, graph).sum(), x)
        found.append(largest.entries / (len(graph) * rep.dim))
    assert found[0] <= 5 and found[1] >= rep.dim


def test_images_are_kept_with_the_graph(monkeypatch):
    rep, seen = TYPES["SO(2) irreps"], []
    kind = type(R.irrep(SO2, 1))
    monkeypatch.setattr(kind, "_rho", lambda self, g, rho=kind._rho: seen.append(self.k) or rho(self, g))
    graph, x = graph_of(SO2), features(rep)
    with torch.inference_mode():
        first = gather(x, graph, rep)
    gather(x.clone().requires_grad_(), graph, rep).sum().backward()
    assert sorted(seen) == [1, 2]
    graph.g.copy_(graph.g.mT.clone())  # nothing goes stale
    assert (gather(x, graph, rep) - first).abs().max() > 0.1 and len(seen) == 4
    for other in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph)), graph.to(dtype=torch.float32)):
        assert not other.__dict__.get("_derived")


@pytest.mark.parametrize("family", ["radial", "depthwise"])
def test_compiled(family):
    rep = TYPES["SO(2) irreps"]
    kernel, x = KERNELS[family]()(rep, rep, dtype=torch.float64), features(rep).requires_grad_()
    graph, layer = graph_of(SO2), Applied(kernel)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert_same(compiled(x, graph), layer(x, graph), [x, *kernel.parameters()])


@pytest.mark.parametrize("family", ["radial", "depthwise"])
def test_functional_gradients(family):
    """torch.func.grad sees through."""
    rep = TYPES["SO(2) irreps"]
    kernel, graph, x = KERNELS[family]()(rep, rep, dtype=torch.float64), graph_of(SO2), features(rep)
    found = torch.func.grad(lambda x: kernel.apply_to(x, graph).square().sum())(x)
    x.requires_grad_()
    (expected,) = torch.autograd.grad(literal(kernel, x, graph, rep).square().sum(), x)
    assert (found - expected).abs().max() < 1e-12 * expected.abs().max()
