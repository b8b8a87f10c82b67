"""The orthogonal groups O(p, q) and SO(p, q) of η = diag(-1_p, +1_q); SO(n) and O(n) are the definite ones."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group


@dataclass(frozen=True, eq=False, repr=False)
class _Orthogonal(Group):
    p: int
    q: int = 0

    def __post_init__(self) -> None:
        whole = isinstance(self.p, int) and isinstance(self.q, int)
        if not whole or self.p < 0 or self.q < 0 or self.p + self.q < 1:
            raise GroupError(f"expected a signature (p, q) of integers with p + q >= 1, got ({self.p!r}, {self.q!r})")
        if self.p == 0:
            object.__setattr__(self, "p", self.q)
            object.__setattr__(self, "q", 0)

    @property
    def dim(self) -> int:
        return self.p + self.q

    @property
    def name(self) -> str:
        return f"{type(self).__name__}({self.p},{self.q})" if self.q else f"{type(self).__name__}({self.p})"

    @property
    def metric(self) -> np.ndarray:
        """η: the p time axes first, -1; the identity if there is only one sign."""
        return np.diag([-1.0] * self.p + [1.0] * self.q) if self.q else np.eye(self.p)

    def _algebra(self) -> np.ndarray:
        """For i < j the element η (E_ji - E_ij) η-signed: a rotation of e_i towards e_j, or a boost."""
        d, sign = self.dim, np.diag(self.metric)
        basis = []
        for i in range(d):
            for j in range(i + 1, d):
                a = np.zeros((d, d))
                a[j, i], a[i, j] = 1.0, -sign[i] * sign[j]
                basis.append(a)
        return np.array(basis).reshape(-1, d, d)

    @abstractmethod
    def _generators(self) -> np.ndarray: ...

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        eta = self.metric
        error = np.abs(np.swapaxes(g, -1, -2) @ eta @ g - eta).max((-1, -2))
        return error < tolerance * np.maximum(1.0, np.abs(g).max((-1, -2)) ** 2)

    def _flip(self, *axes: int) -> np.ndarray:
        signs = np.ones(self.dim)
        signs[list(axes)] = -1
        return np.diag(signs)


@dataclass(frozen=True, eq=False, repr=False)
class SO(_Orthogonal):
    """SO(n), or SO(p, q): gᵀηg = η and det g = 1. exp(θ algebra[0]) of SO(2) turns axis 0 towards axis 1 by θ.

    Raises:
        GroupError: not a signature.
    """

    def _generators(self) -> np.ndarray:
        return self._flip(0, -1)[None] if self.q else np.zeros((0, self.dim, self.dim))

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        return super()._contains(g, tolerance) & (np.linalg.det(g) > 0)

    def with_inversion(self) -> Group:
        """O(d) in odd dimensions, where det(-1) = -1; SO(d) itself in even ones."""
        return O(self.p, self.q) if self.dim % 2 else self


@dataclass(frozen=True, eq=False, repr=False)
class O(_Orthogonal):  # noqa: E742  the field's name
    """O(n), or O(p, q): gᵀηg = η. The reflection among the generators flips the last axis.

    Raises:
        GroupError: not a signature.
    """

    def _generators(self) -> np.ndarray:
        return np.stack([self._flip(0), self._flip(-1)]) if self.q else self._flip(-1)[None]
