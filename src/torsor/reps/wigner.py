"""The irreps of SO(3) and O(3): Wigner matrices in the real basis of `torsor.linalg.spherical`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import SO, Group, O
from torsor.linalg import Array, clebsch_gordan, namespace, wigner, wigner_derivative
from torsor.reps.base import Representation
from torsor.reps.basic import Density, TrivialRepresentation

MAX_DEGREE = 30
"""Up to this degree homomorphism and orthogonality hold to 1e-11; larger ones are refused."""


def _check_degree(group: Group, kind: type, l: int) -> None:
    if not isinstance(group, kind) or group.dim != 3 or not group.is_compact:
        raise RepresentationError(f"degrees label the irreps of SO(3) and O(3), got one of {group}")
    if not 1 <= l <= MAX_DEGREE:
        raise RepresentationError(
            f"expected a degree from 1 to {MAX_DEGREE} (0 is trivial or sign), where Wigner matrices hold to 1e-11; "
            f"got {l}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class DegreeIrrep(Representation):
    """Degree l of SO(3): the real Wigner matrix D^l(g), Y_l(gv) = D^l(g) Y_l(v), of dimension 2l + 1.

    Components m = -l … l of the real spherical harmonics about axis 1; D¹(g) = g.

    Raises:
        RepresentationError: another group, or a degree outside 1 … 30.
    """

    group: Group
    l: int

    def __post_init__(self) -> None:
        _check_degree(self.group, SO, self.l)

    @property
    def dim(self) -> int:
        return 2 * self.l + 1

    @property
    def name(self) -> str:
        return f"irrep({self.l})"

    def _rho(self, g: Array) -> Array:
        return wigner(g, self.l)

    def _derivative(self, a: Array) -> Array:
        return wigner_derivative(a, self.l)


@dataclass(frozen=True, eq=False, repr=False)
class DegreeParityIrrep(Representation):
    """(l, parity) of O(3): D^l of rotations, and ρ(-1) = parity; "1o" is vectors, "1e" pseudovectors.

    Raises:
        RepresentationError: another group, a degree outside 1 … 30, or a parity other than ±1.
    """

    group: Group
    l: int
    parity: int

    def __post_init__(self) -> None:
        _check_degree(self.group, O, self.l)
        if self.parity not in (1, -1):
            raise RepresentationError(f"expected a parity 1 (even, e) or -1 (odd, o), got {self.parity!r}")

    @property
    def dim(self) -> int:
        return 2 * self.l + 1

    @property
    def name(self) -> str:
        return f"irrep({self.l}{'e' if self.parity == 1 else 'o'})"

    def _rho(self, g: Array) -> Array:
        if self.parity == (-1) ** self.l:
            return wigner(g, self.l)
        xp = namespace(g)
        return xp.sign(xp.linalg.det(g))[..., None, None] * wigner(g, self.l)

    def _derivative(self, a: Array) -> Array:
        return wigner_derivative(a, self.l)


def degree_irreps(group: Group, band: int | None) -> tuple[Representation, ...]:
    """The irreps of SO(3), l = 0 … band, or of O(3), each degree even and odd.

    Raises:
        RepresentationError: no band limit.
    """
    if band is None:
        raise RepresentationError(f"{group} has infinitely many irreps: give the highest degree, band=…")
    if isinstance(group, SO):
        return (TrivialRepresentation(group), *(DegreeIrrep(group, l) for l in range(1, band + 1)))
    found: list[Representation] = [TrivialRepresentation(group), Density(group, 0.0, True)]
    found += [DegreeParityIrrep(group, l, parity) for l in range(1, band + 1) for parity in (1, -1)]
    return tuple(found)


def degree_label(rep: Representation) -> tuple[int, ...] | None:
    """(l,) of an irrep of SO(3), (l, parity) of O(3), None of other representations."""
    if rep.group.dim != 3 or not isinstance(rep.group, (SO, O)) or not rep.group.is_compact:
        return None
    reflects = isinstance(rep.group, O)
    if isinstance(rep, DegreeIrrep):
        return (rep.l,)
    if isinstance(rep, DegreeParityIrrep):
        return (rep.l, rep.parity)
    if isinstance(rep, TrivialRepresentation):
        return (0, 1) if reflects else (0,)
    if isinstance(rep, Density) and rep.weight == 0 and rep.odd and reflects:
        return (0, -1)
    return None


def parse_degree(symbol: str) -> tuple[int, ...] | None:
    """ "2" -> (2,), "2e" -> (2, 1), "1o" -> (1, -1), None for other symbols."""
    match = re.fullmatch(r"([0-9]+)([eo]?)", symbol.strip())
    if match is None:
        return None
    parity = {"": (), "e": (1,), "o": (-1,)}[match[2]]
    return (int(match[1]), *parity)


def coupling(left: Representation, right: Representation, out: Representation) -> np.ndarray | None:
    """Hom(left ⊗ right, out) of irreps of SO(3) or O(3), Clebsch–Gordan coefficients C with C Cᵀ = 1.

    Returns:
        (0 or 1, dim out, dim left, dim right); None for other representations.
    """
    labels = [degree_label(rep) for rep in (left, right, out)]
    if any(label is None for label in labels):
        return None
    (l1, *p1), (l2, *p2), (l3, *p3) = labels  # type: ignore[misc]
    allowed = abs(l1 - l2) <= l3 <= l1 + l2 and np.prod([*p1, *p2, *p3]) == 1
    return clebsch_gordan(l1, l2, l3)[None][: int(allowed)]
