"""Polynomials up to a degree in the basis v^β/β!, in which derivatives at 0 are coefficients: ∂^α (v^β/β!) = δ_αβ."""

from __future__ import annotations

from functools import cache
from math import factorial, prod

import numpy as np

from torsor.linalg.arrays import Array, namespace
from torsor.linalg.polynomials import multi_indices

MultiIndex = tuple[int, ...]


@cache
def indices_up_to(d: int, degree: int) -> tuple[MultiIndex, ...]:
    """All β in N^d with |β| ≤ degree, degree after degree: comb(d + degree, d) of them."""
    return tuple(beta for k in range(degree + 1) for beta in multi_indices(d, k))


def taylor_monomials(v: Array, degree: int) -> Array:
    """v^β/β! for all |β| ≤ degree: (..., d) -> (..., number)."""
    xp, d = namespace(v), v.shape[-1]
    powers = [xp.ones_like(v)]
    for i in range(1, degree + 1):
        powers.append(powers[-1] * v / i)
    columns = []
    for beta in indices_up_to(d, degree):
        column = powers[beta[0]][..., 0]
        for axis in range(1, d):
            column = column * powers[beta[axis]][..., axis]
        columns.append(column)
    return xp.stack(columns, axis=-1)


def taylor_derivatives(d: int, degree: int, alphas: tuple[MultiIndex, ...]) -> np.ndarray:
    """∂^α at 0 of all v^β/β!, |β| ≤ degree: δ_αβ, (number of β, number of α)."""
    return np.array([[float(alpha == beta) for alpha in alphas] for beta in indices_up_to(d, degree)])


def symmetric_weight(alpha: MultiIndex) -> float:
    """√(k!/α!), k = |α|: the factor of v^α in the orthonormal basis of Sym^k, see `torsor.linalg.monomials`."""
    return float(np.sqrt(factorial(sum(alpha)) / prod(factorial(i) for i in alpha)))
