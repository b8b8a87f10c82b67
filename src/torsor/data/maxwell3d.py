"""Electromagnetic waves in an empty periodic box, R × (R/2πZ)³: exact in time, spectral in space.

    ∂E/∂t = ∇×B,   ∂B/∂t = −∇×E,   ∇·E = ∇·B = 0,   c = 1.

For every wave vector, k̂ = k/|k|, the solution is a rotation: E(t) = cos(|k|t) E + i sin(|k|t) k̂×B,
B(t) = cos(|k|t) B − i sin(|k|t) k̂×E. Component i belongs to the spatial tensor axis i.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from torsor.data.stored import chunked
from torsor.errors import DataError

AXES = (-3, -2, -1)


@dataclass(frozen=True)
class Waves:
    """Electric and magnetic field (..., 3, N, N, N), float64, on the box [0, 2π)³.

    Raises:
        DataError: other or different shapes.
    """

    electric: torch.Tensor
    magnetic: torch.Tensor

    def __post_init__(self) -> None:
        n = self.electric.shape[-1]
        if self.electric.shape != self.magnetic.shape or self.electric.shape[-4:] != (3, n, n, n):
            raise DataError(
                f"expected fields of one shape (..., 3, N, N, N), received {tuple(self.electric.shape)} and "
                f"{tuple(self.magnetic.shape)}"
            )

    @cached_property
    def waves(self) -> torch.Tensor:
        """Wave vectors k, (3, N, N, N); the Nyquist frequency of even N, which has no sign, counts as 0."""
        return wave_vectors(self.electric.shape[-1])

    def evolve(self, time: float) -> Waves:
        """The fields after a time, exact for any time, negative ones included."""
        k = self.waves
        size = k.norm(dim=0)
        cos, unit = (size * time).cos(), k / size.where(size > 0, torch.inf)
        e, b = (torch.fft.fftn(x, dim=AXES) for x in (self.electric, self.magnetic))
        turn = 1j * (size * time).sin()
        fields = (cos * e + turn * _cross(unit, b), cos * b - turn * _cross(unit, e))
        return Waves(*(torch.fft.ifftn(x, dim=AXES).real for x in fields))

    def transverse(self) -> Waves:
        """The part without charges: E − k̂ (k̂·E), the same of B, and no constant field."""
        return replace(self, electric=_transverse(self.electric), magnetic=_transverse(self.magnetic))

    def energy(self) -> torch.Tensor:
        """The mean density of energy (E² + B²)/2, (...)."""
        return (self.electric.square() + self.magnetic.square()).sum(-4).mean(AXES) / 2

    def divergence(self) -> tuple[torch.Tensor, torch.Tensor]:
        """∇·E and ∇·B, spectral, (..., N, N, N)."""
        e, b = (
            torch.fft.ifftn((1j * self.waves * torch.fft.fftn(x, dim=AXES)).sum(-4), dim=AXES).real
            for x in (self.electric, self.magnetic)
        )
        return e, b

    def bivector(self) -> torch.Tensor:
        """F as the components of R.exterior(G.O(1, 3), 2): (E₀, E₁, E₂, B₂, −B₁, B₀), (..., 6, N, N, N)."""
        b = self.magnetic
        magnetic = torch.stack([b[..., 2, :, :, :], -b[..., 1, :, :, :], b[..., 0, :, :, :]], -4)
        return torch.cat([self.electric, magnetic], -4)


def wave_vectors(n: int) -> torch.Tensor:
    """k, (3, N, N, N), with 0 for the Nyquist frequency."""
    k = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64)
    k = k.where(k.abs() * 2 < n, 0.0)
    return torch.stack(torch.meshgrid(k, k, k, indexing="ij"))


def random_waves(noise: torch.Tensor, peak: float = 2.0) -> Waves:
    """Smooth random waves from white noise (..., 2, 3, N, N, N), by one filter |k| exp(−|k|²/peak²), |k| < N/2.

    The expectation of E², and of B², is 1. Commutes with the symmetries of the cube for E; for B, an axial vector, with
    those of determinant 1, and a reflection changes the sign.

    Raises:
        DataError: noise of another shape, or a peak without waves.
    """
    n = noise.shape[-1]
    if noise.ndim < 5 or noise.shape[-5:] != (2, 3, n, n, n):
        raise DataError(f"expected noise (..., 2, 3, N, N, N), received {tuple(noise.shape)}")
    if not 1 <= peak < n / 2:
        raise DataError(f"expected 1 <= peak < N/2 = {n / 2:.3g}, received {peak}")
    k = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64)
    square = k[:, None, None] ** 2 + k[:, None] ** 2 + k**2
    filtered = (square < n**2 / 4) * square.sqrt() * (-square / peak**2).exp()
    filtered = filtered / (2 * filtered.square().mean()).sqrt()
    electric, magnetic = torch.fft.ifftn(filtered * torch.fft.fftn(noise.double(), dim=AXES), dim=AXES).real.unbind(-5)
    return Waves(electric, magnetic).transverse()


def maxwell3d(
    samples: int,
    size: int = 16,
    times: Sequence[float] = (0.0, 0.5),
    seed: int = 0,
    *,
    peak: float = 2.0,
    chunk: int = 16,
    progress: bool = False,
) -> torch.Tensor:
    """Random waves in an empty box at several times: F as bivectors of O(1, 3).

    Times Δx apart, Δx = 2π/size, make a lattice of R^{1,3} with c Δt = Δx; then move the axis of time before those of
    space, ``maxwell3d(...).transpose(1, 2)``.

    Args:
        samples: how many, each from noise of its own.
        size: points an axis of the box [0, 2π)³.
        times: when; any.
        seed: of the noise.
        peak: of the spectrum, a wave number.
        chunk: samples made together.
        progress: show a bar; needs rich.

    Returns:
        (samples, times, 6, N, N, N), float64; the components of ``R.exterior(G.O(1, 3), 2)``.

    Raises:
        DataError: settings that `random_waves` refuses.
    """
    parts = []
    for part in chunked(samples, chunk, progress, "Maxwell"):
        shape = (2, 3, size, size, size)
        draws = [np.random.default_rng((seed, i)).standard_normal(shape) for i in range(part.start, part.stop)]
        waves = random_waves(torch.from_numpy(np.stack(draws)), peak)
        parts.append(torch.stack([waves.evolve(time).bivector() for time in times], 1))
    return torch.cat(parts)


def _cross(k: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.linalg.cross(k.to(x).expand_as(x), x, dim=-4)


def _transverse(x: torch.Tensor) -> torch.Tensor:
    k = wave_vectors(x.shape[-1])
    size = k.norm(dim=0)
    unit, modes = k / size.where(size > 0, torch.inf), torch.fft.fftn(x, dim=AXES)
    modes = (size > 0) * (modes - unit * (unit * modes).sum(-4, keepdim=True))
    return torch.fft.ifftn(modes, dim=AXES).real
