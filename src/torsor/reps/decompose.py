"""ρ = Q (⊕ irreps) Q⁻¹: the change of basis in which equivariant maps are block matrices of Schur's lemma."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.reps.axial import AxialIrrep
from torsor.reps.bandlimited import FourierSeries
from torsor.reps.base import Representation, Subrepresentation, Terms
from torsor.reps.basic import Density, TrivialRepresentation
from torsor.reps.finite import FiniteIrrep
from torsor.reps.hom import hom_array
from torsor.reps.induced import Induced
from torsor.reps.irreps import ReflectionIrrep, RotationIrrep, irreps
from torsor.reps.multivector import Multivector
from torsor.reps.partial import Inflated, PartialRepresentation
from torsor.reps.sphere import Spherical
from torsor.reps.split import MAX_SPLIT, independent_rows, intertwiners, irreducible_blocks
from torsor.reps.wigner import DegreeIrrep, DegreeParityIrrep

NAMED = (
    TrivialRepresentation,
    RotationIrrep,
    ReflectionIrrep,
    DegreeIrrep,
    DegreeParityIrrep,
    AxialIrrep,
    FiniteIrrep,
)
"""Irreps that are their own decomposition."""


@dataclass(frozen=True)
class Decomposition:
    """ρ(g) = Q diag(σ₁(g), …, σ₁(g), σ₂(g), …) Q⁻¹.

    Attributes:
        blocks: (multiplicity, irrep), in the order of the columns of Q: type after type, copy after copy.
        basis: Q, (n, n) float64; orthogonal iff ρ is.
        inverse: Q⁻¹.
    """

    blocks: Terms
    basis: np.ndarray
    inverse: np.ndarray


@lru_cache(maxsize=1024)
def decompose(rep: Representation) -> Decomposition:
    """The irreducible decomposition of a representation of a compact group.

    The columns of Q are intertwiners from each irrep into ρ: by Frobenius reciprocity for induced representations
    (regular, quotient), by the null-space solver for others. Irreps are the named ones where the group's are
    classified, otherwise subrepresentations of ρ. A representation without an invariant inner product is returned as
    one block, multivectors as one block a grade; so is one of more than 64 dimensions whose irreps are not classified,
    such as the pairs of 20 points: splitting it numerically would take longer than solving for its maps.
    """
    if isinstance(rep, NAMED):
        return _undecomposed(((1, rep),), rep.dim)
    if isinstance(rep, FourierSeries):
        return _undecomposed(tuple((len(t), sigma) for sigma, t in rep.coefficients), rep.dim)
    if isinstance(rep, Spherical) and rep.sum is not None:
        return _undecomposed(rep.sum.terms, rep.dim)
    if isinstance(rep, Multivector) and not rep.group.is_compact:
        return _undecomposed(rep.grades, rep.dim)
    if isinstance(rep, (Inflated, PartialRepresentation)):
        return _at_each_scale(rep)
    form = rep.invariant_form
    if form is None or (rep.dim == 1 and _candidates(rep) is None):
        simplest = _one_dimensional(rep.group, (rep.algebra_images, rep.generator_images)) if rep.dim == 1 else None
        return _undecomposed(((1, simplest or rep),), rep.dim)
    if isinstance(rep, Induced) and rep.is_orthogonal:
        candidates = _candidates(rep)
        if candidates is not None:
            return _assemble(rep, [(sigma, _frobenius(rep, sigma)) for sigma in candidates])
    if rep.dim > MAX_SPLIT and _candidates(rep) is None:
        return _undecomposed(((1, rep),), rep.dim)
    return _solve(rep, form)


def _at_each_scale(rep: Inflated | PartialRepresentation) -> Decomposition:
    """τ = Q (⊕ σ) Q⁻¹ at every scale of a window; a block is one σ at all scales."""
    inner, n = decompose(rep.rep), getattr(rep, "scales", 1)
    blocks = tuple((m, replace(rep, rep=sigma)) for m, sigma in inner.blocks)
    order, start = [], 0
    for m, sigma in inner.blocks:
        for _ in range(m):
            columns = start + np.arange(sigma.dim)
            order.append((np.arange(n)[:, None] * rep.rep.dim + columns).ravel())
            start += sigma.dim
    places = np.concatenate(order)
    basis, inverse = np.kron(np.eye(n), inner.basis)[:, places], np.kron(np.eye(n), inner.inverse)[places]
    return Decomposition(blocks, basis, inverse)


def irrep_type(rep: Representation) -> str:
    """ "real", "complex" or "quaternionic": dim Hom(ρ, ρ) = 1, 2 or 4 of an irreducible representation.

    Raises:
        RepresentationError: the representation is reducible.
    """
    kinds = {1: "real", 2: "complex", 4: "quaternionic"}
    number = len(hom_array(rep, rep))
    if number not in kinds or [m for m, _ in decompose(rep).blocks] != [1]:
        raise RepresentationError(f"expected an irreducible representation, got {rep}")
    return kinds[number]


def _solve(rep: Representation, form: np.ndarray) -> Decomposition:
    """Hom(σ, ρ) for every irrep σ, after making ρ orthogonal by a square root of the invariant form."""
    root = np.linalg.cholesky(form).T if not rep.is_orthogonal else np.eye(rep.dim)
    unroot = np.linalg.inv(root)
    algebra, generators = root @ rep.algebra_images @ unroot, root @ rep.generator_images @ unroot
    candidates = _candidates(rep)
    if candidates is None:
        pairs = _anonymous(rep, algebra, generators, unroot)
    else:
        pairs = [
            (sigma, intertwiners((sigma.algebra_images, sigma.generator_images), (algebra, generators)))
            for sigma in candidates
        ]
    return _assemble(rep, pairs, unroot, root)


def _assemble(
    rep: Representation,
    pairs: list[tuple[Representation, np.ndarray]],
    unroot: np.ndarray | None = None,
    root: np.ndarray | None = None,
) -> Decomposition:
    blocks, columns = [], []
    for sigma, maps in pairs:
        copies = _independent_copies(maps, hom_array(sigma, sigma)) if len(maps) else []
        if copies:
            blocks.append((len(copies), sigma))
            columns += copies
    basis = np.concatenate(columns, axis=1) if columns else np.zeros((rep.dim, 0))
    if basis.shape != (rep.dim, rep.dim):
        raise RepresentationError(
            f"the irreps of {rep.group} that are known fill {basis.shape[1]} of the {rep.dim} dimensions of {rep}"
        )
    inverse = basis.T
    if root is not None and unroot is not None and not rep.is_orthogonal:
        basis, inverse = unroot @ basis, inverse @ root
    return Decomposition(tuple(blocks), basis, inverse)


def _independent_copies(maps: np.ndarray, endomorphisms: np.ndarray) -> list[np.ndarray]:
    """Intertwiners A: σ → ρ, AᵀA = 1, with orthogonal images: one for each copy of σ."""
    flat = [maps.reshape(len(maps), -1)]
    n, d = maps.shape[1:]
    right = np.stack([np.kron(np.eye(n), e) for e in endomorphisms])
    rows = independent_rows(flat[0], right)
    return [np.sqrt(d) * row.reshape(n, d) for row in rows]


def _frobenius(rep: Induced, sigma: Representation) -> np.ndarray:
    """Hom_G(σ, Ind τ) ≅ Hom_H(σ|_H, τ): T gives the map whose block i is T σ(c_i)⁻¹; orthonormalised."""
    maps = hom_array(sigma.restrict(rep.rep.group), rep.rep)
    inverse = np.swapaxes(sigma._rho(rep.cosets), -1, -2)
    blocks = np.einsum("tab,nbc->tnac", maps, inverse).reshape(len(maps), rep.dim, sigma.dim)
    return blocks / np.sqrt(len(rep.cosets))


def _anonymous(
    rep: Representation, algebra: np.ndarray, generators: np.ndarray, unroot: np.ndarray
) -> list[tuple[Representation, np.ndarray]]:
    """Irreducible subspaces, those of one type together, as subrepresentations of ρ."""
    found: list[tuple[Representation, np.ndarray]] = []
    for rows in irreducible_blocks(algebra, generators):
        images = rows @ algebra @ rows.T, rows @ generators @ rows.T
        known = any(
            len(intertwiners((s.algebra_images, s.generator_images), images)) for s, _ in found if s.dim == len(rows)
        )
        if known:
            continue
        if len(rows) == 1 and (simplest := _one_dimensional(rep.group, images)) is not None:
            maps = intertwiners((simplest.algebra_images, simplest.generator_images), (algebra, generators))
            found.append((simplest, maps))
            continue
        vectors = tuple(tuple(float(x) for x in row) for row in rows @ unroot.T)
        sigma = Subrepresentation(rep, vectors, f"part {len(found)} of {rep.name}")
        maps = intertwiners((sigma.algebra_images, sigma.generator_images), (algebra, generators))
        found.append((sigma, maps))
    return found


def _candidates(rep: Representation) -> tuple[Representation, ...] | None:
    """The classified irreps that can occur in ρ, or None if the group's are not classified."""
    try:
        return irreps(rep.group, None if rep.group.is_finite else highest_weight(rep))
    except RepresentationError:
        return None


def highest_weight(rep: Representation) -> int:
    """The highest frequency or degree in ρ: the largest imaginary part of the eigenvalues of dρ of a basis."""
    if not len(rep.algebra_images):
        return 0
    return int(np.rint(np.abs(np.linalg.eigvals(rep.algebra_images).imag).max(initial=0.0)))


def _one_dimensional(group: Group, images: tuple[np.ndarray, np.ndarray]) -> Representation | None:
    """`trivial` or `sign`, whichever has these images of the algebra and the generators (1×1 each), else None."""
    for sigma in (TrivialRepresentation(group), Density(group, 0.0, True)):
        own = sigma.algebra_images, sigma.generator_images
        if max(np.abs(a - b).max(initial=0.0) for a, b in zip(own, images, strict=True)) < 1e-9:
            return sigma
    return None


def _undecomposed(blocks: Terms, n: int) -> Decomposition:
    return Decomposition(blocks, np.eye(n), np.eye(n))
