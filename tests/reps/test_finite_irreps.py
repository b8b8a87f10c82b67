"""Irreps and character tables of finite groups: homomorphisms, completeness, orthogonality, closed forms."""

import numpy as np
import pytest

from tests.groups.point_groups import AXIAL, POLYHEDRAL
from tests.groups.test_finite import QUATERNIONS, permutation_group
from torsor import groups as G
from torsor import reps as R
from torsor import testing
from torsor.errors import GroupError, RepresentationError
from torsor.reps.characters import complex_characters
from torsor.reps.finite import FiniteIrrep
from torsor.reps.tables import finite_irrep_tables, table_type

HEXAGONAL = G.MatrixGroup([], [[[1, -1], [1, 0]], [[0, 1], [1, 0]]], "D6 in lattice coordinates")
SIGNED = G.MatrixGroup([], [np.roll(np.eye(4), 1, 0), np.eye(4)[[1, 0, 2, 3]], np.diag([-1.0, 1, 1, 1])], "B4")
DICYCLIC = G.MatrixGroup(
    [],
    [
        np.kron(np.eye(2), np.array([[0.5, -np.sqrt(0.75)], [np.sqrt(0.75), 0.5]])),
        np.kron(np.array([[0, -1], [1, 0.0]]), np.diag([1.0, -1.0])),
    ],
    "Dic3",
)
GROUPS = {
    **POLYHEDRAL,
    **AXIAL,
    "Ci": G.Inversion(3),
    "Q8": QUATERNIONS,
    "Dic3": DICYCLIC,
    "S4": permutation_group(4),
    "S5": permutation_group(5),
    "B4": SIGNED,
    "hexagonal": HEXAGONAL,
    "C9": G.Cyclic(9),
    "C3 x C3": G.Cyclic(3) * G.Cyclic(3),
    "Oh internal": G.Octahedral().internal(G.Dihedral(3)),
}
SIZE = {"real": 1, "complex": 2, "quaternionic": 4}


@pytest.mark.parametrize("name", GROUPS)
def test_tables_are_orthogonal_homomorphisms(name):
    """ρ(gh) = ρ(g) ρ(h), ρᵀρ = 1, to 1e-12; Σ dim²/type = |G|; the trivial one first, then by dimension."""
    group = GROUPS[name]
    tables = finite_irrep_tables(group)
    some = np.random.default_rng(0).permutation(group.order)[:40]
    products = group.index(group.element_array[some][:, None] @ group.element_array[None])
    for table in tables:
        assert np.abs(table[some][:, None] @ table[None] - table[products]).max() < 1e-12
        assert np.abs(np.swapaxes(table, 1, 2) @ table - np.eye(table.shape[-1])).max() < 1e-12
    assert sum(t.shape[-1] ** 2 / SIZE[table_type(t)] for t in tables) == group.order
    assert np.abs(tables[0] - 1).max() < 1e-12
    assert [t.shape[-1] for t in tables] == sorted(t.shape[-1] for t in tables)


@pytest.mark.parametrize("name", GROUPS)
def test_matrix_elements_are_orthogonal(name):
    """mean χ_σ χ_τ = 0 of two irreps; mean ρ_ij ρ_kl of a real one δ_ik δ_jl / dim."""
    tables = finite_irrep_tables(GROUPS[name])
    characters = np.stack([np.trace(t, axis1=1, axis2=2) for t in tables])
    gram = characters @ characters.T / characters.shape[1]
    assert np.abs(gram - np.diag([SIZE[table_type(t)] for t in tables])).max() < 1e-12
    for table in tables:
        if table_type(table) == "real":
            d = table.shape[-1]
            flat = table.reshape(len(table), -1)
            assert np.abs(flat.T @ flat / len(table) - np.eye(d * d) / d).max() < 1e-12


def conjugated(group: G.Group, noise: float) -> G.MatrixGroup:
    """The same generators with rounding noise."""
    rng = np.random.default_rng(1)
    generators = group.generator_array
    return G.MatrixGroup([], generators + noise * rng.uniform(-1, 1, size=generators.shape))


@pytest.mark.parametrize("name", ["T", "Td", "Th", "O", "Oh", "I", "Ih", "D3d", "C6v", "S8", "D4d", "Q8", "S4"])
def test_rounding_does_not_choose_the_basis(name):
    """Noise of 1e-14 in the generators moves no matrix entry by more than 1e-11; the cache does not matter."""
    group = GROUPS[name]
    expected = finite_irrep_tables(group)
    for table, other in zip(expected, finite_irrep_tables(conjugated(group, 1e-14)), strict=True):
        assert np.abs(table - other).max() < 1e-11
    for table, again in zip(expected, finite_irrep_tables.__wrapped__(group), strict=True):
        assert np.array_equal(table, again) and not table.flags.writeable


@pytest.mark.parametrize("name", ["T", "Td", "O", "Oh", "I", "Ih"])
def test_the_standard_representation_is_its_own_irrep(name):
    group = GROUPS[name]
    same = [
        r for r in R.irreps(group) if r.dim == 3 and np.array_equal(r.rho(group.element_array), group.element_array)
    ]
    assert len(same) == 1
    if name not in ("I", "Ih"):
        assert same[0].is_signed_permutation


@pytest.mark.parametrize("name", [n for n in GROUPS if n[0] in "TOIQDS" and n[1:2] not in tuple("5678")])
def test_irreps_pass_the_shipped_suite(name):
    for rep in R.irreps(GROUPS[name]):
        testing.check_representation(rep)


