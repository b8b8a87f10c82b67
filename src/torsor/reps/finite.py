"""The irreps of a finite group, by index; those of point groups by their Mulliken symbols too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.linalg import Array, constant, identity, is_torch
from torsor.reps.base import Representation
from torsor.reps.basic import Density, TrivialRepresentation
from torsor.reps.mulliken import mulliken_symbols
from torsor.reps.tables import finite_irrep_tables


@dataclass(frozen=True, eq=False, repr=False)
class FiniteIrrep(Representation):
    """The index-th irrep of a finite group, in the order of `finite_irrep_tables`. Trivial comes first.

    Raises:
        RepresentationError: the group has no such index.
    """

    group: Group
    index: int

    def __post_init__(self) -> None:
        number = len(finite_irrep_tables(self.group))
        if not 0 <= self.index < number:
            raise RepresentationError(f"expected an index from 0 to {number - 1} of {self.group}, got {self.index}")

    @cached_property
    def table(self) -> np.ndarray:
        """ρ of every element in the order of `Group.elements`, (order, dim, dim)."""
        return finite_irrep_tables(self.group)[self.index]

    @property
    def symbol(self) -> str | None:
        """The Mulliken symbol of an irrep of a point group, such as T1u."""
        symbols = mulliken_symbols(self.group)
        return symbols[self.index] if symbols else None

    @property
    def dim(self) -> int:
        return self.table.shape[-1]

    @property
    def name(self) -> str:
        return f"irrep({self.symbol or self.index})"

    def _rho(self, g: Array) -> Array:
        index = self.group.index(g)
        return constant(self.table, g)[constant(np.asarray(index), g)] if is_torch(g) else self.table[index]

    def _derivative(self, a: Array) -> Array:
        return 0 * identity(self.dim, a)


def finite_irreps(group: Group) -> tuple[Representation, ...]:
    """All irreps of a finite group, `trivial` first."""
    others = (FiniteIrrep(group, i) for i in range(1, len(finite_irrep_tables(group))))
    return (TrivialRepresentation(group), *others)


def finite_label(rep: Representation) -> tuple[int | str, ...] | None:
    """The Mulliken symbol of a finite irrep, or its index; of `trivial` and `sign` too; None of other ones."""
    if isinstance(rep, FiniteIrrep):
        return (rep.symbol or rep.index,)
    if not rep.group.is_enumerable or not isinstance(rep, (TrivialRepresentation, Density)):
        return None
    values, tables = rep._rho(rep.group.element_array), finite_irrep_tables(rep.group)
    index = next(i for i, table in enumerate(tables) if table.shape[-1] == 1 and np.abs(table - values).max() < 0.5)
    symbols = mulliken_symbols(rep.group)
    return (symbols[index] if symbols else index,)
