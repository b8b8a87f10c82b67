"""RBF-FD: the weights of derivatives on scattered points, from polyharmonic splines with polynomials.

For ∂^α at 0 the weights w at the points v_j are exact on all polynomials p up to a degree, and on the splines
Σ_j c_j φ(|x - v_j|), φ(r) = r^q with q odd, whose Σ_j c_j p(v_j) vanish:

    [A  P] [w]   [∂^α φ(|x - v_j|) at x = 0]        A_ij = φ(|v_i - v_j|)
    [Pᵀ 0] [λ] = [∂^α p_β at x = 0         ]        P_jβ = p_β(v_j)

φ and the space of all polynomials are invariant under isometries, so the weights turn with the points; r^q is
homogeneous, so they scale with them. Source: Flyer, Fornberg, Bayona and Barnett, 2016. NumPy arrays and torch tensors
alike.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from torsor.linalg.arrays import Array, constant, namespace
from torsor.linalg.taylor import MultiIndex, taylor_derivatives, taylor_monomials


def polyharmonic_power(order: int) -> int:
    """q: the smallest odd power ≥ 3 for which |x|^q has continuous derivatives of the order."""
    return max(3, order + 1 + order % 2)


def polyharmonic_weights(v: Array, mask: Array, alphas: tuple[MultiIndex, ...], degree: int) -> Array:
    """The weights of derivatives ∂^α at the origins of many neighbourhoods.

    Args:
        v: (t, n, d) the points of t neighbourhoods, relative to their origins.
        mask: (t, n) which of them are points; the others fill up, and get no weight.
        alphas: the derivatives.
        degree: of the polynomials; at least the largest |α|.

    Returns:
        (t, n, number of derivatives)
    """
    xp, d = namespace(v), v.shape[-1]
    order = max(sum(alpha) for alpha in alphas)
    power, inside, scale = polyharmonic_power(order), mask[..., None], radius(v, mask)
    x = v / scale[:, None, None]
    spline = _root(_pair_squares(x)) ** power * (inside & mask[:, None]) + _diagonal(inside, v)
    poly = taylor_monomials(x, degree) * inside
    left = xp.concatenate(
        [xp.concatenate([spline, poly], axis=2), xp.concatenate([_transposed(poly), _square(poly)], axis=2)], axis=1
    )
    at_points = xp.stack([spline_derivative(-x, power, alpha) for alpha in alphas], axis=-1) * inside
    exact = constant(taylor_derivatives(d, degree, alphas), v) + 0 * poly[:, 0, :, None]
    solved = xp.linalg.solve(left, xp.concatenate([at_points, exact], axis=1))[:, : v.shape[1]]
    return xp.stack([solved[..., i] / scale[:, None] ** sum(alpha) for i, alpha in enumerate(alphas)], axis=-1)


def unisolvence(v: Array, mask: Array, degree: int) -> Array:
    """Smallest over largest singular value of the polynomials at the points of each neighbourhood, (t,).

    Zero iff some polynomial of the degree vanishes at all of them: too few points, or points on a line, a conic …. The
    mask may hold weights.
    """
    xp = namespace(v)
    poly = taylor_monomials(v / radius(v, mask > 0)[:, None, None], degree) * mask[..., None]
    if poly.shape[1] < poly.shape[2]:
        return 0 * poly[:, 0, 0]
    values = np.linalg.svd(poly, compute_uv=False) if xp is np else xp.linalg.svdvals(poly)
    return values[:, -1] / values[:, 0]


def closest_pair(v: Array, mask: Array) -> Array:
    """The smallest distance of two points of each neighbourhood relative to its radius, (t,); 2 where there is one."""
    n = v.shape[1]
    alike = ~(mask[:, :, None] & mask[:, None]) | constant(np.eye(n, dtype=bool), v)
    squares = _pair_squares(v / radius(v, mask)[:, None, None]) + 4.0 * alike
    flat = squares.reshape(len(v), n * n)
    return flat.min(-1) ** 0.5 if isinstance(v, np.ndarray) else flat.amin(-1).sqrt()


def radius(v: Array, mask: Array) -> Array:
    """The distance of the farthest point of each neighbourhood, (t,); 1 where it is zero."""
    xp = namespace(v)
    squares = (v * v).sum(-1) * mask
    largest = squares.max(-1) if xp is np else squares.amax(-1)
    return xp.sqrt(xp.where(largest > 0, largest, 1.0 + 0 * largest))


def lengths(v: Array) -> Array:
    """|v|: (..., d) -> (...), with the gradient 0 at 0."""
    return _root(sum(v[..., axis] ** 2 for axis in range(v.shape[-1])))


def _pair_squares(v: Array) -> Array:
    """|v_i - v_j|²: (t, n, d) -> (t, n, n)."""
    return sum((v[:, :, None, axis] - v[:, None, :, axis]) ** 2 for axis in range(v.shape[-1]))


def _root(squares: Array) -> Array:
    zero = squares == 0
    return namespace(squares).sqrt(squares + zero) - 1.0 * zero


def spline_derivative(x: Array, power: int, alpha: MultiIndex) -> Array:
    """∂^α |x|^q = |x|^{q-|α|} Σ c (x/|x|)^β: (..., d) -> (...), 0 at the origin; q > |α|."""
    xp, r = namespace(x), lengths(x)
    unit = x / xp.where(r > 0, r, 1.0 + 0 * r)[..., None]
    total = 0 * r
    for beta, coefficient in _spline_terms(power, alpha):
        term = coefficient + 0 * r
        for axis, exponent in enumerate(beta):
            term = term * unit[..., axis] ** exponent
        total = total + term
    return total * r ** (power - sum(alpha))


@cache
def _spline_terms(power: int, alpha: MultiIndex) -> tuple[tuple[MultiIndex, float], ...]:
    """(β, c) with ∂^α r^q = Σ c x^β r^{q-|α|-|β|}, by ∂_i (x^β r^p) = β_i x^{β-e_i} r^p + p x^{β+e_i} r^{p-2}."""
    terms: dict[tuple[MultiIndex, int], float] = {((0,) * len(alpha), power): 1.0}
    for axis, times in enumerate(alpha):
        for _ in range(times):
            terms = _derived(terms, axis)
    return tuple((beta, c) for (beta, _), c in sorted(terms.items()))


def _derived(terms: dict[tuple[MultiIndex, int], float], axis: int) -> dict[tuple[MultiIndex, int], float]:
    found: dict[tuple[MultiIndex, int], float] = {}
    for (beta, p), c in terms.items():
        for change, factor, lower in ((-1, beta[axis], 0), (1, p, 2)):
            if factor:
                moved = (*beta[:axis], beta[axis] + change, *beta[axis + 1 :])
                found[moved, p - lower] = found.get((moved, p - lower), 0.0) + c * factor
    return found


def _transposed(x: Array) -> Array:
    return x.swapaxes(-1, -2)


def _diagonal(inside: Array, like: Array) -> Array:
    """1 on the diagonal at the rows that are no points, so that the system stays regular and their weights are 0."""
    return constant(np.eye(inside.shape[1]), like) * ~inside


def _square(poly: Array) -> Array:
    number = poly.shape[-1]
    return constant(np.zeros((number, number)), poly) + 0 * poly[:, :1, :1]
