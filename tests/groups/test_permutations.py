"""Permutation groups: orders in closed form, membership, large groups that nobody lists, equivariant maps of sets."""

from math import factorial

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import GroupError, RepresentationError
from torsor.groups import automorphisms
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
    G.Automorphisms(petersen()),
    G.PocketCube(),
    G.RubiksCube(),
    G.Symmetric(12) * G.SO(2),
    G.SO(2).internal(G.Symmetric(10)),
    G.Symmetric(8) * G.Symmetric(9),
    G.Symmetric(9).with_inversion(),
    G.Join(G.MatrixGroup([], [-np.eye(9)], label="±1"), G.Symmetric(9)),
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
    assert G.Automorphisms(petersen()).order == 120
    assert G.PocketCube().order == factorial(8) * 3**7
    mathieu = [[(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)], [(2, 6, 10, 7), (3, 9, 4, 5)]]
    assert G.PermutationGroup(mathieu, degree=11).order == 7920  # M11


def ring(n):
    return np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0)


@pytest.mark.parametrize(
    ("adjacency", "order"),
    [
        (np.diag(np.ones(3), 1), 1),  # a directed path
        (np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1), 2),
        (np.roll(np.eye(9), 1, 0), 9),  # a directed ring
        (ring(30), 60),
        (np.kron(np.eye(2), ring(5)), 2 * 10**2),
        (np.diag([1.0, 1.0, 2.0, 2.0, 2.0]), 2 * 6),  # weighted loops
        (np.zeros((12, 12)), factorial(12)),
        ([[bin(i ^ j).count("1") == 1 for j in range(32)] for i in range(32)], 2**5 * factorial(5)),  # a hypercube
        ([[(i // 5 == j // 5) != (i % 5 == j % 5) for j in range(25)] for i in range(25)], 2 * 120**2),  # rook's moves
        ([[(i - j) % 13 in (1, 3, 4, 9, 10, 12) for j in range(13)] for i in range(13)], 13 * 6),  # Paley
    ],
)
def test_symmetries_of_graphs(adjacency, order):
    group, a = G.Automorphisms(adjacency), np.asarray(adjacency, dtype=float)
    assert group.order == order
    g = group.generator_array
    assert np.array_equal(g @ a, a @ g) and len(g) < max(2, len(a))


def test_a_graph_that_is_too_hard(monkeypatch):
    monkeypatch.setattr(automorphisms, "MAX_STEPS", 10)
    with pytest.raises(GroupError, match="over 10 steps"):
        G.Automorphisms(ring(8))


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


def test_layer_of_pairs():
    """The 15 linear maps of matrices over a set, and 5 from matrices to vectors; the type of pairs is not split."""
    group = G.Symmetric(12)
    pairs, points = R.tensor(group, 2), R.standard(group)
    assert R.decompose(pairs).blocks == ((1, pairs),)
    for rho, sigma, number in [(pairs, pairs, 15), (pairs, points, 5), (points, pairs, 5)]:
        assert nn.Linear(rho, sigma, bias=False).weight.numel() == number
    layer = nn.Linear(4 * pairs, 4 * pairs).double()
    g, x = group.sample(1)[0], torch.randn(64, layer.in_rep.dim, dtype=torch.float64)
    moved = layer.in_rep.rho(g)
    assert torch.allclose(layer(x @ moved.T), layer(x) @ moved.T, atol=1e-12)
    assert 0.5 < layer(x).var().item() < 2


def test_types_of_a_large_group():
    """Orbits of points: cosets of the stabiliser; a point and a mean are the irreps of a permuted axis."""
    group = G.Symmetric(10)
    stabiliser = G.PermutationGroup([[(0, 1)], [tuple(range(9))]], degree=10)
    points = R.quotient(group, stabiliser)
    assert points.dim == 10 and points.is_permutation
    assert len(R.hom(points, R.standard(group))) == 2
    check_representation(points)
    assert sorted(s.dim for _, s in R.decompose(R.standard(group)).blocks) == [1, 9]
    cube = R.decompose(R.standard(G.RubiksCube())).blocks
    assert sorted(s.dim for m, s in cube for _ in range(m)) == [1, 1, 7, 11, 12, 16]  # 8 corners, 12 edges, their turns


def test_restriction():
    group, even = G.Symmetric(6), G.Alternating(6)
    assert R.tensor(group, 2).restrict(even) == R.tensor(even, 2)
    assert R.sign(group).restrict(even).is_trivial and not R.sign(group).is_trivial
    assert R.standard(G.O(6)).restrict(group) == R.standard(group)
    assert even <= group <= G.O(6) and not group <= even
    with pytest.raises(RepresentationError, match="subgroup"):
        R.standard(even).restrict(group)


def test_orders_of_products():
    a, b = G.Symmetric(8), G.Symmetric(9)
    assert (a * b).order == factorial(8) * factorial(9) and not (a * b).is_enumerable
    assert (G.Symmetric(3) * G.Cyclic(4)).order == 24 == len((G.Symmetric(3) * G.Cyclic(4)).elements())
    assert b.with_inversion().order == 2 * factorial(9)
    signs = G.MatrixGroup([], [-np.eye(9)])
    assert G.Join(signs, b).order == 2 * factorial(9) and G.Join(signs, signs).order == 2
    assert (a * G.SO(2)).order is None


def test_listing_stays_quick_up_to_its_limit():
    group = G.Symmetric(7)
    assert len(group.element_array) == 5040 and len(group.conjugacy_classes()) == 15  # partitions of 7
    with pytest.raises(RepresentationError, match="not classified"):
        R.irreps(group)
    assert sorted(s.dim for _, s in R.decompose(R.standard(group)).blocks) == [1, 6]


def test_errors_say_what_to_do():
    large = G.Symmetric(20)
    uses = [large.elements, large.conjugacy_classes, lambda: large.index(np.eye(20)), lambda: R.regular(large).dim]
    for use in uses:
        with pytest.raises(GroupError, match="2432902008176640000 elements"):
            use()
    for build in (
        lambda: G.PermutationGroup([[0, 0, 1]]),
        lambda: G.PermutationGroup([]),
        lambda: G.PermutationGroup([[0.5, 1]]),
        lambda: G.PermutationGroup([[0, 1], [0, 1, 2]]),
        lambda: G.PermutationGroup([[(0, 1)]]),
        lambda: G.PermutationGroup([[(0, 5)]], degree=3),
        lambda: G.Symmetric(0),
        lambda: G.Automorphisms(np.zeros((2, 3))),
    ):
        with pytest.raises(GroupError, match="expected"):
            build()
