"""Conjugacy classes of a finite group, and the structure constants of its class algebra, from its product table."""

from __future__ import annotations

import numpy as np


def orbits(conjugates: np.ndarray) -> tuple[np.ndarray, ...]:
    """The orbits of the elements under g ↦ s g s⁻¹, s a generator; each sorted, in the order of their first elements.

    Args:
        conjugates: (m, n), the index of s_i g_j s_i⁻¹.
    """
    first = np.arange(conjugates.shape[1])
    while True:
        lower = np.minimum(first, first[conjugates].min(0, initial=len(first)))
        if np.array_equal(lower, first):
            return tuple(np.flatnonzero(first == i) for i in np.unique(first))
        first = lower


def class_numbers(classes: tuple[np.ndarray, ...]) -> np.ndarray:
    """The number of the class of each element, (n,)."""
    numbers = np.zeros(sum(map(len, classes)), dtype=int)
    for i, members in enumerate(classes):
        numbers[members] = i
    return numbers


def class_constants(products: np.ndarray, inverses: np.ndarray, classes: tuple[np.ndarray, ...]) -> np.ndarray:
    """a_ijk = |{(x, y) ∈ C_i × C_j : x y = z}| for any one z ∈ C_k, so that C_i C_j = Σ_k a_ijk C_k: (c, c, c).

    For a representative z of C_k and every x, y = x⁻¹ z.
    """
    numbers, c = class_numbers(classes), len(classes)
    constants = np.zeros((c, c, c))
    for k, members in enumerate(classes):
        y = products[inverses, members[0]]
        constants[:, :, k] = np.bincount(numbers * c + numbers[y], minlength=c * c).reshape(c, c)
    return constants
