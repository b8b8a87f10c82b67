"""The weights of derivatives ∂^α: on a box of a lattice (NumPy float64), and on neighbourhoods of points (torch).

The features of a family of derivatives are √(k!/α!) ∂^α, |α| = k, for each order k: a symbol C m(ξ) with the monomials
m of `torsor.linalg.monomials` is then C times the features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.kernels.lattice import box
from torsor.linalg import (
    Array,
    closest_pair,
    constant,
    difference_stencil,
    gaussian,
    gaussian_derivatives,
    indices_up_to,
    moment_corrected,
    multi_indices,
    polyharmonic_weights,
    smoothed_derivatives,
    symmetric_weight,
    unisolvence,
)

SCHEMES = ("finite", "gaussian", "rbf")
CHUNK = 1 << 23
"""Entries of the linear systems that are solved at once on points."""

_solved: WeakKeyDictionary[Any, dict[Any, tuple[int, torch.Tensor]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Derivatives:
    """Which derivatives, and how they are approximated.

    Attributes:
        d: the dimension.
        orders: of the derivatives, ascending.
        degree: of the polynomials on which weights on points, Gaussian and polyharmonic weights are exact.
        scheme: "finite" (on points the same as "rbf"), "gaussian" or "rbf".
        sigma: the width of the Gaussian, in physical units.
    """

    d: int
    orders: tuple[int, ...]
    degree: int
    scheme: str
    sigma: float

    @property
    def alphas(self) -> tuple[tuple[int, ...], ...]:
        """The derivatives ∂^α, order after order."""
        return tuple(alpha for k in self.orders for alpha in multi_indices(self.d, k))

    @property
    def factors(self) -> np.ndarray:
        """√(k!/α!) of each derivative."""
        return np.array([symmetric_weight(alpha) for alpha in self.alphas])

    @property
    def least(self) -> int:
        """The number of points that a neighbourhood needs: that of the polynomials."""
        return len(indices_up_to(self.d, self.degree))

    def on_box(self, sizes: tuple[int, ...], spacings: np.ndarray) -> np.ndarray:
        """The features at the points of a box, (features, points), first axis slowest."""
        if self.scheme == "finite":
            weights = np.stack([difference_stencil(alpha, sizes, spacings) for alpha in self.alphas])
            return weights * self.factors[:, None]
        v = (box(sizes) * spacings)[None]
        if self.scheme == "rbf":
            weights = polyharmonic_weights(v, np.ones(v.shape[:2], dtype=bool), self.alphas, self.degree)
        else:
            weights = self.smoothed(v, np.full((1, v.shape[1]), float(np.prod(spacings))))
        return (weights[0] * self.factors).T

    def smoothed(self, v: Array, volume: Array) -> Array:
        """Gaussian weights, moment-corrected; `volume` (t, n) stands for dv: (t, n, d) -> (t, n, features)."""
        x, cell = v / self.sigma, volume / self.sigma**self.d
        plain = gaussian_derivatives(x, 1.0, self.alphas) * cell[..., None]
        wanted = smoothed_derivatives(self.d, self.degree, self.alphas, 1.0)
        weights = moment_corrected(plain, x, gaussian(x, 1.0) * cell, wanted, self.degree)
        return weights / constant(np.array([self.sigma ** sum(alpha) for alpha in self.alphas]), v)

    def kernel(self, v: torch.Tensor) -> torch.Tensor:
        """The Gaussian features as functions of v, (..., d) -> (..., features)."""
        return gaussian_derivatives(v, self.sigma, self.alphas) * constant(self.factors, v)

    def on_points(self, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The features at the points of neighbourhoods, (t, n, d) -> (t, n, features), differentiable in v."""
        if self.scheme == "gaussian":
            window = gaussian(v, self.sigma) * mask
            weights = self.smoothed(v, mask / window.sum(1, keepdim=True))
        else:
            weights = polyharmonic_weights(v, mask, self.alphas, self.degree)
        return weights * constant(self.factors, v)

    def on_edges(self, graph: Any) -> torch.Tensor:
        """The features of every edge of a graph, (edges, features), solved once for a graph that carries no gradients.

        Raises:
            KernelError: weighted edges, or a neighbourhood on which the derivatives are not determined.
        """
        v = graph.v
        if torch.compiler.is_compiling() or (v.requires_grad and torch.is_grad_enabled()):
            return self._solve(graph, check=not torch.compiler.is_compiling())
        version, kept = 0 if v.is_inference() else v._version, _solved.setdefault(graph, {})
        if self not in kept or kept[self][0] != version:
            with torch.inference_mode(False), torch.no_grad():
                kept[self] = version, self._solve(graph, check=True)
        return kept[self][1]

    def _solve(self, graph: Any, check: bool) -> torch.Tensor:
        v, mask, place = padded(graph)
        entries = max(1, CHUNK // (v.shape[1] + self.least) ** 2)
        if check:
            self._check(graph, v.detach(), mask, entries)
        return torch.cat(in_chunks(self.on_points, v, mask, entries)).flatten(0, 1)[place]

    def _check(self, graph: Any, v: torch.Tensor, mask: torch.Tensor, entries: int) -> None:
        if bool((graph.weight != 1).any()):
            raise KernelError('derivatives need a graph whose edges weigh 1; find the neighbours with norm="one"')
        fewest = int(mask.sum(1).min())
        if fewest < self.least:
            raise KernelError(
                f"derivatives of orders {self.orders} with polynomials of degree {self.degree} need at least "
                f"{self.least} points in every neighbourhood, got {fewest}; take a larger k or radius, or a lower order"
            )
        apart = torch.cat(in_chunks(closest_pair, v, mask, entries))
        if not bool(apart.min() > 1e-7):
            raise KernelError(f"points that coincide in the neighbourhood of target {int(apart.argmin())}: merge them")
        solvable = torch.cat(in_chunks(self._determined, v, mask, entries))
        if not bool(solvable.min() > 1e-8):
            raise KernelError(
                f"the neighbours of target {int(solvable.argmin())} do not determine its derivatives: they lie on a "
                f"line, a curve or a surface on which a polynomial of degree {self.degree} vanishes, or many "
                "sigma away from it; take a larger k, radius or sigma, or a lower accuracy or order"
            )

    def _determined(self, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """How far the polynomials, seen through the window of a Gaussian, are from being dependent, (t,)."""
        window = torch.exp(-v.square().sum(-1) / (4 * self.sigma**2)) if self.scheme == "gaussian" else 1.0
        return unisolvence(v, mask * window, self.degree)


def padded(graph: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The neighbourhoods of a graph side by side: v (t, n, d) float64, mask (t, n), and the place of every edge."""
    rows, target, targets = graph.rows, graph.target, graph.targets
    width = int(rows.diff().max())
    place = target * width + torch.arange(len(target), device=target.device) - rows[target]
    v = graph.v if graph.v.device.type == "mps" else graph.v.double()
    mask = torch.zeros(targets * width, dtype=torch.bool, device=v.device).index_fill(0, place, True)
    return (
        v.new_zeros(targets * width, v.shape[1]).index_copy(0, place, v).view(targets, width, -1),
        mask.view(targets, width),
        place,
    )


def in_chunks(
    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], v: torch.Tensor, mask: torch.Tensor, size: int
) -> list[torch.Tensor]:
    """A function of neighbourhoods, so many at a time."""
    return [function(a, b) for a, b in zip(v.split(size), mask.split(size), strict=True)]
