"""Transporters that keep a G-structure: the parallel transport between frames, brought into the structure group."""

from __future__ import annotations

import torch

from torsor.errors import SpaceError
from torsor.groups import Group

CHUNK = 1 << 20
"""Entries of the products with all elements of a finite group that are held at a time."""


def check_group(group: object) -> None:
    """Raise unless a structure group is one.

    Raises:
        SpaceError: it is something else.
    """
    if not isinstance(group, Group):
        raise SpaceError(f"expected a structure group, such as groups.SO(2), got {group!r}")


def compatible(
    group: Group,
    coframe: torch.Tensor,
    frames: torch.Tensor,
    p: torch.Tensor,
    q: torch.Tensor,
    transport: torch.Tensor | None,
) -> torch.Tensor | None:
    """The transporters g_{p←q} = e_p⁺ P_{p←q} e_q of a connection that keeps the G-structure; None if all are 1.

    The identity for {e}; for other finite groups the element nearest to that of the given transport; for Lie groups
    the given transport itself, which must lie in G.

    Args:
        group: G.
        coframe: (targets, d, m) the dual frames e⁺ at the targets.
        frames: (sources, m, d) the frames at the sources.
        p: (E,) targets.
        q: (E,) sources.
        transport: (E, m, m), in the bases of the space; None is the identity.

    Raises:
        SpaceError: the transport leaves the group.
    """
    if group.order == 1:
        return None
    plain = frames[q] if transport is None else transport @ frames[q]
    g = coframe[p] @ plain
    if group.is_finite:
        return nearest_elements(group, g)
    size = float(g.abs().max()) if g.numel() else 1.0
    inside = group.contains(g, 1e-6 * max(1.0, size**2))  # boosts of the frames enlarge the errors of transport
    if not bool(inside.all()):
        raise SpaceError(
            f"the connection of the space does not keep a {group}-structure: {int((~inside).sum())} of {len(g)} "
            "transporters lie outside the group; take the frames of a larger group, or a finite one, whose nearest "
            "element is used"
        )
    return g


def nearest_elements(group: Group, g: torch.Tensor) -> torch.Tensor:
    """The element h of a finite group with the smallest |h - g|²: (E, d, d).

    For a g b, with a and b in the group, it is a h b; where elements are equally near (frames that turn by half a step
    of the group) the first of them is taken, and this holds up to a choice.

    Raises:
        SpaceError: transporters that are not finite.
    """
    if not bool(g.isfinite().all()):
        raise SpaceError("expected finite transporters, got NaN or infinity")
    elements = group.action(group.elements()).to(g)
    flat, half, found = elements.flatten(1), elements.square().sum((1, 2)) / 2, []
    for part in g.flatten(1).split(max(1, CHUNK // len(elements))):
        found.append((part @ flat.T - half).argmax(1))
    return elements[torch.cat(found)] if found else g


def volume(frames: torch.Tensor) -> torch.Tensor:
    """√det(eᵀe), the volume that the vectors of frames (n, m, d) span."""
    if frames.shape[-1] == frames.shape[-2]:
        return torch.linalg.det(frames).abs()
    return torch.linalg.det(frames.mT @ frames).sqrt()
