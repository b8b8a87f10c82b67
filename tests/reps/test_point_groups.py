"""Point groups against the textbooks: character tables, vectors, pseudovectors, crystal fields, invariants."""

from collections import Counter

import numpy as np
import pytest

from tests.groups.point_groups import AXIAL, LIE, POLYHEDRAL, flip, turn
from torsor import groups as G
from torsor import reps as R
from torsor import testing
from torsor.errors import RepresentationError
from torsor.reps.axial import AxialIrrep

PHI = (1 + 5**0.5) / 2
ROOT = 2**0.5
E, I = np.eye(3), -np.eye(3)
C2, C4, S4, SH = turn(np.pi), turn(np.pi / 2), turn(np.pi / 2, -1), turn(0, -1)
C3_DIAGONAL = np.eye(3)[[2, 0, 1]]
C2_DIAGONAL, S_DIAGONAL = flip(np.pi / 4, -1), flip(np.pi / 4, 1)
C2X, C2Y, SX, SY = flip(0, -1), flip(np.pi / 2, -1), flip(0, 1), flip(np.pi / 2, 1)


def about_vertex(angle: float) -> np.ndarray:
    """The rotation about the vertex (0, 1, φ) of the icosahedron, by Rodrigues' formula."""
    x, y, z = np.array([0, 1, PHI]) / np.hypot(1, PHI)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


