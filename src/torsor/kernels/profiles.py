"""Learnt radial profiles: smooth functions of |v|² that vanish beyond a radius."""

from __future__ import annotations

from typing import Any

import torch

from torsor.errors import KernelError


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
        values = self((r.to(self.inner.weight) * self.radius) ** 2)
        mean = (weight[:, None] * values**2).sum(0) / weight.sum()
        self.outer.weight /= (self.neighbours * mean).sqrt()[:, None]

    def forward(self, squares: torch.Tensor) -> torch.Tensor:
        """h at squared distances: (...) -> (..., J)."""
        t = squares / self.radius**2
        s = (t + 1e-6).sqrt()[..., None]
        n = torch.arange(1, self.waves + 1, device=t.device, dtype=t.dtype)
        embedded = 2**0.5 * n * torch.sinc(n * s)
        values = self.outer(torch.nn.functional.silu(self.inner(embedded)))
        t = t.clamp(max=1)
        return values * (1 - t**3 * (10 - 15 * t + 6 * t**2))[..., None]

    def extra_repr(self) -> str:
        return f"radius={self.radius:g}"
