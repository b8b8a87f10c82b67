"""What a representation is, and its algebra: sums, products, duals, restrictions, subrepresentations.

A representation ρ: G → GL(n) is the type of a feature. A new one is a frozen dataclass with `group`, `dim`, `_rho` and
`_derivative`, written once for NumPy arrays and torch tensors; the classes below are closed under the algebra.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.linalg import (
    Array,
    block_diagonal,
    constant,
    floating,
    identity,
    invariant_form,
    is_torch,
    kron,
    namespace,
    transpose,
)
from torsor.symbolic import Symbolic

if TYPE_CHECKING:
    from collections.abc import Iterator

Terms = tuple[tuple[int, "Representation"], ...]


class Representation(Symbolic, ABC):
    """A real finite-dimensional representation ρ of a matrix group.

    ρ + σ is the direct sum, n * ρ the n-fold sum, ρ * σ the tensor product; channels follow the sum, field after field.
    Representations are immutable and compared by their symbolic `key`.
    """

    group: Group

    @property
    @abstractmethod
    def dim(self) -> int:
        """The dimension n of the representation space."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name, without the group."""

    @abstractmethod
    def _rho(self, g: Array) -> Array:
        """ρ(g) for elements (..., d, d), of the kind (NumPy or torch) of g."""

    @abstractmethod
    def _derivative(self, a: Array) -> Array:
        """dρ(a) for Lie algebra elements (..., d, d)."""

    def settle(self) -> None:
        super().settle()
        for _, term in self.terms:
            _ = term._hash, term.dim
        _ = self.dim

    def rho(self, g: Array) -> Array:
        """ρ(g): (..., d, d) -> (..., n, n), differentiable in g, with g's dtype and device.

        Raises:
            RepresentationError: g has not the shape of elements of the group.
        """
        return self._rho(self._checked(g))

    def derivative(self, a: Array) -> Array:
        """dρ(a) = d/dt ρ(exp(ta)) at t = 0, of Lie algebra elements: (..., d, d) -> (..., n, n)."""
        return self._derivative(self._checked(a))

    def _checked(self, g: Array) -> Array:
        n = self.group.algebra_array.shape[-1]
        if g.ndim < 2 or tuple(g.shape[-2:]) != (n, n):
            raise RepresentationError(
                f"elements of {self.group} are matrices (..., {n}, {n}), got shape {tuple(g.shape)}"
            )
        return floating(g) if is_torch(g) else np.asarray(g, dtype=np.float64)

    @property
    def terms(self) -> Terms:
        """The summands as (multiplicity, representation), in the order of the channels."""
        return ((1, self),)

    @cached_property
    def algebra_images(self) -> np.ndarray:
        """dρ of the group's Lie algebra basis, (k, n, n) float64."""
        return self._derivative(self.group.algebra_array).reshape(len(self.group.algebra_array), self.dim, self.dim)

    @cached_property
    def generator_images(self) -> np.ndarray:
        """ρ of the group's component generators, (m, n, n) float64."""
        return self._rho(self.group.generator_array).reshape(len(self.group.generator_array), self.dim, self.dim)

    @cached_property
    def is_orthogonal(self) -> bool:
        """Whether ρ(g) is orthogonal for all g."""
        a, g = self.algebra_images, self.generator_images
        skew = np.abs(a + transpose(a)).max(initial=0.0)
        return bool(max(skew, np.abs(transpose(g) @ g - np.eye(self.dim)).max(initial=0.0)) < 1e-9)

    @cached_property
    def invariant_form(self) -> np.ndarray | None:
        """A symmetric positive definite B with ρ(g)ᵀ B ρ(g) = B, None where there is none (non-compact images)."""
        return invariant_form(self.algebra_images, self.generator_images)

    @cached_property
    def is_trivial(self) -> bool:
        """Whether ρ(g) is the identity for all g."""
        a, g = self.algebra_images, self.generator_images
        return bool(max(np.abs(a).max(initial=0.0), np.abs(g - np.eye(self.dim)).max(initial=0.0)) < 1e-9)

    def coincides(self, other: Representation) -> bool:
        """Whether both represent one group by the same matrices, such as standard and irrep(1) of SO(3)."""
        if self == other:
            return True
        if self.group != other.group or self.dim != other.dim:
            return False
        pairs = ((self.algebra_images, other.algebra_images), (self.generator_images, other.generator_images))
        return all(bool(np.abs(a - b).max(initial=0.0) < 1e-9) for a, b in pairs)

    @cached_property
    def is_permutation(self) -> bool:
        """Whether every ρ(g) permutes the components, so that any pointwise nonlinearity is equivariant."""
        return self.is_signed_permutation and bool(np.all(self.generator_images > -0.5))

    @cached_property
    def is_signed_permutation(self) -> bool:
        """Whether every ρ(g) permutes the components up to signs, so that odd pointwise functions are equivariant."""
        if np.abs(self.algebra_images).max(initial=0.0) > 1e-9 or not self.is_orthogonal:
            return False
        return bool(
            np.abs(np.abs(self.generator_images) - np.rint(np.abs(self.generator_images))).max(initial=0.0) < 1e-9
        )

    @property
    def fields(self) -> Iterator[tuple[slice, Representation]]:
        """Every single field: its channels and its representation."""
        start = 0
        for multiplicity, rep in self.terms:
            for _ in range(multiplicity):
                yield slice(start, start + rep.dim), rep
                start += rep.dim

    def interior(self, g: Array) -> Array:
        """Which components of ρ(g) f are determined by f, (..., d, d) -> (..., n) bool: all, but of a scale window."""
        return namespace(g).ones(g.shape[:-2] + (self.dim,), dtype=bool if not is_torch(g) else namespace(g).bool)

    def dual(self) -> Representation:
        """ρ*(g) = ρ(g)⁻ᵀ; ρ itself where it is orthogonal."""
        return self if self.is_orthogonal else Dual(self)

    def restrict(self, subgroup: Group) -> Representation:
        """ρ of the elements of a subgroup H ≤ G, recognised from its matrices.

        Trivial, standard, tensors, powers, densities, duals and products of them are those of H; others keep ρ.

        Raises:
            RepresentationError: H is not a subgroup.
        """
        if subgroup == self.group:
            return self
        return direct_sum([(m, rep._restricted(subgroup)) for m, rep in self.terms])

    def _restricted(self, subgroup: Group) -> Representation:
        return Restricted(self, subgroup)

    def __add__(self, other: Representation) -> Representation:
        if not isinstance(other, Representation):
            return NotImplemented
        return direct_sum([*self.terms, *other.terms])

    def __rmul__(self, multiplicity: int) -> Representation:
        if not isinstance(multiplicity, int):
            return NotImplemented
        if multiplicity < 1:
            raise RepresentationError(f"expected a multiplicity of at least 1, got {multiplicity} * {self}")
        if len(self.terms) == 1:
            return direct_sum([(multiplicity * self.terms[0][0], self.terms[0][1])])
        return direct_sum(list(self.terms) * multiplicity)

    def __mul__(self, other: Representation) -> Representation:
        if not isinstance(other, Representation):
            return NotImplemented
        return TensorProduct(self, other)

    def __str__(self) -> str:
        return f"{self.name} of {self.group}"


