"""Finite groups: order, enumeration, membership, products."""

from math import factorial

import numpy as np
import pytest
import torch

from tests.oracles import FINITE, SMALL, matrices
from torsor import groups as G
from torsor.errors import GroupError
from torsor.groups import finite

QUATERNIONS = G.MatrixGroup(
    [],
    [
        [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]],
        [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]],
    ],
    "Q8",
)


def permutation_group(n: int) -> G.MatrixGroup:
    swap, cycle = np.eye(n)[[1, 0, *range(2, n)]], np.roll(np.eye(n), 1, axis=0)
    return G.MatrixGroup([], [swap, cycle])


@pytest.mark.parametrize("planar", [*FINITE, *SMALL], ids=lambda p: p.name)
def test_elements_are_those_of_the_closed_form_in_the_documented_order(planar):
    """C_N: r^k. D_N: r^k, then r^k f."""
    group = planar.group
    assert group.order == planar.order == len(group.elements())
    assert np.abs(group.element_array - planar.elements).max() < 1e-13
    assert group.elements().dtype == torch.float64


@pytest.mark.parametrize("planar", [*FINITE[::5], *SMALL], ids=lambda p: p.name)
def test_membership_of_rotations_and_reflections(planar):
    """r_θ is in C_N iff θ N is a multiple of 2π; a 1e-3 turn away nothing is."""
    angles = np.repeat(planar.angles, 2)
    flips = np.tile([0.0, 1.0], planar.order)
    expected = np.array(
        [
            any(
                abs(np.exp(1j * a) - np.exp(1j * b)) < 1e-9 and s == t
                for b, t in zip(planar.angles, planar.flips, strict=True)
            )
            for a, s in zip(angles, flips, strict=True)
        ]
    )
    assert np.array_equal(planar.group.contains(matrices(angles, flips)), expected)
    assert not planar.group.contains(matrices(angles + 1e-3, flips)).any()
    assert not planar.group.contains(1.001 * matrices(angles, flips)).any()


def test_right_angles_are_exact():
    for group in (G.Cyclic(4), G.Dihedral(4), G.Dihedral(2)):
        assert np.array_equal(group.element_array, np.rint(group.element_array))
    image = torch.randn(1, 3, 3)
    turn = G.Cyclic(4).elements()[1]
    rotated = torch.zeros_like(image)
    for i in range(3):
        for j in range(3):
            a, b = (turn @ torch.tensor([i - 1.0, j - 1.0], dtype=torch.float64) + 1).int().tolist()
            rotated[0, a, b] = image[0, i, j]
    assert torch.equal(rotated, torch.rot90(image, 1, (-2, -1)))


@pytest.mark.parametrize("n", range(2, 6))
def test_matrix_group_of_permutations(n):
    group = permutation_group(n)
    assert group.order == factorial(n)
    assert group.is_finite and group.is_compact and group.is_orthogonal
    assert np.abs(group.element_array.sum(-1) - 1).max() < 1e-12


def test_quaternion_group():
    assert QUATERNIONS.order == 8 and str(QUATERNIONS) == "Q8"
    i, j = QUATERNIONS.generators
    assert torch.equal(i @ i, -torch.eye(4, dtype=torch.float64)) and torch.equal(i @ j, -(j @ i))
    traces = QUATERNIONS.elements().diagonal(dim1=-2, dim2=-1).sum(-1)
    assert sorted(traces.tolist()) == [-4, 0, 0, 0, 0, 0, 0, 4]


def test_non_orthogonal_finite_group():
    hexagonal = G.MatrixGroup([], [[[1, -1], [1, 0]]])
    assert hexagonal.order == 6 and hexagonal.is_compact and not hexagonal.is_orthogonal
    g = hexagonal.elements()
    assert (hexagonal.inverse(g) @ g - torch.eye(2)).abs().max() < 1e-12


def test_index_finds_elements_and_refuses_others():
    group = G.Dihedral(5)
    order = np.random.default_rng(0).permutation(10)
    assert np.array_equal(group.index(group.elements()[order].float()), order)
    assert group.index(group.element_array.reshape(2, 5, 2, 2)).shape == (2, 5)
    for stranger in (2 * np.eye(2), np.full((2, 2), np.nan)):
        with pytest.raises(GroupError, match="expected elements of D5"):
            group.index(stranger)


def test_sample_is_uniform_over_elements(generator):
    group = G.Dihedral(3)
    index = group.index(group.sample(6000, generator))
    assert np.abs(np.bincount(index, minlength=6) / 1000 - 1).max() < 0.15


@pytest.mark.parametrize("stretch", [np.diag([2.0, 0.5]), np.diag([-1.5, 1.0])])
def test_infinite_discrete_group_has_no_elements_to_list(stretch):
    group = G.MatrixGroup([], [stretch])
    assert group.order is None and not group.is_finite and not group.is_compact
    with pytest.raises(GroupError, match="expected a finite group"):
        group.elements()


def test_rotation_of_infinite_order_is_an_error(monkeypatch):
    monkeypatch.setattr(finite, "MAX_ORDER", 300)
    c, s = np.cos(1.0), np.sin(1.0)
    with pytest.raises(GroupError, match="more than 300 elements"):
        G.MatrixGroup([], [[[c, -s], [s, c]]]).elements()


def test_enumerating_a_lie_group_is_an_error():
    with pytest.raises(GroupError, match=r"SO\(2\) is infinite.*sample"):
        G.SO(2).elements()
    assert G.SO(2).order is None and not G.SO(2).is_finite


@pytest.mark.parametrize(
    "make",
    [
        lambda: G.Cyclic(0),
        lambda: G.Dihedral(0),
        lambda: G.Trivial(0),
        lambda: G.Reflection(2, 2),
        lambda: G.Reflection(0),
        lambda: G.SO(0),
        lambda: G.O(-1, 2),
    ],
)
def test_groups_that_cannot_be(make):
    with pytest.raises(GroupError, match="expected"):
        make()
