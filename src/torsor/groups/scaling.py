"""Scalings of R^d: the powers of one factor, or all positive factors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from torsor.errors import GroupError
from torsor.groups.base import Group


@dataclass(frozen=True, eq=False, repr=False)
class Scaling(Group):
    """The scalings v ↦ s v of R^d: s = base^k for all integers k, or every s > 0 for ``base=None``.

    The powers of one factor are a discrete group that is not finite: its algebra is empty, `order` is None, and
    `elements()` is an error. Neither group is compact. Source: Worrall and Welling, Deep scale-spaces, 2019.

    Args:
        d: the dimension of the space.
        base: the smallest factor above 1, such as ``2.0``, ``2 ** 0.5`` or ``4 ** (1 / 3)``; None for all factors.

    Raises:
        GroupError: a dimension below 1, or a base that is not a finite number above 1.
    """

    d: int
    base: float | None = 2.0

    def __post_init__(self) -> None:
        if not isinstance(self.d, int) or self.d < 1:
            raise GroupError(f"expected a dimension of at least 1, got {self.d!r}")
        if self.base is not None:
            if not (isinstance(self.base, (int, float)) and 1 + 1e-6 < self.base < math.inf):
                raise GroupError(
                    f"expected a base above 1, such as 2.0 or 2 ** 0.5, got {self.base!r}; 1/base is in it"
                )
            object.__setattr__(self, "base", float(self.base))

    @property
    def dim(self) -> int:
        return self.d

    @property
    def name(self) -> str:
        return f"Scaling({self.d}, base={'None' if self.base is None else format(self.base, '.4g')})"

    @property
    def is_finite(self) -> bool:
        return False

    @property
    def is_discrete(self) -> bool:
        """Whether the factors are the powers of one."""
        return self.base is not None

    @property
    def component_array(self) -> np.ndarray:  # type: ignore[override]
        """The identity, if all factors are in the group.

        Raises:
            GroupError: the powers of one factor have infinitely many components.
        """
        if self.is_discrete:
            raise GroupError(f"expected finitely many components, {self} has one for each power of its base")
        return np.eye(self.d)[None]

    def element(self, k: int | torch.Tensor) -> torch.Tensor:
        """The scaling by base^k, (..., d, d) float64.

        Raises:
            GroupError: the group has no base.
        """
        if self.base is None:
            raise GroupError("the group of all scalings has no powers: exp(t · algebra[0]) scales by e^t")
        factor = self.base ** torch.as_tensor(k, dtype=torch.float64)
        return factor[..., None, None] * torch.eye(self.d, dtype=torch.float64)

    def sample(self, n: int, generator: torch.Generator | None = None, scale: float | None = None) -> torch.Tensor:
        """n random scalings, (n, d, d) float64: powers (or logarithms) of standard deviation `scale`, 1 by default."""
        x = (1.0 if scale is None else scale) * torch.randn(n, generator=generator, dtype=torch.float64)
        factor = x.exp() if self.base is None else self.base ** x.round()
        return factor[:, None, None] * torch.eye(self.d, dtype=torch.float64)

    def _algebra(self) -> np.ndarray:
        return np.zeros((0, self.d, self.d)) if self.is_discrete else np.eye(self.d)[None]

    def _generators(self) -> np.ndarray:
        return np.zeros((0, self.d, self.d)) if self.base is None else self.base * np.eye(self.d)[None]

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        """Multiples s 1 of the identity with s > 0, a power of the base up to the relative tolerance."""
        s = np.einsum("...ii->...", g) / self.d
        inside = np.isfinite(g).all((-1, -2)) & (s > 0)
        s = np.where(inside, s, 1.0)
        nearest = s if self.base is None else self.base ** np.round(np.log(s) / math.log(self.base))
        error = np.abs(np.where(inside[..., None, None], g, 0.0) - (nearest * inside)[..., None, None] * np.eye(self.d))
        return inside & (error.max((-1, -2)) < tolerance * nearest)
