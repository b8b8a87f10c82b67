"""The trivial group {e} ≤ GL(d)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group


@dataclass(frozen=True, eq=False, repr=False)
class Trivial(Group):
    """{e} acting on R^d. Its steerable kernels are all kernels: the conventional CNN."""

    d: int

    def __post_init__(self) -> None:
        if self.d < 1:
            raise GroupError(f"expected a dimension of at least 1, got Trivial({self.d})")

    @property
    def dim(self) -> int:
        return self.d

    @property
    def name(self) -> str:
        return "{e}"

    def _algebra(self) -> np.ndarray:
        return np.zeros((0, self.d, self.d))

    def _generators(self) -> np.ndarray:
        return np.zeros((0, self.d, self.d))
