"""Representations by their names: trivial, sign, standard, tensors, symmetric and exterior powers, densities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, isfinite

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.linalg import (
    Array,
    identity,
    kron,
    multi_indices,
    namespace,
    symmetric_power,
    symmetric_power_derivative,
    transpose,
)
from torsor.reps.base import Representation, Restricted


class Natural(Representation):
    """A representation that is a function of the matrix g on R^d, so that its restriction is the subgroup's own."""

    def _restricted(self, subgroup: Group) -> Representation:
        restricted, size = Restricted(self, subgroup), self.group.algebra_array.shape[-1]
        plain = self.group.dim == subgroup.dim == size
        return replace(self, group=subgroup) if plain else restricted  # type: ignore[type-var]


@dataclass(frozen=True, eq=False, repr=False)
class TrivialRepresentation(Representation):
    """ρ(g) = 1."""

    group: Group

    @property
    def dim(self) -> int:
        return 1

    @property
    def name(self) -> str:
        return "trivial"

    def _rho(self, g: Array) -> Array:
        return identity(1, g)

    def _derivative(self, a: Array) -> Array:
        return 0 * identity(1, a)

    def _restricted(self, subgroup: Group) -> Representation:
        return TrivialRepresentation(Restricted(self, subgroup).group)


@dataclass(frozen=True, eq=False, repr=False)
class Density(Natural):
    """ρ(g) = |det g|^weight, or sign(det g) |det g|^weight if odd: weight 0 and odd is the sign representation.

    Raises:
        RepresentationError: a weight that is no finite number.
    """

    group: Group
    weight: float = 1.0
    odd: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.weight, (int, float)) or not isfinite(self.weight):
            raise RepresentationError(f"expected a finite number as the weight of a density, got {self.weight!r}")
        object.__setattr__(self, "weight", float(self.weight))

    @property
    def dim(self) -> int:
        return 1

    @property
    def name(self) -> str:
        if self.weight == 0:
            return "sign" if self.odd else "trivial"
        return f"{'odd ' if self.odd else ''}density({self.weight:g})"

    def _rho(self, g: Array) -> Array:
        xp = namespace(g)
        det = xp.linalg.det(self.group.action(g))[..., None, None]
        return (xp.sign(det) if self.odd else 1.0) * xp.abs(det) ** self.weight

    def _derivative(self, a: Array) -> Array:
        a = self.group.action(a)
        return self.weight * namespace(a).einsum("...ii->...", a)[..., None, None]


@dataclass(frozen=True, eq=False, repr=False)
class Standard(Natural):
    """ρ(g) = g on R^d: tangent vectors. Component i belongs to spatial axis i."""

    group: Group

    @property
    def dim(self) -> int:
        return self.group.dim

    @property
    def name(self) -> str:
        return "standard"

    def _rho(self, g: Array) -> Array:
        return self.group.action(g)

    def _derivative(self, a: Array) -> Array:
        return self.group.action(a)


@dataclass(frozen=True, eq=False, repr=False)
class Tensor(Natural):
    """Tensors with p contravariant and q covariant indices: ρ(g) = g^{⊗p} ⊗ (g⁻ᵀ)^{⊗q}, row-major components.

    Raises:
        RepresentationError: negative numbers of indices.
    """

    group: Group
    p: int
    q: int = 0

    def __post_init__(self) -> None:
        if self.p < 0 or self.q < 0:
            raise RepresentationError(f"expected non-negative numbers of indices, got tensor(p={self.p}, q={self.q})")

    @property
    def dim(self) -> int:
        return self.group.dim ** (self.p + self.q)

    @property
    def name(self) -> str:
        return f"tensor({self.p},{self.q})"

    def _rho(self, g: Array) -> Array:
        g = self.group.action(g)
        dual = transpose(namespace(g).linalg.inv(g)) if self.q else g
        power = identity(1, g)
        for factor in [g] * self.p + [dual] * self.q:
            power = kron(power, factor)
        return power

    def _derivative(self, a: Array) -> Array:
        a = self.group.action(a)
        power, one = 0 * identity(1, a), identity(self.group.dim, a)
        for factor in [a] * self.p + [-transpose(a)] * self.q:
            power = kron(power, one) + kron(identity(power.shape[-1], a), factor)
        return power


