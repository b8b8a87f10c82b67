"""The shipped suite on every kind of representation of every kind of group."""

import numpy as np
import pytest

from tests.groups.test_finite import QUATERNIONS, permutation_group
from torsor import groups as G
from torsor import reps as R
from torsor import testing

SCALE = G.MatrixGroup([np.eye(2)], label="scalings")
SL2 = G.MatrixGroup([[[1, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]], label="SL(2)")
GL2 = G.MatrixGroup([[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 1]]], label="GL(2)")
HEXAGONAL = G.MatrixGroup([], [[[1, -1], [1, 0]]], label="C6 in lattice coordinates")

GROUPS = [
    G.Trivial(1),
    G.Trivial(2),
    G.Reflection(1),
    G.Reflection(2),
    G.Cyclic(1),
    G.Cyclic(5),
    G.Cyclic(8),
    G.Dihedral(1),
    G.Dihedral(3),
    G.Dihedral(4),
    G.SO(2),
    G.O(2),
    G.SO(3),
    G.O(3),
    G.O(1, 1),
    G.O(1, 2),
    SCALE,
    SL2,
    GL2,
    HEXAGONAL,
    QUATERNIONS,
    G.Join(G.SO(2), SCALE),
    G.SO(2) * G.Reflection(1),
    G.Cyclic(4).internal(G.Cyclic(3)),
]


def every(group: G.Group) -> list[R.Representation]:
    """One of each kind that the group has."""
    v = R.standard(group)
    found = [
        R.trivial(group),
        R.sign(group),
        R.density(group, -0.5),
        v,
        v.dual(),
        R.tensor(group, 1, 1),
        R.symmetric(group, 2),
        R.exterior(group, min(2, group.dim)),
        2 * v + R.trivial(group) + R.sign(group),
        v * R.symmetric(group, 2),
        v.restrict(G.Trivial(group.dim)) if group.dim == group.algebra_array.shape[-1] else v,
    ]
    if group.is_finite:
        found += [R.regular(group), *R.irreps(group)]
    return found


CASES = [rep for group in GROUPS for rep in every(group)] + [
    *R.irreps(G.SO(2), 4),
    *R.irreps(G.O(2), 3),
    R.regular(G.SO(2), band=3),
    R.regular(G.O(2), band=2),
    R.quotient(G.O(2), G.Dihedral(3), band=6),
    R.induced(G.O(2), R.irrep(G.SO(2), 2)),
    R.induced(G.Dihedral(6), R.irrep(G.Dihedral(3), 1, 1)),
    R.quotient(G.Dihedral(6), G.Reflection(2)),
    R.quotient(permutation_group(4), G.MatrixGroup([], [np.eye(4)[[1, 0, 2, 3]]])),
    R.induced(G.O(1, 2), R.standard(G.SO(1, 2))),
    R.irrep(G.SO(2), 3).restrict(G.Cyclic(6)),
    R.tensor(HEXAGONAL, 2) + R.regular(HEXAGONAL),
    R.decompose(R.tensor(G.SO(3), 2)).blocks[1][1],
]


@pytest.mark.parametrize("rep", CASES, ids=str)
def test_representation_laws(rep):
    testing.check_representation(rep)
