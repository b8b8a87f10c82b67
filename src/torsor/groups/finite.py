"""Finite matrix groups: enumeration from generators, nearest elements."""

from __future__ import annotations

import numpy as np

from torsor.errors import GroupError

MAX_ORDER = 20_000
"""More elements than this are taken for an infinite group."""


def distances(elements: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Largest entry of the difference between each g (..., d, d) and each element (n, d, d): (..., n)."""
    return np.abs(g[..., None, :, :] - elements).max((-1, -2))


def enumerate_elements(generators: np.ndarray) -> np.ndarray:
    """All elements of the group that matrices generate, by Dimino's algorithm: (order, d, d).

    The elements of ⟨s₁⟩ come first as e, s₁, s₁², …; each further generator adds right cosets H c of what is there.

    Raises:
        GroupError: more than `MAX_ORDER` elements: the generators do not close to a finite group.
    """
    elements = np.eye(generators.shape[-1])[None]
    if len(generators) and np.abs(np.abs(np.linalg.eigvals(generators)) - 1).max() > 1e-6:
        raise GroupError(
            "a generator has an eigenvalue of modulus other than 1: its powers do not close to a finite group; "
            "an infinite group needs its Lie algebra"
        )
    for i in range(len(generators)):
        subgroup, queue = elements, [generators[i]]
        while queue:
            c = queue.pop(0)
            if distances(elements, c).min() < 1e-6:
                continue
            elements = np.concatenate([elements, subgroup @ c])
            if len(elements) > MAX_ORDER:
                raise GroupError(
                    f"the generators give more than {MAX_ORDER} elements: they do not close to a finite group; "
                    "an infinite group needs its Lie algebra"
                )
            queue += [c @ t for t in generators[: i + 1]]
    return elements
