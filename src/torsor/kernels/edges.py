"""Products of edge functions and features, summed at the targets: the inner loop of depthwise point convolutions.

y_p = Σ_q w_{pq,c} Σ_m C_m Y_m(v_pq) σ(g_pq) x_q    of every path (an irrep σ, a degree, an irrep τ) and channel c

Features are channels-last: for each irrep σ a block (dim σ, n_σ), flattened. The edges are worked through in pieces
that fit into the cache, and the backward pass computes the products again, so that nothing of the size edges ×
channels × dim τ is ever kept. `plain_products` is the same in a few tensor operations: the reference, and the way of
second derivatives and of compiled code and `torch.func`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from torsor.kernels.memo import is_traced
from torsor.kernels.transport import Images, apply_image, of_edges

ENTRIES = {"cpu": 1 << 21}
"""Entries of the products that are held at once; on accelerators 2^26."""


@dataclass(frozen=True)
class Block:
    """The paths that start at one irrep σ.

    Attributes:
        dim: of σ.
        channels: n_σ.
        heights: dim τ of every path; quickest where equal ones stand side by side.
    """

    dim: int
    channels: int
    heights: tuple[int, ...]

    @property
    def height(self) -> int:
        """The rows of all paths."""
        return sum(self.heights)


Tensors = tuple[torch.Tensor, ...]


def edge_products(
    x: torch.Tensor,
    y: torch.Tensor,
    w: torch.Tensor,
    maps: list[torch.Tensor],
    blocks: tuple[Block, ...],
    graph: Any,
    images: Images = (),
) -> torch.Tensor:
    """The sums at the targets, (targets, Σ height · channels).

    Differentiable in x, y, w and the images (twice, by the plain way).

    Args:
        x: features at the sources, (sources, Σ dim · channels).
        y: functions of the edges, (edges, Y).
        w: weights of every path and channel, (edges, Σ paths · channels).
        maps: for each block C, (Y, height · dim).
        blocks: the layout.
        graph: `torsor.spaces.Neighbours`.
        images: σ(g) of every block and edge, see `torsor.kernels.transport`; () where there is no transport.
    """
    if is_traced():
        return plain_products(x, y, w, maps, blocks, graph.target, graph.source, graph.targets, images)
    images = images or (None,) * len(blocks)
    return _Products.apply(x, y, w, graph.target, graph.source, graph.targets, blocks, *images, *maps)  # type: ignore[return-value]


def plain_products(
    x: torch.Tensor,
    y: torch.Tensor,
    w: torch.Tensor,
    maps: list[torch.Tensor] | Tensors,
    blocks: tuple[Block, ...],
    target: torch.Tensor,
    source: torch.Tensor,
    targets: int,
    images: Images = (),
) -> torch.Tensor:
    """All edges at once."""
    found = x.index_select(0, source).split([b.dim * b.channels for b in blocks], 1)
    images = images or (None,) * len(blocks)
    weights = w.split([len(b.heights) * b.channels for b in blocks], 1)
    parts = []
    for block, c, f, u, image in zip(blocks, maps, found, weights, images, strict=True):
        f = f.unflatten(1, (block.dim, block.channels))
        f = f if image is None else image @ f
        product = (y @ c).unflatten(1, (block.height, block.dim)) @ f
        repeats = torch.tensor(block.heights, dtype=torch.int64, device=x.device)
        rows = u.unflatten(1, (len(block.heights), block.channels)).repeat_interleave(
            repeats, 1, output_size=block.height
        )
        parts.append((product * rows).flatten(1))
    messages = torch.cat(parts, 1)
    return messages.new_zeros(targets, messages.shape[1]).index_add(0, target, messages)


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Any, y: Any, w: Any, target: Any, source: Any, targets: Any, blocks: Any, *others: Any
    ) -> Any:
        images, maps = others[: len(blocks)], others[len(blocks) :]
        ctx.save_for_backward(x, y, w, target, source, *others)
        ctx.targets, ctx.blocks = targets, blocks
        total = x.new_zeros(targets, sum(b.height * b.channels for b in blocks))
        for piece in _pieces(x, len(target), blocks):
            here = of_edges(images, piece)
            messages = _forward(x.index_select(0, source[piece]), y[piece], w[piece], maps, blocks, here)
            total.index_add_(0, target[piece], messages)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (slope,), blocks = gradients, ctx.blocks
        x, y, w, target, source, *others = ctx.saved_tensors
        images, maps = tuple(others[: len(blocks)]), tuple(others[len(blocks) :])
        turning = ctx.needs_input_grad[7 : 7 + len(blocks)]
        if torch.is_grad_enabled():  # somebody asks for second derivatives
            value = plain_products(x, y, w, maps, blocks, target, source, ctx.targets, images)
            needs = (*ctx.needs_input_grad[:3], *turning)
            wanted = [t for t, needed in zip((x, y, w, *images), needs, strict=True) if needed]
            found = iter(torch.autograd.grad(value, wanted, slope, create_graph=True))
            slopes = [next(found) if needed else None for needed in needs]
            return (*slopes[:3], *[None] * 4, *slopes[3:], *[None] * len(maps))
        dx, dy, dw = torch.zeros_like(x), torch.empty_like(y), torch.empty_like(w)
        turned = [torch.empty_like(i) if needed else None for i, needed in zip(images, turning, strict=True)]
        for piece in _pieces(x, len(target), blocks):
            found = x.index_select(0, source[piece]), slope.index_select(0, target[piece])
            here = of_edges(images, piece), of_edges(tuple(turned), piece)
            into = _backward(*found, y[piece], w[piece], maps, blocks, dy[piece], dw[piece], *here)
            dx.index_add_(0, source[piece], into)
        return (dx, dy, dw, *[None] * 4, *turned, *[None] * len(maps))


def _pieces(x: torch.Tensor, edges: int, blocks: tuple[Block, ...]) -> list[slice]:
    entries = ENTRIES.get(x.device.type, 1 << 26)
    step = max(64, entries // max(1, sum(b.height * b.channels for b in blocks)))
    return [slice(a, min(a + step, edges)) for a in range(0, edges, step)]


def _forward(
    x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, maps: Tensors, blocks: tuple[Block, ...], images: Images
) -> torch.Tensor:
    parts, place = [], [0, 0]
    for block, c, image in zip(blocks, maps, images, strict=True):
        f, u = _views(block, place, x, w)
        f = f if image is None else apply_image(image, f)
        product = torch.bmm((y @ c).view(len(y), block.height, block.dim), f)
        for paths, rows, shape in _runs(block):
            product[:, rows].unflatten(1, shape).mul_(u[:, paths, None])
        parts.append(product.flatten(1))
    return torch.cat(parts, 1)


def _backward(
    x: torch.Tensor,
    slope: torch.Tensor,
    y: torch.Tensor,
    w: torch.Tensor,
    maps: Tensors,
    blocks: tuple[Block, ...],
    dy: torch.Tensor,
    dw: torch.Tensor,
    images: Images,
    turned: Images,
) -> torch.Tensor:
    """Fills dy, dw and the gradients with respect to the images, returns that with respect to x."""
    parts, place = [], [0, 0, 0]
    dy.zero_()
    for block, c, image, turn in zip(blocks, maps, images, turned, strict=True):
        at_source, u, s = _views(block, place, x, w, slope)
        f = at_source if image is None else apply_image(image, at_source)
        m = (y @ c).view(len(y), block.height, block.dim)
        product, weighted = torch.bmm(m, f).mul_(s), torch.empty_like(s)
        du = dw[:, place[1] - u.shape[1] * u.shape[2] : place[1]].unflatten(1, u.shape[1:])
        for paths, rows, shape in _runs(block):
            torch.sum(product[:, rows].unflatten(1, shape), 2, out=du[:, paths])
            into = weighted[:, rows].unflatten(1, shape)
            torch.mul(s[:, rows].unflatten(1, shape), u[:, paths, None], out=into)
        back = torch.bmm(m.mT, weighted)
        if turn is not None:
            torch.bmm(back, at_source.mT, out=turn)
        parts.append((back if image is None else apply_image(image.mT, back)).flatten(1))
        dy.addmm_(torch.bmm(weighted, f.mT).flatten(1), c.mT)
    return torch.cat(parts, 1)


def _views(block: Block, place: list[int], *tensors: torch.Tensor) -> list[torch.Tensor]:
    """The parts of x, w (and the rows) that belong to a block, (…, size, channels); moves the places on."""
    n, sizes = block.channels, (block.dim, len(block.heights), block.height)
    found = []
    for k, (tensor, size) in enumerate(zip(tensors, sizes, strict=False)):
        found.append(tensor[:, place[k] : place[k] + size * n].unflatten(1, (size, n)))
        place[k] += size * n
    return found


def _runs(block: Block) -> list[tuple[slice, slice, tuple[int, int]]]:
    """Runs of paths of equal height: their places among the paths, their rows, and (number, height)."""
    found, path, row = [], 0, 0
    for height, run in groupby(block.heights):
        n = len(list(run))
        found.append((slice(path, path + n), slice(row, row + n * height), (n, height)))
        path, row = path + n, row + n * height
    return found
