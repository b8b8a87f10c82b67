"""The cyclic groups C_N of planar rotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group

MAX_ROTATIONS = 10_000
"""The largest n of C_n and D_n: beyond it, take SO(2) and O(2)."""


def rotation(angle: float) -> np.ndarray:
    """The rotation [[cos, -sin], [sin, cos]]; multiples of 90° are exact."""
    c, s = np.cos(angle), np.sin(angle)
    c, s = (0.0 if abs(c) < 1e-15 else c), (0.0 if abs(s) < 1e-15 else s)
    return np.array([[c, -s], [s, c]])


@dataclass(frozen=True, eq=False, repr=False)
class Cyclic(Group):
    """C_N: rotations of the plane by multiples of 2π/N. The rotation by +90° is ``torch.rot90(x, 1, (-2, -1))``.

    Raises:
        GroupError: n outside 1 … 10 000.
    """

    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or not 1 <= self.n <= MAX_ROTATIONS:
            raise GroupError(
                f"expected a cyclic group of at least one rotation and at most 10 000, got Cyclic({self.n})"
            )

    @property
    def dim(self) -> int:
        return 2

    @property
    def name(self) -> str:
        return f"C{self.n}"

    def _algebra(self) -> np.ndarray:
        return np.zeros((0, 2, 2))

    def _generators(self) -> np.ndarray:
        return rotation(2 * np.pi / self.n)[None] if self.n > 1 else np.zeros((0, 2, 2))
