"""Pairs of points and the geometry between them; isometries that map points to points."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from torsor.errors import SpaceError


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


def check_edges(space: Any, edges: object) -> None:
    """Raise unless what a space says of the pairs of its points is whole and finite.

    Raises:
        SpaceError: other types, shapes or dtypes, indices out of range, NaN, or Jacobians that are not positive.
    """
    m = space.frames.shape[1]
    if not isinstance(edges, Edges):
        raise SpaceError(f"connect of {space!r} gives spaces.Edges(p, q, u, jacobian, transport), got {type(edges)}")
    n = len(edges.p) if isinstance(edges.p, torch.Tensor) else 0
    shapes = {"p": (n,), "q": (n,), "u": (n, m), "jacobian": (n,), "transport": (n, m, m)}
    for (name, shape), value in zip(shapes.items(), edges, strict=True):
        if value is None and name == "transport":
            continue
        kind = torch.int64 if name in "pq" else torch.float64
        if not isinstance(value, torch.Tensor) or tuple(value.shape) != shape or value.dtype != kind:
            got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise SpaceError(f"connect of {space!r} gives {name} as {kind} of shape {shape}, got {got}")
        if name in "pq" and n and not 0 <= int(value.min()) <= int(value.max()) < len(space):
            raise SpaceError(f"connect of {space!r} gives {name} from 0 to {len(space) - 1}, got {int(value.max())}")
        if not bool(value.isfinite().all()):
            raise SpaceError(f"connect of {space!r} gives finite numbers, got NaN or infinity in {name}")
    if not bool((edges.jacobian > 0).all()):
        raise SpaceError(f"connect of {space!r} gives positive Jacobians, got {float(edges.jacobian.min()):.3g}")


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
