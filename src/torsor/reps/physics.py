"""Types that physics names in R³: pseudovectors, quaternions, symmetric tensors from their stored components."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import SO, Group, O
from torsor.linalg import Array, constant, is_torch
from torsor.reps.base import Representation
from torsor.reps.basic import exterior, sign, standard, symmetric, trivial
from torsor.reps.irreps import irrep

SIX = ("xx", "yy", "zz", "xy", "xz", "yz")
"""The order of stored components that is taken unless another is given."""


def pseudovector(group: Group) -> Representation:
    """ρ(g) = det(g) g: angular momenta, magnetic fields, curls, cross products of vectors; `standard` of rotations.

    The irrep "1e" of O(3).
    """
    if sign(group).is_trivial:
        return standard(group)
    if group == O(3):
        return irrep(group, (1, 1))
    return sign(group) * standard(group)


def vector(group: Group) -> Representation:
    """`standard`: velocities, forces, electric fields, displacements."""
    return standard(group)


def pseudoscalar(group: Group) -> Representation:
    """`sign`: helicities, vorticities in the plane, fluxes of pseudovectors."""
    return sign(group)


def bivector(group: Group) -> Representation:
    """`exterior` of degree 2, antisymmetric tensors: oriented planes, rotation rates, the electromagnetic field.

    In R³ it is a pseudovector in another basis, e₀∧e₁, e₀∧e₂, e₁∧e₂; in spacetime it holds E and B.
    """
    return exterior(group, 2)


def stress(group: Group) -> Representation:
    """`symmetric` of degree 2: stress, strain, inertia, diffusion and metric tensors."""
    return symmetric(group, 2)


def quadrupole(group: Group) -> Representation:
    """Symmetric tensors without trace in R³: quadrupole moments, deviatoric stress, order of liquid crystals.

    The irrep "2e" of O(3), five components in the order of the spherical harmonics of degree 2.

    Raises:
        RepresentationError: a group that does not act on R³ by orthogonal matrices.
    """
    require_spatial(group, "quadrupoles")
    if group == SO(3):
        return irrep(group, 2)
    return irrep(O(3), (2, 1)).restrict(group)


def quaternion(group: Group) -> Representation:
    """Quaternions under conjugation q ↦ u q ū, u one of the two unit quaternions of a rotation: trivial ⊕ pseudovector.

    Components (real, i, j, k); i, j, k belong to axes 0, 1, 2. The product of quaternions is equivariant: so the
    imaginary part of a subgroup of O(3) is a pseudovector, which the inversion -1 leaves unchanged.

    Raises:
        RepresentationError: a group that does not act on R³ by orthogonal matrices.
    """
    require_spatial(group, "quaternions")
    return trivial(group) + pseudovector(group)


def require_spatial(group: Group, what: str) -> None:
    """Raise unless G ≤ O(3).

    Raises:
        RepresentationError: naming the group.
    """
    if group.dim != 3 or not group.is_orthogonal:
        raise RepresentationError(f"{what} need a subgroup of O(3), acting on R³, got {group}")


def symmetric_from_components(x: Array, order: Sequence[str] = SIX, axis: int = 1) -> Array:
    """Stored components of symmetric tensors as a `symmetric` field, whose off-diagonals carry √2.

    The field has the order 00, √2·01, 02, …, 11, … of ``symmetric(group, 2)``, so that its norm is that of the matrix.

    Args:
        x: an array whose ``axis`` has the stored components of one tensor, NumPy or torch.
        order: their names by letters x, y, z of the axes 0, 1, 2; "yx" is "xy". Voigt's order is xx yy zz yz xz xy.
        axis: where they are.

    Raises:
        RepresentationError: the names are not the components of a symmetric tensor, or do not fit the array.
    """
    return _apply(_conversion(tuple(order)), x, axis)


def components_from_symmetric(x: Array, order: Sequence[str] = SIX, axis: int = 1) -> Array:
    """A `symmetric` field as stored components; inverse of `symmetric_from_components`."""
    return _apply(np.linalg.inv(_conversion(tuple(order))), x, axis)


def _conversion(order: tuple[str, ...]) -> np.ndarray:
    d = {1: 1, 3: 2, 6: 3}.get(len(order), 0)
    pairs = [(i, j) for i in range(d) for j in range(i, d)]
    stored = [tuple(sorted("xyz".find(letter) for letter in name)) for name in order]
    if not d or sorted(stored) != sorted(pairs):
        raise RepresentationError(
            f"expected the names of all components of a symmetric tensor, such as {', '.join(SIX)}, got {order}"
        )
    matrix = np.zeros((len(order), len(order)))
    for row, pair in enumerate(pairs):
        matrix[row, stored.index(pair)] = 1.0 if pair[0] == pair[1] else sqrt(2)
    return matrix


def _apply(matrix: np.ndarray, x: Array, axis: int) -> Array:
    if x.shape[axis] != len(matrix):
        raise RepresentationError(f"expected {len(matrix)} components in axis {axis}, got shape {tuple(x.shape)}")
    if is_torch(x):
        return (x.movedim(axis, -1) @ constant(matrix.T, x)).movedim(-1, axis)
    return np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
