"""Invariants of signed permutations: one for each orbit on which the signs agree, exactly."""

from __future__ import annotations

import numpy as np

Signed = tuple[np.ndarray, np.ndarray]
"""(target, sign): the matrix with entry sign[i] in row target[i] of column i."""


def signed_permutation(matrix: np.ndarray) -> Signed | None:
    """A matrix as a signed permutation, or None if it is none."""
    target = np.abs(matrix).argmax(axis=0)
    sign = np.rint(matrix[target, np.arange(len(target))])
    rebuilt = np.zeros_like(matrix)
    rebuilt[target, np.arange(len(target))] = sign
    exact = np.abs(rebuilt - matrix).max(initial=0.0) < 1e-9 and len(np.unique(target)) == len(target)
    return (target, sign) if exact and np.all(np.abs(sign) == 1) else None


def product(factors: list[Signed]) -> Signed:
    """The Kronecker product of signed permutations."""
    target, sign = np.zeros(1, dtype=np.int64), np.ones(1)
    for t, s in factors:
        target = (target[:, None] * len(t) + t[None]).ravel()
        sign = (sign[:, None] * s[None]).ravel()
    return target, sign


def orbit_labels(size: int, permutations: list[np.ndarray]) -> np.ndarray:
    """The lowest index of the orbit of every index under the group that permutations generate, (size,) integers."""
    label = np.arange(size)
    while True:
        before = label
        for p in permutations:
            lower = np.minimum(label, label[p])
            label = lower.copy()
            label[p] = np.minimum(label[p], lower)
        label = np.minimum(label, label[label])
        label = label[label]
        if np.array_equal(label, before):
            return label


def invariant_orbits(size: int, generators: list[Signed]) -> tuple[np.ndarray, np.ndarray]:
    """Label and sign of every index under signed permutations: x_i = sign_i · x_label(i) for all invariants x.

    The signed indices (i, +) and (i, -) are permuted; invariants vanish on orbits where both meet.

    Returns:
        label (size,) the lowest index of the orbit or -1 where all invariants vanish, and sign (size,) ±1.
    """
    moves = []
    for target, sign in generators:
        flipped = (sign < 0).astype(np.int64)
        moves.append(np.concatenate([2 * target + flipped, 2 * target + 1 - flipped]).reshape(2, -1).T.ravel())
    label = orbit_labels(2 * size, moves)
    plus, minus = label[0::2], label[1::2]
    root, sign = plus // 2, np.where(plus % 2 == 0, 1.0, -1.0)
    return np.where(plus == minus, -1, root), sign


def orbit_sizes(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The orbits that carry an invariant, by lowest index, and how many indices each has."""
    return np.unique(label[label >= 0], return_counts=True)


def orbit_basis(label: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """The canonical orthonormal basis (orbits, size): ± 1/√|orbit|, in the order of `canonical_bases`.

    That order takes short orbits first, the lowest index among those whose 1/|orbit| is within 1e-6 of the largest.
    """
    roots, counts = orbit_sizes(label)
    place = np.full(len(label) + 1, -1)
    place[roots[_pivot_order(1.0 / counts)]] = np.arange(len(roots))
    basis, inside = np.zeros((len(roots), len(label))), np.flatnonzero(label >= 0)
    rows = place[label[inside]]
    basis[rows, inside] = sign[inside]
    return basis / np.sqrt(np.abs(basis).sum(axis=1, keepdims=True))


def _pivot_order(heights: np.ndarray) -> np.ndarray:
    """The order in which pivoting takes independent entries: lowest index within 1e-6 of the largest left."""
    left, order = heights.copy(), []
    for _ in range(len(heights)):
        order.append(int(np.argmax(left >= left.max() - 1e-6)))
        left[order[-1]] = -1.0
    return np.array(order, dtype=int)
