"""The subgroups of O(3) that keep one coordinate axis: C_n, C_nv, C_nh, S_2n, D_n, D_nh, D_nd, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from torsor.errors import GroupError
from torsor.groups.base import Group
from torsor.groups.cyclic import Cyclic
from torsor.groups.dihedral import Dihedral
from torsor.groups.orthogonal import SO, O
from torsor.linalg import Array


@dataclass(frozen=True, eq=False, repr=False)
class Axial(Group):
    """A planar group P in space, about a coordinate axis: elements diag(p, s), p ∈ P, s = ±1 the sign along the axis.

    Every closed subgroup of O(2) × O(1) is of one of two forms (Goursat): s = ε(p) for a character ε of P, given by
    its values on the rotation and on the reflection that generate P, or all of P × {±1}, with a horizontal mirror.

        P               ε = 1       ε(reflection) = -1   ε(rotation) = -1     mirror
        Cyclic(n)       C_n                              S_n (n even)         C_nh
        Dihedral(n)     C_nv        D_n                  D_{n/2,d} (n even)   D_nh
        SO(2)           C_∞                                                   C_∞h
        O(2)            C_∞v cone   D_∞                                       D_∞h cylinder

    The plane has the other two axes, in increasing order; the reflection of P flips the last of them.

    Args:
        planar: Cyclic(n), Dihedral(n), SO(2) or O(2).
        rotation: the sign along the axis of the smallest rotation of P: -1 for rotoreflections.
        reflection: the sign along the axis of the reflections of P: 1 for vertical mirrors, -1 for half turns.
        mirror: whether the horizontal mirror diag(1, -1) is an element; both signs must be 1 then.
        axis: the coordinate axis of R³, the last by default.

    Raises:
        GroupError: another planar group, a character that it does not have, or no such axis.
    """

    planar: Group
    rotation: int = 1
    reflection: int = 1
    mirror: bool = False
    axis: int = -1

    def __post_init__(self) -> None:
        if not isinstance(self.planar, (Cyclic, Dihedral, SO, O)) or self.planar.dim != 2 or not self.planar.is_compact:
            raise GroupError(f"expected a planar group Cyclic(n), Dihedral(n), SO(2) or O(2), got {self.planar!r}")
        if self.rotation not in (1, -1) or self.reflection not in (1, -1):
            raise GroupError(f"expected signs 1 or -1 along the axis, got {self.rotation} and {self.reflection}")
        if self.rotation == -1 and getattr(self.planar, "n", 1) % 2:
            raise GroupError(f"rotation=-1 needs an even number of rotations, {self.planar} has no such character")
        if self.reflection == -1 and not self.reflects:
            raise GroupError(f"reflection=-1 needs a group with reflections, Dihedral(n) or O(2), got {self.planar}")
        if self.mirror and -1 in (self.rotation, self.reflection):
            raise GroupError("mirror=True contains both signs of every element: expected rotation=1 and reflection=1")
        if not -3 <= self.axis < 3:
            raise GroupError(f"expected an axis of R³, got {self.axis}")
        object.__setattr__(self, "axis", self.axis % 3 - 3)

    @property
    def dim(self) -> int:
        return 3

    @property
    def reflects(self) -> bool:
        """Whether the planar group contains reflections."""
        return isinstance(self.planar, (Dihedral, O))

    @property
    def plane(self) -> tuple[int, int]:
        """The two axes of the plane, in increasing order."""
        first, second = (i for i in range(3) if i != self.axis % 3)
        return first, second

    @property
    def symbol(self) -> str:
        """The Schoenflies symbol, such as C4v, S6, D3d, C∞h."""
        n = getattr(self.planar, "n", None)
        if self.rotation == -1 and n is not None:
            return f"D{n // 2}d" if self.reflects else f"S{n}"
        order = "∞" if n is None else str(n)
        if not self.reflects:
            return "Cs" if self.mirror and n == 1 else f"C{order}" + "h" * self.mirror
        if self.mirror:
            return f"D{order}h"
        return f"C{order}v" if self.reflection == 1 else f"D{order}"

    @property
    def name(self) -> str:
        """The Schoenflies symbol; a D_nd whose mirrors contain the coordinate axes says so, and other axes are told."""
        turned = ["mirrors on axes"] if self.rotation == -1 and self.reflects and self.reflection == 1 else []
        axis = [f"axis {self.axis % 3}"] if self.axis != -1 else []
        return f"{self.symbol} ({', '.join(turned + axis)})" if turned + axis else self.symbol

    def embed(self, p: np.ndarray, sign: int) -> np.ndarray:
        """diag(p, sign) in the plane and along the axis: (..., 2, 2) -> (..., 3, 3)."""
        g = np.zeros((*p.shape[:-2], 3, 3))
        g[..., self.axis, self.axis] = sign
        g[..., np.array(self.plane)[:, None], np.array(self.plane)] = p
        return g

    def project(self, g: Array) -> tuple[Array, Array]:
        """The planar element p and the sign s of elements diag(p, s): (..., 3, 3) -> (..., 2, 2), (...)."""
        (i, j), k = self.plane, self.axis % 3
        step = j - i
        return g[..., i : j + 1 : step, i : j + 1 : step], g[..., k, k]

    @cached_property
    def signs(self) -> tuple[int, ...]:
        """The sign along the axis of each of the planar group's generators."""
        turns = len(self.planar.generator_array) - self.reflects
        return (self.rotation,) * turns + (self.reflection,) * self.reflects

    def _algebra(self) -> np.ndarray:
        return self.embed(self.planar.algebra_array, 0)

    def _generators(self) -> np.ndarray:
        generators = zip(self.planar.generator_array, self.signs, strict=True)
        found = [self.embed(p, sign) for p, sign in generators]
        found += [self.embed(np.eye(2), -1)] if self.mirror else []
        return np.array(found).reshape(-1, 3, 3)

    def _contains(self, g: np.ndarray, tolerance: float) -> np.ndarray:
        if self.is_finite:
            return super()._contains(g, tolerance)
        p, sign = self.project(g)
        rest = np.abs(g - self.embed(p, 0))
        rest[..., self.axis, self.axis] = np.abs(np.abs(sign) - 1)
        inside = self.planar._contains(p, tolerance) & (rest.max((-1, -2)) < tolerance)
        if self.mirror:
            return inside
        return inside & (sign * (np.linalg.det(p) if self.reflection == -1 else 1.0) > 0)

    def with_inversion(self) -> Group:
        """The axial group that contains -1 as well: C_nh or S_2n of C_n, D_nh or D_nd of D_n and C_nv."""
        if self.contains(-np.eye(3)):
            return self
        half_turn = self.planar._contains(-np.eye(2), 1e-6)
        planar = self.planar if half_turn else type(self.planar)(2 * self.planar.n)  # type: ignore[attr-defined]
        if self.mirror or half_turn:
            return Axial(planar, mirror=True, axis=self.axis)
        return Axial(planar, -1, self.reflection, axis=self.axis)
