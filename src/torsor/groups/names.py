"""Groups by name, for command lines and configuration files."""

from __future__ import annotations

import re

from torsor.errors import GroupError
from torsor.groups.base import Group
from torsor.groups.cyclic import Cyclic
from torsor.groups.dihedral import Dihedral
from torsor.groups.orthogonal import SO, O
from torsor.groups.trivial import Trivial


def from_name(name: str) -> Group:
    """The group of a name: C8, D4, SO(2) or SO2, O(2) or O2, {e} or e (in the plane).

    Raises:
        GroupError: no group has that name.
    """
    text = name.strip().upper().replace(" ", "")
    if text in ("{E}", "E", "TRIVIAL"):
        return Trivial(2)
    match = re.fullmatch(r"(C|D|SO|O)(\d+|\(\d+\))", text)
    if match is None:
        raise GroupError(f"expected the name of a group such as C8, D4, SO(2), O(2) or {{e}}, got {name!r}")
    family = {"C": Cyclic, "D": Dihedral, "SO": SO, "O": O}[match.group(1)]
    return family(int(match.group(2).strip("()")))
