"""The unitary groups, as real matrices of twice the size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group
from torsor.linalg import Array, namespace


def realify(g: Array) -> Array:
    """Complex matrices X + iY as real ones [[X, -Y], [Y, X]]: (..., n, n) -> (..., 2n, 2n)."""
    xp = namespace(g)
    x, y = g.real, g.imag
    return xp.concatenate([xp.concatenate([x, -y], -1), xp.concatenate([y, x], -1)], -2)


def complexify(g: Array) -> Array:
    """The inverse of `realify`: (..., 2n, 2n) -> (..., n, n) complex."""
    n = g.shape[-1] // 2
    return g[..., :n, :n] + 1j * g[..., n:, :n]


@dataclass(frozen=True, eq=False, repr=False)
class U(Group):
    """U(n), g†g = 1, as orthogonal matrices [[Re g, -Im g], [Im g, Re g]] of R^{2n}: real parts, then imaginary ones.

    The Lie algebra, the anti-Hermitian matrices, has dimension n².

    Raises:
        GroupError: n below 1.
    """

    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or self.n < 1:
            raise GroupError(f"expected a unitary group of n >= 1 complex dimensions, got {self.n!r}")

    @property
    def dim(self) -> int:
        return 2 * self.n

    @property
    def name(self) -> str:
        return f"{type(self).__name__}({self.n})"

    def _algebra(self) -> np.ndarray:
        """E_jk - E_kj and i (E_jk + E_kj) for j < k, then the diagonal ones."""
        unit = np.eye(self.n**2).reshape(self.n, self.n, self.n, self.n)
        basis = []
        for j in range(self.n):
            for k in range(j + 1, self.n):
                basis += [unit[j, k] - unit[k, j] + 0j, 1j * (unit[j, k] + unit[k, j])]
        basis += self._diagonal(unit)
        return realify(np.array(basis, dtype=complex).reshape(-1, self.n, self.n))

    def _diagonal(self, unit: np.ndarray) -> list[np.ndarray]:
        return [1j * unit[j, j] for j in range(self.n)]

    def _generators(self) -> np.ndarray:
        return np.zeros((0, self.dim, self.dim))

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        gram = np.abs(np.swapaxes(g, -1, -2) @ g - np.eye(self.dim)).max((-1, -2))
        linear = np.abs(realify(complexify(g)) - g).max((-1, -2))
        return np.maximum(gram, linear) < tolerance


@dataclass(frozen=True, eq=False, repr=False)
class SU(U):
    """SU(n), the elements of U(n) with determinant 1. The Lie algebra has dimension n² - 1.

    Raises:
        GroupError: n below 2: SU(1) is trivial.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n < 2:
            raise GroupError("expected n >= 2: SU(1) is {e}, Trivial(2)")

    def _diagonal(self, unit: np.ndarray) -> list[np.ndarray]:
        return [1j * (unit[j, j] - unit[j + 1, j + 1]) for j in range(self.n - 1)]

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        return super()._contains(g, tolerance) & (np.abs(np.linalg.det(complexify(g)) - 1) < self.n * tolerance)
