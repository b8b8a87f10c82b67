"""Pairs of points and the geometry between them; isometries that map points to points."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Edges(NamedTuple):
    """Pairs of points and the geometry between them, in the bases of the space.

    Attributes:
        p: (E,) targets, indices of points.
        q: (E,) sources.
        u: (E, m) log_p(q), in the basis at p.
        jacobian: (E,) |det ∂u/∂q|, where the volume of q is measured as by `Manifold.cells`.
        transport: (E, m, m) from the basis at q to that at p, along the geodesic; None where it is the identity.
    """

    p: torch.Tensor
    q: torch.Tensor
    u: torch.Tensor
    jacobian: torch.Tensor
    transport: torch.Tensor | None

    def at(self, index: torch.Tensor) -> Edges:
        """Some of the pairs."""
        return Edges(*(None if x is None else x[index] for x in self))  # type: ignore[arg-type]


class Motion(NamedTuple):
    """An isometry φ that maps points to points: (φ f)(p) = ρ(g_p) f(source_p).

    Attributes:
        source: (n,) the index of φ⁻¹(p).
        g: (n, d, d) in the structure group: what φ does to frames, relative to those at p.
    """

    source: torch.Tensor
    g: torch.Tensor


def closest(owner: torch.Tensor, squares: torch.Tensor, k: int) -> torch.Tensor:
    """The places of the k edges of every owner with the smallest squares; of equal ones the first."""
    order = squares.argsort(stable=True)
    order = order[owner[order].argsort(stable=True)]
    counts = torch.bincount(owner)
    rank = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[owner[order]]
    return order[rank < k]
