"""Derivatives of a Gaussian as weights of derivatives of a smoothed function.

∂^α (G_σ * f)(0) = ∫ (-1)^|α| (∂^α G_σ)(v) f(v) dv, G_σ(v) = (2πσ²)^{-d/2} exp(-|v|²/2σ²). Sums over points only
approximate the integral: `moment_corrected` changes the weights as little as possible, in the norm Σ δ²/G, so that
polynomials up to a degree give exactly the derivatives of the smoothed polynomial. NumPy arrays and torch tensors
alike.
"""

from __future__ import annotations

from math import factorial, pi, prod

import numpy as np

from torsor.linalg.arrays import Array, constant, namespace
from torsor.linalg.taylor import MultiIndex, indices_up_to, taylor_monomials


def gaussian(v: Array, sigma: float) -> Array:
    """G_σ(v): (..., d) -> (...)."""
    return namespace(v).exp(-(v * v).sum(-1) / (2 * sigma**2)) / (2 * pi * sigma**2) ** (v.shape[-1] / 2)


def gaussian_derivatives(v: Array, sigma: float, alphas: tuple[MultiIndex, ...]) -> Array:
    """(-1)^|α| ∂^α G_σ(v) = σ^{-|α|} Π_i He_{α_i}(v_i/σ) G_σ(v), Hermite polynomials He: (..., d) -> (..., alphas)."""
    xp, hermite = namespace(v), [namespace(v).ones_like(v), v / sigma]
    for n in range(1, max(max(alpha) for alpha in alphas)):
        hermite.append(v / sigma * hermite[n] - n * hermite[n - 1])
    columns = []
    for alpha in alphas:
        column = gaussian(v, sigma) / sigma ** sum(alpha)
        for axis, order in enumerate(alpha):
            column = column * hermite[order][..., axis]
        columns.append(column)
    return xp.stack(columns, axis=-1)


def smoothed_derivatives(d: int, degree: int, alphas: tuple[MultiIndex, ...], sigma: float) -> np.ndarray:
    """∂^α (G_σ * v^β/β!) at 0 = E[X^{β-α}]/(β-α)! of X ~ N(0, σ²): (number of β, number of α)."""
    rows = [
        [[b - a for a, b in zip(alpha, beta, strict=True)] for alpha in alphas] for beta in indices_up_to(d, degree)
    ]
    return np.array([[prod(_moment(k, sigma) for k in gap) for gap in row] for row in rows])


def _moment(k: int, sigma: float) -> float:
    """E[X^k]/k! = (σ²/2)^{k/2}/(k/2)! of X ~ N(0, σ²) for even k ≥ 0, else 0."""
    return (sigma**2 / 2) ** (k // 2) / factorial(k // 2) if k >= 0 and k % 2 == 0 else 0.0


def moment_corrected(weights: Array, v: Array, window: Array, wanted: np.ndarray, degree: int) -> Array:
    """weights + δ with Σ_j (w + δ)(v_j) v_j^β/β! = wanted_β for |β| ≤ degree and the least Σ δ²/window.

    Args:
        weights: (t, n, number).
        v: (t, n, d), of order 1: the unit of length is the width of the window.
        window: (t, n) positive where δ may be, zero elsewhere.
        wanted: (number of β, number).
        degree: of the polynomials.
    """
    poly = taylor_monomials(v, degree)
    weighted = poly * window[..., None]
    missing = constant(wanted, v) - poly.swapaxes(-1, -2) @ weights
    return weights + weighted @ namespace(v).linalg.solve(weighted.swapaxes(-1, -2) @ poly, missing)
