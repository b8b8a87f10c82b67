"""Mulliken symbols of the irreps of point groups, read from their characters.

Letter: A, B of dimension 1, E of 2 (complex pairs too), T of 3, G of 4, H of 5. Then, where the group has several:

- B: the character of the principal rotation (of S_2n and D_nd: of the rotoreflection) is -1.
- E_k: the principal rotation by 2π/n (or the rotoreflection) has eigenvalues exp(±2πik/n).
- 1, 2 of A, B: +1 or -1 under the half turn about, or else the mirror through, the first axis of the plane. Of D_2 and
  D_2h: B1, B2, B3 are +1 under the half turn about the axis, the second and the first axis of the plane.
- 1, 2 of T and of A of the polyhedral groups: a positive or negative character of the fourfold rotation (T_d:
  rotoreflection), of T of the icosahedral groups of the rotation by 72°.
- g, u: even or odd under the inversion; without it ' and '': even or odd under the horizontal mirror.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from torsor.groups import (
    Axial,
    Cyclic,
    Group,
    Icosahedral,
    Inversion,
    Octahedral,
    Tetrahedral,
    TetrahedralFull,
    WithInversion,
)
from torsor.groups.polyhedral import FIFTH_TURN, QUARTER_TURN
from torsor.reps.tables import character, finite_irrep_tables

Value = Callable[[np.ndarray], float]
"""The character of one irrep as a function of an element."""

LETTERS = {2: "E", 3: "T", 4: "G", 5: "H"}
"""By dimension."""

RHOMBIC = {(True, True): ("A", 0), (True, False): ("B", 1), (False, False): ("B", 2), (False, True): ("B", 3)}
"""Of D_2 and D_2h, by whether the half turns about the axis and about the first axis of the plane have character 1."""


@lru_cache(maxsize=256)
def mulliken_symbols(group: Group) -> tuple[str, ...] | None:
    """The symbols of `finite_irrep_tables(group)`, in its order; None for groups that are no point groups of R³."""
    rule = _rule(group)
    if rule is None:
        return None
    tables = finite_irrep_tables(group)
    stems = []
    for table in tables:
        chi = character(table)
        stems.append(rule(table.shape[-1], lambda g, chi=chi: float(chi[group.index(g)])))
    return tuple(letter + _subscript(letter, number, stems) + end for letter, number, end in stems)


def _subscript(letter: str, number: int, stems: list[tuple[str, int, str]]) -> str:
    """The number, unless it distinguishes nothing: A in T and C_4, E in O and D_4, T in T."""
    others = {n for other, n, _ in stems if other == letter}
    return str(number) if number and len(others) > 1 else ""


def _rule(group: Group) -> Callable[[int, Value], tuple[str, int, str]] | None:
    """The map (dimension, χ) ↦ (letter, number, ending) of a point group."""
    if isinstance(group, Axial) and group.is_finite:
        return lambda n, chi: _axial(group, n, chi)
    if isinstance(group, Inversion) and group.dim == 3:
        return lambda n, chi: ("A", 0, _parity(chi))
    proper = group.proper if isinstance(group, WithInversion) else group
    if not isinstance(proper, (Tetrahedral, TetrahedralFull, Octahedral, Icosahedral)):
        return None
    ending = _parity if proper != group else lambda chi: ""
    return lambda n, chi: (LETTERS.get(n, "A"), _polyhedral(proper, n, chi), ending(chi))


def _parity(chi: Value) -> str:
    return "g" if chi(-np.eye(3)) > 0 else "u"


def _polyhedral(group: Group, n: int, chi: Value) -> int:
    """1 or 2 by the sign of the character of a fourfold rotation, a fourfold rotoreflection or a fivefold rotation."""
    turn = {"O": QUARTER_TURN, "Td": -QUARTER_TURN, "I": FIFTH_TURN}.get(group.name)
    if turn is None or n not in (1, 3):
        return 0
    return 1 if chi(turn) > 0 else 2


def _axial(group: Axial, n: int, chi: Value) -> tuple[str, int, str]:
    """E by the frequency of the principal rotation, A and B by its sign, then by the sign across the first axis."""
    turn, order = principal_rotation(group)
    if n == 2:
        frequency = np.arccos(np.clip(chi(turn) / 2, -1, 1)) * order / (2 * np.pi)
        return "E", int(np.rint(frequency)), _ending(group, chi)
    even = chi(turn) > 0
    if not group.reflects:
        return "AB"[not even], 0, _ending(group, chi)
    half_turns = group.mirror or group.reflection == -1
    first = chi(group.embed(np.diag([1.0, -1.0]), -1 if half_turns else 1)) > 0
    if order == 2 and half_turns and group.rotation == 1:
        return *RHOMBIC[even, first], _ending(group, chi)
    return "AB"[not even], 1 if first else 2, _ending(group, chi)


def principal_rotation(group: Axial) -> tuple[np.ndarray, int]:
    """The smallest rotation, or rotoreflection of S_2n and D_nd without inversion, and its order."""
    order = group.planar.n  # type: ignore[attr-defined]
    rotoreflection = group.rotation == -1 and order % 4 == 0
    step = 2 if group.rotation == -1 and not rotoreflection else 1
    turn = Cyclic(order).element_array[step % order]
    return group.embed(turn, -1 if rotoreflection else 1), order // step


def _ending(group: Axial, chi: Value) -> str:
    if group.contains(-np.eye(3)):
        return _parity(chi)
    if not group.mirror:
        return ""
    return "'" if chi(group.embed(np.eye(2), -1)) > 0 else "''"
