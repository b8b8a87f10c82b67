"""The two factors of kernels on points: learnt radial functions and solid harmonics, both smooth at the origin."""

from __future__ import annotations

from functools import cache
from math import factorial, prod
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.base import Constants
from torsor.linalg import harmonic_basis, harmonics, multi_indices


class RadialNetwork(torch.nn.Module):
    """h_j(r) = (1 - 10t³ + 15t⁴ - 6t⁵) MLP(e(r))_j, t = r²/R² < 1, and 0 beyond: J learnt functions of the distance.

    e_n(r) = √2 sin(nπs) / πs, s = √(r² + ε²)/R, n = 1 … N, are spherical Bessel functions of order 0. Everything is a
    smooth function of r²: K has no kink at the origin, and two continuous derivatives at the cutoff R.

    Args:
        radius: R, in physical units.
        functions: J.
        hidden: units of the hidden layer, with SiLU.
        dim: d, for the normalisation.
        neighbours: the number of points in the ball for which random weights keep the variance of a sum over them.
        waves: N.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        KernelError: numbers that are not positive.
    """

    def __init__(
        self,
        radius: float,
        functions: int,
        hidden: int,
        dim: int,
        neighbours: float = 1.0,
        waves: int = 8,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not radius > 0 or min(functions, hidden, waves, dim) < 1:
            raise KernelError(
                f"expected a positive radius and numbers of at least 1, got radius {radius}, {functions} functions, "
                f"{hidden} hidden units, {waves} waves"
            )
        self.radius, self.dim, self.neighbours, self.waves = radius, dim, neighbours, waves
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.inner = torch.nn.Linear(waves, hidden, **kind)
        self.outer = torch.nn.Linear(hidden, functions, **kind)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Random weights; every h_j has a mean square of 1/neighbours over the ball."""
        if self.inner.weight.is_meta:
            return
        torch.nn.init.normal_(self.inner.weight)
        torch.nn.init.normal_(self.inner.bias, std=0.5)
        torch.nn.init.normal_(self.outer.weight)
        torch.nn.init.zeros_(self.outer.bias)
        r = (torch.arange(256, device=self.inner.weight.device) + 0.5) / 256
        weight = (r ** (self.dim - 1)).to(self.inner.weight)
        values = self(r.to(self.inner.weight) ** 2)
        mean = (weight[:, None] * values**2).sum(0) / weight.sum()
        self.outer.weight /= (self.neighbours * mean).sqrt()[:, None]

    def forward(self, squares: torch.Tensor) -> torch.Tensor:
        """h at t = r²/R²: (...) -> (..., J)."""
        t = squares[..., None]
        return self.outer(torch.nn.functional.silu(self.inner(waves(t, self.waves)))) * envelope(t)

    def extra_repr(self) -> str:
        return f"radius={self.radius:g}"


def waves(t: torch.Tensor, number: int) -> torch.Tensor:
    """√2 sin(nπs) / πs, s = √(t + 10⁻⁶), n = 1 … number, of t = r²/R²: (..., 1) -> (..., number)."""
    n = torch.arange(1, number + 1, device=t.device, dtype=t.dtype)
    return 2**0.5 * n * torch.sinc(n * (t + 1e-6).sqrt())


def envelope(t: torch.Tensor) -> torch.Tensor:
    """1 - 10t³ + 15t⁴ - 6t⁵ of t = r²/R²: 1 at the origin, 0 from R on, with two continuous derivatives."""
    t = t.clamp(max=1)
    return 1 - t**3 * (10 - 15 * t + 6 * t**2)


class Angular(Constants):
    """√n_l Y_l(u), |Y_l| = 1 on the unit sphere, n_l = dim H_l, of all degrees: (..., d) -> (..., Σ n_l).

    u = s(r) v/r, s² = 1 - exp(-16 r²/R²): a unit vector but near the origin, where all degrees but 0 vanish smoothly.

    Args:
        radius: R.
        degrees: the highest degree.
        dim: d.
        device: of the coefficients.
        dtype: of the coefficients.
    """

    def __init__(
        self,
        radius: float,
        degrees: int,
        dim: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.radius, self.dim = radius, dim
        self.numbers = tuple(len(harmonic_basis(dim, degree)) for degree in range(degrees + 1))
        self.exponents = tuple(multi_indices(dim, degree) for degree in range(degrees + 1))
        self.derive(device, dtype)

    def constants(self) -> dict[str, np.ndarray]:
        return {f"coefficients_{k}": coefficients(self.dim, k) for k, n in enumerate(self.numbers) if n}

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """The harmonics at v, differentiable everywhere."""
        v = v / self.radius
        u = v * stretch(v.square().sum(-1, keepdim=True))
        powers = [torch.ones_like(u)]
        for _ in self.numbers[1:]:
            powers.append(powers[-1] * u)
        parts = []
        for degree, (number, exponents) in enumerate(zip(self.numbers, self.exponents, strict=True)):
            if number:
                monomials = torch.stack([_monomial(powers, alpha) for alpha in exponents], -1)
                parts.append(monomials @ getattr(self, f"coefficients_{degree}").to(monomials))
        return torch.cat(parts, -1)

    def extra_repr(self) -> str:
        return f"radius={self.radius:g}, degrees 0 … {len(self.numbers) - 1} of R^{self.dim}"


def _monomial(powers: list[torch.Tensor], alpha: tuple[int, ...]) -> torch.Tensor:
    value = powers[alpha[0]][..., 0]
    for axis, power in enumerate(alpha[1:], 1):
        if power:
            value = value * powers[power][..., axis]
    return value


@cache
def coefficients(d: int, degree: int) -> np.ndarray:
    """√n Y_l, |Y_l| = 1 on the unit sphere, as combinations of the monomials v^α: (monomials, harmonics)."""
    basis = harmonic_basis(d, degree)
    weights = [factorial(degree) / prod(factorial(i) for i in alpha) for alpha in multi_indices(d, degree)]
    length = np.linalg.norm(harmonics(np.eye(d)[:1], degree))
    return np.sqrt(weights)[:, None] * basis.T * np.sqrt(len(basis)) / length


def stretch(t: torch.Tensor, sharpness: float = 16.0) -> torch.Tensor:
    """√((1 - exp(-a t)) / t), t = r²/R²: a smooth factor with which |u| = √(1 - exp(-a r²/R²)) goes from 0 to 1."""
    small = t < 1e-5
    safe = torch.where(small, torch.ones_like(t), t)
    series = sharpness * (1 - sharpness * t / 2)
    return torch.where(small, series, -torch.expm1(-sharpness * safe) / safe).sqrt()
