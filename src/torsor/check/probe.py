"""Random band-limited fields in closed form, so that a transformed input is sampled and never interpolated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torsor.reps import Representation

BAND = 1 / 8
"""Highest spatial frequency, in cycles per pixel of the coarsest grid."""


@dataclass(frozen=True)
class PlaneWaves:
    """f_n(x) = envelope(|x|) Σ_j c_{nj} cos(k_{nj}·x + φ_{nj}), n = 1 … batch, c in R^{dim ρ}, |k| below 2π band.

    The envelope is 1 at the centre and falls smoothly to 0 at `radius`: nothing is lost when the field turns.
    """

    amplitude: torch.Tensor
    wave: torch.Tensor
    phase: torch.Tensor
    radius: float
    rep: Representation

    @staticmethod
    def random(
        rep: Representation, batch: int, radius: float, generator: torch.Generator, waves: int = 12, band: float = BAND
    ) -> PlaneWaves:
        """Gaussian amplitudes, wave vectors uniform in a ball of radius 2π band, uniform phases; float64."""
        d = rep.group.dim
        kind = {"generator": generator, "dtype": torch.float64}
        direction = torch.nn.functional.normalize(torch.randn(batch, waves, d, **kind), dim=-1)
        length = 2 * torch.pi * band * torch.rand(batch, waves, 1, **kind) ** (1 / d)
        phase = 2 * torch.pi * torch.rand(batch, waves, **kind)
        return PlaneWaves(torch.randn(batch, waves, rep.dim, **kind), direction * length, phase, radius, rep)

    def first(self, number: int) -> PlaneWaves:
        """The first fields of the batch."""
        parts = (self.amplitude[:number], self.wave[:number], self.phase[:number])
        return PlaneWaves(*parts, self.radius, self.rep)

    def sample(self, size: int, factor: int = 1, g: torch.Tensor | None = None) -> torch.Tensor:
        """(g f)(x) = ρ(g) f(g⁻¹x) on a centred grid: (batch, dim ρ, *space).

        Args:
            size: pixels along every axis at factor 1.
            factor: the grid covers the same region with a spacing of 1/factor.
            g: an element, or None for the identity.
        """
        number = factor * (size - 1) + 1 if size % 2 else factor * size
        axis = (torch.arange(number, dtype=torch.float64) - (number - 1) / 2) / factor
        x = torch.stack(torch.meshgrid(*[axis] * self.rep.group.dim, indexing="ij"), dim=-1)
        if g is None:
            return self.at(x)
        return torch.einsum(
            "ij,bj...->bi...", self.rep.rho(g), self.at(x @ torch.linalg.inv(self.rep.group.action(g)).T)
        )

    def at(self, x: torch.Tensor) -> torch.Tensor:
        """f(x) at any points x (*space, d): (batch, dim ρ, *space)."""
        return torch.einsum("bwc,bw...->bc...", self.amplitude, self._waves(x))

    def _waves(self, x: torch.Tensor) -> torch.Tensor:
        arguments = torch.einsum("bwd,...d->bw...", self.wave, x)
        arguments = arguments + self.phase.view(*self.phase.shape, *[1] * self.rep.group.dim)
        t = (1 - (x.norm(dim=-1) / self.radius).square()).clamp(min=0)
        return arguments.cos() * t.square()
