"""Spherical harmonics, Wigner matrices and Clebsch–Gordan coefficients of R³, in one real basis.

The real spherical harmonics of degree l, order m = -l … l, about axis 1 (the middle one) as the pole, with azimuth from
axis 2 towards axis 0:

    m < 0: ∝ P_l^|m|(cos θ) sin |m|φ,   m = 0: ∝ P_l(cos θ),   m > 0: ∝ P_l^m(cos θ) cos mφ,

with v = |v| (sin θ sin φ, cos θ, sin θ cos φ). So the harmonics of degree 1 are v itself, and D¹(g) = g. This is the
common convention of point cloud libraries, component by component, with (x, y, z) their axes 0, 1, 2. Books, with the
pole along z and azimuth from x, have (x, y, z) = our axes (2, 0, 1).

All three follow from the Clebsch–Gordan isometries C_l: V_l → V_{l-1} ⊗ R³, Y_l ∝ C_lᵀ(Y_{l-1} ⊗ v) and
D^l(g) = C_lᵀ (D^{l-1}(g) ⊗ g) C_l: isometries, so rounding errors grow no faster than l.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache, reduce
from math import factorial, pi, sqrt

import numpy as np

from torsor.errors import RepresentationError, is_count
from torsor.linalg.arrays import Array, constant, floating, identity, namespace, transpose

SCALES = {
    "norm": lambda l: 1.0,
    "component": lambda l: sqrt(2 * l + 1),
    "integral": lambda l: sqrt((2 * l + 1) / (4 * pi)),
}
"""|Y_l| on the unit sphere under each normalisation."""


@cache
def clebsch_gordan(l1: int, l2: int, l3: int) -> np.ndarray:
    """The equivariant map C: V_{l1} ⊗ V_{l2} → V_{l3} in the real basis, C Cᵀ = 1: (2 l3 + 1, 2 l1 + 1, 2 l2 + 1).

    Racah's closed form in exact integers, brought to the real basis. The sign makes the map positive on harmonics,
    C(Y_{l1}(v) ⊗ Y_{l2}(v)) = c Y_{l3}(v) with c > 0, where l1 + l2 + l3 is even; C(1, 1, 1) is the cross product
    divided by √2. Zero unless |l1 - l2| ≤ l3 ≤ l1 + l2.
    """
    table = np.zeros((2 * l3 + 1, 2 * l1 + 1, 2 * l2 + 1), dtype=complex)
    if abs(l1 - l2) <= l3 <= l1 + l2:
        for m1 in range(-l1, l1 + 1):
            for m2 in range(max(-l2, -l3 - m1), min(l2, l3 - m1) + 1):
                table[l3 + m1 + m2, l1 + m1, l2 + m2] = _racah(l1, m1, l2, m2, l3)
    u1, u2, u3 = _to_complex(l1), _to_complex(l2), _to_complex(l3)
    real = np.einsum("cz,cab,ax,by->zxy", u3.conj(), table, u1, u2, optimize=True)
    result = np.ascontiguousarray(real.real)
    result.setflags(write=False)
    return result


def _racah(l1: int, m1: int, l2: int, m2: int, l3: int) -> float:
    """⟨l1 m1 l2 m2 | l3 m1+m2⟩ with the phases of Condon and Shortley, by exact integers and one square root."""
    f, m3 = factorial, m1 + m2
    triangle = Fraction((2 * l3 + 1) * f(l3 + l1 - l2) * f(l3 - l1 + l2) * f(l1 + l2 - l3), f(l1 + l2 + l3 + 1))
    heights = f(l3 + m3) * f(l3 - m3) * f(l1 - m1) * f(l1 + m1) * f(l2 - m2) * f(l2 + m2)
    total = Fraction(0)
    for k in range(max(0, l2 - l3 - m1, l1 - l3 + m2), min(l1 + l2 - l3, l1 - m1, l2 + m2) + 1):
        below = f(k) * f(l1 + l2 - l3 - k) * f(l1 - m1 - k) * f(l2 + m2 - k) * f(l3 - l2 + m1 + k) * f(l3 - l1 - m2 + k)
        total += Fraction((-1) ** k, below)
    return (1 if total > 0 else -1) * sqrt(triangle * heights * total**2)


def _to_complex(l: int) -> np.ndarray:
    """U with Y_complex = U Y_real, times (-i)^l, which makes all Clebsch–Gordan maps real."""
    u = np.zeros((2 * l + 1, 2 * l + 1), dtype=complex)
    u[l, l] = 1.0
    for m in range(1, l + 1):
        u[l - m, l + m], u[l - m, l - m] = 1 / sqrt(2), -1j / sqrt(2)
        u[l + m, l + m], u[l + m, l - m] = (-1) ** m / sqrt(2), 1j * (-1) ** m / sqrt(2)
    return (-1j) ** l * u


@cache
def _isometry(l: int) -> np.ndarray:
    """C_l: V_{l-1} ⊗ R³ → V_l, (2l+1, 3(2l-1))."""
    return clebsch_gordan(l - 1, 1, l).reshape(2 * l + 1, -1)


def spherical_harmonics(v: Array, degrees: int | Iterable[int], normalisation: str = "norm") -> Array:
    """Real solid harmonics, Y_l(tv) = t^l Y_l(v), Y_l(gv) = D^l(g) Y_l(v): (..., 3) -> (..., 2l+1).

    Args:
        v: points, NumPy or torch; smooth everywhere, also at the origin.
        degrees: l, or several, whose harmonics are concatenated.
        normalisation: |Y_l|² on the unit sphere: "norm" 1 (then Y_1(v) = v), "component" 2l+1 (mean square 1),
            "integral" (2l+1)/4π (∫ Y² over the sphere is 1).

    Raises:
        ValueError: an unknown normalisation.
        RepresentationError: a degree that is no whole number.
    """
    if normalisation not in SCALES:
        raise ValueError(f"expected a normalisation among {', '.join(SCALES)}, got {normalisation!r}")
    wanted = tuple(degrees) if isinstance(degrees, Iterable) else (degrees,)
    _check_degrees(*wanted)
    v = floating(v)
    scale, xp = SCALES[normalisation], namespace(v)
    found = {0: xp.ones_like(v[..., :1]), 1: v}
    for l in range(2, max(wanted, default=0) + 1):
        lower = found[l - 1]
        product = (lower[..., :, None] * v[..., None, :]).reshape(*v.shape[:-1], -1)
        found[l] = product @ constant(sqrt((2 * l - 1) / l) * _isometry(l).T, v)
    parts = [found[l] if normalisation == "norm" else scale(l) * found[l] for l in wanted]
    return parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=-1)


def wigner(g: Array, l: int) -> Array:
    """D^l(g) with Y_l(gv) = D^l(g) Y_l(v) for g in O(3): (..., 3, 3) -> (..., 2l+1, 2l+1); D^l(-1) = (-1)^l.

    A polynomial in the entries of g: differentiable, for NumPy and torch.

    Raises:
        RepresentationError: a degree that is no whole number.
    """
    return reduce(lambda below, power: power, wigners(g, l))  # a list of all would take l/3 times the memory


def wigners(g: Array, lmax: int) -> Iterator[Array]:
    """D^0(g), …, D^lmax(g), as `wigner`, each from the one before."""
    _check_degrees(lmax)
    g = floating(g)
    power = identity(1, g)
    yield power
    for l in range(1, lmax + 1):
        power = _raise(power, g, l) if l > 1 else 1.0 * g  # a copy
        yield power


def wigner_derivative(a: Array, l: int) -> Array:
    """The derivative of `wigner` at the identity: (..., 3, 3) -> (..., 2l+1, 2l+1), antisymmetric."""
    _check_degrees(l)
    a = floating(a)
    power = 0 * identity(1, a)
    for k in range(1, l + 1):
        lower, one = identity(2 * k - 1, a), identity(3, a)
        power = _raise(power, one, k) + _raise(lower, a, k)
    return power


def _check_degrees(*degrees: int) -> None:
    if not all(is_count(l, 0) for l in degrees):
        raise RepresentationError(f"expected degrees 0, 1, 2, … of harmonics, got {', '.join(map(repr, degrees))}")


def _raise(power: Array, g: Array, k: int) -> Array:
    """C_k (A ⊗ g) C_kᵀ, without the Kronecker product."""
    m, n = 2 * k + 1, 2 * k - 1
    c = clebsch_gordan(k - 1, 1, k)
    left = transpose(g) @ constant(c.transpose(2, 0, 1).reshape(3, -1), g)  # (3, m n)
    left = left.reshape(*left.shape[:-2], 3 * m, n) @ power
    left = left.reshape(*left.shape[:-2], 3, m, n).swapaxes(-3, -2)
    return left.reshape(*left.shape[:-3], m, 3 * n) @ constant(c.transpose(2, 1, 0).reshape(3 * n, m), g)
