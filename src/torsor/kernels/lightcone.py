"""The scalar factors of pseudo-Riemannian kernels: profiles of s = η(v,v), and the sectors of the light cone.

A profile is φ_j(s) = exp(-(u - u_j)²/2w²), u = asinh(s/ℓ²): a bump in a coordinate that is s/ℓ² near the light cone and
a logarithm far from it, smooth on all of R and at most 1. A harmonic of degree k is damped by (1 + s²/ℓ⁴)^{-k/4}, so
that it depends on the direction of v but hardly on η(v,v).

Where the light cone has two time-like (p = 1) or space-like (q = 1) halves, functions may differ on them: they carry
the sign of the half and exp(-ℓ²/|s|), which is smooth and flat at the cone, and vanish on the other side of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torsor.kernels.quadric import EVEN, PAST, SPACE, TIME
from torsor.linalg import pseudo_harmonic_basis, pseudo_harmonics


@dataclass(frozen=True)
class LightCone:
    """All functions f(v) = [sector] φ_j(s) (1 + s²/ℓ⁴)^{-k/4} Y_km(v/ℓ), in the order sector, degree k, j, m.

    Attributes:
        time: number of time axes, the first ones.
        space: number of space axes.
        unit: ℓ.
        degrees: the highest degree of each sector, by its name.
        centres: u_j of each sector.
        width: w.
    """

    time: int
    space: int
    unit: float
    degrees: tuple[tuple[str, int], ...]
    centres: tuple[tuple[float, ...], ...]
    width: float

    @property
    def blocks(self) -> list[tuple[str, int, int, int]]:
        """(sector, degree, number of profiles, number of harmonics), in order."""
        return [
            (sector, k, len(centres), len(pseudo_harmonic_basis(self.time, self.space, k)))
            for (sector, highest), centres in zip(self.degrees, self.centres, strict=True)
            for k in range(highest + 1)
        ]

    @property
    def number(self) -> int:
        """How many functions there are."""
        return sum(profiles * harmonics for _, _, profiles, harmonics in self.blocks)

    def square(self, v: torch.Tensor) -> torch.Tensor:
        """s/ℓ² = η(v,v)/ℓ²: (..., d) -> (...)."""
        squares = (v / self.unit).square()
        return squares[..., self.time :].sum(-1) - squares[..., : self.time].sum(-1)

    def __call__(self, v: torch.Tensor) -> torch.Tensor:
        """The functions at v: (..., d) -> (..., number), differentiable."""
        s, x = self.square(v), v / self.unit
        u, parts = torch.asinh(s)[..., None], []
        for (sector, highest), centres in zip(self.degrees, self.centres, strict=True):
            places = torch.tensor(centres, dtype=v.dtype, device=v.device)
            profiles = torch.exp(-((u - places) ** 2) / (2 * self.width**2)) * self.side(sector, s, x)[..., None]
            for k in range(highest + 1):
                damping = (1 + s.square()) ** (-k / 4)
                harmonics = pseudo_harmonics(x, self.time, self.space, k) * damping[..., None]
                parts.append((profiles[..., :, None] * harmonics[..., None, :]).flatten(-2))
        return torch.cat(parts, -1)

    def side(self, sector: str, s: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The factor of a sector: 1, or ± exp(-1/|s|) on one side of the light cone."""
        if sector == EVEN:
            return torch.ones_like(s)
        if sector == SPACE:
            return flat(s) * torch.sign(x[..., -1])
        if sector == TIME:
            return flat(-s) * torch.sign(x[..., 0])
        if sector == PAST:
            return flat(-s) * (x[..., 0] < 0)
        raise KeyError(sector)


def flat(s: torch.Tensor) -> torch.Tensor:
    """exp(-1/s) for s > 0, else 0: smooth, and all its derivatives vanish at 0."""
    positive = s > 0
    safe = torch.where(positive, s, torch.ones_like(s))
    return torch.where(positive, torch.exp(-1 / safe), torch.zeros_like(s))


def places(low: float, high: float, number: int) -> tuple[float, ...]:
    """Centres evenly spaced from asinh(low) to asinh(high); one alone stands in the middle."""
    ends = np.arcsinh(low), np.arcsinh(high)
    return tuple(float(u) for u in (np.linspace(*ends, number) if number > 1 else [sum(ends) / 2]))
