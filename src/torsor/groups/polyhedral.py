"""The rotation groups of the regular polyhedra, T, O and I, and the full tetrahedral group T_d.

The two-fold axes of T are the coordinate axes, so that T ≤ O, T ≤ T_d and T ≤ I. With the inversion they give
T_h, O_h and I_h: ``Octahedral().with_inversion()``.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from torsor.groups.base import Group

GOLDEN = (1 + np.sqrt(5)) / 2
"""The golden ratio φ = 2 cos 36°."""

HALF_TURNS = np.stack([np.diag([-1.0, -1.0, 1.0]), np.diag([1.0, -1.0, -1.0])])
"""Half turns about the last and the first axis."""

THIRD_TURN = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""The turn by 120° about (1, 1, 1): e₀ → e₁ → e₂ → e₀."""

QUARTER_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""The turn by 90° about the last axis: e₀ → e₁."""

DIAGONAL_MIRROR = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""The reflection that exchanges the first two axes."""

FIFTH_TURN = 0.5 * np.array([[GOLDEN - 1, -GOLDEN, 1.0], [GOLDEN, 1.0, GOLDEN - 1], [-1.0, GOLDEN - 1, GOLDEN]])
"""The turn by 72° about (0, 1, φ), a vertex of the icosahedron."""


@dataclass(frozen=True, eq=False, repr=False)
class _Polyhedral(Group):
    @property
    def dim(self) -> int:
        return 3

    def _algebra(self) -> np.ndarray:
        return np.zeros((0, 3, 3))

    @abstractmethod
    def _generators(self) -> np.ndarray: ...


@dataclass(frozen=True, eq=False, repr=False)
class Tetrahedral(_Polyhedral):
    """T, of order 12: the rotations of the tetrahedron (1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1).

    The signed cyclic permutations of the axes with an even number of signs; entries are exactly 0 and ±1.
    """

    @property
    def name(self) -> str:
        return "T"

    def _generators(self) -> np.ndarray:
        return np.concatenate([HALF_TURNS, THIRD_TURN[None]])


@dataclass(frozen=True, eq=False, repr=False)
class TetrahedralFull(_Polyhedral):
    """T_d, of order 24: all symmetries of the tetrahedron, rotations, diagonal mirrors and fourfold rotoreflections.

    The signed permutations of the axes with an even number of signs; entries are exactly 0 and ±1.
    """

    @property
    def name(self) -> str:
        return "Td"

    def _generators(self) -> np.ndarray:
        return np.concatenate([HALF_TURNS, THIRD_TURN[None], DIAGONAL_MIRROR[None]])

    def with_inversion(self) -> Group:
        """O_h, which T_d generates together with -1."""
        return Octahedral().with_inversion()


@dataclass(frozen=True, eq=False, repr=False)
class Octahedral(_Polyhedral):
    """O, of order 24: the rotations of the cube. The signed permutations of determinant 1, exactly 0 and ±1."""

    @property
    def name(self) -> str:
        return "O"

    def _generators(self) -> np.ndarray:
        return np.concatenate([HALF_TURNS, THIRD_TURN[None], QUARTER_TURN[None]])


@dataclass(frozen=True, eq=False, repr=False)
class Icosahedral(_Polyhedral):
    """I, of order 60: the rotations of the icosahedron with vertices (0, ±1, ±φ) and their cyclic permutations."""

    @property
    def name(self) -> str:
        return "I"

    def _generators(self) -> np.ndarray:
        return np.concatenate([HALF_TURNS, THIRD_TURN[None], FIFTH_TURN[None]])