@dataclass(frozen=True, eq=False, repr=False)
class SymmetricPower(Natural):
    """Sym^k(R^d) in the orthonormal basis sqrt(k!/α!) v^α: off-diagonals of a symmetric matrix carry √2.

    The order is (k, 0, …) first; for k = 2, d = 3: xx, √2 xy, √2 xz, yy, √2 yz, zz.
    """

    group: Group
    k: int = 2

    @property
    def dim(self) -> int:
        return len(multi_indices(self.group.dim, self.k))

    @property
    def name(self) -> str:
        return f"symmetric({self.k})"

    def _rho(self, g: Array) -> Array:
        return symmetric_power(self.group.action(g), self.k)

    def _derivative(self, a: Array) -> Array:
        return symmetric_power_derivative(self.group.action(a), self.k)


@dataclass(frozen=True, eq=False, repr=False)
class Exterior(Natural):
    """Λ^k(R^d): the k×k minors of g, in the basis e_{i₁} ∧ … ∧ e_{i_k}, i₁ < … < i_k in lexicographic order.

    Raises:
        RepresentationError: k outside 0 … d.
    """

    group: Group
    k: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.k <= self.group.dim:
            raise RepresentationError(
                f"expected an exterior power 0 … {self.group.dim} of R^{self.group.dim}, got {self.k}"
            )

    @property
    def dim(self) -> int:
        return comb(self.group.dim, self.k)

    @property
    def name(self) -> str:
        return f"exterior({self.k})"

    def _indices(self) -> np.ndarray:
        return np.array(list(combinations(range(self.group.dim), self.k)), dtype=int).reshape(self.dim, self.k)

    def _rho(self, g: Array) -> Array:
        g, index = self.group.action(g), self._indices()
        if self.k == 0:
            return identity(1, g)
        return namespace(g).linalg.det(g[..., index[:, None, :, None], index[None, :, None, :]])

    def _derivative(self, a: Array) -> Array:
        a, index = self.group.action(a), self._indices()
        rows = [[self._entry(a, tuple(i), tuple(j)) for j in index] for i in index]
        xp = namespace(a)
        return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)

    def _entry(self, a: Array, rows: tuple[int, ...], columns: tuple[int, ...]) -> Array:
        """Coefficient of e_rows in Σ_s e_{j₁} ∧ … a e_{j_s} … ∧ e_{j_k}."""
        entry = 0 * a[..., 0, 0]
        for s, column in enumerate(columns):
            for row in range(self.group.dim):
                replaced = (*columns[:s], row, *columns[s + 1 :])
                if tuple(sorted(replaced)) == rows:
                    entry = entry + _parity(replaced) * a[..., row, column]
        return entry


def _parity(sequence: tuple[int, ...]) -> int:
    swaps = sum(sequence[i] > sequence[j] for i in range(len(sequence)) for j in range(i + 1, len(sequence)))
    return -1 if swaps % 2 else 1


def trivial(group: Group) -> Representation:
    """The trivial representation, ρ(g) = 1: scalar fields."""
    return TrivialRepresentation(group)


def sign(group: Group) -> Representation:
    """ρ(g) = sign(det g): pseudoscalars, sign-flip fields."""
    return Density(group, 0.0, True)


def standard(group: Group) -> Representation:
    """ρ(g) = g: tangent vector fields."""
    return Standard(group)


def tensor(group: Group, p: int, q: int = 0) -> Representation:
    """Tensors with p upper and q lower indices, dimension d^{p+q}."""
    return Tensor(group, p, q)


def symmetric(group: Group, k: int = 2) -> Representation:
    """Symmetric tensors of degree k, with √-weighted off-diagonals."""
    return SymmetricPower(group, k)


def exterior(group: Group, k: int = 2) -> Representation:
    """Antisymmetric tensors of degree k."""
    return Exterior(group, k)


def density(group: Group, weight: float = 1.0) -> Representation:
    """ρ(g) = |det g|^weight."""
    return Density(group, weight, False)
