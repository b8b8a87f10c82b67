"""Conjugacy classes and class constants by their definitions; the quick search for elements against all distances."""

import numpy as np
import pytest

from tests.groups.point_groups import AXIAL, POLYHEDRAL
from tests.groups.test_finite import QUATERNIONS, permutation_group
from torsor import groups as G
from torsor.errors import GroupError
from torsor.groups import finite
from torsor.groups.classes import class_constants

HEXAGONAL = G.MatrixGroup([], [[[1, -1], [1, 0]], [[0, 1], [1, 0]]])
GROUPS = {
    **POLYHEDRAL,
    **{name: AXIAL[name] for name in ("C5", "S8", "D3", "D4", "D4d", "D6h", "C3h")},
    "Q8": QUATERNIONS,
    "S4": permutation_group(4),
    "D7": G.Dihedral(7),
    "hexagonal": HEXAGONAL,
    "C3 x R": G.Cyclic(3) * G.Reflection(1),
}


@pytest.mark.parametrize("name", GROUPS)
def test_classes_by_definition(name):
    """The class of g is {h g h⁻¹}, by multiplying matrices."""
    group = GROUPS[name]
    elements, inverses = group.element_array, np.linalg.inv(group.element_array)
    classes = group.conjugacy_classes()
    assert sorted(np.concatenate(classes).tolist()) == list(range(group.order))
    assert classes[0].tolist() == [0] and [c[0] for c in classes] == sorted(c[0] for c in classes)
    for members in classes:
        moved = elements @ elements[members[0]] @ inverses
        found = {int(finite.distances(elements, m).argmin()) for m in moved}
        assert sorted(found) == members.tolist()


@pytest.mark.parametrize(
    "group, number",
    [
        *((G.Cyclic(n), n) for n in (1, 2, 5, 8)),
        *((G.Dihedral(n), n // 2 + 3 if n % 2 == 0 else (n + 3) // 2) for n in (2, 3, 4, 7, 8, 16)),
        (QUATERNIONS, 5),
        (permutation_group(4), 5),
        (permutation_group(5), 7),
        (AXIAL["D6h"], 12),
        (AXIAL["D4d"], 7),
        (AXIAL["S8"], 8),
        (G.Octahedral() * G.Cyclic(3), 15),
    ],
    ids=str,
)
def test_number_of_classes(group, number):
    """C_n: n; D_n: n/2 + 3 or (n + 3)/2; S_n: the partitions of n; products multiply."""
    assert len(group.conjugacy_classes()) == number


@pytest.mark.parametrize("name", ["T", "O", "D4", "S8", "Q8"])
def test_class_constants_by_counting(name):
    group = GROUPS[name]
    classes, table = group.conjugacy_classes(), group.product_table
    constants = class_constants(table, group.inverse_indices, classes)
    for i, a in enumerate(classes):
        for j, b in enumerate(classes):
            products = table[np.ix_(a, b)].ravel().tolist()
            for k, c in enumerate(classes):
                assert all(products.count(z) == constants[i, j, k] for z in c.tolist())


@pytest.mark.parametrize("name", GROUPS)
def test_product_table_and_inverses(name):
    group = GROUPS[name]
    g = group.element_array
    assert np.abs(g[group.product_table] - g[:, None] @ g[None]).max() < 1e-12
    assert (group.product_table[np.arange(group.order), group.inverse_indices] == 0).all()


@pytest.mark.parametrize("noise", [0.0, 1e-7, 4e-4, 1e-2, 0.3])
@pytest.mark.parametrize("name", ["Ih", "O", "Q8", "hexagonal", "C5"])
def test_lookup_finds_the_nearest_element(name, noise, rng):
    """As comparing with every element does, also where the matrices are not elements."""
    elements = GROUPS[name].element_array
    g = np.concatenate([elements, elements[::-1]]) + noise * rng.uniform(-1, 1, size=(2 * len(elements), 1, 1))
    apart = finite.distances(elements, g)
    table = finite.lookup(elements)
    index, distance = table.nearest(g)
    assert np.abs(distance - apart.min(-1)).max() < 1e-15
    assert np.abs(apart[np.arange(len(g)), index] - apart.min(-1)).max() < 1e-15
    for tolerance in (1e-8, 1e-6, 1e-3, 0.1):
        assert np.array_equal(table.contains(g, tolerance), apart.min(-1) < tolerance)
    assert table.contains(g[0], 1.0) and table.nearest(g[0])[0].shape == ()


def test_lookup_separation_is_a_lower_bound():
    for group in GROUPS.values():
        elements = group.element_array
        apart = finite.distances(elements, elements) + 10 * np.eye(len(elements))
        assert 0 < 2 * finite.lookup(elements).radius <= apart.min() + 1e-12


def test_infinite_groups_have_no_table():
    with pytest.raises(GroupError, match="is infinite"):
        G.SO(3).conjugacy_classes()
