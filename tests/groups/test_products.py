"""Direct products, internal products, joins, matrix groups, the subgroup relation."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor.errors import GroupError

J = np.array([[0, -1], [1, 0.0]])
SCALE = G.MatrixGroup([np.eye(2)], label="scalings")


def test_product_acts_on_the_sum():
    group = G.Cyclic(4) * G.Reflection(1)
    assert (group.dim, group.order, str(group)) == (3, 8, "C4 × R")
    for g in group.element_array:
        assert np.abs(g[:2, 2:]).max() == 0 and np.abs(g[2:, :2]).max() == 0
        assert G.Cyclic(4).contains(g[:2, :2]) and abs(g[2, 2]) == 1
    assert len(np.unique(np.round(group.element_array, 6), axis=0)) == 8
    a, b = group.project(group.elements())
    assert a.shape == (8, 2, 2) and b.shape == (8, 1, 1)


def test_product_membership():
    group = G.SO(2) * G.Cyclic(3)
    g = group.sample(10, torch.Generator().manual_seed(0))
    assert group.contains(g).all()
    mixed, wrong, tilted = g.clone(), g.clone(), g.clone()
    mixed[:, 0, 3] = 1e-3
    wrong[:, 2:, 2:] = torch.tensor([[0.0, -1], [1, 0]])
    tilted[:, :2, :2] *= 1.01
    for x in (mixed, wrong, tilted):
        assert not group.contains(x).any()


def test_internal_product_acts_on_fields_only():
    group = G.Cyclic(4).internal(G.Cyclic(3))
    assert (group.dim, group.order) == (2, 12)
    g = group.elements()
    assert g.shape == (12, 4, 4)
    action = group.action(g)
    assert torch.equal(action, g[:, :2, :2])
    assert {int(i) for i in G.Cyclic(4).index(action)} == {0, 1, 2, 3}
    assert group != G.Cyclic(4) * G.Cyclic(3)
    nested = group.internal(G.Reflection(1))
    assert nested.dim == 2 and nested.action(nested.elements()).shape == (24, 2, 2)


def test_join_of_commuting_groups():
    group = G.Join(G.SO(2), SCALE)
    assert (group.dim, group.order, len(group.algebra)) == (2, None, 2)
    for angle, factor in ((0.0, 1.0), (2.0, 3.0), (-3.0, 0.1)):
        c, s = factor * np.cos(angle), factor * np.sin(angle)
        assert group.contains(np.array([[c, -s], [s, c]]))
        assert not group.contains(np.array([[c, s], [s, -c]]))
        assert not group.contains(np.array([[c, -s], [s, 1.1 * c]]))
    assert G.Join(G.Cyclic(4), G.MatrixGroup([], [np.diag([-1.0, -1])])).order == 4
    assert G.Join(G.Cyclic(3), G.Cyclic(2)).order == 6


def test_join_errors():
    with pytest.raises(GroupError, match="do not commute"):
        G.Join(G.SO(2), G.Reflection(2))
    with pytest.raises(GroupError, match="one R\\^d, got dimensions 2 and 3"):
        G.Join(G.SO(2), G.SO(3))


def test_matrix_group_equality_goes_by_generators():
    a, again = G.MatrixGroup([J], label="a"), G.MatrixGroup(torch.tensor(J)[None])
    near, far = G.MatrixGroup([J + 1e-13]), G.MatrixGroup([J, np.eye(2)])
    assert a == again and hash(a) == hash(again) and a == near and a != far
    assert a != G.MatrixGroup([], [J]) and a != G.SO(2)
    assert str(a) == "a" and str(again).startswith("MatrixGroup(")


BAD = {
    "normalise": ([J], [np.diag([2.0, 1.0])]),
    "not closed": ([[[0, 1], [0, 0]], [[0, 0], [1, 0]]], []),
    "dependent": ([[[0, -1], [1, 0]], [[0, -2], [2, 0]]], []),
    "singular": ([], [np.ones((2, 2))]),
    "NaN": ([np.full((2, 2), np.nan)], []),
    "one size": ([J], [np.eye(3)]),
    "got the sizes": ([], []),
    "shape": ([np.ones((2, 3))], []),
    "of one size": ([np.eye(2), np.eye(3)], []),
}


@pytest.mark.parametrize("message", BAD)
def test_matrix_group_errors(message):
    with pytest.raises(GroupError, match=message):
        G.MatrixGroup(*BAD[message])


SUBGROUPS = [
    (G.Trivial(2), G.Cyclic(5), True),
    (G.Cyclic(2), G.Cyclic(4), True),
    (G.Cyclic(4), G.Cyclic(2), False),
    (G.Cyclic(3), G.Cyclic(4), False),
    (G.Cyclic(4), G.Dihedral(4), True),
    (G.Reflection(2), G.Dihedral(3), True),
    (G.Reflection(2, 0), G.Dihedral(3), False),
    (G.Reflection(2, 0), G.Dihedral(2), True),
    (G.Dihedral(4), G.SO(2), False),
    (G.Dihedral(8), G.O(2), True),
    (G.Cyclic(7), G.SO(2), True),
    (G.SO(2), G.O(2), True),
    (G.O(2), G.SO(2), False),
    (G.SO(2), G.Cyclic(8), False),
    (G.SO(2), G.Join(G.SO(2), SCALE), True),
    (SCALE, G.SO(2), False),
    (G.SO(1, 2), G.O(1, 2), True),
    (G.SO(3), G.O(1, 2), False),
    (G.Cyclic(4), G.SO(3), False),
    (G.SO(2) * G.Reflection(1), G.O(3), True),
    (G.SO(2) * G.Reflection(1), G.SO(3), False),
]


@pytest.mark.parametrize("small, large, expected", SUBGROUPS, ids=lambda x: str(x))
def test_subgroup_relation(small, large, expected):
    assert (small <= large) is expected


def test_elements_have_the_groups_size():
    with pytest.raises(GroupError, match=r"matrices of shape \(..., 2, 2\), got \(3, 3\)"):
        G.Cyclic(4).contains(np.eye(3))
