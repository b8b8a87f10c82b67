"""Subgroups of O(p, q) that keep apart what O(p, q) mixes: the identity component, and the group that keeps time.

O(p, q) has four components, told apart by the signs of the determinants of two blocks of g: g_tt, the p × p block of
the time axes, and g_ss, the q × q block of the space axes. |det g_tt| and |det g_ss| are equal and at least 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group
from torsor.groups.orthogonal import SO, O, _Orthogonal


@dataclass(frozen=True, eq=False, repr=False)
class SO0(_Orthogonal):
    """SO₀(p, q), the identity component of O(p, q): gᵀηg = η, det g_tt > 0, det g_ss > 0.

    SO0(1, 3) are the proper orthochronous Lorentz transformations. Definite signatures have a connected SO(n), which is
    what ``SO0(n)`` and ``SO0(0, n)`` return.

    Raises:
        GroupError: not a signature.
    """

    def __new__(cls, p: int = 0, q: int = 0) -> Any:
        return super().__new__(cls) if p and q else SO(p, q)

    def _generators(self) -> np.ndarray:
        return np.zeros((0, self.dim, self.dim))

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        return super()._contains(g, tolerance) & _keeps_time(g, self.p) & _keeps_space(g, self.p)


@dataclass(frozen=True, eq=False, repr=False)
class Orthochronous(_Orthogonal):
    """O⁺(p, q), the elements of O(p, q) that keep the orientation of the p time axes: gᵀηg = η, det g_tt > 0.

    For p = 1 they keep the direction of time, g₀₀ > 0; reflections of space belong to the group. The generator of the
    second component flips the last axis.

    Raises:
        GroupError: not a signature, or a definite one, which has no direction of time.
    """

    def __post_init__(self) -> None:
        if min(self.p, self.q) == 0 and self.p + self.q > 0:
            n = self.p + self.q
            raise GroupError(
                f"expected a signature with time and space, p >= 1 and q >= 1, got ({self.p}, {self.q}): without both "
                f"there is no direction of time; take O({n}) or SO({n})"
            )
        super().__post_init__()

    def _generators(self) -> np.ndarray:
        return self._flip(-1)[None]

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        return super()._contains(g, tolerance) & _keeps_time(g, self.p)

    def with_inversion(self) -> Group:
        """O(p, q) where -1 reverses time, for odd p; the group itself otherwise."""
        return O(self.p, self.q) if self.p % 2 else self


def _keeps_time(g: np.ndarray, p: int) -> np.ndarray:
    return np.linalg.det(g[..., :p, :p]) > 0


def _keeps_space(g: np.ndarray, p: int) -> np.ndarray:
    return np.linalg.det(g[..., p:, p:]) > 0
