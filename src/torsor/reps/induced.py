"""Induced representations; regular and quotient representations are those induced from trivial ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from torsor.errors import RepresentationError
from torsor.groups import Group, MatrixGroup, Trivial
from torsor.linalg import Array, constant, identity, is_torch
from torsor.reps.base import Representation
from torsor.reps.basic import TrivialRepresentation

MAX_INDEX = 2000
"""More cosets than this are taken for infinitely many."""


@dataclass(frozen=True, eq=False, repr=False)
class Induced(Representation):
    """Ind_H^G τ for H ≤ G of finite index: block (i, j) of ρ(g) is τ(c_i⁻¹ g c_j) where that lies in H, else zero.

    c_i represent the cosets c H, the identity first, in the order in which `Group.elements` (or words in the
    generators) meet them. For τ trivial ρ permutes the cosets; for H = {e} it is the regular representation, ρ(g) e_h
    = e_{gh}.

    Raises:
        RepresentationError: H is no subgroup, or of infinite index.
    """

    group: Group
    rep: Representation

    def __post_init__(self) -> None:
        subgroup = self.rep.group
        if not subgroup <= self.group:
            raise RepresentationError(f"expected a representation of a subgroup of {self.group}, got one of {subgroup}")
        if len(subgroup.algebra_array) != len(self.group.algebra_array):
            raise RepresentationError(
                f"{subgroup} has infinite index in {self.group}: the induced representation is infinite-dimensional; "
                "induced(G, τ, band=…) is its band-limited form"
            )

    @cached_property
    def cosets(self) -> np.ndarray:
        """The coset representatives c_i, (index, d, d) float64."""
        trivial = not len(self.rep.group.generator_array)
        if self.group.is_finite and trivial:
            return self.group.element_array
        if self.group.is_finite and self.group.is_enumerable:
            return _first_of_each(self.group.element_array, self.rep.group)
        return _words(self.group, self.rep.group)

    @property
    def dim(self) -> int:
        return len(self.cosets) * self.rep.dim

    @property
    def name(self) -> str:
        if isinstance(self.rep, TrivialRepresentation):
            return "regular" if self.rep.group.order == 1 else f"quotient({self.rep.group})"
        return f"induced({self.rep})"

    @cached_property
    def is_permutation(self) -> bool:  # type: ignore[override]
        return self.rep.is_permutation

    def _rho(self, g: Array) -> Array:
        left = constant(self.group.inverse(self.cosets), g)[:, None]
        relative = left @ g[..., None, None, :, :] @ constant(self.cosets, g)
        inside = self.rep.group.contains(relative)[..., None, None]
        if not bool((inside.any(-3) if not is_torch(g) else inside.any(dim=-3)).all()):
            raise RepresentationError(f"expected elements of {self.group}, got a matrix that is none")
        safe = (
            torch.where(inside, relative, identity(g.shape[-1], relative))
            if is_torch(g)
            else np.where(inside, relative, np.eye(g.shape[-1]))
        )
        blocks = self.rep._rho(safe) * inside
        n, d = len(self.cosets), self.rep.dim
        blocks = blocks.swapaxes(-3, -2) if not is_torch(g) else blocks.transpose(-3, -2)
        return blocks.reshape(*blocks.shape[:-4], n * d, n * d)

    def _derivative(self, a: Array) -> Array:
        moved = constant(self.group.inverse(self.cosets), a) @ a[..., None, :, :] @ constant(self.cosets, a)
        blocks = self.rep._derivative(moved)
        n, d = len(self.cosets), self.rep.dim
        diagonal = blocks[..., :, :, None, :] * constant(np.eye(n), a)[:, None, :, None]
        return diagonal.reshape(*a.shape[:-2], n * d, n * d)


def _first_of_each(elements: np.ndarray, subgroup: Group) -> np.ndarray:
    found: list[np.ndarray] = []
    covered = np.zeros(len(elements), dtype=bool)
    for i, g in enumerate(elements):
        if not covered[i]:
            found.append(g)
            covered |= subgroup.contains(np.linalg.inv(g) @ elements)
    return np.stack(found)


def _words(group: Group, subgroup: Group) -> np.ndarray:
    found, queue = [np.eye(group.algebra_array.shape[-1])], list(group.generator_array)
    while queue:
        c = queue.pop(0)
        if subgroup.contains(np.linalg.inv(np.stack(found)) @ c).any():
            continue
        found.append(c)
        if len(found) > MAX_INDEX:
            raise RepresentationError(f"{subgroup} has more than {MAX_INDEX} cosets in {group}")
        queue += [s @ c for s in group.generator_array]
    return np.stack(found)


def identity_subgroup(group: Group) -> Group:
    """{e} as a subgroup of G, acting on the same space."""
    size = group.algebra_array.shape[-1]
    return Trivial(size) if group.dim == size else MatrixGroup([], [np.eye(size)], label="{e}")
