"""The dihedral groups D_N of planar rotations and reflections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group
from torsor.groups.cyclic import MAX_ROTATIONS, Cyclic


@dataclass(frozen=True, eq=False, repr=False)
class Dihedral(Group):
    """D_N, of order 2N: the rotations of C_N and the reflections r^k f, f = diag(1, -1) the flip of the last axis.

    Raises:
        GroupError: n outside 1 … 10 000.
    """

    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or not 1 <= self.n <= MAX_ROTATIONS:
            raise GroupError(
                f"expected a dihedral group of at least one rotation and at most 10 000, got Dihedral({self.n})"
            )

    @property
    def dim(self) -> int:
        return 2

    @property
    def name(self) -> str:
        return f"D{self.n}"

    def _algebra(self) -> np.ndarray:
        return np.zeros((0, 2, 2))

    def _generators(self) -> np.ndarray:
        return np.concatenate([Cyclic(self.n).generator_array, np.diag([1.0, -1.0])[None]])
