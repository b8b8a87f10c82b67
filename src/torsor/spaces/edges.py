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


def checked(space: Any, edges: object) -> Edges:
    """What a space says of the pairs of its points, in int64 and float64, if it is whole and finite.

    Raises:
        SpaceError: other types or shapes, indices out of range, NaN, or Jacobians that are not positive.
    """
    if not isinstance(edges, Edges):
        raise SpaceError(f"connect of {space!r} gives spaces.Edges(p, q, u, jacobian, transport), got {type(edges)}")
    n, m = len(edges.p) if isinstance(edges.p, torch.Tensor) else 0, space.frames.shape[1]
    shapes = {"p": (n,), "q": (n,), "u": (n, m), "jacobian": (n,), "transport": (n, m, m)}
    for (name, shape), value in zip(shapes.items(), edges, strict=True):
        if value is None and name == "transport":
            continue
        if not isinstance(value, torch.Tensor) or tuple(value.shape) != shape:
            got = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise SpaceError(f"connect of {space!r} gives {name} of shape {shape}, got {got}")
        if value.is_floating_point() == (name in "pq") or value.is_complex():
            kind = "indices" if name in "pq" else "real numbers"
            raise SpaceError(f"connect of {space!r} gives {kind} as {name}, got {value.dtype}")
        if name in "pq" and n and not 0 <= int(value.min()) <= int(value.max()) < len(space):
            raise SpaceError(f"connect of {space!r} gives {name} from 0 to {len(space) - 1}, got {int(value.max())}")
        if not bool(value.isfinite().all()):
            raise SpaceError(f"connect of {space!r} gives finite numbers, got NaN or infinity in {name}")
    if not bool((edges.jacobian > 0).all()):
        raise SpaceError(f"connect of {space!r} gives positive Jacobians, got {float(edges.jacobian.min()):.3g}")
    transport = None if edges.transport is None else edges.transport.double()
    return Edges(edges.p.long(), edges.q.long(), edges.u.double(), edges.jacobian.double(), transport)


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