TABLES = {
    "T": ([E, C3_DIAGONAL, C2], {"A": [1, 1, 1], "E": [2, -1, 2], "T": [3, 0, -1]}),
    "O": (
        [E, C3_DIAGONAL, C2, C4, C2_DIAGONAL],
        {
            "A1": [1, 1, 1, 1, 1],
            "A2": [1, 1, 1, -1, -1],
            "E": [2, -1, 2, 0, 0],
            "T1": [3, 0, -1, 1, -1],
            "T2": [3, 0, -1, -1, 1],
        },
    ),
    "Td": (
        [E, C3_DIAGONAL, C2, S4, S_DIAGONAL],
        {
            "A1": [1, 1, 1, 1, 1],
            "A2": [1, 1, 1, -1, -1],
            "E": [2, -1, 2, 0, 0],
            "T1": [3, 0, -1, 1, -1],
            "T2": [3, 0, -1, -1, 1],
        },
    ),
    "Th": (
        [E, C3_DIAGONAL, C2, I, -C3_DIAGONAL, -C2],
        {
            "Ag": [1, 1, 1, 1, 1, 1],
            "Eg": [2, -1, 2, 2, -1, 2],
            "Tg": [3, 0, -1, 3, 0, -1],
            "Au": [1, 1, 1, -1, -1, -1],
            "Eu": [2, -1, 2, -2, 1, -2],
            "Tu": [3, 0, -1, -3, 0, 1],
        },
    ),
    "Oh": (
        [E, C3_DIAGONAL, C2_DIAGONAL, C4, C2, I, S4, -C3_DIAGONAL, SH, S_DIAGONAL],
        {
            "A1g": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            "A2g": [1, 1, -1, -1, 1, 1, -1, 1, 1, -1],
            "Eg": [2, -1, 0, 0, 2, 2, 0, -1, 2, 0],
            "T1g": [3, 0, -1, 1, -1, 3, 1, 0, -1, -1],
            "T2g": [3, 0, 1, -1, -1, 3, -1, 0, -1, 1],
            "A1u": [1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
            "A2u": [1, 1, -1, -1, 1, -1, 1, -1, -1, 1],
            "Eu": [2, -1, 0, 0, 2, -2, 0, 1, -2, 0],
            "T1u": [3, 0, -1, 1, -1, -3, -1, 0, 1, 1],
            "T2u": [3, 0, 1, -1, -1, -3, 1, 0, 1, -1],
        },
    ),
    "I": (
        [E, about_vertex(2 * np.pi / 5), about_vertex(4 * np.pi / 5), C3_DIAGONAL, C2],
        {
            "A": [1, 1, 1, 1, 1],
            "T1": [3, PHI, 1 - PHI, 0, -1],
            "T2": [3, 1 - PHI, PHI, 0, -1],
            "G": [4, -1, -1, 1, 0],
            "H": [5, 0, 0, -1, 1],
        },
    ),
    "C4v": (
        [E, C4, C2, SX, S_DIAGONAL],
        {
            "A1": [1, 1, 1, 1, 1],
            "A2": [1, 1, 1, -1, -1],
            "B1": [1, -1, 1, 1, -1],
            "B2": [1, -1, 1, -1, 1],
            "E": [2, 0, -2, 0, 0],
        },
    ),
    "D3h": (
        [E, turn(2 * np.pi / 3), C2X, SH, turn(2 * np.pi / 3, -1), SX],
        {
            "A1'": [1, 1, 1, 1, 1, 1],
            "A2'": [1, 1, -1, 1, 1, -1],
            "E'": [2, -1, 0, 2, -1, 0],
            "A1''": [1, 1, 1, -1, -1, -1],
            "A2''": [1, 1, -1, -1, -1, 1],
            "E''": [2, -1, 0, -2, 1, 0],
        },
    ),
    "D3d": (
        [E, turn(2 * np.pi / 3), C2X, I, turn(np.pi / 3, -1), SY],
        {
            "A1g": [1, 1, 1, 1, 1, 1],
            "A2g": [1, 1, -1, 1, 1, -1],
            "Eg": [2, -1, 0, 2, -1, 0],
            "A1u": [1, 1, 1, -1, -1, -1],
            "A2u": [1, 1, -1, -1, -1, 1],
            "Eu": [2, -1, 0, -2, 1, 0],
        },
    ),
    "D4d": (
        [E, turn(np.pi / 4, -1), C4, turn(3 * np.pi / 4, -1), C2, C2X, flip(np.pi / 8, 1)],
        {
            "A1": [1, 1, 1, 1, 1, 1, 1],
            "A2": [1, 1, 1, 1, 1, -1, -1],
            "B1": [1, -1, 1, -1, 1, 1, -1],
            "B2": [1, -1, 1, -1, 1, -1, 1],
            "E1": [2, ROOT, 0, -ROOT, -2, 0, 0],
            "E2": [2, 0, -2, 0, 2, 0, 0],
            "E3": [2, -ROOT, 0, ROOT, -2, 0, 0],
        },
    ),
    "D2h": (
        [E, C2, C2Y, C2X, I, SH, SX, SY],
        {
            "Ag": [1, 1, 1, 1, 1, 1, 1, 1],
            "B1g": [1, 1, -1, -1, 1, 1, -1, -1],
            "B2g": [1, -1, 1, -1, 1, -1, 1, -1],
            "B3g": [1, -1, -1, 1, 1, -1, -1, 1],
            "Au": [1, 1, 1, 1, -1, -1, -1, -1],
            "B1u": [1, 1, -1, -1, -1, -1, 1, 1],
            "B2u": [1, -1, 1, -1, -1, 1, -1, 1],
            "B3u": [1, -1, -1, 1, -1, 1, 1, -1],
        },
    ),
    "S4": ([E, S4, C2], {"A": [1, 1, 1], "B": [1, -1, 1], "E": [2, 0, -2]}),
}


@pytest.mark.parametrize("name", TABLES)
def test_character_table_of_the_textbook(name):
    elements, rows = TABLES[name]
    group = G.from_name(name)
    assert [rep.dim for rep in R.irreps(group)] == sorted(row[0] for row in rows.values())
    assert {R.irrep_label(rep)[0] for rep in R.irreps(group)} == set(rows)
    table = R.character_table(group)
    column = [next(i for i, c in enumerate(table.classes) if j in c) for j in group.index(np.array(elements))]
    for symbol, characters in rows.items():
        rep = R.irrep(group, symbol)
        assert np.abs(np.trace(rep.rho(np.array(elements)), axis1=1, axis2=2) - characters).max() < 1e-12
        assert np.abs(table.real[table.labels.index((symbol,)), column] - characters).max() < 1e-12
        assert rep.name in (f"irrep({symbol})", "trivial")


def content(rep: R.Representation) -> Counter:
    """The symbols of the irreps in a representation, with multiplicity."""
    found = Counter()
    for number, sigma in R.decompose(rep).blocks:
        found[R.irrep_label(sigma)[0]] += number
    return found


def read(text: str) -> Counter:
    """2A1 + E as a counter."""
    counter = Counter()
    for term in text.split(" + "):
        number = term[0] if term[0].isdigit() else ""
        counter[term.removeprefix(number)] += int(number or 1)
    return counter


VECTORS = {
    "T": ("T", "T"),
    "Td": ("T2", "T1"),
    "Th": ("Tu", "Tg"),
    "O": ("T1", "T1"),
    "Oh": ("T1u", "T1g"),
    "I": ("T1", "T1"),
    "Ih": ("T1u", "T1g"),
    "Cs": ("2A' + A''", "A' + 2A''"),
    "Ci": ("3Au", "3Ag"),
    "C1": ("3A", "3A"),
    "C2": ("A + 2B", "A + 2B"),
    "C3": ("A + E", "A + E"),
    "C5": ("A + E1", "A + E1"),
    "C2v": ("A1 + B1 + B2", "A2 + B1 + B2"),
    "C3v": ("A1 + E", "A2 + E"),
    "C4v": ("A1 + E", "A2 + E"),
    "C6v": ("A1 + E1", "A2 + E1"),
    "C2h": ("Au + 2Bu", "Ag + 2Bg"),
    "C3h": ("A'' + E'", "A' + E''"),
    "C4h": ("Au + Eu", "Ag + Eg"),
    "C5h": ("A'' + E1'", "A' + E1''"),
    "C6h": ("Au + E1u", "Ag + E1g"),
    "S4": ("B + E", "A + E"),
    "S6": ("Au + Eu", "Ag + Eg"),
    "S8": ("B + E1", "A + E3"),
    "S10": ("Au + E1u", "Ag + E1g"),
    "D2": ("B1 + B2 + B3", "B1 + B2 + B3"),
    "D3": ("A2 + E", "A2 + E"),
    "D4": ("A2 + E", "A2 + E"),
    "D6": ("A2 + E1", "A2 + E1"),
    "D2h": ("B1u + B2u + B3u", "B1g + B2g + B3g"),
    "D3h": ("A2'' + E'", "A2' + E''"),
    "D4h": ("A2u + Eu", "A2g + Eg"),
    "D5h": ("A2'' + E1'", "A2' + E1''"),
    "D6h": ("A2u + E1u", "A2g + E1g"),
    "D2d": ("B2 + E", "A2 + E"),
    "D3d": ("A2u + Eu", "A2g + Eg"),
    "D4d": ("B2 + E1", "A2 + E3"),
    "D5d": ("A2u + E1u", "A2g + E1g"),
    "D6d": ("B2 + E1", "A2 + E5"),
}


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_and_pseudovectors(name):
    """The rows x, y, z and R_x, R_y, R_z of the textbook tables."""
    group, (vector, rotation) = G.from_name(name, 3), VECTORS[name]
    assert content(R.standard(group)) == read(vector)
    assert content(R.exterior(group, 2)) == read(rotation)


@pytest.mark.parametrize("name", ["C4v", "D4h", "D4", "C2v", "C6v", "D2d"])
def test_the_first_axis_has_subscript_1(name):
    """x² - y² is B1 and xy is B2; D2d's are B1 and B2 too; of C_2v x z is B1."""
    group = G.from_name(name, 3)
    planes = {"B1": [1, 0, 0, -1, 0, 0], "B2": [0, 1, 0, 0, 0, 0]}  # of xx, √2 xy, √2 xz, yy, √2 yz, zz
    if name == "C2v":
        planes = {"B1": [0, 0, 1, 0, 0, 0], "B2": [0, 0, 0, 0, 1, 0], "A2": [0, 1, 0, 0, 0, 0]}
    if name == "C6v":
        planes = {"E2": [1, 0, 0, -1, 0, 0]}
    for symbol, form in planes.items():
        rep = R.irrep(group, symbol + ("g" if name == "D4h" else ""))
        maps = R.hom(rep, R.symmetric(group, 2)).numpy()
        inside = np.linalg.lstsq(maps.transpose(1, 0, 2).reshape(6, -1), np.array(form, float), rcond=None)[0]
        residual = maps.transpose(1, 0, 2).reshape(6, -1) @ inside - form
        assert np.abs(residual).max() < 1e-10


@pytest.mark.parametrize("name", AXIAL)
def test_symbols_are_distinct_and_even_or_odd(name):
    """No symbol twice; g and u, ′ and ″ come in equal numbers, with the dimension of each irrep in its letter."""
    group = AXIAL[name]
    symbols = [R.irrep_label(rep)[0] for rep in R.irreps(group)]
    assert len(set(symbols)) == len(symbols)
    assert all(rep.dim == (2 if s[0] == "E" else 1) for rep, s in zip(R.irreps(group), symbols, strict=True))
    inversion, horizontal = group.contains(-np.eye(3)), group.contains(SH)
    assert sum(s.endswith("g") for s in symbols) == (len(symbols) / 2 if inversion else 0)
    assert sum(s.endswith("''") for s in symbols) == (len(symbols) / 2 if horizontal and not inversion else 0)
    for i, symbol in enumerate(symbols):
        assert R.irrep(group, symbol) == R.irrep(group, (symbol,)) == R.irrep(group, i) == R.irreps(group)[i]


@pytest.mark.parametrize("n", range(3, 9))
@pytest.mark.parametrize("family", ["C{}", "C{}v", "C{}h", "D{}", "D{}h"])
def test_frequencies_of_e(family, n):
    """χ(C_n) of E_k is 2 cos(2πk/n), χ(C_n^j) is 2 cos(2πjk/n)."""
    group = G.from_name(family.format(n), 3)
    found = 0
    for rep in R.irreps(group):
        symbol = R.irrep_label(rep)[0]
        if symbol[0] == "E":
            k = int(symbol.strip("Egu'") or 1)
            for j in range(n):
                assert abs(np.trace(rep.rho(turn(2 * np.pi * j / n))) - 2 * np.cos(2 * np.pi * j * k / n)) < 1e-12
            found += 1
    assert found == (n - 1) // 2 * (2 if "h" in family else 1)


CRYSTAL_FIELD = {
    "O": [
        "A1",
        "T1",
        "E + T2",
        "A2 + T1 + T2",
        "A1 + E + T1 + T2",
        "E + 2T1 + T2",
        "A1 + A2 + E + T1 + 2T2",
    ],
    "Td": ["A1", "T2", "E + T2", "A1 + T1 + T2", "A1 + E + T1 + T2"],
    "I": ["A", "T1", "H", "T2 + G", "G + H", "T1 + T2 + H", "A + T1 + G + H"],
    "Ih": ["Ag", "T1u", "Hg", "T2u + Gu", "Gg + Hg", "T1u + T2u + Hu", "Ag + T1g + Gg + Hg"],
    "Oh": ["A1g", "T1u", "Eg + T2g", "A2u + T1u + T2u", "A1g + Eg + T1g + T2g"],
    "D4h": ["A1g", "A2u + Eu", "A1g + B1g + B2g + Eg", "A2u + B1u + B2u + 2Eu"],
    "D3": ["A1", "A2 + E", "A1 + 2E", "A1 + 2A2 + 2E"],
}


@pytest.mark.parametrize("name", CRYSTAL_FIELD)
def test_crystal_fields(name):
    """How the harmonics of degree l split: the irrep (l, (-1)^l) of O(3), restricted."""
    group = G.from_name(name, 3)
    for degree, expected in enumerate(CRYSTAL_FIELD[name]):
        harmonics = R.irrep(G.O(3), degree, (-1) ** degree)
        assert content(harmonics.restrict(group)) == read(expected)


def test_regular_of_the_icosahedron():
    """Each irrep as often as its dimension."""
    regular = R.decompose(R.regular(POLYHEDRAL["Ih"])).blocks
    assert [(m, s.dim) for m, s in regular] == [(d, d) for d in (1, 1, 3, 3, 3, 3, 4, 4, 5, 5)]


def series(numerator: list[int], denominators: list[int], order: int) -> list[int]:
    """Coefficients of Σ t^n / Π (1 - t^d)."""
    found = np.zeros(order + 1, dtype=int)
    for n in numerator:
        if n <= order:
            found[n] += 1
    for d in denominators:
        for k in range(d, order + 1):
            found[k] += found[k - d]
    return found.tolist()


MOLIEN = {
    "T": ([0, 6], [2, 3, 4]),
    "Td": ([0], [2, 3, 4]),
    "O": ([0, 9], [2, 4, 6]),
    "Oh": ([0], [2, 4, 6]),
    "I": ([0, 15], [2, 6, 10]),
    "Ih": ([0], [2, 6, 10]),
    "C4v": ([0], [1, 2, 4]),
    "D3h": ([0], [2, 2, 3]),
    "D3": ([0, 4], [2, 2, 3]),
}


@pytest.mark.parametrize("name", MOLIEN)
def test_invariants_by_moliens_formula(name):
    """Invariant polynomials of degree k: the series of the reflection groups' degrees, by the averaged character."""
    group, order = POLYHEDRAL.get(name) or AXIAL[name], 15
    expected = series(*MOLIEN[name], order)
    for k in range(order + 1):
        rep = R.symmetric(group, k)
        table = R.character_table(group)
        first = group.element_array[[c[0] for c in table.classes]]
        mean = table.inner(np.trace(rep.rho(first), axis1=1, axis2=2), np.ones(len(first)))
        assert abs(mean - expected[k]) < 1e-8
        if k <= 4:
            assert content(rep).get(R.irrep_label(R.trivial(group))[0], 0) == expected[k]


# ----------------------------------------------------------------------------------- limits about an axis


@pytest.mark.parametrize("name", LIE)
def test_irreps_of_axial_lie_groups(name):
    """Labels find them; the shipped suite; irreducible, and distinct."""
    group = LIE[name]
    reps = R.irreps(group, 3)
    labels = [R.irrep_label(rep) for rep in reps]
    count = {"C∞": 4, "C∞v": 5, "D∞": 5, "C∞h": 8, "D∞h": 10}[name]
    assert len(set(labels)) == len(reps) == count
    for rep, label in zip(reps, labels, strict=True):
        testing.check_representation(rep)
        assert R.irrep(group, *label) == R.irrep(group, label) == rep
        assert len(R.hom(rep, rep)) == (2 if rep.dim == 2 and not group.reflects else 1)
        assert rep.name in (f"irrep({','.join(map(str, label))})", "trivial", "sign")
    for i, a in enumerate(reps):
        assert all(len(R.hom(a, b)) == 0 for b in reps[:i])


def test_characters_of_axial_lie_irreps():
    """2 cos kθ of turns; g and u under the inversion; ±1 of 1, z, R_z under mirrors and half turns."""
    angles = np.linspace(0, 6, 7)
    turns = np.array([turn(a) for a in angles])
    for name, group in LIE.items():
        for rep in R.irreps(group, 3):
            *_, k = (x for x in R.irrep_label(rep) if isinstance(x, int))
            expected = 2 * np.cos(k * angles) if k else np.ones(7)
            assert np.abs(np.trace(rep.rho(turns), axis1=1, axis2=2) - expected).max() < 1e-12
            if group.mirror:
                sign = 1 if R.irrep_label(rep)[-1] == "g" else -1
                assert np.abs(rep.rho(-np.eye(3)) - sign * np.eye(rep.dim)).max() < 1e-12
        assert R.irrep_label(R.trivial(group))[0] == 0, name
    cylinder = LIE["D∞h"]
    for label, (mirror, half_turn) in {
        (0, 0, "g"): (1, 1),
        (1, 0, "g"): (-1, -1),
        (0, 0, "u"): (1, -1),
        (1, 0, "u"): (-1, 1),
    }.items():
        rep = R.irrep(cylinder, *label)
        assert rep.rho(SX).item() == mirror and rep.rho(C2X).item() == half_turn
    assert R.irrep(cylinder, 1, 0, "u") == R.sign(cylinder) and R.irrep(LIE["C∞v"], 1, 0) == R.sign(LIE["C∞v"])
    assert R.irrep(LIE["C∞h"], 0, "u") == R.sign(LIE["C∞h"])


AXIAL_VECTORS = {
    "C∞": ([(0,), (1,)], [(0,), (1,)]),
    "C∞v": ([(0, 0), (1, 1)], [(1, 0), (1, 1)]),
    "C∞h": ([(0, "u"), (1, "u")], [(0, "g"), (1, "g")]),
    "D∞": ([(1, 0), (1, 1)], [(1, 0), (1, 1)]),
    "D∞h": ([(0, 0, "u"), (1, 1, "u")], [(1, 0, "g"), (1, 1, "g")]),
}


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("name", LIE)
def test_vectors_of_axial_lie_groups(name, axis):
    group = G.from_name(name if axis == 2 else f"{name} (axis {axis})")
    for rep, expected in zip((R.standard(group), R.exterior(group, 2)), AXIAL_VECTORS[name], strict=True):
        assert [(m, R.irrep_label(s)) for m, s in R.decompose(rep).blocks] == [(1, label) for label in expected]


@pytest.mark.parametrize("name", LIE)
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_harmonics_about_an_axis(name, degree):
    """The 2l+1 harmonics have each frequency 1 … l once, and one zonal function; under SO(3), O(3) restricted."""
    group = LIE[name]
    harmonics = R.irrep(G.O(3), degree, (-1) ** degree).restrict(group)
    frequencies = Counter()
    for number, sigma in R.decompose(harmonics).blocks:
        label = R.irrep_label(sigma)
        frequencies[[x for x in label if isinstance(x, int)][-1]] += number
        if group.mirror:
            assert label[-1] == ("u" if degree % 2 else "g")
    assert frequencies == Counter(range(degree + 1))
    if name == "D∞h":
        zonal = R.irrep(group, 0, 0, "u" if degree % 2 else "g")
        assert len(R.hom(zonal, harmonics)) == 1


@pytest.mark.parametrize(
    "label, small, expected",
    [
        ((1, 1, "u"), "D4h", "Eu"),
        ((1, 2, "g"), "D4h", "B1g + B2g"),
        ((1, 3, "u"), "D3h", "A1' + A2'"),
        ((0, 0, "u"), "D3h", "A2''"),
        ((1, 0, "g"), "D6h", "A2g"),
        ((1, 2, "u"), "D6h", "E2u"),
        ((1, 2, "u"), "D4d", "E2"),
        ((1, 1, "g"), "D4d", "E3"),
        ((1, 4, "g"), "C4v", "A1 + A2"),
    ],
)
def test_restriction_of_the_cylinder(label, small, expected):
    """Correlation tables of D_∞h."""
    assert content(R.irrep(LIE["D∞h"], *label).restrict(AXIAL[small])) == read(expected)


def test_axial_errors():
    for make, message in [
        (lambda: R.irreps(LIE["C∞"]), "infinitely many irreps: give the highest frequency"),
        (lambda: R.irrep(LIE["C∞h"], 1), r"label among .*\(1, 'u'\)"),
        (lambda: AxialIrrep(AXIAL["C4v"], R.irrep(G.Dihedral(4), 1, 1)), "an infinite axial group"),
        (lambda: AxialIrrep(LIE["C∞"], R.irrep(G.O(2), 1, 1)), "an irrep of its planar group"),
        (lambda: AxialIrrep(LIE["C∞"], R.irrep(G.SO(2), 1), True), "no horizontal mirror"),
    ]:
        with pytest.raises(RepresentationError, match=message):
            make()


@pytest.mark.parametrize("name", ["D∞h", "C∞v", "C∞"])
def test_axial_representations_are_decomposed(name):
    """Q of a tensor power: ρ = Q diag(irreps) Q⁻¹ for random elements."""
    group = LIE[name]
    rep = R.tensor(group, 2) + 2 * R.standard(group)
    parts = R.decompose(rep)
    g = group.sample(5).numpy()
    blocks = R.direct_sum(list(parts.blocks)).rho(g)
    assert np.abs(parts.basis @ blocks @ parts.inverse - rep.rho(g)).max() < 1e-10