def direct_sum(terms: list[tuple[int, Representation]] | Terms) -> Representation:
    """The direct sum of (multiplicity, representation) terms; equal neighbours are merged.

    Raises:
        RepresentationError: no terms, or several groups.
    """
    if not terms:
        raise RepresentationError("expected at least one term in a direct sum, got none")
    merged: list[tuple[int, Representation]] = []
    for multiplicity, rep in terms:
        if rep.group != terms[0][1].group:
            raise RepresentationError(
                f"a direct sum needs one group, got {terms[0][1]} and {rep}; restrict() or internal() brings "
                "representations to a common group"
            )
        if merged and merged[-1][1] == rep:
            merged[-1] = (merged[-1][0] + multiplicity, rep)
        else:
            merged.append((multiplicity, rep))
    if len(merged) == 1 and merged[0][0] == 1:
        return merged[0][1]
    return DirectSum(tuple(merged))


@dataclass(frozen=True, eq=False, repr=False)
class DirectSum(Representation):
    """⊕ m_i ρ_i: block diagonal. Build it with ``+`` and ``n *``."""

    summands: Terms

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.summands[0][1].group

    @property
    def terms(self) -> Terms:
        return self.summands

    @cached_property
    def dim(self) -> int:  # type: ignore[override]
        return sum(m * rep.dim for m, rep in self.summands)

    @property
    def name(self) -> str:
        return " + ".join(rep.name if m == 1 else f"{m} {rep.name}" for m, rep in self.summands)

    def _rho(self, g: Array) -> Array:
        return block_diagonal([image for m, rep in self.summands for image in [rep._rho(g)] * m])

    def _derivative(self, a: Array) -> Array:
        return block_diagonal([image for m, rep in self.summands for image in [rep._derivative(a)] * m])

    @cached_property
    def is_orthogonal(self) -> bool:  # type: ignore[override]
        return all(rep.is_orthogonal for _, rep in self.summands)

    @cached_property
    def is_trivial(self) -> bool:  # type: ignore[override]
        return all(rep.is_trivial for _, rep in self.summands)

    @cached_property
    def is_permutation(self) -> bool:  # type: ignore[override]
        return all(rep.is_permutation for _, rep in self.summands)

    @cached_property
    def is_signed_permutation(self) -> bool:  # type: ignore[override]
        return all(rep.is_signed_permutation for _, rep in self.summands)

    def interior(self, g: Array) -> Array:
        parts = [part for m, rep in self.summands for part in [rep.interior(g)] * m]
        return namespace(g).concatenate(parts, axis=-1)

    def dual(self) -> Representation:
        return direct_sum([(m, rep.dual()) for m, rep in self.summands])


