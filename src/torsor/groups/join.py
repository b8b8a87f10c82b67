"""The join of two commuting groups on one space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from torsor.errors import GroupError
from torsor.groups.base import Group
from torsor.groups.finite import MAX_ORDER
from torsor.groups.scaling import Scaling


@dataclass(frozen=True, eq=False, repr=False)
class Join(Group):
    """The group {a b} of two commuting groups on one R^d, such as SO(2) and the scalings.

    Raises:
        GroupError: the dimensions differ, or the groups do not commute.
    """

    left: Group
    right: Group

    def __post_init__(self) -> None:
        if self.left.dim != self.right.dim:
            raise GroupError(f"expected two groups on one R^d, got dimensions {self.left.dim} and {self.right.dim}")
        left = np.concatenate([self.left.algebra_array, self.left.generator_array])
        right = np.concatenate([self.right.algebra_array, self.right.generator_array])
        both = np.concatenate([group.algebra_array.reshape(-1, self.left.dim**2) for group in (self.left, self.right)])
        if len(both) and np.linalg.matrix_rank(both) < len(both):
            raise GroupError(
                f"the Lie algebras of {self.left} and {self.right} overlap: their elements a b would not be unique; "
                "join groups that share finitely many elements, or give the union to MatrixGroup"
            )
        for a in left:
            if np.abs(a @ right - right @ a).max(initial=0.0) > 1e-9:
                raise GroupError(f"{self.left} and {self.right} do not commute; give their union to MatrixGroup")

    @property
    def dim(self) -> int:
        return self.left.dim

    @property
    def name(self) -> str:
        return f"Join({self.left}, {self.right})"

    @cached_property
    def order(self) -> int | None:  # type: ignore[override]
        """|A| |B| / |A ∩ B|; the smaller group is listed."""
        if not self.is_finite:
            return None
        few, many = sorted((self.left, self.right), key=lambda group: group.order or 0)
        common = int(np.sum(many._contains(few.element_array, 1e-6)))
        return (few.order or 0) * (many.order or 0) // common

    @property
    def is_enumerable(self) -> bool:
        return self.is_finite and (self.order or 0) <= MAX_ORDER

    def sample(self, n: int, generator: torch.Generator | None = None, scale: float | None = None) -> torch.Tensor:
        """n random elements a b, (n, d, d) float64, with a and b sampled in their groups."""
        return self.left.sample(n, generator, scale) @ self.right.sample(n, generator, scale)

    def _algebra(self) -> np.ndarray:
        return np.concatenate([self.left.algebra_array, self.right.algebra_array])

    def _generators(self) -> np.ndarray:
        return np.concatenate([self.left.generator_array, self.right.generator_array])

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        """With scalings s = |det g|^{1/d} and g/s are the factors, where the other group keeps volumes.

        Elements a of a finite group are tried one by one: a⁻¹g is in the other one.
        """
        for scalings, other in ((self.left, self.right), (self.right, self.left)):
            if isinstance(scalings, Scaling) and other.is_orthogonal:
                unit, s = unscaled(g)
                return scalings._contains(s[..., None, None] * np.eye(self.dim), tolerance) & other._contains(
                    unit, tolerance
                )
        listed = [group for group in (self.left, self.right) if group.is_enumerable]
        if not listed:
            return super()._contains(g, tolerance)
        few = min(listed, key=lambda group: group.order or 0)
        many = self.left if few is self.right else self.right
        return np.any([many._contains(few.inverse(a) @ g, tolerance) for a in few.element_array], axis=0)


def unscaled(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(g/s, s) with s = |det g|^{1/d}; (0, 0) where g is singular or not finite."""
    finite = np.isfinite(g).all((-1, -2), keepdims=True)
    g = np.where(finite, g, 0.0)
    s = np.abs(np.linalg.det(g)) ** (1 / g.shape[-1])
    return g / np.where(s > 0, s, np.inf)[..., None, None], s
