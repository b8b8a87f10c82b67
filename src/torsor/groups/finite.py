"""Finite matrix groups: enumeration from generators, and finding elements among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError

MAX_ORDER = 20_000
"""More elements than this are taken for an infinite group."""


def distances(elements: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Largest entry of the difference between each g (..., d, d) and each element (n, d, d): (..., n)."""
    return np.abs(g[..., None, :, :] - elements).max((-1, -2))


@dataclass(frozen=True)
class Lookup:
    """The elements of a finite group, sorted by one generic linear functional p(g) = ⟨w, g⟩.

    A matrix g is found by bisection of p(g) and confirmed by its distance: within half of the least distance of two
    elements the nearest one is unique. What is not confirmed is compared with every element, `distances`.

    Attributes:
        elements: (n, d, d).
        weights: w, (d, d).
        order: the elements by ascending p, (n,) integers.
        keys: p of the elements, ascending, (n,).
        radius: half of a lower bound of the distance of two elements, in the largest entry.
    """

    elements: np.ndarray
    weights: np.ndarray
    order: np.ndarray
    keys: np.ndarray
    radius: float

    def nearest(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The index of the nearest element to each g, and its distance in the largest entry: (..., d, d) -> (...)."""
        index = np.array(self._candidates(g))
        apart = np.array(np.abs(g - self.elements[index]).max((-1, -2)))
        unsure = ~(apart < self.radius)
        if unsure.any():
            rest = distances(self.elements, g[unsure])
            index[unsure], apart[unsure] = rest.argmin(-1), rest.min(-1)
        return index, apart

    def contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        """Whether an element lies within the tolerance of g in every entry; far from every key there is none."""
        key, reach = np.einsum("...ij,ij->...", g, self.weights), tolerance * np.abs(self.weights).sum()
        low, high = np.searchsorted(self.keys, key - reach, "left"), np.searchsorted(self.keys, key + reach, "right")
        near = np.asarray(high > low)
        inside = np.zeros(near.shape, dtype=bool)
        if near.any():
            inside[near] = self.nearest(g[near])[1] < tolerance
        return inside

    def _candidates(self, g: np.ndarray) -> np.ndarray:
        key = np.einsum("...ij,ij->...", g, self.weights)
        right = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        left = np.maximum(right - 1, 0)
        return self.order[np.where(np.abs(self.keys[left] - key) < np.abs(self.keys[right] - key), left, right)]


def lookup(elements: np.ndarray) -> Lookup:
    """A `Lookup` of elements (n, d, d), the identity first.

    |g - h| ≥ |h⁻¹g - 1| / |h⁻¹| in the Frobenius norm, and h⁻¹g and h⁻¹ are elements again: the distance from the
    identity bounds every distance from below.
    """
    n, d = len(elements), elements.shape[-1]
    weights = np.random.default_rng(0).normal(size=(d, d))
    keys = np.einsum("nij,ij->n", elements, weights)
    order = np.argsort(keys, kind="stable")
    from_one = np.linalg.norm(elements[1:] - elements[0], axis=(-1, -2)).min(initial=np.inf)
    separation = from_one / (d * np.linalg.norm(elements, axis=(-1, -2)).max()) if n > 1 else np.inf
    return Lookup(elements, weights, order, keys[order], separation / 2)


def enumerate_elements(generators: np.ndarray) -> np.ndarray:
    """All elements of the group that matrices generate, by Dimino's algorithm: (order, d, d).

    The elements of ⟨s₁⟩ come first as e, s₁, s₁², …; each further generator adds right cosets H c of what is there.

    Raises:
        GroupError: more than `MAX_ORDER` elements: the generators do not close to a finite group.
    """
    if len(generators) and np.abs(np.abs(np.linalg.eigvals(generators)) - 1).max() > 1e-6:
        raise GroupError(
            "a generator has an eigenvalue of modulus other than 1: its powers do not close to a finite group; "
            "an infinite group needs its Lie algebra"
        )
    found = Found(generators.shape[-1])
    for i, s in enumerate(generators):
        subgroup, queue = np.stack(found.elements), [s]
        while queue:
            c = queue.pop(0)
            if c in found:
                continue
            found.extend(subgroup @ c)
            if len(found.elements) > MAX_ORDER:
                raise GroupError(
                    f"the generators give more than {MAX_ORDER} elements: they do not close to a finite group that "
                    "can be listed; an infinite group needs its Lie algebra, permutations are a PermutationGroup"
                )
            queue += [c @ t for t in generators[: i + 1]]
    return np.stack(found.elements)


class Found:
    """Elements found so far, hashed by one generic linear functional p(g) = ⟨w, g⟩ in cells of 1e-6; 1 is there."""

    def __init__(self, d: int) -> None:
        self.weights = np.random.default_rng(1).normal(size=(d, d))
        self.elements: list[np.ndarray] = []
        self.cells: dict[int, list[int]] = {}
        self.extend(np.eye(d)[None])

    def extend(self, elements: np.ndarray) -> None:
        for g, cell in zip(elements, self._cells(elements), strict=True):
            self.cells.setdefault(int(cell), []).append(len(self.elements))
            self.elements.append(g)

    def __contains__(self, g: np.ndarray) -> bool:
        cell = int(self._cells(g))
        near = [i for c in (cell - 1, cell, cell + 1) for i in self.cells.get(c, [])]
        return any(np.abs(self.elements[i] - g).max() < 1e-6 for i in near)

    def _cells(self, g: np.ndarray) -> np.ndarray:
        return np.floor(np.einsum("...ij,ij->...", g, self.weights) * 1e6 / np.abs(self.weights).sum())
