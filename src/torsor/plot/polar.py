"""Fields as functions on the circle: the types whose value at a point can be drawn as a polar glyph.

A function on a planar group G is drawn in wedges, one for each element: the wedge of g is g · (fundamental wedge),
which for C_N is centred on axis 0 and for D_N lies between two neighbouring mirrors. Then (ρ(g) f)(h) = f(g⁻¹h) turns
the glyph by g. Functions on G/H are those on G that are constant on cosets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.fibre.sampling import evaluation_matrix, sample_elements
from torsor.linalg import monomials
from torsor.reps import BandLimited, Induced, Representation
from torsor.reps.base import Restricted
from torsor.reps.basic import SymmetricPower
from torsor.reps.irreps import ReflectionIrrep, RotationIrrep

SMOOTH = 32
"""Wedges of a continuous function, at least."""


@dataclass(frozen=True, eq=False)
class Wedges:
    """Linear functionals, each with a wedge of the plane.

    Attributes:
        angles: the middle of every wedge, from axis 0 towards axis 1, (n,).
        matrix: f ↦ values on the wedges, (n, dim ρ).
    """

    angles: np.ndarray
    matrix: np.ndarray


def wedges(rep: Representation) -> Wedges | None:
    """The wedges of a type, None if its values are not functions on the circle or on a planar group.

    Regular and quotient types of C_N and D_N (and band-limited ones of SO(2), O(2)) are functions on the group;
    frequency k is f(φ) = f_0 cos kφ + f_1 sin kφ; a symmetric tensor of degree k is f(φ) = T(u, …, u) at the unit
    vector u of angle φ.
    """
    while isinstance(rep, Restricted):
        rep = rep.rep
    if rep.group.dim != 2 or rep.group.algebra_array.shape[-1] != 2 or not rep.group.is_orthogonal:
        return None
    if isinstance(rep, SymmetricPower):
        angles = _turn(SMOOTH)
        return Wedges(angles, monomials(np.stack([np.cos(angles), np.sin(angles)], axis=-1), rep.k))
    if isinstance(rep, (RotationIrrep, ReflectionIrrep)) and rep.dim == 2:
        angles = _turn(max(SMOOTH, 12 * rep.k))
        return Wedges(angles, np.stack([np.cos(rep.k * angles), np.sin(rep.k * angles)], axis=-1))
    if isinstance(rep, BandLimited):
        return _group_function(rep, sample_elements(rep, max(SMOOTH, 4 * rep.band + 4)))
    if isinstance(rep, Induced) and rep.group.is_finite and rep.is_permutation and rep.rep.dim == 1:
        return _group_function(rep, rep.group.element_array)
    return None


def _turn(n: int) -> np.ndarray:
    return 2 * np.pi * np.arange(n) / n


def _group_function(rep: BandLimited | Induced, elements: np.ndarray) -> Wedges:
    """The values f(gH) at elements g (n, 2, 2), each on the wedge g · (fundamental wedge)."""
    start = fundamental_angle(elements)
    moved = elements @ np.array([np.cos(start), np.sin(start)])
    matrix = evaluation_matrix(rep, elements) if isinstance(rep, BandLimited) else _cosets(rep, elements)
    return Wedges(np.arctan2(moved[:, 1], moved[:, 0]), matrix)


def _cosets(rep: Induced, elements: np.ndarray) -> np.ndarray:
    """Entry (g, i) is 1 where g lies in the coset c_i H."""
    relative = np.linalg.inv(rep.cosets) @ elements[:, None]
    return np.asarray(rep.rep.group.contains(relative), dtype=float)


def fundamental_angle(elements: np.ndarray) -> float:
    """The middle of the fundamental wedge: 0 for rotations, half way between two neighbouring mirrors otherwise."""
    mirrors = elements[np.linalg.det(elements) < 0]
    if not len(mirrors):
        return 0.0
    lines = np.arctan2(mirrors[:, 1, 0], mirrors[:, 0, 0]) / 2 % np.pi
    return float(np.min(np.where(lines > np.pi - 1e-9, 0.0, lines)) + np.pi / len(elements))
