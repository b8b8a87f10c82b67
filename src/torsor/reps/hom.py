"""Intertwiners: the equivariant linear maps between two representations."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from torsor.errors import RepresentationError
from torsor.reps.base import Representation
from torsor.reps.split import intertwiners
from torsor.reps.wigner import degree_label


@lru_cache(maxsize=1024)
def hom_array(rho: Representation, sigma: Representation) -> np.ndarray:
    """`hom` as NumPy float64."""
    if rho.group != sigma.group:
        raise RepresentationError(f"intertwiners need one group, got {rho} and {sigma}")
    if degree_label(rho) is not None and degree_label(sigma) is not None:
        return _schur(rho, sigma)
    return intertwiners((rho.algebra_images, rho.generator_images), (sigma.algebra_images, sigma.generator_images))


def _schur(rho: Representation, sigma: Representation) -> np.ndarray:
    """Irreps of real type in one basis: the identity, normalised, between equal ones, nothing between others."""
    if degree_label(rho) != degree_label(sigma):
        return np.zeros((0, sigma.dim, rho.dim))
    return np.eye(rho.dim)[None] / np.sqrt(rho.dim)


def hom(rho: Representation, sigma: Representation) -> torch.Tensor:
    """A canonical orthonormal basis of Hom_G(ρ, σ) = {W : W ρ(g) = σ(g) W}: (n, dim σ, dim ρ) float64.

    The null space of the Lie algebra and component constraints, of any matrix group; by Schur's lemma n counts common
    irreps, ⟨χ_ρ, χ_σ⟩ for compact groups.

    Raises:
        RepresentationError: two different groups.
    """
    return torch.from_numpy(hom_array(rho, sigma).copy())
