"""Regular and quotient fields as functions on G/H, sampled at group elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.groups import SO, Cyclic, Dihedral, Group, O
from torsor.linalg import expm, rotation_quadrature, sphere_rotations
from torsor.reps import BandLimited, Induced, PartialRepresentation, Representation, Spherical
from torsor.reps.sphere import POLE


@dataclass(frozen=True)
class Samples:
    """Where functions on G/H are sampled.

    Attributes:
        elements: c_i, (n, d, d) float64.
        weights: w_i, (n,), with mean 1: Σ w_i f(c_i H) / n approximates the mean of f.
        matrix: f ↦ (f(c_1 H), …, f(c_n H)), (n, dim).
    """

    elements: np.ndarray
    weights: np.ndarray
    matrix: np.ndarray

    def transform(self) -> np.ndarray:
        """E⁺ = (EᵀWE)⁻¹ EᵀW: the function that fits the samples best, (dim, n)."""
        root = np.sqrt(self.weights)
        return np.linalg.pinv(root[:, None] * self.matrix) * root


def sample(rep: Representation, samples: int | torch.Tensor | None = None) -> Samples:
    """The samples of a regular or quotient field.

    Permutation representations are sampled at their cosets, functions on a finite group at all its elements. For
    others ``samples`` is N, by default 4 band + 4 (2 band + 4 for regular fields of SO(3) and O(3)):

    - SO(2) and O(2): the elements of C_N and D_N; of groups about an axis: N turns, times the components;
    - functions on the sphere, and on quotients of SO(3), O(3) by a group about an axis: ⌈N/2⌉ Gauss–Legendre latitudes
      and N longitudes about the axis;
    - fields over a window of scales: the samples of functions on H at every scale;
    - other functions on SO(3): N turns about axis 1 before those; on O(3) the same and their negatives.

    Or it is the elements, a tensor (n, d, d), of equal weights.

    Raises:
        FieldTypeError: the type is no function on G/H, or the elements must be given.
    """
    if isinstance(rep, Induced) and rep.is_permutation and rep.rep.dim == 1:
        return Samples(rep.cosets, np.ones(rep.dim), np.eye(rep.dim))
    if isinstance(rep, PartialRepresentation):
        return _at_each_scale(rep, samples)
    if not isinstance(rep, (BandLimited, Spherical)):
        raise FieldTypeError(f"expected a regular or quotient representation, functions on G/H, got {rep}")
    if isinstance(samples, torch.Tensor):
        elements = samples.detach().cpu().double().numpy()
        return Samples(elements, np.ones(len(elements)), rep.evaluation(elements))
    elements, weights = _sphere(rep, samples) if isinstance(rep, Spherical) else _homogeneous(rep, samples)
    found = Samples(elements, weights * len(weights) / weights.sum(), rep.evaluation(elements))
    return _distinct(found) if isinstance(rep.group, O) and rep.group.dim == 3 else found


def _at_each_scale(rep: PartialRepresentation, samples: int | torch.Tensor | None) -> Samples:
    """The samples of functions on H, at every scale of the window: scales outer."""
    if rep.rep.dim == 1 and rep.rep.is_trivial:
        below = Samples(np.eye(rep.group.dim)[None], np.ones(1), np.eye(1))
    else:
        below = sample(rep.rep, samples)
    elements = (rep.factors[:, None, None, None] * below.elements).reshape(-1, *below.elements.shape[1:])
    return Samples(elements, np.tile(below.weights, rep.scales), np.kron(np.eye(rep.scales), below.matrix))


def sample_elements(rep: Representation, samples: int | torch.Tensor | None) -> np.ndarray:
    """The elements of `sample`, (n, d, d) float64."""
    return sample(rep, samples).elements


def evaluation_matrix(rep: Representation, elements: np.ndarray) -> np.ndarray:
    """f ↦ (f(c_1 H), …, f(c_n H)): (n, dim)."""
    return rep.evaluation(elements) if isinstance(rep, (BandLimited, Spherical)) else np.eye(rep.dim)


def _sphere(rep: Spherical, samples: int | None) -> tuple[np.ndarray, np.ndarray]:
    elements, weights = sphere_rotations(samples or 4 * rep.band + 4)
    size = rep.group.algebra_array.shape[-1]
    padded = np.broadcast_to(np.eye(size), (len(elements), size, size)).copy()
    padded[:, :3, :3] = elements
    return padded, weights


def _homogeneous(rep: BandLimited, samples: int | None) -> tuple[np.ndarray, np.ndarray]:
    group, n = rep.group, samples or 4 * rep.band + 4
    if group.is_finite:
        return _equal(group.element_array)
    if isinstance(group, (SO, O)) and group.dim == 2 and group.is_compact:
        return _equal((Cyclic(n) if isinstance(group, SO) else Dihedral(n)).element_array)
    if isinstance(group, (SO, O)) and group.dim == 3 and group.is_compact:
        few = samples is None and rep.subgroup.order == 1
        return _spatial(group, rep.subgroup, 2 * rep.band + 4 if few else n)
    if len(group.algebra_array) == 1 and group.is_compact:
        return _one_parameter(group, n)
    raise FieldTypeError(f"functions on {group} have no standard grid: give the elements, samples=tensor (n, d, d)")


def _equal(elements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return elements, np.ones(len(elements))


def _spatial(group: Group, subgroup: Group, n: int) -> tuple[np.ndarray, np.ndarray]:
    if len(subgroup.algebra_array) == 1:
        a = subgroup.algebra_array[0]
        axis = np.array([a[2, 1], a[0, 2], a[1, 0]])
        elements, weights = sphere_rotations(n, axis)
    else:
        elements, weights = rotation_quadrature(n)
    if isinstance(group, O):
        return np.concatenate([elements, -elements]), np.concatenate([weights, weights])
    return elements, weights


def _one_parameter(group: Group, n: int) -> tuple[np.ndarray, np.ndarray]:
    """N equispaced elements of the circle, times the components."""
    a = group.algebra_array[0]
    a = a / np.abs(np.linalg.eigvals(a).imag).max()
    turns = expm(2 * np.pi / n * np.arange(n)[:, None, None] * a)
    return _equal((group.component_array[:, None] @ turns).reshape(-1, *a.shape))


def _distinct(samples: Samples) -> Samples:
    """Samples at one coset together: an element and its negative, where the inversion keeps the cosets."""
    _, first, inverse = np.unique(np.round(samples.matrix, 7) + 0.0, axis=0, return_index=True, return_inverse=True)
    weights = np.bincount(inverse.ravel(), samples.weights)
    order = np.argsort(first)
    kept = first[order]
    return Samples(samples.elements[kept], weights[order] * len(kept) / weights.sum(), samples.matrix[kept])


POLE_VECTOR = np.eye(3)[POLE]
"""The point of the sphere at which the identity evaluates."""
