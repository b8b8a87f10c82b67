"""Boxes of lattice offsets, and which elements of a group preserve them."""

from __future__ import annotations

from functools import cache
from itertools import permutations, product

import numpy as np

from torsor.errors import KernelError
from torsor.groups import Cyclic, Dihedral, Group


def box(sizes: tuple[int, ...]) -> np.ndarray:
    """The centred offsets of a kernel, (n, d): integers for odd sizes, half-integers for even ones."""
    axes = [np.arange(size) - (size - 1) / 2 for size in sizes]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(sizes))


def check_sizes(sizes: int | tuple[int, ...]) -> None:
    """Raise unless all sizes are positive integers.

    Raises:
        KernelError: what came.
    """
    every = sizes if isinstance(sizes, tuple) else (sizes,)
    if not every or any(not isinstance(size, int) or size < 1 for size in every):
        raise KernelError(f"expected kernel sizes, whole numbers of at least 1, got {sizes}")


@cache
def signed_permutations(d: int) -> np.ndarray:
    """All 2^d d! signed permutation matrices: the symmetries of the cubic lattice, (n, d, d)."""
    found = []
    for order in permutations(range(d)):
        for signs in product((1.0, -1.0), repeat=d):
            found.append(np.diag(signs) @ np.eye(d)[list(order)])
    return np.stack(found)


def lattice_elements(group: Group) -> np.ndarray:
    """The elements of a group that permute the axes of R^d up to signs, which act on grids exactly: (n, d, d)."""
    if group.algebra_array.shape[-1] == group.dim:
        candidates = signed_permutations(group.dim)
        return candidates[group.contains(candidates)]
    if not group.is_finite:
        return np.eye(group.algebra_array.shape[-1])[None]
    action = group.action(group.element_array)
    exact = np.abs(np.abs(action) - np.rint(np.abs(action))).max((-1, -2)) < 1e-9
    return group.element_array[exact]


def box_preserving(group: Group, extents: tuple[float, ...]) -> np.ndarray:
    """The lattice elements of a group that map a box of the given extents to itself."""
    elements = lattice_elements(group)
    moved = np.abs(group.action(elements)) @ np.array(extents)
    return elements[np.abs(moved - np.array(extents)).max(-1) < 1e-9]


def describe(elements: np.ndarray) -> str:
    """A name for the group that matrices form, such as C2, D4, or "a subgroup of order 8"."""
    if len(elements) == 1:
        return "{e}"
    if elements.shape[-1] == 2:
        for candidate in (Cyclic(len(elements)), Dihedral(max(1, len(elements) // 2))):
            if candidate.order == len(elements) and candidate.contains(elements).all():
                return candidate.name
    return f"a subgroup of order {len(elements)}"


def mixed_axes(group: Group) -> np.ndarray:
    """Which pairs of axes of R^d the group mixes: (d, d) bool, reflexive and transitive."""
    moves = np.concatenate([group.action(group.algebra_array), group.action(group.generator_array)])
    mixed = (np.abs(moves).max(0, initial=0.0) > 1e-9) | np.eye(group.dim, dtype=bool)
    mixed = mixed | mixed.T
    for _ in range(group.dim):
        mixed = mixed | ((mixed.astype(int) @ mixed.astype(int)) > 0)
    return mixed
