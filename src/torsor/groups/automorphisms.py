"""The symmetries of a graph, as permutations of its nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from torsor.errors import GroupError
from torsor.groups.permutations import PermutationGroup

MAX_STEPS = 200_000
"""Partial assignments that are tried before the search is given up."""


def Automorphisms(adjacency: Any) -> PermutationGroup:
    """The automorphisms of a graph: all permutations p of the nodes with a[p(x), p(y)] = a[x, y].

    At most n - 1 generators are found by backtracking over nodes of equal colour, after colour refinement. Sparse
    graphs of a hundred nodes take seconds; highly regular ones may take too many steps, which is an error.

    Args:
        adjacency: (n, n), any numbers: directed and weighted graphs too; equal numbers are equal edges.

    Raises:
        GroupError: not a square matrix, or too many steps.
    """
    a = np.asarray(adjacency, dtype=float)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not a.size or not np.isfinite(a).all():
        raise GroupError(f"expected a finite adjacency matrix (n, n), got shape {a.shape}")
    found = _generators(a) or [np.arange(len(a))]
    return PermutationGroup([g.tolist() for g in found], label=f"Aut(graph of {len(a)} nodes)")


def _generators(a: np.ndarray) -> list[np.ndarray]:
    """For i = n-1 … 0, automorphisms that keep 0 … i-1 and take i to each further orbit that it can reach."""
    colours, steps = _colours(a), iter(range(MAX_STEPS))
    found: list[np.ndarray] = []
    for i in reversed(range(len(a))):
        tried = _orbit(i, found)
        for j in np.flatnonzero(colours == colours[i]):
            if j > i and j not in tried:
                p = _extend(a, colours, [*range(i), int(j)], steps)
                if p is not None:
                    found.append(p)
                    tried |= _orbit(i, found)
                tried |= _orbit(int(j), found)
    return found


def _orbit(x: int, generators: list[np.ndarray]) -> set[int]:
    orbit, queue = {x}, [x]
    while queue:
        y = queue.pop()
        images = {int(g[y]) for g in generators} - orbit
        orbit |= images
        queue += images
    return orbit


def _colours(a: np.ndarray) -> np.ndarray:
    """Colour refinement: nodes that an automorphism exchanges have one colour."""
    colours = np.zeros(len(a), dtype=int)
    for _ in range(len(a)):
        keys = [(colours[x], a[x, x], tuple(sorted(zip(colours, a[x], a[:, x], strict=True)))) for x in range(len(a))]
        ranks = {key: k for k, key in enumerate(sorted(set(keys)))}
        refined = np.array([ranks[key] for key in keys])
        if len(ranks) == len(set(colours.tolist())):
            return refined
        colours = refined
    return colours


def _extend(a: np.ndarray, colours: np.ndarray, images: list[int], steps: Iterator[int]) -> np.ndarray | None:
    """An automorphism that takes 0 … k-1 to the given images, by depth-first search; None if there is none."""
    stack = [images]
    while stack:
        if next(steps, None) is None:
            raise GroupError(
                f"this graph of {len(a)} nodes needs over {MAX_STEPS} steps; give generators of its symmetries to "
                "PermutationGroup"
            )
        p = np.array(stack.pop())
        k = len(p) - 1
        if not _fits(a, colours, p, k):
            continue
        if k + 1 == len(a):
            return p
        free = np.setdiff1d(np.flatnonzero(colours == colours[k + 1]), p)
        stack += [[*p.tolist(), int(x)] for x in free[::-1]]
    return None


def _fits(a: np.ndarray, colours: np.ndarray, p: np.ndarray, k: int) -> bool:
    """Whether k ↦ p(k) keeps the edges between k and 0 … k; the earlier nodes fit already."""
    edges = np.array_equal(a[k, : k + 1], a[p[k], p]) and np.array_equal(a[: k + 1, k], a[p, p[k]])
    return bool(edges and colours[k] == colours[p[k]])
