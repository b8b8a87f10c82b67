"""Band-limited functions on a homogeneous space G/H of a Lie group, and sections of its homogeneous bundles."""

from __future__ import annotations

from abc import abstractmethod
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


class FourierSeries(Representation):
    """A representation that is a sum of irreps in its own basis: the Fourier coefficients of functions on G."""

    @property
    @abstractmethod
    def coefficients(self) -> tuple[tuple[Representation, np.ndarray], ...]:
        """The irreps σ that occur, with what each copy means: an array whose first axis counts the copies."""

    @cached_property
    def sum(self) -> Representation:
        """The same representation as a direct sum of irreps."""
        return direct_sum([(len(copies), sigma) for sigma, copies in self.coefficients])

    @cached_property
    def dim(self) -> int:  # type: ignore[override]
        return self.sum.dim

    def _rho(self, g: Array) -> Array:
        return self.sum._rho(g)

    def _derivative(self, a: Array) -> Array:
        return self.sum._derivative(a)


@dataclass(frozen=True, eq=False, repr=False)
class BandLimited(FourierSeries):
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
        _check(self.group, self.subgroup, self.band)

    @cached_property
    def coefficients(self) -> tuple[tuple[Representation, np.ndarray], ...]:  # type: ignore[override]
        """(σ, t): the irreps that occur and their fixed vectors (multiplicity, dim σ)."""
        found = ((sigma, fixed_vectors(sigma, self.subgroup)) for sigma in irreps(self.group, self.band))
        return tuple((sigma, fixed) for sigma, fixed in found if len(fixed))

    @property
    def name(self) -> str:
        kind = "regular" if self.subgroup.order == 1 else f"quotient({self.subgroup})"
        return f"{kind}[band {self.band}]"

    def evaluation(self, g: Array) -> Array:
        """The functionals f ↦ f(gH): elements (n, d, d) -> (n, dim)."""
        columns = []
        for sigma, fixed in self.coefficients:
            inverse = np.sqrt(sigma.dim) * transpose(sigma._rho(g))
            values = constant(fixed, g) @ inverse
            columns.append(values.reshape(*values.shape[:-2], -1))
        return namespace(g).concatenate(columns, axis=-1)


@dataclass(frozen=True, eq=False, repr=False)
class BandLimitedSections(FourierSeries):
    """Ind_H^G τ up to a band limit: F: G → R^{dim τ} with F(gh) = τ(h)⁻¹ F(g), and (ρ(g) F)(x) = F(g⁻¹x).

    F(g) = Σ_σ Σ_r √dim σ T_{σr} σ(g)⁻¹ f_{σr} over the irreps σ up to the band limit and a basis T, |T| = 1, of the
    maps σ|_H → τ; then ∫ |F|² = Σ |f_{σr}|². Tangent vector fields on the sphere are τ = frequency 1 of SO(2) ≤ SO(3).

    Raises:
        RepresentationError: H is no subgroup, the band limit is negative, τ is not orthogonal or does not occur.
    """

    group: Group
    rep: Representation
    band: int

    def __post_init__(self) -> None:
        _check(self.group, self.rep.group, self.band)
        if not self.rep.is_orthogonal:
            raise RepresentationError(f"band-limited induction needs an orthogonal representation, got {self.rep}")
        if not self.coefficients:
            raise RepresentationError(f"no irrep of {self.group} up to the band limit {self.band} contains {self.rep}")

    @cached_property
    def coefficients(self) -> tuple[tuple[Representation, np.ndarray], ...]:  # type: ignore[override]
        """(σ, T): the irreps that occur and their maps to τ, (multiplicity, dim τ, dim σ)."""
        found = ((sigma, independent_maps(sigma, self.rep)) for sigma in irreps(self.group, self.band))
        return tuple((sigma, maps) for sigma, maps in found if len(maps))

    @property
    def name(self) -> str:
        return f"induced({self.rep})[band {self.band}]"

    def evaluation(self, g: Array) -> Array:
        """The maps f ↦ F(g): elements (n, d, d) -> (n, dim τ, dim)."""
        columns = []
        for sigma, maps in self.coefficients:
            inverse = np.sqrt(sigma.dim) * transpose(sigma._rho(g))
            columns += [constant(t, g) @ inverse for t in maps]
        return namespace(g).concatenate(columns, axis=-1)


def _check(group: Group, subgroup: Group, band: int) -> None:
    if not subgroup <= group:
        raise RepresentationError(f"expected a subgroup of {group}, got {subgroup}")
    if band < 0:
        raise RepresentationError(f"expected a band limit of at least 0, got {band}")


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


def independent_maps(sigma: Representation, tau: Representation) -> np.ndarray:
    """Maps σ|_H → τ of unit norm, one for each copy of σ in Ind τ: (multiplicity, dim τ, dim σ)."""
    maps = hom_array(sigma.restrict(tau.group), tau)
    right = np.stack([np.kron(np.eye(tau.dim), e) for e in hom_array(sigma, sigma)])
    return independent_rows(maps.reshape(-1, tau.dim * sigma.dim), right).reshape(-1, tau.dim, sigma.dim)
