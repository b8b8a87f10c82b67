"""Groups about an axis of space: textbook lists of elements, limits, names, axes, the inversion."""

from itertools import combinations

import numpy as np
import pytest
import torch

from tests.groups.point_groups import AXIAL, LIE, POLYHEDRAL, closed_form, turn
from torsor import groups as G
from torsor import testing
from torsor.errors import GroupError


@pytest.mark.parametrize("name", AXIAL)
def test_elements_are_those_of_the_textbook(name):
    group, expected = AXIAL[name], np.array(list(closed_form(name)))
    assert group.order == len(expected) == len(set(group.index(expected).tolist()))
    assert np.abs(group.element_array[group.index(expected)] - expected).max() < 1e-14
    if group.planar.n in (1, 2, 4):
        assert np.array_equal(group.element_array, np.rint(group.element_array))


@pytest.mark.parametrize("name", [n for n in AXIAL if n[1] in "1348" or n[1:3] == "10"])
def test_axial_group_laws(name):
    testing.check_group(AXIAL[name])


@pytest.mark.parametrize("name", LIE)
def test_axial_lie_group_laws(name):
    testing.check_group(LIE[name])


EQUATIONS = {
    "C∞": lambda det, s: (det > 0) & (s > 0),
    "C∞v": lambda det, s: s > 0,
    "C∞h": lambda det, s: det > 0,
    "D∞": lambda det, s: det * s > 0,
    "D∞h": lambda det, s: s * s > 0,
}


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("name", LIE)
def test_axial_lie_groups_by_their_equations(name, axis, rng):
    """diag(p, s) by the determinant of p and the sign s; nothing near it, nothing tilted."""
    lie = LIE[name]
    group = G.Axial(lie.planar, lie.rotation, lie.reflection, lie.mirror, axis)
    p, s = G.O(2).sample(60).numpy(), rng.choice([-1, 1], size=60)
    g = group.embed(p, 1)
    g[:, axis, axis] = s
    inside = group.contains(g)
    assert np.array_equal(inside, EQUATIONS[name](np.linalg.det(p), s)) and inside.any()
    assert np.array_equal(group.contains(torch.tensor(g)).numpy(), inside)
    tilted = g + 0
    tilted[:, axis, (axis + 1) % 3] = 1e-3
    stretched = g + 0
    stretched[:, axis, axis] *= 1.001
    for other in (tilted, stretched, 1.001 * g, np.linalg.qr(rng.normal(size=(20, 3, 3)))[0]):
        assert not group.contains(other).any()
    sampled = group.sample(400)
    shares = sampled[:, axis, axis].sign().mean(), torch.linalg.det(sampled).mean()
    expected = {"C∞": (1, 1), "C∞v": (1, 0), "C∞h": (0, 0), "D∞": (0, 1), "D∞h": (0, 0)}[name]
    assert np.abs(np.array(shares) - expected).max() < 0.2


def test_axes():
    """The plane has the other two axes in increasing order; the rotation turns the first towards the second."""
    for axis, plane in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1)), (-1, (0, 1))):
        group = G.Axial(G.Cyclic(4), axis=axis)
        assert group.plane == plane
        first = np.eye(3)[plane[0]]
        assert np.array_equal(group.generator_array[0] @ first, np.eye(3)[plane[1]])
        assert np.array_equal(group.element_array[1], np.rint(group.element_array[1]))
        p, s = group.project(group.elements())
        assert torch.equal(p, G.Cyclic(4).elements()) and torch.equal(s, torch.ones(4, dtype=torch.float64))
        assert np.array_equal(G.Axial(G.SO(2), axis=axis).algebra_array[0] @ first, np.eye(3)[plane[1]])
    assert G.Axial(G.Cyclic(4), axis=2) == G.Axial(G.Cyclic(4)) != G.Axial(G.Cyclic(4), axis=0)


def test_schoenflies_of_the_constructor():
    C, D = G.Cyclic, G.Dihedral
    symbols = {
        "C3": G.Axial(C(3)),
        "C3h": G.Axial(C(3), mirror=True),
        "S6": G.Axial(C(6), rotation=-1),
        "C3v": G.Axial(D(3)),
        "D3": G.Axial(D(3), reflection=-1),
        "D3h": G.Axial(D(3), mirror=True),
        "D3d": G.Axial(D(6), rotation=-1, reflection=-1),
        "D3d (mirrors on axes)": G.Axial(D(6), rotation=-1),
        "Cs": G.Axial(C(1), mirror=True),
        "C∞v": G.Axial(G.O(2)),
        "D∞": G.Axial(G.O(2), reflection=-1),
    }
    assert {name: str(group) for name, group in symbols.items()} == {name: name for name in symbols}
    assert np.allclose(symbols["S6"].element_array[1], turn(np.pi / 3, -1))


