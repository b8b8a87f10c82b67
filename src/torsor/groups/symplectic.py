"""The real symplectic groups: linear canonical transformations of phase space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group
from torsor.linalg import Array, constant, transpose


@dataclass(frozen=True, eq=False, repr=False)
class Sp(Group):
    """Sp(2n), gᵀ J g = J with J = [[0, 1], [-1, 0]]: coordinates are n positions, then n momenta.

    The argument is the dimension 2n. The Lie algebra, J times the symmetric matrices, has dimension n (2n + 1).

    Raises:
        GroupError: an odd dimension, or one below 2.
    """

    d: int

    def __post_init__(self) -> None:
        if not isinstance(self.d, int) or self.d < 2 or self.d % 2:
            raise GroupError(f"expected an even dimension 2n of phase space, n positions and n momenta, got {self.d!r}")

    @property
    def dim(self) -> int:
        return self.d

    @property
    def name(self) -> str:
        return f"Sp({self.d})"

    @property
    def form(self) -> np.ndarray:
        """J, (2n, 2n)."""
        n = self.d // 2
        return np.block([[np.zeros((n, n)), np.eye(n)], [-np.eye(n), np.zeros((n, n))]])

    def _algebra(self) -> np.ndarray:
        basis = []
        for i in range(self.d):
            for j in range(i, self.d):
                s = np.zeros((self.d, self.d))
                s[i, j] = s[j, i] = 1.0
                basis.append(self.form @ s)
        return np.array(basis)

    def _generators(self) -> np.ndarray:
        return np.zeros((0, self.d, self.d))

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        error = np.abs(np.swapaxes(g, -1, -2) @ self.form @ g - self.form).max((-1, -2))
        return error < tolerance * np.maximum(1.0, np.abs(g).max((-1, -2)) ** 2)

    def inverse(self, g: Array) -> Array:
        """g⁻¹ = -J gᵀ J."""
        form = constant(self.form, g)
        return -form @ transpose(g) @ form
