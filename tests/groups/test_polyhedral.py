"""T, T_d, T_h, O, O_h, I, I_h: order, exact entries, what they preserve, classes, who contains whom."""

from itertools import product

import numpy as np
import pytest

from tests.groups.point_groups import AXIAL, LIE, POLYHEDRAL
from torsor import groups as G
from torsor import testing
from torsor.errors import GroupError

GOLDEN = (1 + 5**0.5) / 2
ORDERS = {"T": 12, "Td": 24, "Th": 24, "O": 24, "Oh": 48, "I": 60, "Ih": 120}
CLASS_SIZES = {
    "T": [1, 3, 4, 4],
    "Td": [1, 3, 6, 6, 8],
    "Th": [1, 1, 3, 3, 4, 4, 4, 4],
    "O": [1, 3, 6, 6, 8],
    "Oh": [1, 1, 3, 3, 6, 6, 6, 6, 8, 8],
    "I": [1, 12, 12, 15, 20],
    "Ih": [1, 1, 12, 12, 12, 12, 15, 15, 20, 20],
}


@pytest.mark.parametrize("name", POLYHEDRAL)
def test_polyhedral_group_laws(name):
    group = POLYHEDRAL[name]
    testing.check_group(group)
    assert str(group) == name and group.order == ORDERS[name]
    assert np.abs(np.swapaxes(group.element_array, 1, 2) @ group.element_array - np.eye(3)).max() < 1e-15
    assert np.all(np.linalg.det(group.element_array) > 0) == (name in ("T", "O", "I"))
    assert sorted(map(len, group.conjugacy_classes())) == CLASS_SIZES[name]


def permutation_sign(g: np.ndarray) -> float:
    return np.linalg.det(np.abs(g))


@pytest.mark.parametrize(
    "name, condition",
    [
        ("Oh", lambda g: True),
        ("O", lambda g: np.linalg.det(g) > 0),
        ("Td", lambda g: np.prod(g.sum(1)) > 0),
        ("T", lambda g: np.prod(g.sum(1)) > 0 and permutation_sign(g) > 0),
        ("Th", lambda g: permutation_sign(g) > 0),
    ],
)
def test_cubic_groups_are_exact_signed_permutations(name, condition):
    """O_h is all 48 of them; T_d has an even number of signs, T_h cyclic permutations."""
    group = POLYHEDRAL[name]
    assert np.array_equal(group.element_array, np.rint(group.element_array))
    permutations = np.eye(3)[[[0, 1, 2], [1, 2, 0], [2, 0, 1], [1, 0, 2], [0, 2, 1], [2, 1, 0]]]
    every = np.array([np.diag(signs) @ p for p in permutations for signs in product((1.0, -1.0), repeat=3)])
    assert np.array_equal(group.contains(every), [bool(condition(g)) for g in every])


def test_tetrahedral_groups_permute_the_tetrahedron():
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]])
    for name in ("T", "Td"):
        apart = np.abs((corners @ np.swapaxes(POLYHEDRAL[name].element_array, 1, 2))[:, :, None] - corners).max(-1)
        assert apart.min(-1).max() == 0
        assert len(set(map(tuple, apart.argmin(-1)))) == ORDERS[name]
    assert not POLYHEDRAL["T"].contains(-np.eye(3)) and not POLYHEDRAL["Td"].contains(-np.eye(3))


def test_icosahedral_groups_permute_the_twelve_vertices():
    """60 rotations that keep the icosahedron are all: 12 vertices times 5 turns about one."""
    signs = np.array(list(product((1, -1), repeat=2)))
    plane = np.concatenate([np.zeros((4, 1)), signs * [1, GOLDEN]], axis=1)
    vertices = np.concatenate([np.roll(plane, k, axis=1) for k in range(3)])
    for name in ("I", "Ih"):
        moved = vertices @ np.swapaxes(POLYHEDRAL[name].element_array, 1, 2)
        apart = np.abs(moved[:, :, None] - vertices).max(-1)
        assert apart.min(-1).max() < 1e-14
        assert (np.sort(apart.argmin(-1), axis=1) == np.arange(12)).all()


