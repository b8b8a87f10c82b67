"""The nearest points of a manifold, in its own geometry: k sources of every target, or one target of every source.

Spaces are `Manifold`s with one root; edges go from the points of one to those of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torsor.errors import SpaceError, is_count
from torsor.spaces.edges import Edges, closest


def nearest_sources(space: Any, there: Any, k: int, radius: float | None = None, fewer: bool = False) -> Edges:
    """The k nearest points of a space for every target, of those within a radius; and the target itself if it is one.

    Raises:
        SpaceError: a piece of the space has fewer points, unless these are enough (fewer).
    """
    same = space.outside(_in_root(there))
    wanted = _available(space, there, k, same).clamp(max=k)
    if not fewer:
        _check_pieces(wanted, there, k)

    def others(edges: Edges) -> torch.Tensor:
        return (edges.q != same[edges.p]).nonzero()[:, 0]

    def enough(edges: Edges) -> bool:
        return bool((torch.bincount(edges.p[others(edges)], minlength=len(there)) >= wanted).all())

    share = (k + 1) / len(space)
    edges = space.pairs(radius, there) if radius is not None else _grown(space, there, share, enough, fewer)
    rest = others(edges)
    chosen = rest[closest(edges.p[rest], _squares(space, there, edges)[rest], k)]
    itself = (edges.q == same[edges.p]).nonzero()[:, 0]
    return edges.at(torch.cat([itself, chosen]))


def nearest_target(space: Any, there: Any) -> Edges:
    """One edge from every point of a space, to the target that is nearest.

    Raises:
        SpaceError: a piece of the space has no target.
    """
    _check_pieces(_available(there, space, 1), space, 1)
    edges = _grown(space, there, 1 / len(there), lambda e: len(e.q.unique()) == len(space))
    return edges.at(closest(edges.q, _squares(space, there, edges), 1))


def _squares(space: Any, there: Any, edges: Edges) -> torch.Tensor:
    """(E,) squared distances of edges between two spaces with one root."""
    return space.root.squares(in_root(space, there, edges))


def in_root(space: Any, there: Any, edges: Edges) -> Edges:
    """Edges between two spaces with one root, as edges of the root."""
    return edges._replace(p=_in_root(there)[edges.p], q=_in_root(space)[edges.q])


def _in_root(space: Any) -> torch.Tensor:
    """The points as indices of the root's."""
    inside = space.inside()
    return torch.arange(len(space), device=space.positions.device) if inside is None else inside


def _available(space: Any, there: Any, k: int, same: torch.Tensor | None = None) -> torch.Tensor:
    """(targets,) how many points of the space lie in the piece of each target, besides itself."""
    if not is_count(k):
        raise SpaceError(f"expected k of 1 or more neighbours, got {k}")
    every = space.root.pieces
    counts = torch.bincount(every[_in_root(space)], minlength=int(every.max()) + 1)
    return counts[every[_in_root(there)]] - (0 if same is None else (same >= 0).long())


def _check_pieces(available: torch.Tensor, there: Any, k: int) -> None:
    """Raise unless k points are there for every target."""
    target = int(available.argmin())
    if int(available[target]) < k:
        pieces = there.root.pieces
        raise SpaceError(
            f"expected {k} of these points within reach of every target, but there are {int(available[target])} for "
            f"target {target}, in piece {int(pieces[_in_root(there)][target])} of {int(pieces.max()) + 1}; take a "
            "smaller k, fewer=True, more samples, or the pieces as spaces of a batch, S.batched"
        )


def _grown(space: Any, there: Any, share: float, enough: Callable[[Edges], bool], fewer: bool = False) -> Edges:
    """The edges within the smallest radius, up to a factor √2, that are enough.

    Args:
        space: the sources.
        there: the targets.
        share: the part of the volume of which a neighbourhood is thought to consist.
        enough: whether edges are.
        fewer: whether those within the largest radius are, whatever they be.

    Raises:
        SpaceError: there is no such radius.
    """
    edges: Any = None
    radius, horizon = 2 * float(space.volumes.sum() * share) ** (1 / space.dim), space.root.horizon
    for _ in range(40):
        edges = space.between(min(radius, horizon), there)
        if enough(edges) or (fewer and radius >= horizon):
            return edges
        radius *= 2**0.5
    if fewer:
        return edges
    raise SpaceError(
        f"no radius below {horizon:.4g}, the largest of {space.root!r}, joins enough points of {space!r} and "
        f"{there!r}; take a smaller k, fewer=True, more samples, or a larger window"
    )
