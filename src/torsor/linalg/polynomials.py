"""Homogeneous and harmonic polynomials on R^d, in any dimension.

The symmetric power Sym^k(R^d) has the orthonormal basis m_α(v) = sqrt(k!/α!) v^α, |α| = k, for which
⟨m(u), m(v)⟩ = ⟨u, v⟩^k. A homogeneous polynomial is p(v) = ⟨c, m(v)⟩, and m(gv) = Sym^k(g) m(v).
Harmonic polynomials are the orthogonal complement of |v|² Sym^{k-2} in this inner product.
"""

from __future__ import annotations

from functools import cache
from math import comb, factorial, prod

import numpy as np

from torsor.linalg.arrays import Array, constant, identity, kron, namespace
from torsor.linalg.nullspace import null_space


@cache
def multi_indices(d: int, k: int) -> tuple[tuple[int, ...], ...]:
    """All α in N^d with |α| = k, in descending lexicographic order: (k, 0, …) first."""
    if d == 1:
        return ((k,),)
    return tuple((i, *rest) for i in range(k, -1, -1) for rest in multi_indices(d - 1, k - i))


@cache
def _weights(d: int, k: int) -> np.ndarray:
    return np.array([np.sqrt(factorial(k) / prod(factorial(i) for i in alpha)) for alpha in multi_indices(d, k)])


def monomials(v: Array, k: int) -> Array:
    """m_α(v) = sqrt(k!/α!) v^α for all |α| = k: (..., d) -> (..., n)."""
    xp, d = namespace(v), v.shape[-1]
    powers = [xp.ones_like(v)]
    for _ in range(k):
        powers.append(powers[-1] * v)
    columns = []
    for alpha in multi_indices(d, k):
        column = powers[alpha[0]][..., 0]
        for axis in range(1, d):
            column = column * powers[alpha[axis]][..., axis]
        columns.append(column)
    return xp.stack(columns, axis=-1) * constant(_weights(d, k), v)


@cache
def _symmetrizer(d: int, k: int) -> np.ndarray:
    """The isometry Sym^k -> Sym^{k-1} ⊗ R^d: e_α = Σ_i sqrt(α_i / k) e_{α-ε_i} ⊗ e_i."""
    lower = {alpha: i for i, alpha in enumerate(multi_indices(d, k - 1))}
    isometry = np.zeros((len(lower), d, len(multi_indices(d, k))))
    for column, alpha in enumerate(multi_indices(d, k)):
        for axis in range(d):
            if alpha[axis]:
                below = (*alpha[:axis], alpha[axis] - 1, *alpha[axis + 1 :])
                isometry[lower[below], axis, column] = np.sqrt(alpha[axis] / k)
    return isometry.reshape(-1, len(multi_indices(d, k)))


def symmetric_power(g: Array, k: int) -> Array:
    """Sym^k(g), with m(gv) = Sym^k(g) m(v): (..., d, d) -> (..., n, n)."""
    power = identity(1, g)
    for i in range(1, k + 1):
        isometry = constant(_symmetrizer(g.shape[-1], i), g)
        power = isometry.T @ kron(power, g) @ isometry
    return power


def symmetric_power_derivative(a: Array, k: int) -> Array:
    """The derivative of Sym^k at the identity: (..., d, d) -> (..., n, n)."""
    power = 0 * identity(1, a)
    for i in range(1, k + 1):
        isometry = constant(_symmetrizer(a.shape[-1], i), a)
        lower, one = identity(power.shape[-1], a), identity(a.shape[-1], a)
        power = isometry.T @ (kron(power, one) + kron(lower, a)) @ isometry
    return power


@cache
def harmonic_basis(d: int, k: int) -> np.ndarray:
    """Canonical orthonormal basis of the harmonic polynomials of degree k: (number, n), coefficients of m_α.

    They number comb(d+k-1, k) - comb(d+k-3, k-2): 2 in the plane, 2k+1 in space.
    """
    if k < 2:
        return np.eye(comb(d + k - 1, k))
    times_square = np.zeros((len(multi_indices(d, k)), len(multi_indices(d, k - 2))))
    place = {alpha: i for i, alpha in enumerate(multi_indices(d, k))}
    for column, beta in enumerate(multi_indices(d, k - 2)):
        for axis in range(d):
            row = place[(*beta[:axis], beta[axis] + 2, *beta[axis + 1 :])]
            times_square[row, column] = _weights(d, k - 2)[column] / _weights(d, k)[row]
    return null_space(times_square.T)


def harmonics(v: Array, k: int) -> Array:
    """The solid harmonics of degree k at v: (..., d) -> (..., number), homogeneous of degree k."""
    return monomials(v, k) @ constant(harmonic_basis(v.shape[-1], k).T, v)


def harmonic_power(g: Array, k: int) -> Array:
    """The action on solid harmonics, Y(gv) = D(g) Y(v) for orthogonal g: (..., d, d) -> (..., number, number)."""
    basis = constant(harmonic_basis(g.shape[-1], k), g)
    return basis @ symmetric_power(g, k) @ basis.T


def harmonic_power_derivative(a: Array, k: int) -> Array:
    """The derivative of `harmonic_power` at the identity."""
    basis = constant(harmonic_basis(a.shape[-1], k), a)
    return basis @ symmetric_power_derivative(a, k) @ basis.T
