"""Products at edges: piece by piece they are what all at once gives, with first and second derivatives."""

from types import SimpleNamespace

import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.kernels import edges
from torsor.kernels.edges import Block, edge_products, plain_products

BLOCKS = (Block(1, 4, (1, 3)), Block(3, 2, (3, 1, 5)), Block(5, 3, ()))


def problem(edges_number: int = 60):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    target = torch.randint(7, (edges_number,), generator=generator).sort().values
    source = torch.randint(9, (edges_number,), generator=generator)
    graph = SimpleNamespace(target=target, source=source, targets=8)
    x = draw(9, sum(b.dim * b.channels for b in BLOCKS)).requires_grad_()
    y = draw(edges_number, 6).requires_grad_()
    w = draw(edges_number, sum(len(b.heights) * b.channels for b in BLOCKS)).requires_grad_()
    maps = [draw(6, b.height * b.dim) for b in BLOCKS]
    return x, y, w, maps, graph


def literal(x, y, w, maps, graph):
    """Loops over edges, blocks, paths and channels."""
    out = torch.zeros(graph.targets, sum(b.height * b.channels for b in BLOCKS), dtype=x.dtype)
    for e in range(len(y)):
        p, q, i, k, o = int(graph.target[e]), int(graph.source[e]), 0, 0, 0
        for block, c in zip(BLOCKS, maps, strict=True):
            n, matrix, row = block.channels, (y[e] @ c).view(block.height, block.dim), 0
            f = x[q, i : i + block.dim * n].view(block.dim, n)
            i += block.dim * n
            for height in block.heights:
                value = matrix[row : row + height] @ f * w[e, k : k + n]
                out[p, o : o + height * n] += value.flatten()
                row, k, o = row + height, k + n, o + height * n
    return out


@pytest.mark.parametrize("entries", [1, 1 << 19])
def test_value_and_gradients(entries, monkeypatch):
    monkeypatch.setitem(edges.ENTRIES, "cpu", entries)
    x, y, w, maps, graph = problem(150)
    value, other = edge_products(x, y, w, maps, BLOCKS, graph), literal(x.detach(), y.detach(), w.detach(), maps, graph)
    assert torch.allclose(value, other, atol=1e-12)
    plain = plain_products(x, y, w, maps, BLOCKS, graph.target, graph.source, graph.targets)
    slope = torch.randn(value.shape, dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad(value, (x, y, w), slope), torch.autograd.grad(plain, (x, y, w), slope), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-11)


def test_numerical_derivatives():
    x, y, w, maps, graph = problem(12)
    assert torch.autograd.gradcheck(lambda *a: edge_products(*a, maps, BLOCKS, graph), (x, y, w))
    assert torch.autograd.gradgradcheck(lambda *a: edge_products(*a, maps, BLOCKS, graph), (x, y, w))


def test_no_edges():
    x, y, w, maps, graph = problem(0)
    assert edge_products(x, y, w, maps, BLOCKS, graph).abs().sum() == 0


@pytest.mark.parametrize("group", [G.SO(3), G.O(3), G.Octahedral(), G.SO(2), G.Dihedral(4)], ids=str)
def test_depthwise_kernel_equals_its_matrices(group):
    """Gather–apply–sum with the full matrices K(v), gradients included."""
    torch.manual_seed(1)
    rep = 2 * R.trivial(group) + 3 * R.standard(group) + R.symmetric(group, 2)
    kernel = K.Harmonic(radius=0.5, depthwise=True)(rep, rep, dtype=torch.float64)
    points = S.Points(torch.rand(40, group.dim, dtype=torch.float64))
    graph, x = points.neighbours(0.5), torch.randn(40, rep.dim, dtype=torch.float64, requires_grad=True)
    fast, literal = kernel.apply_to(x, graph), K.SteerableKernel.apply_to(kernel, x, graph)
    assert (fast - literal).abs().max() < 1e-12 * literal.abs().max()
    slope, wanted = torch.randn_like(fast), [x, *kernel.parameters()]
    for a, b in zip(torch.autograd.grad(fast, wanted, slope), torch.autograd.grad(literal, wanted, slope), strict=True):
        assert (a - b).abs().max() < 1e-10 * (1 + b.abs().max())


def test_forces_have_a_gradient():
    """Training on forces differentiates twice: the same numbers as the plain way."""
    group = G.SO(3)
    rep = 2 * R.trivial(group) + R.standard(group)
    torch.manual_seed(0)
    kernel = K.Harmonic(radius=0.6, depthwise=True)(rep, rep, dtype=torch.float64)
    found = []
    for apply_to in (kernel.apply_to, lambda x, graph: K.SteerableKernel.apply_to(kernel, x, graph)):
        generator = torch.Generator().manual_seed(5)
        positions = torch.rand(20, 3, generator=generator, dtype=torch.float64).requires_grad_()
        energy = (
            apply_to(torch.ones(20, rep.dim, dtype=torch.float64), S.Points(positions).neighbours(0.6)).square().sum()
        )
        (force,) = torch.autograd.grad(energy, positions, create_graph=True)
        found.append(torch.autograd.grad(force.square().sum(), [positions, *kernel.parameters()]))
    for a, b in zip(*found, strict=True):
        assert (a - b).abs().max() < 1e-9 * b.abs().max()
