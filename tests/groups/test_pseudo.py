"""SO0(p, q) and the orthochronous groups: components, membership, subgroups, definite and bad signatures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor.errors import GroupError
from torsor.testing.groups import check_group

SIGNATURES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)]


def flips(p: int, q: int) -> dict[str, np.ndarray]:
    """One element of every component of O(p, q)."""
    time, space = np.eye(p + q), np.eye(p + q)
    time[0, 0], space[-1, -1] = -1, -1
    return {"1": np.eye(p + q), "time": time, "space": space, "both": time @ space}


@pytest.mark.parametrize("p, q", SIGNATURES)
@pytest.mark.parametrize(
    "group, kept",
    [
        (G.SO0, {"1"}),
        (G.Orthochronous, {"1", "space"}),
        (G.SO, {"1", "both"}),
        (G.O, {"1", "time", "space", "both"}),
    ],
)
def test_the_groups_are_unions_of_components(group, kept, p, q):
    g = group(p, q)
    far = G.SO0(p, q).sample(20, torch.Generator().manual_seed(0), scale=2.0)
    assert len(g.component_array) == len(kept)
    for name, flip in flips(p, q).items():
        inside = g.contains(far @ torch.from_numpy(flip))
        assert bool(inside.all()) if name in kept else not bool(inside.any())


@pytest.mark.parametrize("p, q", SIGNATURES[:3])
@pytest.mark.parametrize("group", [G.SO0, G.Orthochronous])
def test_conformance(group, p, q):
    check_group(group(p, q))


@pytest.mark.parametrize("p, q", SIGNATURES)
def test_they_are_subgroups_of_each_other(p, q):
    assert G.SO0(p, q) <= G.Orthochronous(p, q) <= G.O(p, q)
    assert G.SO0(p, q) <= G.SO(p, q) <= G.O(p, q)
    assert not G.Orthochronous(p, q) <= G.SO(p, q)
    assert not G.SO(p, q) <= G.SO0(p, q)
    assert G.SO0(p, q) != G.Orthochronous(p, q) != G.SO(p, q)


def test_matrices_that_do_not_preserve_the_metric_are_outside():
    shear = torch.eye(3, dtype=torch.float64)
    shear[0, 1] = 0.5
    assert not G.SO0(1, 2).contains(shear)
    assert not G.Orthochronous(1, 2).contains(2 * torch.eye(3))


def test_definite_signatures():
    assert G.SO0(3) == G.SO0(0, 3) == G.SO(3)
    for bad in ((0, 3), (3, 0)):
        with pytest.raises(GroupError, match=r"no direction of time; take O\(3\) or SO\(3\)"):
            G.Orthochronous(*bad)
    for group in (G.SO0, G.Orthochronous):
        with pytest.raises(GroupError, match="signature"):
            group(0, 0)
        with pytest.raises(GroupError, match="signature"):
            group(-1, 2)


def test_the_inversion_reverses_an_odd_number_of_time_axes():
    assert G.Orthochronous(1, 2).with_inversion() == G.O(1, 2)
    assert G.Orthochronous(2, 1).with_inversion() == G.Orthochronous(2, 1)
    assert G.SO0(2, 2).with_inversion() == G.SO0(2, 2)
    assert bool(G.SO0(1, 3).with_inversion().contains(-torch.eye(4)))


def test_names():
    for group in (G.O(1, 3), G.SO(1, 2), G.SO0(2, 1), G.Orthochronous(1, 1)):
        assert G.from_name(group.name) == G.from_name(group.name.lower()) == group
