"""Permutation groups that are too large to list: a chain of stabilisers (Schreier, Sims; in the form of Knuth, 1991).

G = G₀ ≥ G₁ ≥ … ≥ {1}, where G_{i+1} keeps the base point b_i of G_i. An element is a unique product u_{m-1} … u₁ u₀ of
one representative of each orbit b_i^{G_i}: this gives the order, membership, and uniform random elements.
Permutations are arrays, x ↦ p[x]; ``p[q]`` is q first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np


@dataclass
class Level:
    """The stabiliser of the earlier base points: generators, and an element that maps the base point to each image."""

    base: int
    generators: list[np.ndarray] = field(default_factory=list)
    representatives: dict[int, np.ndarray] = field(default_factory=dict)


class StabiliserChain:
    """The chain of the group that permutations generate.

    Args:
        generators: permutations of 0 … n-1.
        n: the number of points.
    """

    def __init__(self, generators: list[np.ndarray], n: int) -> None:
        self.n, self.levels = n, []
        for g in generators:
            if self.sift(g) is not None:
                self._insert(0, g)

    @property
    def order(self) -> int:
        """The number of elements, ∏ of the sizes of the orbits."""
        return prod(len(level.representatives) for level in self.levels)

    def sift(self, g: np.ndarray, start: int = 0) -> np.ndarray | None:
        """What is left of g after dividing by representatives, level after level; None if nothing: g is an element."""
        for level in self.levels[start:]:
            u = level.representatives.get(int(g[level.base]))
            if u is None:
                return g
            g = np.argsort(u)[g]
        return None if np.array_equal(g, np.arange(self.n)) else g

    def random(self, rng: np.random.Generator) -> np.ndarray:
        """A uniform element."""
        g = np.arange(self.n)
        for level in self.levels:
            keys = list(level.representatives)
            g = g[level.representatives[keys[rng.integers(len(keys))]]]
        return g

    def _insert(self, index: int, g: np.ndarray) -> None:
        """Add g, which keeps the earlier base points and is no element of the level, to the generators of the level."""
        if index == len(self.levels):
            base = int(np.flatnonzero(g != np.arange(self.n))[0])
            self.levels.append(Level(base, [], {base: np.arange(self.n)}))
        level = self.levels[index]
        level.generators.append(g)
        queue = [g[u] for u in list(level.representatives.values())]
        while queue:
            h = queue.pop()
            image = int(h[level.base])
            if image not in level.representatives:
                level.representatives[image] = h
                queue += [s[h] for s in level.generators]
                continue
            rest = np.argsort(level.representatives[image])[h]
            if self.sift(rest, index + 1) is not None:
                self._insert(index + 1, rest)
