"""The nearest points of a manifold, in its own geometry: k sources of every target, or one target of every source.

Spaces are `Manifold`s with one root; edges go from the points of one to those of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torsor.errors import SpaceError
from torsor.spaces.edges import Edges, closest


def nearest_sources(space: Any, there: Any, k: int, radius: float | None = None) -> Edges:
    """The k nearest points of a space for every target, of those within a radius; and the target itself if it is one.

    Raises:
        SpaceError: a piece of the space has fewer points.
    """
    same = space.outside(_in_root(there))
    _check_pieces(space, there, k, same)

    def others(edges: Edges) -> torch.Tensor:
        return (edges.q != same[edges.p]).nonzero()[:, 0]

    def enough(edges: Edges) -> bool:
        return int(torch.bincount(edges.p[others(edges)], minlength=len(there)).min()) >= k

    edges = space.pairs(radius, there) if radius is not None else _grown(space, there, (k + 1) / len(space), enough)
    rest = others(edges)
    chosen = rest[closest(edges.p[rest], space.root.squares(edges)[rest], k)]
    itself = (edges.q == same[edges.p]).nonzero()[:, 0]
    return edges.at(torch.cat([itself, chosen]))


def nearest_target(space: Any, there: Any) -> Edges:
    """One edge from every point of a space, to the target that is nearest.

    Raises:
        SpaceError: a piece of the space has no target.
    """
    _check_pieces(there, space, 1)
    edges = _grown(space, there, 1 / len(there), lambda e: len(e.q.unique()) == len(space))
    return edges.at(closest(edges.q, space.root.squares(edges), 1))


def _in_root(space: Any) -> torch.Tensor:
    """The points as indices of the root's."""
    inside = space.inside()
    return torch.arange(len(space), device=space.positions.device) if inside is None else inside


def _check_pieces(space: Any, there: Any, k: int, same: torch.Tensor | None = None) -> None:
    """Raise unless every piece with targets has k points of the space, besides a target itself."""
    if k < 1:
        raise SpaceError(f"expected k of 1 or more neighbours, got {k}")
    every = space.root.pieces
    mine, theirs = every[_in_root(space)], every[_in_root(there)]
    counts = torch.bincount(mine, minlength=int(every.max()) + 1)
    missing = counts[theirs] - (0 if same is None else (same >= 0).long()) - k
    if int(missing.min()) < 0:
        target = int(missing.argmin())
        raise SpaceError(
            f"expected {k} of these points within reach of every target, but there are {int(missing[target]) + k} for "
            f"target {target}, in piece {int(theirs[target])} of {len(counts)}; take a smaller k, more samples, or the "
            "pieces as spaces of a batch, S.batched"
        )


def _grown(space: Any, there: Any, share: float, enough: Callable[[Edges], bool]) -> Edges:
    """The edges within the smallest radius, up to a factor √2, that are enough.

    Args:
        space: the sources.
        there: the targets.
        share: the part of the volume of which a neighbourhood is thought to consist.
        enough: whether edges are.

    Raises:
        SpaceError: there is no such radius.
    """
    radius = 2 * float(space.cells.sum() * share) ** (1 / space.dim)
    for _ in range(40):
        edges = space.between(min(radius, 0.999999 * space.root.reach), there)
        if enough(edges):
            return edges
        radius *= 2**0.5
    raise SpaceError(
        f"no radius was found that joins {space!r} and {there!r} as asked: a window or antipodes keep points apart; "
        "take more points, or a larger window"
    )
