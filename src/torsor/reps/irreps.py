"""Irreducible representations: closed forms for Lie and planar groups, one numerical method for any finite group.

Labels are the field's: SO(2), C_N: the frequency k; O(2), D_N: (parity, k); a reflection: the parity 0 or 1; SO(3):
the degree l; O(3): (l, parity) with parity ±1, or "1o"; finite groups of space: Mulliken symbols, or the index.
`irreps(G)` lists all of them (up to a frequency, for Lie groups), `irrep(G, *label)` gives one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from torsor.errors import RepresentationError
from torsor.groups import SO, Axial, Cyclic, Dihedral, Group, O, Reflection, Trivial
from torsor.linalg import Array, namespace
from torsor.reps.axial import Label, axial_irreps, axial_label
from torsor.reps.base import Representation
from torsor.reps.basic import Density, TrivialRepresentation
from torsor.reps.finite import finite_irreps, finite_label
from torsor.reps.mulliken import mulliken_symbols
from torsor.reps.wigner import MAX_DEGREE, degree_irreps, degree_label, parse_degree

PlanarRotations = (Cyclic, SO)
PlanarReflections = (Dihedral, O)

MAX_TABULATED = 2000
"""Irreps of a finite group are tabulated, for every element, up to this order."""


@dataclass(frozen=True, eq=False, repr=False)
class RotationIrrep(Representation):
    """Frequency k of SO(2) or C_N: ρ(R_θ) = R_{kθ}, 2-dimensional; for 2k = N the real number cos kθ = ±1.

    Raises:
        RepresentationError: a frequency that the group does not have.
    """

    group: Group
    k: int

    def __post_init__(self) -> None:
        highest = _highest_frequency(self.group)
        if self.k < 1 or (highest is not None and self.k > highest):
            raise RepresentationError(
                f"expected a frequency from 0 to {'infinity' if highest is None else highest} of {self.group}, "
                f"got {self.k}"
            )

    @property
    def dim(self) -> int:
        return 1 if _folds(self.group, self.k) else 2

    @property
    def name(self) -> str:
        return f"irrep({self.k})"

    def _rho(self, g: Array) -> Array:
        xp = namespace(g)
        angle = self.k * xp.arctan2(g[..., 1, 0] - g[..., 0, 1], g[..., 0, 0] + g[..., 1, 1])
        return _rotation(angle)[..., : self.dim, : self.dim]

    def _derivative(self, a: Array) -> Array:
        return self.k * a[..., : self.dim, : self.dim]


@dataclass(frozen=True, eq=False, repr=False)
class ReflectionIrrep(Representation):
    """(parity, k) of O(2) or D_N: ρ(R_θ f^s) = R_{kθ} diag(1, -1)^s, f the flip of the last axis.

    For 2k = N of D_N the one-dimensional (±1)^s cos kθ, with -1 for parity 1. (0, 0) is `trivial`, (1, 0) is `sign`.

    Raises:
        RepresentationError: a label that the group does not have.
    """

    group: Group
    parity: int
    k: int

    def __post_init__(self) -> None:
        highest = _highest_frequency(self.group)
        if self.k < 1 or (highest is not None and self.k > highest) or self.parity not in (0, 1):
            raise RepresentationError(
                f"expected (parity, frequency) with parity 0 or 1 and a frequency from 0 to "
                f"{'infinity' if highest is None else highest} of {self.group}, got ({self.parity}, {self.k})"
            )
        if self.parity == 0 and not _folds(self.group, self.k):
            raise RepresentationError(
                f"the two-dimensional irrep of frequency {self.k} of {self.group} is labelled (1, {self.k}), "
                f"got (0, {self.k})"
            )

    @property
    def dim(self) -> int:
        return 1 if _folds(self.group, self.k) else 2

    @property
    def name(self) -> str:
        return f"irrep({self.parity},{self.k})"

    def _rho(self, g: Array) -> Array:
        xp = namespace(g)
        angle = self.k * xp.arctan2(g[..., 1, 0], g[..., 0, 0])
        det = g[..., 0, 0] * g[..., 1, 1] - g[..., 0, 1] * g[..., 1, 0]
        if self.dim == 1:
            return (xp.cos(angle) * (det if self.parity else 1.0))[..., None, None]
        rotation = _rotation(angle)
        return xp.stack([rotation[..., 0], rotation[..., 1] * det[..., None]], axis=-1)

    def _derivative(self, a: Array) -> Array:
        return self.k * a[..., : self.dim, : self.dim]


@singledispatch
def irreps_of(group: Group, band: int | None) -> tuple[Representation, ...]:
    """All irreps of a group, up to a highest frequency for Lie groups; dispatched on the type of the group."""
    if not group.is_enumerable or (group.order or 0) > MAX_TABULATED:
        raise RepresentationError(
            f"the irreps of {group} are not classified here; take a representation that you know, such as "
            "standard or tensor: it is decomposed numerically"
        )
    return finite_irreps(group)


@irreps_of.register
def _(group: Axial, band: int | None) -> tuple[Representation, ...]:
    if group.is_finite:
        return finite_irreps(group)
    return axial_irreps(group, irreps_of(group.planar, band))


@irreps_of.register
def _(group: Trivial, band: int | None) -> tuple[Representation, ...]:
    return (TrivialRepresentation(group),)


@irreps_of.register
def _(group: Reflection, band: int | None) -> tuple[Representation, ...]:
    return (TrivialRepresentation(group), Density(group, 0.0, True))


@irreps_of.register(Cyclic)
@irreps_of.register(SO)
def _(group: Cyclic | SO, band: int | None) -> tuple[Representation, ...]:
    if group.dim == 1:
        return (TrivialRepresentation(group),)
    if _is_spatial(group):
        return degree_irreps(group, band)
    return (TrivialRepresentation(group), *(RotationIrrep(group, k) for k in _frequencies(group, band)))


@irreps_of.register(Dihedral)
@irreps_of.register(O)
def _(group: Dihedral | O, band: int | None) -> tuple[Representation, ...]:
    found: list[Representation] = [TrivialRepresentation(group), Density(group, 0.0, True)]
    if group.dim == 1:
        return tuple(found)
    if _is_spatial(group):
        return degree_irreps(group, band)
    for k in _frequencies(group, band):
        parities = (0, 1) if _folds(group, k) else (1,)
        found += [ReflectionIrrep(group, parity, k) for parity in parities]
    return tuple(found)


def irreps(group: Group, band: int | None = None) -> tuple[Representation, ...]:
    """All irreps of a group.

    Args:
        group: the group.
        band: the highest frequency; needed for SO(2) and O(2), optional for C_N and D_N.

    Raises:
        RepresentationError: a Lie group without a band limit, or one whose irreps are not classified.
    """
    return irreps_of(group, band)


def irrep(group: Group, *label: int | str | Label) -> Representation:
    """One irrep of a group by its label, or by a tuple of it.

    k for SO(2), C_N; (parity, k) for O(2), D_N; the parity for a reflection; l for SO(3); (l, ±1) or "1o" for O(3).
    About an axis of space k or (parity, k) of SO(2) and O(2), then "g" or "u" if there is a horizontal mirror.
    Of finite groups of space a Mulliken symbol such as "T1u", or the index; of other finite groups the index.

    Raises:
        RepresentationError: no such irrep; the message lists the labels.
    """
    key = _label(group, label)
    if _is_spatial(group) and isinstance(key[0], int) and key[0] > MAX_DEGREE:
        raise RepresentationError(f"Wigner matrices are accurate up to degree {MAX_DEGREE}, got {key[0]}")
    reps = irreps_of(group, max([0, *(x for x in key if isinstance(x, int))]))
    table = {irrep_label(rep): rep for rep in reps}
    if key in table:
        return table[key]
    if group.is_finite and mulliken_symbols(group) and key in [(i,) for i in range(len(reps))]:
        return reps[int(key[0])]
    known = ", ".join(str(x[0]) if isinstance(x[0], str) else str(x) for x in table)
    known += "" if group.is_finite else ", …"
    hint = '; of SO(3) any degree, such as 2, of O(3) degree and parity, such as "1o"' if _is_spatial(group) else ""
    raise RepresentationError(f"expected a label among {known} for {group}, got {key}{hint}")


def _label(group: Group, label: tuple[int | str | Label, ...]) -> Label:
    """A label as a tuple of numbers and strings."""
    parts: list[int | str] = []
    for part in label:
        parts += part if isinstance(part, tuple) else [part]
    key = tuple(parts)
    if len(key) == 1 and isinstance(key[0], str) and _is_spatial(group):
        return parse_degree(key[0]) or key
    return key


def irrep_label(rep: Representation) -> Label:
    """The label by which `irrep` finds an irrep.

    Raises:
        RepresentationError: it is no irrep of `irreps`.
    """
    label = degree_label(rep) or axial_label(rep)
    if label is not None:
        return label
    planar = isinstance(rep.group, PlanarReflections) and rep.group.dim == 2
    if isinstance(rep, TrivialRepresentation):
        return (0, 0) if planar else finite_label(rep) or (0,)
    if isinstance(rep, Density) and isinstance(rep.group, (Reflection, *PlanarReflections)):
        return (1, 0) if planar else (1,)
    if isinstance(rep, RotationIrrep):
        return (rep.k,)
    if isinstance(rep, ReflectionIrrep):
        return (rep.parity, rep.k)
    if (label := finite_label(rep)) is not None:
        return label
    raise RepresentationError(f"{rep} is not one of the named irreps")


def _rotation(angle: Array) -> Array:
    xp = namespace(angle)
    c, s = xp.cos(angle), xp.sin(angle)
    return xp.stack([xp.stack([c, -s], axis=-1), xp.stack([s, c], axis=-1)], axis=-2)


def _highest_frequency(group: Group) -> int | None:
    """N/2 for C_N and D_N, None for SO(2) and O(2)."""
    if isinstance(group, (Cyclic, Dihedral)):
        return group.n // 2
    if isinstance(group, (SO, O)) and group.dim == 2 and group.is_compact:
        return None
    raise RepresentationError(f"frequencies label the irreps of SO(2), O(2), C_N and D_N, got {group}")


def _folds(group: Group, k: int) -> bool:
    """Whether frequency k is its own mirror image: 2k = N."""
    return isinstance(group, (Cyclic, Dihedral)) and 2 * k == group.n


def _is_spatial(group: Group) -> bool:
    """Whether the group is SO(3) or O(3)."""
    return isinstance(group, (SO, O)) and group.dim == 3 and group.is_compact


def _frequencies(group: Group, band: int | None) -> range:
    highest = _highest_frequency(group)
    if highest is None and band is None:
        raise RepresentationError(f"{group} has infinitely many irreps: give the highest frequency, band=…")
    return range(1, min(x for x in (highest, band) if x is not None) + 1)
