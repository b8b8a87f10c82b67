"""Groups by name, for command lines and configuration files."""

from __future__ import annotations

import re

from torsor.errors import GroupError
from torsor.groups.axial import Axial
from torsor.groups.base import Group
from torsor.groups.cyclic import Cyclic
from torsor.groups.dihedral import Dihedral
from torsor.groups.general_linear import GL, SL, GLPlus
from torsor.groups.inversion import Inversion
from torsor.groups.orthogonal import SO, O
from torsor.groups.permutations import Alternating, Symmetric
from torsor.groups.polyhedral import Icosahedral, Octahedral, Tetrahedral, TetrahedralFull
from torsor.groups.pseudo import SO0, Orthochronous
from torsor.groups.symplectic import Sp
from torsor.groups.trivial import Trivial
from torsor.groups.unitary import SU, U

POLYHEDRAL = {
    "T": Tetrahedral,
    "TD": TetrahedralFull,
    "TH": lambda: Tetrahedral().with_inversion(),
    "O": Octahedral,
    "OH": lambda: Octahedral().with_inversion(),
    "I": Icosahedral,
    "IH": lambda: Icosahedral().with_inversion(),
    "CI": lambda: Inversion(3),
}
"""The groups of R³ that keep no axis, and C_i."""

PLANAR_IN_SPACE = {"SO(2)": "C∞", "SO2": "C∞", "O(2)": "C∞V", "O2": "C∞V"}
"""Schoenflies symbols of planar groups about an axis."""


def from_name(name: str, dim: int | None = None) -> Group:
    """The group of a name, upper or lower case; ∞ may be written inf.

    C8, D4, SO(2), O(2) and {e} are planar groups, unless dim=3 asks for the groups about the last axis of space: C8
    and SO(2) turn about it, D4 has half turns across it, O(2) has mirrors through it (C∞v). Point groups need no
    dimension: Schoenflies symbols such as C4v, C3h, S6, D3d, D2h, Cs, Ci, T, Td, Th, O, Oh, I, Ih, C∞, C∞v, D∞h;
    "C4v (axis 0)" is about another axis. SO(n) and O(n) act on R^n, O(p,q), SO(p,q), SO0(p,q)
    and Orthochronous(p,q) on R^{p,q}. GL(3), GL+(3), SL(2), Sp(4), U(2), SU(2), S_4 and A_4 are other matrix groups.

    Args:
        name: the name.
        dim: the dimension of the space, where the name leaves it open.

    Raises:
        GroupError: no group has that name, in that dimension.
    """
    text = name.strip().upper().replace(" ", "").replace("INF", "∞")
    known = POLYHEDRAL[text]() if text in POLYHEDRAL else _trivial(text, dim)
    group = known or _matrix(text) or _axial(text, dim) or _planar(text)
    if group is None:
        raise GroupError(
            "expected the name of a group such as C8, D4, SO(2), O(2), {e}, C4v, D3d, S6, Oh, Ih, SO(1,3), SL(3), "
            f"Sp(4), SU(2) or S_4, got {name!r}"
        )
    if dim is not None and group.dim != dim:
        raise GroupError(f"expected a group of R^{dim}, but {name!r} names one of R^{group.dim}")
    return group


def _trivial(text: str, dim: int | None) -> Group | None:
    return Trivial(2 if dim is None else dim) if text in ("{E}", "E", "TRIVIAL") else None


def _matrix(text: str) -> Group | None:
    """A family with its numbers in brackets, such as SL(3), Sp(4), O(1,3); S_4 is Symmetric(4)."""
    match = re.fullmatch(r"(.+?)\((\d+)(?:,(\d+))?\)", text) or re.fullmatch(r"([SA])_(\d+)", text)
    if match is None:
        return None
    family, numbers = match[1], [int(x) for x in match.groups()[1:] if x is not None]
    build = (INDEFINITE if len(numbers) == 2 else FAMILIES).get(family)
    return build(*numbers) if build else None


FAMILIES = {
    "GL": GL,
    "GL+": GLPlus,
    "GL⁺": GLPlus,
    "SL": SL,
    "SP": Sp,
    "U": U,
    "SU": SU,
    "S_": Symmetric,
    "S": Symmetric,
    "A_": Alternating,
    "A": Alternating,
    "SYMMETRIC": Symmetric,
    "ALTERNATING": Alternating,
}
"""Families of groups with one number."""

INDEFINITE = {"O": O, "SO": SO, "SO0": SO0, "SO₀": SO0, "ORTHOCHRONOUS": Orthochronous, "O+": Orthochronous}
"""Families of groups with a signature."""


def _planar(text: str) -> Group | None:
    match = re.fullmatch(r"(C|D|SO|O)(\d+|\(\d+\))", text)
    if match is None:
        return None
    return {"C": Cyclic, "D": Dihedral, "SO": SO, "O": O}[match[1]](int(match[2].strip("()")))


def _axial(text: str, dim: int | None) -> Group | None:
    """A Schoenflies symbol, with the remarks of `Axial.name`; C8, D4, SO(2), O(2) only where dim is 3."""
    turned, axis = "MIRRORSONAXES" in text, re.search(r"AXIS([012])\)$", text)
    symbol = re.sub(r"\((MIRRORSONAXES)?,?(AXIS[012])?\)$", "", text)
    symbol = PLANAR_IN_SPACE.get(symbol, symbol) if dim == 3 else symbol
    symbol = "C1H" if symbol == "CS" else symbol
    match = re.fullmatch(r"(C|D|S)(\d+|∞)([VHD]?)", symbol)
    if match is None or (re.fullmatch(r"[CD]\d+", symbol) and dim != 3 and axis is None):
        return None
    family, order, suffix = match.groups()
    build = SCHOENFLIES.get((family, suffix))
    options = build(None if order == "∞" else int(order), turned) if build else None
    return Axial(*options, axis=int(axis[1]) if axis else -1) if options else None  # type: ignore[misc]


def _rotations(n: int | None) -> Group:
    return SO(2) if n is None else Cyclic(n)


def _reflections(n: int | None) -> Group:
    return O(2) if n is None else Dihedral(n)


SCHOENFLIES = {
    ("C", ""): lambda n, turned: (_rotations(n),),
    ("C", "H"): lambda n, turned: (_rotations(n), 1, 1, True),
    ("C", "V"): lambda n, turned: (_reflections(n),),
    ("D", ""): lambda n, turned: (_reflections(n), 1, -1),
    ("D", "H"): lambda n, turned: (_reflections(n), 1, 1, True),
    ("D", "D"): lambda n, turned: (Dihedral(2 * n), -1, 1 if turned else -1) if n else None,
    ("S", ""): lambda n, turned: (Cyclic(n), -1) if n and n % 2 == 0 else None,
}
"""The options of `Axial` by family and suffix of the Schoenflies symbol."""