@pytest.mark.parametrize("name", [*AXIAL, *LIE, *POLYHEDRAL, "Ci", "Cs"])
def test_from_name_inverts_the_name_in_space(name):
    group = G.from_name(name, 3)
    assert str(group) in (name, "Cs" if name == "C1h" else name) and G.from_name(str(group), 3) == group
    assert G.from_name(name.lower().replace("∞", "inf"), 3) == group
    if not (name[0] in "CD" and name[1:].isdigit()):
        assert G.from_name(name) == group
    if isinstance(group, G.Axial):
        for axis in (0, 1):
            moved = G.Axial(group.planar, group.rotation, group.reflection, group.mirror, axis)
            assert G.from_name(str(moved)) == moved
            mirrors = G.Axial(group.planar, group.rotation, 1, group.mirror, axis)
            assert G.from_name(str(mirrors), 3) == mirrors


def test_from_name_with_a_dimension():
    assert G.from_name("C4") == G.from_name("C4", 2) == G.Cyclic(4)
    assert G.from_name("SO(2)", 3) == G.from_name("so2", 3) == G.Axial(G.SO(2))
    assert G.from_name("O(2)", 3) == G.Axial(G.O(2)) and G.from_name("O2", 2) == G.O(2)
    assert G.from_name("D4", 3) == G.Axial(G.Dihedral(4), reflection=-1)
    assert G.from_name("e", 3) == G.Trivial(3) and G.from_name("SO(3)", 3) == G.from_name("SO3") == G.SO(3)
    for name, dim in (("Oh", 2), ("SO(3)", 2), ("C4v", 2), ("C4", 1)):
        with pytest.raises(GroupError, match=rf"expected a group of R\^{dim}"):
            G.from_name(name, dim)


@pytest.mark.parametrize("name", ["S3", "D∞d", "S∞", "Ch", "Csv", "Dh", "Tg", "C4x", "D0d", "C4v (axis 3)", "O4h"])
def test_names_of_no_group(name):
    with pytest.raises(GroupError, match="expected the name of a group"):
        G.from_name(name, 3)


def test_with_inversion_is_the_axial_group_of_twice_the_order():
    expected = {"C3": "S6", "C4": "C4h", "C3v": "D3d (mirrors on axes)", "D3": "D3d", "D4": "D4h", "D3h": "D6h"}
    expected |= {"C3h": "C6h", "S4": "C4h", "S6": "S6", "D2d": "D4h", "D3d": "D3d", "C∞": "C∞h", "C∞v": "D∞h"}
    expected |= {"D∞": "D∞h", "C∞h": "C∞h", "C1": "S2"}
    for name, other in expected.items():
        assert str(G.from_name(name, 3).with_inversion()) == other
    for group in AXIAL.values():
        twice = group.with_inversion()
        both = np.concatenate([group.element_array, -group.element_array])
        assert twice.contains(both).all() and twice.order == len(np.unique(np.round(both, 6) + 0.0, axis=0))


BAD = {
    "Cyclic\\(n\\), Dihedral\\(n\\), SO\\(2\\) or O\\(2\\)": [(G.SO(3),), (G.Reflection(2),), (G.SO(1, 1),)],
    "even number of rotations": [(G.Cyclic(3), -1), (G.Dihedral(5), -1), (G.SO(2), -1)],
    "needs a group with reflections": [(G.Cyclic(4), 1, -1), (G.SO(2), 1, -1)],
    "both signs": [(G.Cyclic(4), -1, 1, True), (G.O(2), 1, -1, True)],
    "an axis of R³": [(G.Cyclic(4), 1, 1, False, 3), (G.Cyclic(4), 1, 1, False, -4)],
    "signs 1 or -1": [(G.Cyclic(4), 0), (G.Dihedral(4), 1, 2)],
}


@pytest.mark.parametrize("message", BAD)
def test_axial_errors(message):
    for arguments in BAD[message]:
        with pytest.raises(GroupError, match=message):
            G.Axial(*arguments)


def test_lie_groups_about_an_axis_are_nested_as_drawn():
    inside = {("C∞", x) for x in LIE} | {(x, "D∞h") for x in LIE} | {(x, x) for x in LIE}
    for a, b in combinations(LIE, 2):
        assert (LIE[a] <= LIE[b]) == ((a, b) in inside) and (LIE[b] <= LIE[a]) == ((b, a) in inside)
    for name, group in LIE.items():
        assert (group <= G.SO(3)) == (name in ("C∞", "D∞")) and group <= G.O(3)
        assert not (G.O(3) <= group) and not (G.SO(3) <= group)
        assert not group <= G.Axial(group.planar, axis=0)
