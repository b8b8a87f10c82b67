"""Functions on the sphere S², up to a degree, as a representation of any group of orthogonal matrices of R³."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.linalg import Array, block_diagonal, spherical_harmonics, wigner, wigner_derivative
from torsor.reps.base import Representation, direct_sum
from torsor.reps.basic import trivial
from torsor.reps.irreps import irrep
from torsor.reps.physics import require_spatial
from torsor.reps.wigner import MAX_DEGREE, degree_label

POLE = 1
"""The axis of the point at which elements g are evaluated, g e_POLE: the pole of the real spherical harmonics."""


@dataclass(frozen=True, eq=False, repr=False)
class Spherical(Representation):
    """Functions on S² up to degree L, (ρ(g) f)(x) = f(g⁻¹x), by their coefficients: ⊕_{l ≤ L} D^l.

    f(x) = Σ_l ⟨Y_l(x), f_l⟩ with |Y_l|² = 2l + 1, so that the mean of f² over the sphere is Σ |f_l|². Components l by
    l, m = -l … l. Of O(3) the parity of l is (-1)^l: the quotient by the stabiliser O(2) of a point.

    Raises:
        RepresentationError: the group is no subgroup of O(3), or the degree is outside 0 … 30.
    """

    group: Group
    band: int

    def __post_init__(self) -> None:
        require_spatial(self.group, "functions on the sphere")
        if not 0 <= self.band <= MAX_DEGREE:
            raise RepresentationError(f"expected a highest degree from 0 to {MAX_DEGREE}, got {self.band}")

    @property
    def dim(self) -> int:
        return (self.band + 1) ** 2

    @property
    def name(self) -> str:
        return f"spherical({self.band})"

    @cached_property
    def sum(self) -> Representation | None:
        """The same matrices as a sum of irreps, of SO(3) and O(3); None of other groups."""
        if degree_label(trivial(self.group)) is None:
            return None
        parity = len(degree_label(trivial(self.group)) or ()) == 2
        labels = [(l, (-1) ** l) if parity else (l,) for l in range(self.band + 1)]
        return direct_sum([(1, irrep(self.group, label)) for label in labels])

    def evaluation_at(self, x: Array) -> Array:
        """The functionals f ↦ f(x) at unit vectors x: (n, 3) -> (n, dim)."""
        return spherical_harmonics(x, range(self.band + 1), "component")

    def evaluation(self, g: Array) -> Array:
        """The functionals f ↦ f(g e₁), e₁ the unit vector of axis 1: elements (n, d, d) -> (n, dim)."""
        return self.evaluation_at(self.group.action(g)[..., POLE])

    def _rho(self, g: Array) -> Array:
        g = self.group.action(g)
        return block_diagonal([wigner(g, l) for l in range(self.band + 1)])

    def _derivative(self, a: Array) -> Array:
        a = self.group.action(a)
        return block_diagonal([wigner_derivative(a, l) for l in range(self.band + 1)])

    def _restricted(self, subgroup: Group) -> Representation:
        size = self.group.algebra_array.shape[-1]
        if size == 3 == subgroup.dim == subgroup.algebra_array.shape[-1]:
            return Spherical(super()._restricted(subgroup).group, self.band)
        return super()._restricted(subgroup)


def spherical(group: Group, band: int) -> Representation:
    """Functions on S² up to degree L, of dimension (L + 1)², for any group of orthogonal matrices of R³."""
    return Spherical(group, band)
