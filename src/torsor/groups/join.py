"""The join of two commuting groups on one space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group


@dataclass(frozen=True, eq=False, repr=False)
class Join(Group):
    """The group {a b} of two commuting groups on one R^d, such as SO(2) and the scalings.

    Raises:
        GroupError: the dimensions differ, or the groups do not commute.
    """

    left: Group
    right: Group

    def __post_init__(self) -> None:
        if self.left.dim != self.right.dim:
            raise GroupError(f"expected two groups on one R^d, got dimensions {self.left.dim} and {self.right.dim}")
        left = np.concatenate([self.left.algebra_array, self.left.generator_array])
        right = np.concatenate([self.right.algebra_array, self.right.generator_array])
        for a in left:
            if np.abs(a @ right - right @ a).max(initial=0.0) > 1e-9:
                raise GroupError(f"{self.left} and {self.right} do not commute; give their union to MatrixGroup")

    @property
    def dim(self) -> int:
        return self.left.dim

    @property
    def name(self) -> str:
        return f"Join({self.left}, {self.right})"

    def _algebra(self) -> np.ndarray:
        return np.concatenate([self.left.algebra_array, self.right.algebra_array])

    def _generators(self) -> np.ndarray:
        return np.concatenate([self.left.generator_array, self.right.generator_array])