@pytest.mark.parametrize("name", ["Q8", "Dic3", "T", "Th", "S4", "C5h", "S6"])
def test_types_by_the_commutant(name):
    """ "real", "complex", "quaternionic": dim Hom(ρ, ρ) = 1, 2, 4, by the null-space solver."""
    group = GROUPS[name]
    table = R.character_table(group)
    assert [SIZE[t] for t in table.types] == [len(R.hom(rep, rep)) for rep in R.irreps(group)]
    assert ("quaternionic" in table.types) == (name in ("Q8", "Dic3"))
    assert ("complex" in table.types) == (name in ("Dic3", "T", "Th", "C5h", "S6"))


@pytest.mark.parametrize("name", GROUPS)
def test_complex_characters_are_orthonormal_both_ways(name):
    table = R.character_table(GROUPS[name])
    chi, sizes = table.complex, table.sizes
    assert chi.shape == (len(sizes), len(sizes))
    assert np.abs(table.inner(chi[:, None], chi[None]) - np.eye(len(chi))).max() < 1e-12
    columns = chi.conj().T @ chi
    assert np.abs(columns - np.diag(sizes.sum() / sizes)).max() < 1e-10
    assert np.abs(chi[0] - 1).max() < 1e-12


@pytest.mark.parametrize("name", GROUPS)
def test_real_irreps_are_made_of_complex_ones(name):
    """Real: χ; complex: χ + χ̄; quaternionic: 2χ. The two tables come from different computations."""
    table = R.character_table(GROUPS[name])
    assert table.labels == tuple(R.irrep_label(rep) for rep in R.irreps(GROUPS[name]))
    used = np.zeros(len(table.sizes), dtype=int)
    for row, kind in zip(table.real, table.types, strict=True):
        number = np.rint(table.inner(row, table.complex).real).astype(int)
        assert np.abs(number @ table.complex - row).max() < 1e-12
        assert sorted(number[number > 0].tolist()) == {"real": [1], "complex": [1, 1], "quaternionic": [2]}[kind]
        used += number > 0
    assert (used == 1).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 12])
def test_complex_characters_of_cyclic_groups(n):
    """exp(2πi jk/n)."""
    k = np.arange(n)
    expected = np.exp(2j * np.pi * np.outer(k, k) / n)
    found = complex_characters(G.Cyclic(n))
    assert np.abs(found[:, None] - expected[None]).max(-1).min(1).max() < 1e-12


@pytest.mark.parametrize("n", [3, 4, 5, 6, 9])
def test_complex_characters_of_dihedral_groups(n):
    """Of r^k: 2 cos(2πjk/n) and ±1; of the flips: 0 and ±1."""
    group = G.Dihedral(n)
    table = R.character_table(group)
    first = group.element_array[[c[0] for c in table.classes]]
    angle, reflected = np.arctan2(first[:, 1, 0], first[:, 0, 0]), np.linalg.det(first) < 0
    expected = [np.ones(len(first)), np.where(reflected, -1, 1)]
    expected += [np.where(reflected, 0, 2 * np.cos(j * angle)) for j in range(1, (n + 1) // 2)]
    if n % 2 == 0:
        half = np.cos(n / 2 * angle)
        expected += [half, half * np.where(reflected, -1, 1)]
    apart = np.abs(table.complex[:, None] - np.array(expected)[None]).max(-1)
    assert apart.min(1).max() < 1e-12 and sorted(apart.argmin(1)) == list(range(len(expected)))


def test_complex_characters_of_small_groups():
    """Q8: 1, 1, 1, 1 and (2, -2, 0, 0, 0). S5: dimensions 1, 1, 4, 4, 5, 5, 6, integers. B4: Σ dim² = 384."""
    assert complex_characters(QUATERNIONS)[-1].real.round(12).tolist().count(0) == 3
    table = complex_characters(permutation_group(5))
    assert (
        table[:, 0].real.round(12).tolist() == [1, 1, 4, 4, 5, 5, 6]
        and np.abs(table - np.rint(table.real)).max() < 1e-12
    )
    degrees = complex_characters(SIGNED)[:, 0].real
    assert len(degrees) == 20 and abs((degrees**2).sum() - 384) < 1e-9


def test_irreps_are_symbolic():
    rep = R.irrep(GROUPS["Oh"], "T2g")
    assert isinstance(rep, FiniteIrrep) and rep == FiniteIrrep(GROUPS["Oh"], rep.index)
    assert rep == type(rep).from_dict(rep.to_dict()) and str(rep) == "irrep(T2g) of Oh"
    assert str(R.irreps(permutation_group(4))[2]).startswith("irrep(2)")


@pytest.mark.parametrize("name", ["Oh", "T", "Td", "C3v", "D3", "S4", "hexagonal", "B4", "Ci"])
def test_labels_of_trivial_and_sign(name):
    """`sign` is the irrep with the character det, `trivial` where every determinant is 1."""
    group = GROUPS[name]
    label = R.irrep_label(R.sign(group))
    found = R.irrep(group, *label).rho(group.element_array)
    assert np.abs(found[:, 0, 0] - np.sign(np.linalg.det(group.element_array))).max() < 1e-12
    assert R.irrep(group, *R.irrep_label(R.trivial(group))) == R.trivial(group)


def test_errors():
    with pytest.raises(RepresentationError, match="index from 0 to 9 of Oh, got 10"):
        FiniteIrrep(GROUPS["Oh"], 10)
    with pytest.raises(RepresentationError, match="label among A1g, A1u, .*T2u for Oh, got"):
        R.irrep(GROUPS["Oh"], "T3g")
    with pytest.raises(RepresentationError, match="label among"):
        R.irrep(GROUPS["Oh"], 10)
    with pytest.raises(GroupError, match="infinite"):
        R.character_table(G.SO(3))
    with pytest.raises(GroupError, match="infinite"):
        finite_irrep_tables(G.O(2))
