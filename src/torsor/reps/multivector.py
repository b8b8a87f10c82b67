"""Multivectors: the exterior algebra of R^d as one representation, grade after grade."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import comb

from torsor.groups import Group
from torsor.linalg import Array, block_diagonal
from torsor.reps.base import Representation, Terms
from torsor.reps.basic import Exterior, Natural


@dataclass(frozen=True, eq=False, repr=False)
class Multivector(Natural):
    """Λ(R^d) = ⊕_k Λ^k(R^d), the action of g by outermorphism: g(u ∧ v) = gu ∧ gv. Dimension 2^d.

    The basis is 1, e_0 … e_{d-1}, e_0 ∧ e_1, …: grade after grade, each in lexicographic order.
    """

    group: Group

    @property
    def dim(self) -> int:
        return 2**self.group.dim

    @property
    def name(self) -> str:
        return "multivector"

    @cached_property
    def grades(self) -> Terms:
        """The summands (1, Λ^k), k = 0 … d."""
        return tuple((1, Exterior(self.group, k)) for k in range(self.group.dim + 1))

    @cached_property
    def grade_slices(self) -> tuple[slice, ...]:
        """The components of each grade."""
        d = self.group.dim
        ends = list(accumulate(comb(d, k) for k in range(d + 1)))
        return tuple(slice(end - comb(d, k), end) for k, end in enumerate(ends))

    def _rho(self, g: Array) -> Array:
        return block_diagonal([grade._rho(g) for _, grade in self.grades])

    def _derivative(self, a: Array) -> Array:
        return block_diagonal([grade._derivative(a) for _, grade in self.grades])


def multivector(group: Group) -> Representation:
    """Multivectors of R^d, dimension 2^d, for any group G ≤ GL(d)."""
    return Multivector(group)
