"""Scalings: a discrete group that is not finite, alone, joined with rotations, and the continuous one."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor.errors import GroupError
from torsor.symbolic import Symbolic
from torsor.testing import check_group

GROUPS = [
    G.Scaling(1),
    G.Scaling(2, 2**0.5),
    G.Scaling(3, 4 ** (1 / 3)),
    G.Scaling(2, None),
    G.Join(G.SO(2), G.Scaling(2)),
    G.Join(G.Cyclic(8), G.Scaling(2)),
    G.Join(G.Dihedral(4), G.Scaling(2, 2**0.5)),
    G.Join(G.Scaling(2), G.O(2)),
    G.Join(G.SO(2), G.Scaling(2, None)),
    G.Join(G.Octahedral(), G.Scaling(3, 3.0)),
    G.Cyclic(4) * G.Scaling(1),
]


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_laws(group):
    check_group(group)
    assert not group.is_finite and group.order is None and not group.is_compact
    with pytest.raises(GroupError, match="expected a finite group"):
        group.elements()


def test_membership_is_by_powers_of_the_base():
    group, one = G.Scaling(2, 2**0.5), np.eye(2)
    inside = [2.0**-3 * one, one, 2**0.5 * one, 1e6 ** (np.log(2) / np.log(2)) * 0 + 2.0**20 * one]
    outside = [1.5 * one, -one, np.diag([2.0, 1.0]), 0 * one, np.full((2, 2), np.nan), [[0.0, -1.0], [1.0, 0.0]]]
    assert group.contains(np.stack(inside)).all() and not group.contains(np.stack(outside)).any()
    assert G.Scaling(2, None).contains(1.5 * one) and not G.Scaling(2, None).contains(-one)


def test_membership_of_a_join_splits_off_the_scale():
    group = G.Join(G.Cyclic(4), G.Scaling(2))
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert group.contains(np.stack([4 * turn, 0.5 * turn @ turn])).all()
    flip = np.diag([1.0, -1.0])
    assert not group.contains(np.stack([3 * turn, 2 * flip, 2 * (turn + np.eye(2)) / 2**0.5])).any()
    assert G.Join(G.Dihedral(4), G.Scaling(2)).contains(2 * flip)


@pytest.mark.parametrize(("base", "scale"), [(2.0, None), (2**0.5, 3.0), (None, 0.5)])
def test_samples_spread_as_told(base, scale, generator):
    group = G.Scaling(2, base)
    g = group.sample(4000, generator, scale)
    powers = torch.log(g[:, 0, 0]) / (np.log(base) if base else 1.0)
    variance = (scale or 1.0) ** 2 + (1 / 12 if base else 0.0)  # rounding adds a twelfth
    assert abs(powers.mean()) < 0.2 and abs(float(powers.var()) / variance - 1) < 0.1
    assert base is None or float((powers - powers.round()).abs().max()) < 1e-9


def test_a_join_scales_up_and_down():
    g = G.Join(G.Cyclic(8), G.Scaling(2)).sample(200, torch.Generator().manual_seed(0))
    size = torch.linalg.det(g)
    assert (size < 0.9).any() and (size > 1.1).any() and ((size - 1).abs() < 1e-9).any()


def test_inclusions():
    assert G.Scaling(2, 4.0) <= G.Scaling(2, 2.0) <= G.Scaling(2, None) and not G.Scaling(2, 2.0) <= G.Scaling(2, 4.0)
    assert G.Cyclic(4) <= G.Join(G.Cyclic(8), G.Scaling(2)) and G.Scaling(2) <= G.Join(G.SO(2), G.Scaling(2))


def test_elements_and_identity():
    group = G.Scaling(3, 2**0.5)
    assert torch.allclose(
        group.element(torch.tensor([2, -2])), torch.stack([2 * torch.eye(3), torch.eye(3) / 2]).double()
    )
    assert (
        group == Symbolic.from_dict(group.to_dict()) and group != G.Scaling(3, 2.0) and G.Scaling(2, 2) == G.Scaling(2)
    )


@pytest.mark.parametrize(
    "arguments", [(0,), (2, 1.0), (2, 0.5), (2, -2.0), (2, float("inf")), (2, float("nan")), (2, "2")]
)
def test_bad_arguments(arguments):
    with pytest.raises(GroupError, match="expected a"):
        G.Scaling(*arguments)
    with pytest.raises(GroupError, match="no powers"):
        G.Scaling(2, None).element(1)
    with pytest.raises(GroupError, match="components"):
        _ = G.Scaling(2).component_array


def test_other_infinite_discrete_groups_are_not_finite():
    shear = G.MatrixGroup([], [[[1.0, 1.0], [0.0, 1.0]]])
    assert not shear.is_finite and shear.order is None
    assert G.MatrixGroup([], [[[0.0, -2.0], [0.5, 0.0]]]).order == 4  # conjugate to C4