@dataclass(frozen=True, eq=False, repr=False)
class TensorProduct(Representation):
    """(ρ ⊗ σ)(g) = ρ(g) ⊗ σ(g), the Kronecker product; component (i, j) is i · dim σ + j.

    Raises:
        RepresentationError: two groups.
    """

    left: Representation
    right: Representation

    def __post_init__(self) -> None:
        if self.left.group != self.right.group:
            raise RepresentationError(f"a tensor product needs one group, got {self.left} and {self.right}")

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.left.group

    @property
    def dim(self) -> int:
        return self.left.dim * self.right.dim

    @property
    def name(self) -> str:
        return f"({self.left.name} ⊗ {self.right.name})"

    def _rho(self, g: Array) -> Array:
        return kron(self.left._rho(g), self.right._rho(g))

    def _derivative(self, a: Array) -> Array:
        one, other = identity(self.left.dim, a), identity(self.right.dim, a)
        return kron(self.left._derivative(a), other) + kron(one, self.right._derivative(a))

    def _restricted(self, subgroup: Group) -> Representation:
        return TensorProduct(self.left.restrict(subgroup), self.right.restrict(subgroup))


@dataclass(frozen=True, eq=False, repr=False)
class Dual(Representation):
    """ρ*(g) = ρ(g)⁻ᵀ, dρ*(a) = -dρ(a)ᵀ."""

    rep: Representation

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.rep.group

    @property
    def dim(self) -> int:
        return self.rep.dim

    @property
    def name(self) -> str:
        return f"{self.rep.name}*"

    def dual(self) -> Representation:
        return self.rep

    def _rho(self, g: Array) -> Array:
        return transpose(namespace(g).linalg.inv(self.rep._rho(g)))

    def _derivative(self, a: Array) -> Array:
        return -transpose(self.rep._derivative(a))

    def _restricted(self, subgroup: Group) -> Representation:
        return self.rep.restrict(subgroup).dual()


@dataclass(frozen=True, eq=False, repr=False)
class Restricted(Representation):
    """Res_H ρ: the same matrices, for the elements of a subgroup H only.

    Raises:
        RepresentationError: H is not a subgroup of the group of ρ.
    """

    rep: Representation
    subgroup: Group

    def __post_init__(self) -> None:
        if not self.subgroup <= self.rep.group:
            raise RepresentationError(
                f"expected a subgroup of {self.rep.group}, got {self.subgroup}: some of its generators are not in "
                f"{self.rep.group}"
            )

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.subgroup

    @property
    def dim(self) -> int:
        return self.rep.dim

    @property
    def name(self) -> str:
        return f"{self.rep.name}|{self.subgroup}"

    def _rho(self, g: Array) -> Array:
        return self.rep._rho(g)

    def _derivative(self, a: Array) -> Array:
        return self.rep._derivative(a)

    def _restricted(self, subgroup: Group) -> Representation:
        return self.rep.restrict(subgroup)


@dataclass(frozen=True, eq=False, repr=False)
class Subrepresentation(Representation):
    """σ(g) = L ρ(g) R on the invariant subspace spanned by the columns of R, with L R = 1.

    The vectors are stored as rows; L is the projection in the invariant inner product of ρ.
    """

    rep: Representation
    vectors: tuple[tuple[float, ...], ...]
    label: str = "sub"

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.rep.group

    @property
    def dim(self) -> int:
        return len(self.vectors)

    @property
    def name(self) -> str:
        return self.label

    @cached_property
    def right(self) -> np.ndarray:
        """R, (dim of ρ, dim)."""
        return np.array(self.vectors).T

    @cached_property
    def left(self) -> np.ndarray:
        """L = (RᵀBR)⁻¹RᵀB, (dim, dim of ρ)."""
        weighted = self.right.T @ (np.eye(self.rep.dim) if self.rep.invariant_form is None else self.rep.invariant_form)
        return np.linalg.solve(weighted @ self.right, weighted)

    def _rho(self, g: Array) -> Array:
        return constant(self.left, g) @ self.rep._rho(g) @ constant(self.right, g)

    def _derivative(self, a: Array) -> Array:
        return constant(self.left, a) @ self.rep._derivative(a) @ constant(self.right, a)
