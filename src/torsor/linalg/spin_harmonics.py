"""Wigner's functions d^l_{ms}(θ), the spin-weighted Legendre functions of the sphere, and quadrature over latitudes.

A field of frequency k on S² is a complex function F = f₀ + i f₁ in the frame (east, north). All of them are sums of

    F(θ, φ) = (-i)^k Σ_{l ≥ k} Σ_m (E_lm + i B_lm) Λ_lm(θ) e^{imφ},
    Λ_lm = (-1)^{max(m, 0)} √((2l+1)/4π) d^l_{m,-k}(θ),

θ the angle from the pole, with E_{l,-m} the conjugate of E_lm, and B likewise. E are the k-fold gradients of functions,
B the same turned by 90°/k ("curls"): each transforms by D^l, as the coefficients of a function do.
"""

from __future__ import annotations

from math import comb, isqrt, pi

import numpy as np

MAX_BAND = 800
"""Up to this degree the first value of the recursion, √(2l)!/l! · 2^-l, is within the range of float64."""

RULES = ("gauss", "equiangular", "poles")


def wigner_d(theta: np.ndarray, lmax: int, s: int) -> np.ndarray:
    """d^l_{ms}(θ) = ⟨l m| exp(-iθJ_y) |l s⟩ for l ≤ lmax and all m: (n,) -> (lmax+1, 2 lmax+1, n), m = -lmax … lmax.

    Upwards in the degree, which is stable for all m, s and θ, with λ_l = √(l² - m²) √(l² - s²):

        l λ_{l+1} d^{l+1} = (2l+1) (l (l+1) cos θ - ms) d^l - (l+1) λ_l d^{l-1}.

    The first square, of l = max(|m|, |s|), is the chance of |m-s| heads in 2l throws, each with chance sin²(θ/2).
    Zero for l < max(|m|, |s|).

    Raises:
        ValueError: a degree outside 0 … 800.

    Source: Varshalovich, Moskalev & Khersonskii, Quantum Theory of Angular Momentum, §4.3, §4.8.
    """
    if not 0 <= lmax <= MAX_BAND:
        raise ValueError(f"expected a highest degree from 0 to {MAX_BAND}, got {lmax}")
    theta = np.asarray(theta, dtype=np.float64)
    orders, x = np.arange(-lmax, lmax + 1), np.cos(theta)
    d = np.zeros((lmax + 1, 2 * lmax + 1, len(theta)))
    for l in range(abs(s), lmax + 1):
        if l > abs(s):
            inner = slice(lmax - l + 1, lmax + l)
            m = orders[inner, None]
            turned = (2 * l - 1) * (l * x - (m * s / (l - 1) if l > 1 else 0)) * d[l - 1, inner]
            lower = l / (l - 1) * _root(l - 1, m, s) * d[l - 2, inner] if l > 1 else 0.0
            d[l, inner] = (turned - lower) / _root(l, m, s)
        for m in range(-l, l + 1) if l == abs(s) else (-l, l):
            d[l, lmax + m] = _first(theta, l, m, s)
    return d


def _root(l: int, m: np.ndarray, s: int) -> np.ndarray:
    """√(l² - m²) √(l² - s²), 0 where it is not real."""
    return np.sqrt(np.maximum(l * l - m * m, 0) * max(l * l - s * s, 0))


def _first(theta: np.ndarray, l: int, m: int, s: int) -> np.ndarray:
    """d^l_{ms} for l = max(|m|, |s|): ± √C(2l, |m-s|) cos^|m+s|(θ/2) sin^|m-s|(θ/2)."""
    heads, tails = abs(m - s), abs(m + s)
    size = isqrt(comb(2 * l, heads) << 128) / 2**64  # an exact integer root
    return (-1) ** max(m - s, 0) * size * np.cos(theta / 2) ** tails * np.sin(theta / 2) ** heads


def spin_legendre(theta: np.ndarray, lmax: int, k: int) -> np.ndarray:
    """(-1)^⌊k/2⌋ Λ_lm(θ) of frequency k ≥ 0: (n,) -> (2, lmax+1, n, lmax+1), axes: sign of m, |m|, θ, l.

    The sign makes F = Σ (E + iB) Λ for even k, F = -i Σ (E + iB) Λ for odd k.
    """
    size = (-1) ** (k // 2) * np.sqrt((2 * np.arange(lmax + 1) + 1) / (4 * pi))
    d = wigner_d(theta, lmax, -k).transpose(1, 2, 0) * size
    signs = (-1.0) ** np.arange(lmax + 1)[:, None, None]
    return np.stack([signs * d[lmax:], d[lmax::-1]])


def latitude_rule(rule: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles θ from the pole, from south to north, and weights with Σ w f(cos θ) = ∫ f(x) dx over [-1, 1].

    "gauss": Gauss–Legendre, exact for polynomials of degree 2n-1. "equiangular": θ = (i + ½) π/n, half a step away from
    the poles (Fejér), exact to degree n-1. "poles": θ = i π/(n-1), poles included (Clenshaw–Curtis), exact to n-1.

    Returns:
        two arrays (n,); the weights are positive and sum to 2.

    Raises:
        ValueError: an unknown rule, or too few latitudes.
    """
    least = 2 if rule == "poles" else 1
    if rule not in RULES or n < least:
        raise ValueError(f"expected a rule among {', '.join(RULES)} and at least {least} latitudes, got {rule!r}, {n}")
    if rule == "gauss":
        return _gauss(n)
    steps = n if rule == "equiangular" else n - 1
    theta = pi * ((np.arange(n) + 0.5) / steps if rule == "equiangular" else np.arange(n) / steps)
    j = np.arange(1, steps // 2 + 1)
    terms = np.where(2 * j == steps, 1.0, 2.0) / (4.0 * j * j - 1)
    weights = 2 / steps * (1 - np.cos(2 * np.outer(theta, j)) @ terms)
    if rule == "poles":
        weights[[0, -1]] /= 2
    return theta[::-1].copy(), weights


def _gauss(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Zeros of P_n(cos θ) by Newton's method in θ, as accurate at the poles as elsewhere, and their weights."""
    theta = pi * (4 * np.arange(n, 0, -1) - 1) / (4 * n + 2)
    for _ in range(4):
        x, sine = np.cos(theta), np.sin(theta)
        before, value = np.ones(n), x
        for l in range(1, n):
            before, value = value, ((2 * l + 1) * x * value - l * before) / (l + 1)
        slope = n * (before - x * value) / sine  # -dP_n(cos θ)/dθ
        theta = theta + value / slope
    return theta, 2 / slope**2


def exact_degree(rule: str, n: int) -> int:
    """The highest l such that products of two functions of degree ≤ l are integrated exactly by n latitudes."""
    return n - 1 if rule == "gauss" else (n - 1) // 2
