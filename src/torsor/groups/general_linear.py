"""All linear maps, and those that keep orientation or volume: GL(d), GL⁺(d), SL(d)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group


@dataclass(frozen=True, eq=False, repr=False)
class _Linear(Group):
    d: int

    def __post_init__(self) -> None:
        if not isinstance(self.d, int) or self.d < 1:
            raise GroupError(f"expected a dimension of at least 1, got {self.d!r}")

    @property
    def dim(self) -> int:
        return self.d

    @property
    def name(self) -> str:
        return f"{type(self).__name__}({self.d})"

    def _algebra(self) -> np.ndarray:
        """The elementary matrices E_ij, row after row."""
        return np.eye(self.d**2).reshape(-1, self.d, self.d)

    def _generators(self) -> np.ndarray:
        return np.zeros((0, self.d, self.d))


@dataclass(frozen=True, eq=False, repr=False)
class GL(_Linear):
    """GL(d), all invertible matrices: the frames of a manifold with nothing but a smooth structure.

    Raises:
        GroupError: not a dimension.
    """

    def _generators(self) -> np.ndarray:
        return np.diag([1.0] * (self.d - 1) + [-1.0])[None]

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        return np.abs(np.linalg.det(g)) > 0


@dataclass(frozen=True, eq=False, repr=False)
class GLPlus(_Linear):
    """GL⁺(d), det g > 0: an orientation.

    Raises:
        GroupError: not a dimension.
    """

    @property
    def name(self) -> str:
        return f"GL⁺({self.d})"

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        return np.linalg.det(g) > 0


@dataclass(frozen=True, eq=False, repr=False)
class SL(_Linear):
    """SL(d), det g = 1: a volume form. Its Lie algebra is E_ij with i ≠ j, and E_ii - E_jj with j = i + 1.

    Raises:
        GroupError: not a dimension.
    """

    def _algebra(self) -> np.ndarray:
        n, basis = self.d, super()._algebra()
        grid = basis.reshape(n, n, n, n)
        mixed = [grid[i, j] for i in range(n) for j in range(n) if i != j]
        diagonal = [grid[i, i] - grid[i + 1, i + 1] for i in range(n - 1)]
        return np.array(mixed + diagonal).reshape(-1, n, n)

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        rounding = 1e-14 * np.abs(g).max((-1, -2)) ** self.d
        return np.abs(np.linalg.det(g) - 1) < np.maximum(tolerance, rounding)
