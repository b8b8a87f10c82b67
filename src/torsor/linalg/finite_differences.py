"""Central finite differences: derivatives as weighted sums over a box of grid points.

On the 2m + 1 nodes -m … m the weights of d^k/dx^k that are exact on all polynomials of degree 2m are unique; by parity
they are exact on degree 2m + 1 as well if k is even. A partial derivative ∂^α is the tensor product of its factors. It
is exact on all polynomials of total degree |α| + a - 1 if every factor has accuracy a: where one factor errs the degree
in the others is too low, and they vanish.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial

import numpy as np

from torsor.linalg.taylor import MultiIndex


def half_width(order: int, accuracy: int) -> int:
    """m of the central stencil of d^k/dx^k whose error is O(h^a), a even: ⌊(k + 1)/2⌋ - 1 + a/2."""
    return (order + 1) // 2 - 1 + accuracy // 2 if order else 0


@cache
def central_difference(order: int, size: int) -> np.ndarray:
    """The weights w of d^k/dx^k on `size` = 2m + 1 nodes of spacing 1: (size,), f^(k)(0) ≈ Σ_j w_j f(j).

    Solved exactly, in fractions: Σ_j w_j j^n = k! δ_nk for n = 0 … 2m. Their symmetry is exact, w_{-j} = (-1)^k w_j.
    """
    nodes = [Fraction(j - size // 2) for j in range(size)]
    rows = [[x**n for x in nodes] + [Fraction(factorial(order) if n == order else 0)] for n in range(size)]
    return np.array([float(w) for w in _solve(rows)])


def difference_stencil(alpha: MultiIndex, sizes: tuple[int, ...], spacings: np.ndarray) -> np.ndarray:
    """The weights of ∂^α on a box of odd sizes: (points,), first axis slowest; spacings are one an axis."""
    weights = np.ones(1)
    for order, size, spacing in zip(alpha, sizes, spacings, strict=True):
        weights = np.kron(weights, central_difference(order, size) / spacing**order)
    return weights


def _solve(rows: list[list[Fraction]]) -> list[Fraction]:
    """Gauss–Jordan elimination of an augmented square system."""
    rows, n = [list(row) for row in rows], len(rows)
    for i in range(n):
        pivot = next(j for j in range(i, n) if rows[j][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(n):
            if j != i and rows[j][i]:
                rows[j] = [x - rows[j][i] * y for x, y in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]
