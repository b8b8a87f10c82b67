"""Spaces of one chart of the square lattice, two or one of whose pairs of sides are glued.

The strip runs along axis 1, and its width along axis 0: fields are (batch, channels, 1, width, length).
"""

from __future__ import annotations

from math import pi

import torch

from torsor.errors import SpaceError, is_count
from torsor.groups import Group, Reflection, Trivial
from torsor.spaces.atlas import Atlas
from torsor.spaces.gluing import Gluing, Seam


def Mobius(length: int, width: int, group: Group | None = None, *, singular: str | None = None) -> Atlas:
    """The Möbius strip: (i, L + j) is (W - 1 - i, j), and there g_{p←q} = diag(-1, 1).

    It is symmetric under shifts by 0 … 2L - 1 pixels (`Atlas.shift`); that by L reflects every line across the strip.

    Args:
        length: L, pixels along the strip.
        width: W, pixels across it.
        group: contains the reflection of axis 0; by default that group. {e} and SO(2) are obstructed.
        singular: "allow" lets the frames of {e} jump across the seam.

    Raises:
        SpaceError: an obstructed group.
    """
    return _glued((width, length), True, False, group or Reflection(2, 0), _mobius(width, length), singular)


def Klein(length: int, width: int, group: Group | None = None, *, singular: str | None = None) -> Atlas:
    """The Klein bottle: a Möbius strip along axis 1 whose two edges are glued. The embedding in R³ cuts itself.

    Args:
        length: pixels along axis 1, whose ends are glued against each other.
        width: pixels along axis 0, whose ends are glued as they are.
        group: contains the reflection of axis 0; by default that group.
        singular: "allow" lets the frames of {e} jump across the seam.

    Raises:
        SpaceError: an obstructed group.
    """
    v, u = _angles(width, length)
    bulge = 2 + (u / 2).cos() * v.sin() - (u / 2).sin() * (2 * v).sin()
    height = (u / 2).sin() * v.sin() + (u / 2).cos() * (2 * v).sin()
    embedding = torch.stack([bulge * u.cos(), bulge * u.sin(), height], -1)
    return _glued((width, length), True, True, group or Reflection(2, 0), embedding, singular)


def Torus(length: int, width: int, group: Group | None = None) -> Atlas:
    """The flat torus: both pairs of sides glued as they are; any structure group, {e} by default."""
    v, u = _angles(width, length)
    embedding = torch.stack([(2 + v.cos()) * u.cos(), (2 + v.cos()) * u.sin(), v.sin()], -1)
    return _glued((width, length), False, True, group or Trivial(2), embedding)


def Cylinder(length: int, width: int, group: Group | None = None) -> Atlas:
    """The cylinder: closed along axis 1, with a boundary along axis 0; any structure group, {e} by default."""
    _, u = _angles(width, length)
    height = ((torch.arange(width).double() + 0.5) * (2 * pi / length))[:, None].expand_as(u)
    embedding = torch.stack([u.cos(), u.sin(), height], -1)
    return _glued((width, length), False, False, group or Trivial(2), embedding)


def LogPolar(n_r: int, n_phi: int, r_min: float, r_max: float) -> Atlas:
    """An annulus of E² ∖ 0 in log-polar frames: an {e}-structure with the metric dr²/r² + dφ².

    Axis 0 is log r, axis 1 is φ; a pixel is the centre of a cell. Shifts along φ are rotations about 0, which are
    exact; shifts along log r are scalings, exact up to the boundary. Points of E² are the embedding, with height 0.

    Args:
        n_r: cells from r_min to r_max, equal in log r.
        n_phi: cells around.
        r_min: the inner radius, above 0.
        r_max: the outer radius.

    Raises:
        SpaceError: radii without 0 < r_min < r_max.
    """
    if not 0 < r_min < r_max:
        raise SpaceError(f"expected radii 0 < r_min < r_max, got {r_min} and {r_max}")
    span = torch.log(torch.tensor([r_min, r_max], dtype=torch.float64))
    _, phi = _angles(n_r, n_phi)
    step = float(span[1] - span[0]) / n_r
    radius = (span[0] + step * (torch.arange(n_r).double() + 0.5)).exp()[:, None]
    embedding = torch.stack([radius * phi.cos(), radius * phi.sin(), torch.zeros_like(phi)], -1)
    seam = Seam.of_sides((n_r, n_phi), 0, (1, 1), 0, (1, 0))
    gluing = Gluing(1, (n_r, n_phi), (seam,), ((step, 0.0), (0.0, 2 * pi / n_phi)))
    return Atlas(gluing, Trivial(2), embedding=embedding[None])


def _glued(
    shape: tuple[int, int],
    flip: bool,
    closed: bool,
    group: Group,
    embedding: torch.Tensor,
    singular: str | None = None,
) -> Atlas:
    """One chart, axis 1 closed up (with a flip), axis 0 too if closed."""
    seams = [Seam.of_sides(shape, 0, (1, 1), 0, (1, 0), flip)]
    if closed:
        seams.append(Seam.of_sides(shape, 0, (0, 1), 0, (0, 0)))
    return Atlas(Gluing(1, shape, tuple(seams)), group, singular=singular, embedding=embedding[None])


def _angles(width: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Angles of the pixels' centres around both axes, (width, length) each.

    Raises:
        SpaceError: no numbers of pixels.
    """
    if not (is_count(width) and is_count(length)):
        raise SpaceError(f"expected numbers of pixels of at least 1, got {width!r} across and {length!r} along")
    v, u = (2 * pi * (torch.arange(n).double() + 0.5) / n for n in (width, length))
    return v[:, None].expand(width, length), u[None].expand(width, length)


def _mobius(width: int, length: int) -> torch.Tensor:
    _, u = _angles(width, length)
    across = ((torch.arange(width).double() + 0.5 - width / 2) * (2 * pi / length))[:, None]
    across = across * min(1.0, 0.9 * length / (pi * width))  # no wider than the ring allows
    radius = 1 + across * (u / 2).cos()
    return torch.stack([radius * u.cos(), radius * u.sin(), across * (u / 2).sin()], -1)
