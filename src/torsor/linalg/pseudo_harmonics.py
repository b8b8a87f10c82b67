"""η-harmonic polynomials: solutions of the d'Alembert (for one sign, the Laplace) equation on R^{p,q}.

Homogeneous polynomials of degree k are ⟨c, m(v)⟩ with the monomials m of `torsor.linalg.polynomials`, in whose inner
product multiplication by η(v,v) is adjoint to the d'Alembertian η(∂,∂), up to a factor. The η-harmonic ones are thus
the orthogonal complement of η(v,v) Sym^{k-2}, and Sym^k = H_k ⊕ η(v,v) Sym^{k-2} as for spheres.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from torsor.linalg.arrays import Array, constant
from torsor.linalg.nullspace import null_space
from torsor.linalg.polynomials import (
    harmonic_basis,
    monomials,
    multi_indices,
    symmetric_power,
    symmetric_power_derivative,
)


@cache
def pseudo_harmonic_basis(p: int, q: int, k: int) -> np.ndarray:
    """Canonical orthonormal basis of the η-harmonic polynomials of degree k, η = diag(-1_p, +1_q).

    They are as many as on the sphere, and the same if p = 0.

    Returns:
        (number, n), coefficients of the monomials m_α.
    """
    if k < 2 or p == 0:
        return harmonic_basis(p + q, k)
    signs, place = [-1] * p + [1] * q, {alpha: i for i, alpha in enumerate(multi_indices(p + q, k))}
    lower = multi_indices(p + q, k - 2)
    times_square = np.zeros((len(place), len(lower)))
    for column, beta in enumerate(lower):
        for axis, sign in enumerate(signs):
            alpha = (*beta[:axis], beta[axis] + 2, *beta[axis + 1 :])
            ratio = (beta[axis] + 1) * (beta[axis] + 2) / (k * (k - 1))
            times_square[place[alpha], column] = sign * np.sqrt(ratio)
    return null_space(times_square.T)


def pseudo_harmonics(v: Array, p: int, q: int, k: int) -> Array:
    """The η-harmonic polynomials of degree k at v: (..., p + q) -> (..., number)."""
    return monomials(v, k) @ constant(pseudo_harmonic_basis(p, q, k).T, v)


def pseudo_harmonic_power(g: Array, p: int, q: int, k: int) -> Array:
    """The action on them, Y(gv) = D(g) Y(v) for g in O(p, q): (..., d, d) -> (..., number, number)."""
    basis = constant(pseudo_harmonic_basis(p, q, k), g)
    return basis @ symmetric_power(g, k) @ basis.T


def pseudo_harmonic_power_derivative(a: Array, p: int, q: int, k: int) -> Array:
    """The derivative of `pseudo_harmonic_power` at the identity."""
    basis = constant(pseudo_harmonic_basis(p, q, k), a)
    return basis @ symmetric_power_derivative(a, k) @ basis.T
