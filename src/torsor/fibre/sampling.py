"""Regular and quotient fields as functions on G/H, sampled at group elements."""

from __future__ import annotations

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.groups import SO, Cyclic, Dihedral, Group, O
from torsor.reps import BandLimited, Induced, Representation


def sample_elements(rep: Representation, samples: int | torch.Tensor | None) -> np.ndarray:
    """Elements c_i at which a regular or quotient field is sampled, (n, d, d) float64.

    Permutation representations are sampled at their cosets. Band-limited ones of a finite group at all its elements,
    of SO(2) and O(2) at those of C_N and D_N (``samples`` = N, by default 4 band + 4), of others where the caller says.

    Raises:
        FieldTypeError: the type is no function on G/H, or the elements must be given.
    """
    if isinstance(rep, Induced) and rep.is_permutation and rep.rep.dim == 1:
        return rep.cosets
    if not isinstance(rep, BandLimited):
        raise FieldTypeError(f"expected a regular or quotient representation, functions on G/H, got {rep}")
    if isinstance(samples, torch.Tensor):
        return samples.detach().cpu().double().numpy()
    if rep.group.is_finite:
        return rep.group.element_array
    return _finite_subgroup(rep.group, samples or 4 * rep.band + 4).element_array


def _finite_subgroup(group: Group, n: int) -> Group:
    if isinstance(group, SO) and group.dim == 2:
        return Cyclic(n)
    if isinstance(group, O) and group.dim == 2:
        return Dihedral(n)
    raise FieldTypeError(f"functions on {group} have no standard grid: give the elements, samples=tensor (n, d, d)")


def evaluation_matrix(rep: Representation, elements: np.ndarray) -> np.ndarray:
    """f ↦ (f(c_1 H), …, f(c_n H)): (n, dim)."""
    return rep.evaluation(elements) if isinstance(rep, BandLimited) else np.eye(rep.dim)
