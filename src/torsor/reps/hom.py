"""Intertwiners: the equivariant linear maps between two representations."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from torsor.errors import RepresentationError
from torsor.linalg import Images, canonical_rows, invariant_tensors
from torsor.linalg.invariants import DIRECT, check_entries
from torsor.reps.base import DirectSum, Dual, Representation, TensorProduct
from torsor.reps.basic import Standard, Tensor
from torsor.reps.partial import is_scaled, partial_hom
from torsor.reps.wigner import degree_label


@lru_cache(maxsize=1024)
def hom_array(rho: Representation, sigma: Representation) -> np.ndarray:
    """`hom` as NumPy float64."""
    if rho.group != sigma.group:
        raise RepresentationError(f"intertwiners need one group, got {rho} and {sigma}")
    if is_scaled(rho) or is_scaled(sigma):
        return partial_hom(rho, sigma, hom_array)
    if degree_label(rho) is not None and degree_label(sigma) is not None:
        return _schur(rho, sigma)
    if rho.dim * sigma.dim > DIRECT and isinstance(rho, DirectSum) | isinstance(sigma, DirectSum):
        return _termwise(rho, sigma)
    tensors = invariant_tensors([_images(f) for f in (*factors(sigma), *factors(rho, dual=True))])
    return tensors.reshape(len(tensors), sigma.dim, rho.dim)


def factors(rep: Representation, *, dual: bool = False) -> list[Representation]:
    """The representations, or duals, of which ρ is the tensor product, in the order of its components; else ρ.

    A tensor with p upper and q lower indices is a product of d-dimensional ones, whose matrices stay small.
    """
    if isinstance(rep, Dual):
        return factors(rep.rep, dual=not dual)
    if isinstance(rep, TensorProduct):
        return [*factors(rep.left, dual=dual), *factors(rep.right, dual=dual)]
    if isinstance(rep, Tensor) and rep.p + rep.q > 0:
        vector = Standard(rep.group)
        return [*[vector.dual() if dual else vector] * rep.p, *[vector if dual else vector.dual()] * rep.q]
    return [rep.dual() if dual else rep]


def _images(rep: Representation) -> Images:
    return rep.algebra_images, rep.generator_images


def _termwise(rho: Representation, sigma: Representation) -> np.ndarray:
    """Between direct sums: the maps between all pairs of fields, in the canonical order of the whole."""
    blocks = [(rows, columns, hom_array(into, out)) for rows, out in sigma.fields for columns, into in rho.fields]
    number, start = sum(len(maps) for _, _, maps in blocks), 0
    check_entries(number, (sigma.dim, rho.dim))
    found = np.zeros((number, sigma.dim, rho.dim))
    for rows, columns, maps in blocks:
        found[start : start + len(maps), rows, columns] = maps
        start += len(maps)
    return canonical_rows(found.reshape(number, -1)).reshape(found.shape)


def _schur(rho: Representation, sigma: Representation) -> np.ndarray:
    """Irreps of real type in one basis: the identity, normalised, between equal ones, nothing between others."""
    if degree_label(rho) != degree_label(sigma):
        return np.zeros((0, sigma.dim, rho.dim))
    return np.eye(rho.dim)[None] / np.sqrt(rho.dim)


def hom(rho: Representation, sigma: Representation) -> torch.Tensor:
    """A canonical orthonormal basis of Hom_G(ρ, σ) = {W : W ρ(g) = σ(g) W}: (n, dim σ, dim ρ) float64.

    The null space of the Lie algebra and component constraints, of any matrix group; by Schur's lemma n counts common
    irreps, ⟨χ_ρ, χ_σ⟩ for compact groups. Up to dim ρ · dim σ = 200,000; see `torsor.linalg.invariant_tensors`.

    Raises:
        RepresentationError: two different groups, or a space too large to be solved; the message has the numbers.
    """
    return torch.from_numpy(hom_array(rho, sigma).copy())
