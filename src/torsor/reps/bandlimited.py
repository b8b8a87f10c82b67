"""Functions on a homogeneous space G/H of a Lie group, up to a band limit: regular and quotient representations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.linalg import Array, constant, namespace, transpose
from torsor.reps.base import Representation, direct_sum
from torsor.reps.hom import hom_array
from torsor.reps.irreps import irreps
from torsor.reps.split import independent_rows, intertwiners


@dataclass(frozen=True, eq=False, repr=False)
class BandLimited(Representation):
    """Band-limited functions on G/H, (ρ(g) f)(x) = f(g⁻¹x), by their Fourier coefficients.

    f(gH) = Σ_σ Σ_r √dim σ ⟨t_{σr}, σ(g)⁻¹ f_{σr}⟩ over the irreps σ up to the band limit and unit vectors t that H
    fixes; then ∫ f² = Σ |f_{σr}|². The components are f_{σr}, irrep after irrep. Frobenius reciprocity.

    Raises:
        RepresentationError: H is no subgroup, or the band limit is negative.
    """

    group: Group
    subgroup: Group
    band: int

    def __post_init__(self) -> None:
        if not self.subgroup <= self.group:
            raise RepresentationError(f"expected a subgroup of {self.group}, got {self.subgroup}")
        if self.band < 0:
            raise RepresentationError(f"expected a band limit of at least 0, got {self.band}")

    @cached_property
    def coefficients(self) -> tuple[tuple[Representation, np.ndarray], ...]:
        """(σ, t): the irreps that occur and their fixed vectors (multiplicity, dim σ)."""
        found = []
        for sigma in irreps(self.group, self.band):
            fixed = fixed_vectors(sigma, self.subgroup)
            if len(fixed):
                found.append((sigma, fixed))
        return tuple(found)

    @cached_property
    def sum(self) -> Representation:
        """The same representation as a direct sum of irreps."""
        return direct_sum([(len(fixed), sigma) for sigma, fixed in self.coefficients])

    @cached_property
    def dim(self) -> int:  # type: ignore[override]
        return self.sum.dim

    @property
    def name(self) -> str:
        kind = "regular" if self.subgroup.order == 1 else f"quotient({self.subgroup})"
        return f"{kind}[band {self.band}]"

    def evaluation(self, g: Array) -> Array:
        """The functionals f ↦ f(gH): elements (n, d, d) -> (n, dim)."""
        columns = []
        for sigma, fixed in self.coefficients:
            inverse = transpose(sigma._rho(g))
            for t in fixed:
                columns.append(np.sqrt(sigma.dim) * namespace(g).einsum("i,...ij->...j", constant(t, g), inverse))
        return namespace(g).concatenate(columns, axis=-1)

    def _rho(self, g: Array) -> Array:
        return self.sum._rho(g)

    def _derivative(self, a: Array) -> Array:
        return self.sum._derivative(a)


def fixed_vectors(sigma: Representation, subgroup: Group) -> np.ndarray:
    """Unit vectors that H fixes, one for each copy of σ in the functions on G/H: (multiplicity, dim σ).

    Of a complex or quaternionic σ the vectors that differ by an endomorphism count once.
    """
    restricted = sigma.restrict(subgroup)
    k, m = len(restricted.algebra_images), len(restricted.generator_images)
    rows = intertwiners(
        (restricted.algebra_images, restricted.generator_images), (np.zeros((k, 1, 1)), np.ones((m, 1, 1)))
    )
    return independent_rows(rows[:, 0], hom_array(sigma, sigma))
