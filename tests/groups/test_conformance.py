"""The shipped suite on every family of groups, and names."""

import numpy as np
import pytest

from torsor import groups as G
from torsor import testing
from torsor.errors import GroupError

J = np.array([[0, -1], [1, 0.0]])
CHANGE = np.array([[2, 1], [0, 0.5]])
SCALE = G.MatrixGroup([np.eye(2)], label="scalings")
SL2 = G.MatrixGroup([[[1, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]], label="SL(2)")

GROUPS = [
    G.Trivial(1),
    G.Trivial(3),
    G.Reflection(1),
    G.Reflection(2, 0),
    G.Reflection(3),
    *(G.Cyclic(n) for n in (1, 2, 3, 4, 8, 17, 32)),
    *(G.Dihedral(n) for n in (1, 2, 3, 4, 7, 16)),
    G.SO(1),
    G.SO(2),
    G.SO(3),
    G.SO(4),
    G.O(1),
    G.O(2),
    G.O(3),
    G.O(1, 1),
    G.SO(1, 2),
    G.O(1, 2),
    G.O(1, 3),
    SCALE,
    SL2,
    G.MatrixGroup([], [np.roll(np.eye(4), 1, axis=0)]),
    G.MatrixGroup([CHANGE @ J @ np.linalg.inv(CHANGE)]),
    G.Dihedral(4) * G.Reflection(1),
    G.SO(2) * G.Cyclic(3),
    G.O(2) * G.O(1, 1),
    G.Cyclic(4).internal(G.Dihedral(3)),
    G.SO(2).internal(G.SO(2)),
    G.Join(G.SO(2), SCALE),
    G.Join(G.Cyclic(3), G.Cyclic(2)),
]


@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_group_laws(group):
    testing.check_group(group)


def test_groups_are_distinct():
    assert len({*GROUPS, *GROUPS}) == len(GROUPS) == len({repr(g) for g in GROUPS})


NAMES = {
    "C8": G.Cyclic(8),
    " d4 ": G.Dihedral(4),
    "SO(2)": G.SO(2),
    "so2": G.SO(2),
    "O(2)": G.O(2),
    "o2": G.O(2),
    "{e}": G.Trivial(2),
    "e": G.Trivial(2),
}


@pytest.mark.parametrize("name", NAMES)
def test_from_name(name):
    assert G.from_name(name) == NAMES[name]


@pytest.mark.parametrize("name", ["", "C", "8", "C-8", "E8", "C8x", "SO(2", "XL(2)"])
def test_unknown_names(name):
    with pytest.raises(GroupError, match="expected the name of a group such as C8"):
        G.from_name(name)


def test_from_name_inverts_the_name():
    for group in (*(G.Cyclic(n) for n in range(1, 33)), *(G.Dihedral(n) for n in range(1, 17)), G.SO(2), G.O(2)):
        assert G.from_name(str(group)) == group
