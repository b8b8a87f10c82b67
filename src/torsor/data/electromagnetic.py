"""Electromagnetic fields in a plane of space, on a lattice of R^{1,2}: samples with exact Poincaré transforms.

Charges move in pairs, mirrored at heights ±h about the plane z = 0. There E_z = B_x = B_y = 0, the field is smooth, and
(F⁰¹, F⁰², F¹²) = (E_x, E_y, B_z) is a field of bivectors of O(1, 2). c = 1 and one step of time is one of space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import pi

import numpy as np
import torch

from torsor.data.charges import Charges
from torsor.errors import DataError

PLANAR = (0, 1, 3)
"""The places of (F⁰¹, F⁰², F¹²) among the six components of F."""


@dataclass(frozen=True)
class PlanarFields:
    """Fields of charges on a lattice of R^{1,2}, and a space-like plane that parts it into a known past and a future.

    The task that goes with it, *continuation*, is Poincaré covariant: given F in the past of the plane, find F in its
    future. The plane is t = const until a sample is moved. Nothing is stored but worldlines and frames; fields are
    evaluated when asked for.

    Attributes:
        charges: the charges in space and their mirror images, (samples, 2n).
        frame: the g ∈ O(1, 2) by which each sample was moved, (samples, 3, 3).
        size: lattice points an axis.
        future: how many of the steps of time are the future in a sample that was not moved.
        spacing: of the lattice.
    """

    charges: Charges
    frame: torch.Tensor
    size: int
    future: int
    spacing: float = 1.0

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, index: slice | torch.Tensor) -> PlanarFields:
        c = self.charges
        parts = (x[index] for x in (c.charge, c.event, c.velocity, c.direction, c.acceleration))
        return replace(self, charges=Charges(*parts), frame=self.frame[index])

    @property
    def events(self) -> torch.Tensor:
        """The lattice, centred at the origin: (size, size, size, 3), axes t, x, y."""
        axis = (torch.arange(self.size, dtype=torch.float64) - (self.size - 1) / 2) * self.spacing
        return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1)

    def transformed(self, g: torch.Tensor) -> PlanarFields:
        """The same samples moved by g ∈ O(1, 2) about the centre, charges and planes: F becomes ρ(g) F(g⁻¹x).

        Args:
            g: (3, 3), or one for each sample, (samples, 3, 3).
        """
        g = g.to(self.frame).expand(len(self), 3, 3)
        in_space = torch.eye(4, dtype=g.dtype).repeat(len(self), 1, 1)
        in_space[:, :3, :3] = g
        return replace(self, charges=self.charges.transform(in_space), frame=g @ self.frame)

    def fields(self, points: torch.Tensor | None = None) -> torch.Tensor:
        """(F⁰¹, F⁰², F¹²), float64: (samples, 3, size, size, size) on the lattice, (samples, m, 3) at points (m, 3)."""
        where = self.events.reshape(-1, 3) if points is None else points.double()
        where = torch.cat([where, torch.zeros_like(where[..., :1])], -1)
        found = torch.cat([part.charges.field(where)[..., PLANAR] for part in self.chunks(8)])
        return found if points is not None else found.mT.reshape(-1, 3, *(self.size,) * 3)

    def past(self) -> torch.Tensor:
        """Where the plane has not been reached: (samples, 1, size, size, size) bool."""
        return self._moved_back()[..., 0] < self._now

    def scored(self) -> torch.Tensor:
        """The future of the plane, as far as it belongs to the box of the sample: (samples, 1, size, size, size) bool.

        Without this, the lattice would show boosted samples much later after their plane than the others.
        """
        x = self._moved_back()
        return (x[..., 0] >= self._now) & (x.abs() <= self.spacing * self.size / 2).all(-1)

    @property
    def _now(self) -> float:
        return self.spacing * (self.size / 2 - self.future)

    def _moved_back(self) -> torch.Tensor:
        """g⁻¹x of the lattice, (samples, 1, size, size, size, 3)."""
        x = self.events.reshape(-1, 3) @ torch.linalg.inv(self.frame).mT
        return x.reshape(-1, 1, *(self.size,) * 3, 3)

    def chunks(self, number: int) -> Iterator[PlanarFields]:
        """The samples, `number` at a time."""
        return (self[start : start + number] for start in range(0, len(self), number))


def em_fields(
    samples: int,
    size: int = 16,
    charges: tuple[int, int] = (2, 4),
    seed: int = 0,
    *,
    spacing: float = 1.0,
    future: int | None = None,
    height: tuple[float, float] = (2.0, 3.0),
    speed: float = 0.5,
    acceleration: float = 0.02,
) -> PlanarFields:
    """Random charges of constant proper acceleration around the lattice, in mirrored pairs.

    Charges of both signs, 0.5 … 1.5 in size, are over a disc of the lattice's width at t = 0; velocities and
    accelerations lie in the plane and in discs. Every distribution is invariant under rotations, none under boosts.
    The first samples of a longer draw are those of a shorter one.

    Args:
        samples: how many.
        size: lattice points an axis.
        charges: fewest and most pairs a sample.
        seed: of the draw.
        spacing: of the lattice, the same for time and space.
        future: the last steps of time, which the plane t = const cuts off; by default 3/8 of all.
        height: smallest and largest distance from the plane, in lattice steps; it sets the width of what is seen there.
        speed: the largest at t = 0.
        acceleration: the largest proper acceleration, per lattice step; horizons are 1/acceleration away.

    Raises:
        DataError: numbers that cannot be: no charge, a speed of 1 or more, a future longer than the lattice.
    """
    (fewest, most), future = charges, 3 * size // 8 if future is None else future
    if not (1 <= fewest <= most and 0 <= speed < 1 and 0 < future < size and 0 < height[0] <= height[1]):
        raise DataError(
            "expected 1 <= fewest <= most charges, 0 <= speed < 1, 0 < future < size and 0 < lowest <= highest, "
            f"received charges {charges}, speed {speed}, future {future} of {size}, height {height}"
        )
    rows = torch.from_numpy(np.random.default_rng(seed).random((samples, 1 + 9 * most)))
    draw = rows[:, 1:].reshape(samples, most, 9).unbind(-1)
    present = torch.arange(most) < fewest + (rows[:, :1] * (most - fewest + 1)).floor()
    q = present * torch.where(draw[0] < 0.5, -1.0, 1.0) * (0.5 + draw[1])
    place = _disc(draw[2], draw[3], spacing * size / 2)
    velocity, push = _disc(draw[4], draw[5], speed), _disc(draw[6], draw[7], acceleration / spacing)
    z = spacing * (height[0] + (height[1] - height[0]) * draw[8])
    pairs = Charges.moving(*_mirrored(q, place, velocity, push, z))
    frames = torch.eye(3, dtype=torch.float64).repeat(samples, 1, 1)
    return PlanarFields(pairs, frames, size, future, spacing)


def boost(rapidity: torch.Tensor | float, angle: torch.Tensor | float = 0.0) -> torch.Tensor:
    """The boosts of R^{1,2} along directions (cos, sin) of the angle: (...) -> (..., 3, 3)."""
    r, a = torch.broadcast_tensors(*(torch.as_tensor(x, dtype=torch.float64) for x in (rapidity, angle)))
    n = torch.stack([a.cos(), a.sin()], -1)
    space = torch.eye(2, dtype=r.dtype) + (r.cosh() - 1)[..., None, None] * n[..., :, None] * n[..., None, :]
    side = r.sinh()[..., None] * n
    top = torch.cat([r.cosh()[..., None, None], side[..., None, :]], -1)
    return torch.cat([top, torch.cat([side[..., :, None], space], -1)], -2)


def _disc(radius: torch.Tensor, angle: torch.Tensor, largest: float) -> torch.Tensor:
    """Points of a disc, uniform for uniform numbers in [0, 1): (...) -> (..., 2)."""
    a = 2 * pi * angle
    return largest * radius.sqrt()[..., None] * torch.stack([a.cos(), a.sin()], -1)


def _mirrored(
    q: torch.Tensor, place: torch.Tensor, velocity: torch.Tensor, push: torch.Tensor, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Charge, event, velocity and acceleration in space of the pairs, (samples, n) -> (samples, 2n)."""
    none, heights = torch.zeros_like(z)[..., None], torch.cat([z, -z], 1)[..., None]
    twice = [torch.cat([torch.cat([x, none], -1)] * 2, 1) for x in (velocity, push)]
    flat = torch.cat([torch.cat([none, place], -1)] * 2, 1)
    return torch.cat([q, q], 1), torch.cat([flat, heights], -1), twice[0], twice[1]
