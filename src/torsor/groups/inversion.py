"""The group {e, -1} of the inversion of R^d."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group


@dataclass(frozen=True, eq=False, repr=False)
class Inversion(Group):
    """{e, -1}: the inversion v ↦ -v of R^d; C_i in space, the half turn C_2 in the plane.

    Raises:
        GroupError: d < 1.
    """

    d: int

    def __post_init__(self) -> None:
        if self.d < 1:
            raise GroupError(f"expected a dimension of at least 1, got Inversion({self.d})")

    @property
    def dim(self) -> int:
        return self.d

    @property
    def name(self) -> str:
        return "Ci" if self.d == 3 else f"{{±1}} of R^{self.d}"

    def _algebra(self) -> np.ndarray:
        return np.zeros((0, self.d, self.d))

    def _generators(self) -> np.ndarray:
        return -np.eye(self.d)[None]
