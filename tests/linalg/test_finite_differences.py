"""Finite differences against their closed forms, and on all polynomials of the promised degree."""

from itertools import product
from math import factorial, prod

import numpy as np
import pytest

from torsor.linalg import central_difference, difference_stencil, half_width

CLOSED = {
    (0, 1): [1],
    (1, 3): [-1 / 2, 0, 1 / 2],
    (2, 3): [1, -2, 1],
    (1, 5): [1 / 12, -2 / 3, 0, 2 / 3, -1 / 12],
    (2, 5): [-1 / 12, 4 / 3, -5 / 2, 4 / 3, -1 / 12],
    (3, 5): [-1 / 2, 1, 0, -1, 1 / 2],
    (4, 5): [1, -4, 6, -4, 1],
    (1, 7): [-1 / 60, 3 / 20, -3 / 4, 0, 3 / 4, -3 / 20, 1 / 60],
}


@pytest.mark.parametrize("case", CLOSED, ids=str)
def test_closed_forms(case):
    assert np.abs(central_difference(*case) - CLOSED[case]).max() < 1e-15


@pytest.mark.parametrize(
    ("order", "accuracy", "size"), [(1, 2, 3), (2, 2, 3), (1, 4, 5), (2, 4, 5), (3, 2, 5), (4, 6, 9)]
)
def test_half_width_is_that_of_the_tables(order, accuracy, size):
    assert 2 * half_width(order, accuracy) + 1 == size


@pytest.mark.parametrize("size", [5, 7, 9])
@pytest.mark.parametrize("order", range(5))
def test_symmetry_is_exact(order, size):
    w = central_difference(order, size)
    assert np.array_equal(w[::-1], (-1) ** order * w)


def nodes(sizes, spacings):
    axes = [(np.arange(n) - n // 2) * h for n, h in zip(sizes, spacings, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(sizes))


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("order", "accuracy"), [(1, 2), (2, 2), (2, 4), (3, 2)])
def test_exact_up_to_the_promised_degree_and_no_further(d, order, accuracy):
    """∂^α x^β at 0 is α! δ_αβ for all |β| ≤ |α| + accuracy - 1, also on pixels of three different sizes."""
    sizes, spacings = (2 * half_width(order, accuracy) + 1,) * d, np.array([0.5, 0.8, 1.3])[:d]
    v = nodes(sizes, spacings)
    for alpha in product(range(order + 1), repeat=d):
        if sum(alpha) > order:
            continue
        weights, top = difference_stencil(alpha, sizes, spacings), sum(alpha) + accuracy - 1
        scale = np.abs(weights).sum()
        for beta in product(range(top + 1), repeat=d):
            if sum(beta) <= top:
                expected = prod(factorial(a) for a in alpha) if alpha == beta else 0
                assert abs(weights @ np.prod(v ** np.array(beta), 1) - expected) < 1e-12 * scale * 4**top
    alpha, beta = (order, *[0] * (d - 1)), (order + accuracy, *[0] * (d - 1))
    assert abs(difference_stencil(alpha, sizes, spacings) @ np.prod(v ** np.array(beta), 1)) > 0.1
