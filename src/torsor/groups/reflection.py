"""The group {e, s} of one reflection of R^d."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group


@dataclass(frozen=True, eq=False, repr=False)
class Reflection(Group):
    """{e, s} with s = diag(1, …, -1, …, 1), the flip of one spatial axis (by default the last).

    Raises:
        GroupError: no such axis.
    """

    d: int
    axis: int = -1

    def __post_init__(self) -> None:
        if self.d < 1 or not -self.d <= self.axis < self.d:
            raise GroupError(f"expected an axis of R^{self.d}, got {self.axis}")
        object.__setattr__(self, "axis", self.axis % self.d - self.d)

    @property
    def dim(self) -> int:
        return self.d

    @property
    def name(self) -> str:
        return "R" if self.d == 1 else f"R(axis {self.axis % self.d} of {self.d})"

    def _algebra(self) -> np.ndarray:
        return np.zeros((0, self.d, self.d))

    def _generators(self) -> np.ndarray:
        flip = np.eye(self.d)
        flip[self.axis, self.axis] = -1
        return flip[None]
