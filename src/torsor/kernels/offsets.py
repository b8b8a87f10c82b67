"""Kernels that many edges share: where v takes few values, as on lattices, K(v) is found once for each of them.

y_p = Σ_v K(v) Σ_{q: v_pq = v} w_pq ρ_in(g_pq) f(q),    one matrix product for every distinct v

Edges with equally frequent v stand side by side, padded. Where there are many different v, the kernels of some of them
are formed at a time, and again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from torsor.kernels.memo import derived, version
from torsor.kernels.sums import Groups, Piece, grouped
from torsor.kernels.transport import carry, empty_slopes, fill_slopes, of_edges, transport, transposed

KERNEL_ENTRIES = 1 << 24
"""Entries of the kernels K(v) that are held at once."""

DIGITS = 1e-11
"""Vectors that agree to this, relative to the longest of all, count as one."""


def apply_by_offset(kernel: Any, x: torch.Tensor, graph: Any) -> torch.Tensor:
    """Σ_q w_pq K(v_pq) ρ_in(g_pq) f(q), K(v) not differentiated in v: (sources, c_in) -> (targets, c_out).

    Args:
        kernel: `forward` gives K(v), (n, d) -> (n, c_out, c_in).
        x: features at the sources.
        graph: `torsor.spaces.Neighbours`.
    """
    along = transport(graph, kernel.in_rep, x)
    vectors, groups = derived(graph, ("by offset", version(graph.v)), lambda: by_offset(graph.v))
    features, weight = along.blocks(x), graph.weight.to(x)
    size = max(1, KERNEL_ENTRIES // (kernel.in_rep.dim * kernel.out_rep.dim))

    def part(features: torch.Tensor, start: int) -> torch.Tensor:
        k = along.weights(kernel(vectors[start : start + size])).mT
        place = graph.target, graph.source, graph.targets
        return _ByOffset.apply(features, weight, k, *place, groups, start, along.sizes, *along.images)  # type: ignore[return-value]

    if len(vectors) <= size:
        return part(features, 0)
    total = x.new_zeros(graph.targets, kernel.out_rep.dim)
    for start in range(0, len(vectors), size):
        total = total + checkpoint(part, features, start, use_reentrant=False, preserve_rng_state=False)
    return total


def by_offset(v: torch.Tensor) -> tuple[torch.Tensor, Groups]:
    """The distinct vectors up to rounding, the most frequent first, (number, d), and the edges that have each."""
    scale = float(v.abs().amax()) if v.numel() else 1.0
    step = (scale or 1.0) * max(DIGITS, 4 * torch.finfo(v.dtype).eps)
    _, index, counts = torch.unique((v / step).round(), dim=0, return_inverse=True, return_counts=True)
    edges = index.argsort(stable=True)
    groups = grouped(counts, edges)
    first = edges[(counts.cumsum(0) - counts)[groups.order]]
    return v[first], replace(groups, order=torch.arange(len(first), device=v.device))


class _ByOffset(torch.autograd.Function):
    @staticmethod
    def forward(
        x: Any,
        w: Any,
        k: Any,
        target: Any,
        source: Any,
        targets: Any,
        groups: Any,
        start: Any,
        sizes: Any,
        *images: Any,
    ) -> Any:
        total = x.new_zeros(targets, k.shape[2])
        for piece in _pieces(groups, k, start):
            found = x.index_select(0, source.index_select(0, piece.edges))
            found = carry(found, of_edges(images, piece.edges), sizes) * w.index_select(0, piece.edges)[:, None]
            messages = piece.unpad(piece.pad(found) @ k.index_select(0, piece.groups - start))
            total.index_add_(0, target.index_select(0, piece.edges), messages)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, w, k, target, source, _, groups, start, sizes, *images = inputs
        ctx.save_for_backward(x, w, k, target, source, *images)
        ctx.groups, ctx.start, ctx.sizes = groups, start, sizes

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """The products again, piece by piece, in operations that can be differentiated once more."""
        (slope,), (x, w, k, target, source, *images) = gradients, ctx.saved_tensors
        dx, dw, dk = torch.zeros_like(x), torch.zeros_like(w), torch.zeros_like(k)
        turned = empty_slopes(images, ctx.needs_input_grad[9:])
        for piece in _pieces(ctx.groups, k, ctx.start):
            here, near = of_edges(tuple(images), piece.edges), source.index_select(0, piece.edges)
            found, u = x.index_select(0, near), w.index_select(0, piece.edges)[:, None]
            carried, rows = carry(found, here, ctx.sizes), piece.groups - ctx.start
            out = piece.pad(slope.index_select(0, target.index_select(0, piece.edges)))
            back = piece.unpad(out @ k.index_select(0, rows).mT)
            if ctx.needs_input_grad[2]:
                dk.index_copy_(0, rows, piece.pad(carried * u).mT @ out)
            if ctx.needs_input_grad[1]:
                dw.index_copy_(0, piece.edges, (back * carried).sum(1))
            fill_slopes(turned, piece.edges, found, back * u, ctx.sizes)
            dx.index_add_(0, near, carry(back * u, transposed(here), ctx.sizes))
        return (dx, dw, dk, *[None] * 6, *turned)


def _pieces(groups: Groups, k: torch.Tensor, start: int) -> Iterator[Piece]:
    return groups.pieces(k.shape[1] * k.shape[2], k.shape[1] + k.shape[2], start, start + len(k))
