"""Sums over the edges of every target, fused: f(q) is gathered, carried by σ(g), multiplied and summed piece by piece.

y_p = W · Σ_q B(v_pq) ⊗ σ(g_pq) f(q)

Targets with equally many edges stand side by side, so that a piece is a batched matrix product that fits into the
cache; the backward pass computes the pieces again. The memory beyond input and output is that of one piece, the time
is linear in the edges, whatever the degrees of the targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from torsor.kernels.memo import derived
from torsor.kernels.transport import Transport, carry, empty_slopes, fill_slopes, of_edges, transposed

ENTRIES = {"cpu": 1 << 20}
"""Entries of a piece that are held at once; on accelerators 2^26."""


@dataclass(frozen=True)
class Piece:
    """Some groups of edges, padded to the largest of them.

    Attributes:
        groups: (k,) which groups.
        edges: (n,) their edges, group after group.
        width: the number of edges of the largest group.
        place: (n,) the row of every edge among k · width, or None where nothing is padded.
    """

    groups: torch.Tensor
    edges: torch.Tensor
    width: int
    place: torch.Tensor | None

    def pad(self, values: torch.Tensor) -> torch.Tensor:
        """(n, c) -> (k, width, c), zeros where there is no edge."""
        if self.place is not None:
            rows = len(self.groups) * self.width
            values = values.new_zeros(rows, values.shape[1]).index_copy(0, self.place, values)
        return values.view(len(self.groups), self.width, values.shape[1])

    def unpad(self, values: torch.Tensor) -> torch.Tensor:
        """(k, width, c) -> (n, c)."""
        flat = values.flatten(0, 1)
        return flat if self.place is None else flat.index_select(0, self.place)


@dataclass(frozen=True)
class Groups:
    """Edges in groups, the largest group first; empty groups are left out.

    Attributes:
        order: the groups.
        edges: all edges, group after group.
        rank: (edges,) the place of the group of every one of `edges` in `order`.
        nth: (edges,) its place in the group.
        counts: the number of edges of every group in `order`, on the CPU.
        ends: the cumulative sums of the counts, from 0.
    """

    order: torch.Tensor
    edges: torch.Tensor
    rank: torch.Tensor
    nth: torch.Tensor
    counts: list[int]
    ends: list[int]

    def pieces(self, per_group: int, per_edge: int, start: int = 0, end: int | None = None) -> Iterator[Piece]:
        """The groups start … end - 1 in pieces of a bounded number of entries, so many a group and a padded edge."""
        entries = ENTRIES.get(self.edges.device.type, 1 << 26)
        end = len(self.counts) if end is None else end
        while start < end:
            width = self.counts[start]
            stop = min(end, start + max(1, entries // (per_group + per_edge * width)))
            a, b = self.ends[start], self.ends[stop]
            place = (self.rank[a:b] - start) * width + self.nth[a:b]
            is_full = b - a == (stop - start) * width
            yield Piece(self.order[start:stop], self.edges[a:b], width, None if is_full else place)
            start = stop


def grouped(counts: torch.Tensor, edges: torch.Tensor | None = None) -> Groups:
    """Groups of edges that stand side by side, so many each; `edges` says which stand there, by default 0, 1, 2 …"""
    order = counts.argsort(descending=True, stable=True)
    order = order[: int((counts > 0).sum())]
    sizes, first = counts[order], (counts.cumsum(0) - counts)[order]
    ends = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    rank = torch.arange(len(order), device=counts.device).repeat_interleave(sizes)
    nth = torch.arange(len(rank), device=counts.device) - ends[rank]
    places = first[rank] + nth
    found = places if edges is None else edges[places]
    return Groups(order, found, rank, nth, sizes.tolist(), ends.tolist())


def edge_sums(
    x: torch.Tensor, features: torch.Tensor, weight: torch.Tensor, along: Transport, graph: Any
) -> torch.Tensor:
    """W · Σ_q B(v_pq) ⊗ ρ(g_pq) f(q), (targets, c_out); differentiable in x, B, W and g, any number of times.

    Args:
        x: f at the sources, (sources, c_in).
        features: B of every edge, quadrature weights included, (edges, features).
        weight: W, (c_out, c_in, features).
        along: the transport of f.
        graph: `torsor.spaces.Neighbours`.
    """
    groups = derived(graph, "by target", lambda: grouped(graph.rows.diff()))
    flat = along.weights(weight.transpose(1, 2)).permute(1, 2, 0).flatten(0, 1)
    return _Sums.apply(along.blocks(x), features, flat, graph.source, graph.targets, groups, along.sizes, *along.images)  # type: ignore[return-value]


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(x: Any, b: Any, w: Any, source: Any, targets: Any, groups: Any, sizes: Any, *images: Any) -> Any:
        total = x.new_zeros(targets, w.shape[1])
        for piece in _pieces(groups, x, b):
            found = x.index_select(0, source.index_select(0, piece.edges))
            right = piece.pad(carry(found, of_edges(images, piece.edges), sizes))
            left = piece.pad(b.index_select(0, piece.edges))
            total.index_copy_(0, piece.groups, (left.mT @ right).flatten(1) @ w)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, b, w, source, _, groups, sizes, *images = inputs
        ctx.save_for_backward(x, b, w, source, *images)
        ctx.groups, ctx.sizes = groups, sizes

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """The products again, piece by piece, in operations that can be differentiated once more."""
        (slope,), (x, b, w, source, *images) = gradients, ctx.saved_tensors
        dx, db, dw = torch.zeros_like(x), torch.zeros_like(b), torch.zeros_like(w)
        turned = empty_slopes(images, ctx.needs_input_grad[7:])
        for piece in _pieces(ctx.groups, x, b):
            here, near = of_edges(tuple(images), piece.edges), source.index_select(0, piece.edges)
            found = x.index_select(0, near)
            left, right = piece.pad(b.index_select(0, piece.edges)), piece.pad(carry(found, here, ctx.sizes))
            out = slope.index_select(0, piece.groups)
            inner = (out @ w.mT).unflatten(1, (b.shape[1], x.shape[1]))
            if ctx.needs_input_grad[2]:
                dw += (left.mT @ right).flatten(1).mT @ out
            if ctx.needs_input_grad[1]:
                db.index_copy_(0, piece.edges, piece.unpad(right @ inner.mT))
            back = piece.unpad(left @ inner)
            fill_slopes(turned, piece.edges, found, back, ctx.sizes)
            dx.index_add_(0, near, carry(back, transposed(here), ctx.sizes))
        return dx, db, dw, None, None, None, None, *turned


def _pieces(groups: Groups, x: torch.Tensor, b: torch.Tensor) -> Iterator[Piece]:
    return groups.pieces(x.shape[1] * b.shape[1], x.shape[1] + b.shape[1])