CONTAINED = [
    *("T<Td T<Th T<O T<I T<Oh T<Ih Td<Oh Th<Oh O<Oh Th<Ih I<Ih".split()),
    *("C4<O D4<O D2<T D2<I C4v<Oh D4h<Oh D2h<Th D2h<Ih D2h<Oh S4<Td".split()),
    *("D2d<Td C2v<Th D2d<Oh Cs<Oh Ci<Oh Ci<Ih Ci<Th S4<Oh C2h<Th O<SO(3) I<SO(3) Ih<O(3) Td<O(3)".split()),
]
NOT_CONTAINED = "O<I Td<O Th<O Th<Td O<Ih O<T I<O Oh<Ih I<Oh Ih<SO(3) C3<O D3<O C5<I C4v<O C4<T Ci<Td C4v<Td SO(3)<Ih"


def named(name: str) -> G.Group:
    return G.from_name(name, 3)


@pytest.mark.parametrize("pair", CONTAINED)
def test_nested(pair):
    small, large = map(named, pair.split("<"))
    assert small <= large and not (large <= small)


@pytest.mark.parametrize("pair", NOT_CONTAINED.split())
def test_not_nested(pair):
    small, large = map(named, pair.split("<"))
    assert not small <= large


EVERY = {**POLYHEDRAL, **{k: v for k, v in AXIAL.items() if v.order <= 16}, **LIE, "SO(3)": G.SO(3), "O(3)": G.O(3)}


@pytest.mark.parametrize("name", EVERY)
def test_nested_iff_every_generator_is_an_element(name):
    """`<=` of every pair, against the elements of the smaller group (or samples of it) one by one."""
    large = EVERY[name]
    for small in EVERY.values():
        elements = small.element_array if small.is_finite else small.sample(12).numpy()
        assert (small <= large) == bool(large.contains(elements).all()), f"{small} <= {large}"


def test_with_inversion():
    assert repr(G.Octahedral().with_inversion()) == "WithInversion(Octahedral())"
    assert G.TetrahedralFull().with_inversion() == POLYHEDRAL["Oh"]
    assert G.SO(3).with_inversion() == G.O(3) and G.O(3).with_inversion() == G.O(3)
    assert G.SO(2).with_inversion() == G.SO(2) and G.SO(1, 2).with_inversion() == G.O(1, 2)
    assert G.Cyclic(4).with_inversion() == G.Cyclic(4) and G.Cyclic(3).with_inversion().order == 6
    assert POLYHEDRAL["Oh"].with_inversion() == POLYHEDRAL["Oh"]
    assert G.Trivial(3).with_inversion().order == 2 and G.Reflection(3).with_inversion().order == 4
    half = POLYHEDRAL["Ih"].element_array
    assert np.array_equal(half[60:], -half[:60])
    internal = G.Octahedral().internal(G.Cyclic(3)).with_inversion()
    assert (internal.order, internal.dim) == (144, 3) and isinstance(internal, G.Internal)
    with pytest.raises(GroupError, match="without the inversion"):
        G.WithInversion(G.Cyclic(2))


def test_with_inversion_of_a_lie_group():
    group = G.MatrixGroup(G.SO(3).algebra).with_inversion()
    g = G.O(3).sample(20)
    assert group.contains(g).all() and not group.contains(1.01 * g).any() and group.is_compact
    assert G.SO(3) <= group <= G.O(3) and G.O(3) <= group


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_inversion(d):
    group = G.Inversion(d)
    testing.check_group(group)
    assert np.array_equal(group.element_array, [np.eye(d), -np.eye(d)])
    assert (str(group) == "Ci") == (d == 3)


def test_inversion_needs_a_dimension():
    with pytest.raises(GroupError, match="expected a dimension"):
        G.Inversion(0)
