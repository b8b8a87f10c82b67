"""Permutation groups: orders in closed form, membership, large groups that nobody lists, equivariant maps of sets."""

from math import factorial

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import GroupError
from torsor.groups.finite import enumerate_elements
from torsor.testing import check_group, check_representation

BELL = [1, 1, 2, 5, 15, 52, 203, 877, 4140]
"""The number of partitions of 0, 1, 2, … things."""


def petersen():
    a = np.zeros((10, 10))
    for i in range(5):
        for x, y in [(i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5)]:
            a[x, y] = a[y, x] = 1
    return a


GROUPS = [
    G.Symmetric(1),
    G.Symmetric(2),
    G.Symmetric(4),
    G.Symmetric(20),
    G.Alternating(4),
    G.Alternating(5),
    G.PermutationGroup([[(0, 1, 2, 3)], [(0, 2)]], degree=4),
    G.PermutationGroup.of_graph(petersen()),
    G.RubiksCube(),
]


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_laws(group):
    check_group(group)


def test_representations():
    for group in (G.Symmetric(3), G.Alternating(4), G.Symmetric(20)):
        for rep in (R.standard(group), R.sign(group)):
            check_representation(rep)
    check_representation(R.regular(G.Symmetric(3)))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 50])
def test_orders(n):
    assert G.Symmetric(n).order == factorial(n)
    assert G.Alternating(n).order == max(1, factorial(n) // 2)


def test_chain_agrees_with_closed_forms_and_with_listing():
    for n in (2, 3, 5, 8):
        assert G.Symmetric(n).chain.order == factorial(n)
    assert G.Alternating(7).chain.order == factorial(7) // 2
    rng = np.random.default_rng(0)
    for _ in range(6):
        group = G.PermutationGroup([rng.permutation(6).tolist() for _ in range(2)])
        listed = enumerate_elements(group.generator_array)
        assert group.order == len(listed)
        every = G.Symmetric(6).element_array
        inside = group.contains(every)
        assert inside.sum() == len(listed) and group.contains(listed).all()


def test_known_groups():
    assert G.RubiksCube().order == 43_252_003_274_489_856_000
    assert G.PermutationGroup.of_graph(petersen()).order == 120
    cube = np.array([[bin(i ^ j).count("1") == 1 for j in range(8)] for i in range(8)], dtype=float)
    assert G.PermutationGroup.of_graph(cube).order == 48
    path = np.diag(np.ones(3), 1)
    assert G.PermutationGroup.of_graph(path).order == 1
    assert G.PermutationGroup.of_graph(path + path.T).order == 2
    mathieu = [[(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)], [(2, 6, 10, 7), (3, 9, 4, 5)]]
    assert G.PermutationGroup(mathieu, degree=11).order == 7920  # M11


def test_a_cubelet_stays_whole():
    """Swapping two facelets is no move of the cube, nor is turning one corner."""
    cube, swap = G.RubiksCube(), np.arange(48)
    swap[[0, 1]] = [1, 0]
    matrix = np.eye(48)[swap].T
    assert not cube.contains(matrix) and cube.contains(np.eye(48))


def test_samples_are_uniform():
    group = G.PermutationGroup([[(0, 1, 2)]], degree=3)
    index = group.index(group.sample(3000, torch.Generator().manual_seed(0)))
    assert np.abs(np.bincount(index) - 1000).max() < 120
    index = G.Symmetric(3).index(G.Symmetric(3).sample(6000, torch.Generator().manual_seed(0)))
    assert np.abs(np.bincount(index) - 1000).max() < 120


@pytest.mark.parametrize(("k", "l"), [(0, 1), (1, 1), (0, 2), (2, 1), (2, 2)])
def test_maps_of_tensors_over_a_set_count_partitions(k, l):  # noqa: E741
    group = G.Symmetric(k + l + 1)
    assert len(R.hom(R.tensor(group, k), R.tensor(group, l))) == BELL[k + l]


def test_deep_sets_layer():
    """Maps of sets are a 1 + b (mean), for 20 points, whose group nobody lists."""
    group = G.Symmetric(20)
    layer = nn.Linear(R.standard(group), R.standard(group)).double()
    w = layer.matrix().detach()
    off = w[~torch.eye(20, dtype=torch.bool)]
    assert layer.kernel.weight.numel() == 2
    assert torch.allclose(w.diagonal(), w[0, 0].expand(20)) and torch.allclose(off, off[0].expand_as(off))
    g, x = group.sample(1)[0], torch.randn(4, 20, dtype=torch.float64)
    assert torch.allclose(layer(x @ g.T), layer(x) @ g.T, atol=1e-12)


def test_errors_say_what_to_do():
    with pytest.raises(GroupError, match="2432902008176640000 elements"):
        G.Symmetric(20).elements()
    for build in (
        lambda: G.PermutationGroup([[0, 0, 1]]),
        lambda: G.PermutationGroup([]),
        lambda: G.PermutationGroup([[(0, 5)]], degree=3),
        lambda: G.Symmetric(0),
        lambda: G.PermutationGroup.of_graph(np.zeros((2, 3))),
    ):
        with pytest.raises(GroupError, match="expected"):
            build()
