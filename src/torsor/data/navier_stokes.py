"""Incompressible fluids in two dimensions on a periodic square, pseudo-spectral: no direction is preferred.

    ∂ω/∂t + u·∇ω = ν Δω,   ω = ∂₀u₁ − ∂₁u₀,   ∇·u = 0,   ∂s/∂t + u·∇s = κ Δs for a passive scalar s.

All quantities live at the same points (collocated). Component i of u belongs to the spatial tensor axis i. Draws and
evolution commute with the symmetries of the lattice, D4 and translations, to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, pi

import numpy as np
import torch

from torsor.data.stored import chunked
from torsor.errors import DataError


@dataclass(frozen=True)
class Flow:
    """Vorticity and passive scalar (..., N, N) on the square [0, 2π)², float64, and how they go on.

    Attributes:
        vorticity: ω with mean 0; a pseudoscalar: reflections change its sign.
        scalar: s.
        viscosity: ν.
        diffusivity: κ.

    Raises:
        DataError: shapes that are not square, or not equal; negative coefficients.
    """

    vorticity: torch.Tensor
    scalar: torch.Tensor
    viscosity: float = 1e-3
    diffusivity: float = 1e-3

    def __post_init__(self) -> None:
        n = self.size
        if self.scalar.shape != self.vorticity.shape or self.vorticity.shape[-2:] != (n, n):
            raise DataError(
                f"expected vorticity and scalar of one shape (..., N, N), received {tuple(self.vorticity.shape)} and "
                f"{tuple(self.scalar.shape)}"
            )
        if not min(self.viscosity, self.diffusivity) >= 0:
            raise DataError(f"expected viscosity and diffusivity >= 0, received {self.viscosity}, {self.diffusivity}")

    @property
    def size(self) -> int:
        """Points an axis, N."""
        return self.vorticity.shape[-1]

    @cached_property
    def waves(self) -> torch.Tensor:
        """Wave vectors k, (2, N, N); the Nyquist frequency of even N, which has no sign, counts as 0."""
        k = torch.fft.fftfreq(self.size, 1 / self.size, dtype=torch.float64)
        k = k.where(k.abs() * 2 < self.size, 0.0)
        return torch.stack(torch.meshgrid(k, k, indexing="ij"))

    @cached_property
    def kept(self) -> torch.Tensor:
        """The wave vectors with max |k_i| < N/3: products of two of these alias onto none of them."""
        k = torch.fft.fftfreq(self.size, 1 / self.size, dtype=torch.float64).abs() * 3 < self.size
        return k[:, None] & k

    def velocity(self) -> torch.Tensor:
        """u = (∂₁ψ, −∂₀ψ) with −Δψ = ω: (..., 2, N, N)."""
        return torch.fft.ifft2(self._velocity(torch.fft.fft2(self.vorticity))).real

    def _velocity(self, omega: torch.Tensor) -> torch.Tensor:
        k = self.waves
        square = k.square().sum(0)
        psi = omega / square.where(square > 0, torch.inf)
        return 1j * torch.stack([k[1] * psi, -k[0] * psi], -3)

    def evolve(self, time: float, courant: float = 0.5) -> Flow:
        """The flow after a time, by Runge–Kutta of fourth order with exact diffusion.

        Steps are equal and such that ``courant`` ≥ max|u| Δt / Δx at the beginning.

        Raises:
            DataError: a negative time, or a flow that is not finite.
        """
        if not (time >= 0 and courant > 0):
            raise DataError(f"expected time >= 0 and courant > 0, received {time} and {courant}")
        speed = float(self.velocity().square().sum(-3).max().sqrt()) if self.vorticity.numel() else 0.0
        steps = max(1, ceil(time * speed * self.size / (2 * pi * courant)))
        state = self.kept * torch.fft.fft2(torch.stack([self.vorticity, self.scalar], -3))
        for _ in range(steps):
            state = self._step(state, time / steps)
        omega, scalar = torch.fft.ifft2(state).real.unbind(-3)
        if not bool(torch.isfinite(omega).all() and torch.isfinite(scalar).all()):
            raise DataError("the flow is not finite; take a smaller courant number or more viscosity")
        return replace(self, vorticity=omega, scalar=scalar)

    def _step(self, state: torch.Tensor, dt: float) -> torch.Tensor:
        """Integrating factor RK4: with e^{hL} the exact diffusion over h, N the advection."""
        rates = torch.tensor([self.viscosity, self.diffusivity], dtype=torch.float64)[:, None, None]
        half = (-rates * self.waves.square().sum(0) * dt / 2).exp()
        a = self._advection(state)
        b = self._advection(half * (state + dt / 2 * a))
        c = self._advection(half * state + dt / 2 * b)
        d = self._advection(half * (half * state + dt * c))
        return half * (half * (state + dt / 6 * a) + dt / 3 * (b + c)) + dt / 6 * d

    def _advection(self, state: torch.Tensor) -> torch.Tensor:
        """−u·∇ of both quantities, dealiased, (..., 2, N, N) of Fourier coefficients."""
        u = torch.fft.ifft2(self._velocity(state[..., 0, :, :])).real
        gradient = torch.fft.ifft2(1j * self.waves * state.unsqueeze(-3)).real
        return -torch.fft.fft2((u.unsqueeze(-4) * gradient).sum(-3)) * self.kept


def random_flow(
    noise: torch.Tensor, peak: float = 4.0, viscosity: float = 2e-3, diffusivity: float = 2e-3, speed: float = 1.0
) -> Flow:
    """A smooth random flow from white noise (..., 2, N, N): one filter, a function of |k|, for both quantities.

    The amplitude of the vorticity and of the scalar at k is A (|k|/peak)² exp(−|k|²/peak²), |k| < N/3. The A are
    such that u² has the expectation `speed`², and s² the expectation 1.

    Raises:
        DataError: noise that is not (..., 2, N, N), or a peak without waves.
    """
    n = noise.shape[-1]
    if noise.ndim < 3 or noise.shape[-3:] != (2, n, n):
        raise DataError(f"expected noise (..., 2, N, N), received {tuple(noise.shape)}")
    if not 1 <= peak < n / 3:
        raise DataError(f"expected 1 <= peak < N/3 = {n / 3:.3g}, received {peak}")
    vorticity, scalar = noise.double().unbind(-3)
    flow = Flow(vorticity, scalar, viscosity, diffusivity)
    square = flow.waves.square().sum(0)
    filtered = flow.kept * (square < (n / 3) ** 2) * square / peak**2 * (-square / peak**2).exp()
    energy = (filtered**2 / square.where(square > 0, torch.inf)).mean().sqrt()
    vorticity = torch.fft.ifft2(filtered * speed / energy * torch.fft.fft2(vorticity)).real
    scalar = torch.fft.ifft2(filtered / filtered.square().mean().sqrt() * torch.fft.fft2(scalar)).real
    return replace(flow, vorticity=vorticity, scalar=scalar)


def navier_stokes(
    samples: int,
    size: int = 64,
    times: tuple[float, ...] = (0.5, 1.0),
    seed: int = 0,
    *,
    peak: float = 4.0,
    viscosity: float = 2e-3,
    diffusivity: float = 2e-3,
    courant: float = 0.5,
    chunk: int = 16,
    progress: bool = False,
) -> dict[str, torch.Tensor]:
    """Random flows at several times.

    Args:
        samples: how many, each from noise of its own.
        size: points an axis of the square [0, 2π)².
        times: when, ascending; the unit is that in which a fluid of speed 1 crosses the length 1.
        seed: of the noise.
        peak: the wave number with most vorticity.
        viscosity: ν.
        diffusivity: κ of the scalar.
        courant: the largest max|u| Δt/Δx.
        chunk: samples that are evolved together, with the same steps of time.
        progress: show a bar; needs rich.

    Returns:
        "velocity" (samples, times, 2, N, N), "vorticity" and "scalar" (samples, times, N, N), float64.

    Raises:
        DataError: times that do not ascend, or settings that `random_flow` refuses.
    """
    steps = [b - a for a, b in zip((0.0, *times), times, strict=False)]
    if not (times and min(steps) >= 0 and min(steps[1:], default=1.0) > 0):
        raise DataError(f"expected ascending times >= 0, received {times}")
    parts = []
    for part in chunked(samples, chunk, progress, "Navier–Stokes"):
        draws = [
            np.random.default_rng((seed, i)).standard_normal((2, size, size)) for i in range(part.start, part.stop)
        ]
        flow, states = random_flow(torch.from_numpy(np.stack(draws)), peak, viscosity, diffusivity), []
        for step in steps:
            flow = flow.evolve(step, courant)
            states.append((flow.velocity(), flow.vorticity, flow.scalar))
        parts.append([torch.stack(x, 1) for x in zip(*states, strict=True)])
    names = ("velocity", "vorticity", "scalar")
    return {name: torch.cat(x) for name, x in zip(names, zip(*parts, strict=True), strict=True)}
