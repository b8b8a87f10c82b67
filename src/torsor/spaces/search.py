"""Neighbour search among points of R^d: a cell list, in plain torch on any device, without n² memory.

Points are (n, d) tensors with the (n,) index of the batch element of each. All results are edges (target, source),
sorted by target, then source, and never join two batch elements.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch

CHUNK = 1 << 20
"""Pairs of points whose distances are held at a time; bounds the memory."""

AXES = 3
"""Cells divide the first axes only: 3^d cells surround one, and further axes are left to the distances."""


class Cloud(NamedTuple):
    """Positions (n, d) in the precision of the search, (n,) the sorted index of the batch element, their number."""

    x: torch.Tensor
    batch: torch.Tensor
    elements: int

    def at(self, index: torch.Tensor) -> Cloud:
        """Some of the points."""
        return Cloud(self.x[index], self.batch[index], self.elements)

    @property
    def sizes(self) -> torch.Tensor:
        """(elements,) the number of points of every batch element."""
        return torch.bincount(self.batch, minlength=self.elements)


Edges = tuple[torch.Tensor, torch.Tensor]


def squared_distances(target: Cloud, source: Cloud, edges: Edges) -> torch.Tensor:
    """|x_q - x_p|² of edges: (E,)."""
    return (source.x[edges[1]] - target.x[edges[0]]).square().sum(1)


def within(target: Cloud, source: Cloud, radius: float) -> Edges:
    """All pairs of one batch element with |x_q - x_p| ≤ radius, coincident points and p = q included.

    Space is cut into cells of side ≥ radius, so that the sources near a point lie in the 3^d cells around its own;
    three of them that follow each other along the last axis are one range of the sources, sorted by cell.
    """
    here, there, strides = _cells(target, source, radius)
    keys, order = there.sort(stable=True)
    around = product((-1, 0, 1), repeat=len(strides) - 1)
    shifts = [sum(a * s for a, s in zip(shift, strides, strict=False)) for shift in around]
    middle = here[:, None] + torch.tensor(shifts, device=here.device)
    first = torch.searchsorted(keys, middle - 1)
    count = torch.searchsorted(keys, middle + 1, right=True) - first
    found = []
    for a, b in _chunks(count.sum(1)):
        owner, place = _ranges(first[a:b].reshape(-1), count[a:b].reshape(-1))
        edges = a + owner // len(shifts), order[place]
        near = squared_distances(target, source, edges) <= radius * radius
        found.append(_sorted(edges[0][near], edges[1][near], len(source.x)))
    return torch.cat([t for t, _ in found]), torch.cat([s for _, s in found])


def _cells(target: Cloud, source: Cloud, radius: float) -> tuple[torch.Tensor, torch.Tensor, tuple[int, ...]]:
    """The cells of targets and sources as numbers, and the strides of the axes; the last cell of an axis is empty."""
    axes = min(AXES, source.x.shape[1])
    both = torch.cat([target.x, source.x])[:, :axes]
    batch = torch.cat([target.batch, source.batch])
    low = both.new_full((source.elements, axes), torch.inf).scatter_reduce(
        0, batch[:, None].expand_as(both), both, "amin"
    )
    relative = both - low[batch]
    limit = (
        int((2.0**60 / source.elements) ** (1 / axes)) - 4
    )  # a larger number of cells than this would overflow int64
    side = max(radius * 1.0001, float(relative.max()) / limit)
    cell = (relative / side).floor().long()
    sizes = (cell.amax(0) + 2).tolist()
    strides = [1]
    for size in reversed(sizes[1:]):
        strides.insert(0, strides[0] * size)
    key = batch * (strides[0] * sizes[0]) + (cell * torch.tensor(strides, device=cell.device)).sum(1)
    return key[: len(target.x)], key[len(target.x) :], tuple(strides)


def _chunks(work: torch.Tensor) -> list[tuple[int, int]]:
    """Consecutive parts [a, b) of the targets, each with at most about CHUNK pairs."""
    part = (work.cumsum(0) - work) // CHUNK
    counts = torch.unique_consecutive(part, return_counts=True)[1].tolist()
    bounds = [0]
    for count in counts:
        bounds.append(bounds[-1] + count)
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def _ranges(first: torch.Tensor, count: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The numbers first[i] … first[i] + count[i] - 1 for all i, one after another, and the i of each."""
    owner = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    shift = first - (count.cumsum(0) - count)
    return owner, torch.arange(len(owner), device=count.device) + shift[owner]


def _sorted(target: torch.Tensor, source: torch.Tensor, sources: int) -> Edges:
    key = (target * sources + source).sort().values
    return key // sources, key % sources


def closest(target: Cloud, source: Cloud, edges: Edges, k: int | torch.Tensor) -> Edges:
    """The k shortest edges of every target, fewer where there are fewer; of equal lengths the lowest source.

    Args:
        target: points.
        source: points.
        edges: between them.
        k: one number, or one a target.
    """
    order = squared_distances(target, source, edges).argsort(stable=True)
    order = order[edges[0][order].argsort(stable=True)]
    sorted_target = edges[0][order]
    counts = torch.bincount(sorted_target, minlength=len(target.x))
    rank = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[sorted_target]
    most = k[sorted_target] if isinstance(k, torch.Tensor) else k
    keep = order[rank < most].sort().values
    return edges[0][keep], edges[1][keep]


def nearest(target: Cloud, source: Cloud, k: int, *, loops: bool = True, fewer: bool = False) -> Edges:
    """The k nearest sources of every target; of equal distances the lowest source.

    A radius grows until its ball holds k sources; then the k nearest are among them. Every batch element must have k
    sources, unless fewer=True, which takes all where there are fewer. With loops=False target and source are one cloud,
    and no point is its own neighbour.
    """
    rest = torch.arange(len(target.x), device=target.x.device)
    radius, found = _first_radius(target, source, k), []
    wanted = (source.sizes[target.batch] - int(not loops)).clamp(max=k) if fewer else torch.full_like(rest, k)
    while len(rest):
        part, k_part = target.at(rest), wanted[rest]
        edges = within(part, source, radius)
        if not loops:
            keep = rest[edges[0]] != edges[1]
            edges = edges[0][keep], edges[1][keep]
        done = torch.bincount(edges[0], minlength=len(rest)) >= k_part
        edges = edges[0][done[edges[0]]], edges[1][done[edges[0]]]
        edges = closest(part, source, edges, k_part)
        found.append((rest[edges[0]], edges[1]))
        rest, radius = rest[~done], radius * 1.5
    return _sorted(torch.cat([t for t, _ in found]), torch.cat([s for _, s in found]), len(source.x))


def _first_radius(target: Cloud, source: Cloud, k: int) -> float:
    """A radius with which about a third of the points have k neighbours, from a few of them; never zero."""
    probe = torch.arange(0, len(target.x), max(1, len(target.x) // 32), device=target.x.device)
    some = target.at(probe)
    distance = torch.cdist(some.x, source.x, compute_mode="donot_use_mm_for_euclid_dist")
    distance = distance.where(some.batch[:, None] == source.batch, torch.inf)
    scale = distance.where(distance.isfinite(), 0.0).max().item()
    kth = distance.topk(min(k + 1, len(source.x)), dim=1, largest=False).values[:, -1]
    kth = kth[kth.isfinite() & (kth > 1e-6 * scale)]
    if len(kth):
        return kth.quantile(0.4).item() * 1.0001
    return 1e-3 * scale or 1.0
