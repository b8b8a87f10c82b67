"""Invariants of tensor products: every way to them gives one canonical basis; counts from invariant theory."""

import numpy as np
import pytest

from tests.oracles import null_basis, same_span
from torsor import groups as G
from torsor.errors import RepresentationError
from torsor.linalg import canonical_bases, canonical_rows, invariant_form, invariant_maps, invariant_tensors, kron
from torsor.linalg import invariants as solver
from torsor.linalg.isotypic import isotypic_frames, self_adjoint_part
from torsor.linalg.orbits import orbit_labels

SKEW = np.array([[2.0, 1, 0], [0, 1, 1], [1, 0, 1]])


def vectors(group: G.Group) -> tuple[np.ndarray, np.ndarray]:
    return group.algebra_array, group.generator_array


def conjugated(group: G.Group, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.linalg.inv(basis) @ group.algebra_array @ basis, np.linalg.inv(basis) @ group.generator_array @ basis


def galilei() -> tuple[np.ndarray, np.ndarray]:
    """Rotations of space and x ↦ x + vt: no inner product, no transposes of boosts."""
    algebra = np.zeros((6, 4, 4))
    algebra[:3, 1:, 1:] = G.SO(3).algebra_array
    algebra[[3, 4, 5], [1, 2, 3], 0] = 1
    return algebra, np.zeros((0, 4, 4))


def symmetric(n: int) -> tuple[np.ndarray, np.ndarray]:
    one = np.eye(n)
    return np.zeros((0, n, n)), np.stack([np.roll(one, 1, axis=0), one[[1, 0, *range(2, n)]]])


GROUPS = {
    "{e}": vectors(G.Trivial(3)),
    "SO(2)": vectors(G.SO(2)),
    "O(2)": vectors(G.O(2)),
    "SO(3)": vectors(G.SO(3)),
    "SO(4)": vectors(G.SO(4)),
    "SO(1,1)": vectors(G.SO(1, 1)),
    "O(1,2)": vectors(G.O(1, 2)),
    "SO(2,2)": vectors(G.SO(2, 2)),
    "SL(2)": (np.array([[[1.0, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]]), np.zeros((0, 2, 2))),
    "C5": vectors(G.Cyclic(5)),
    "D4": vectors(G.Dihedral(4)),
    "I": vectors(G.Icosahedral()),
    "O": vectors(G.Octahedral()),
    "S4": symmetric(4),
    "signs": (np.zeros((0, 3, 3)), np.stack([np.diag([-1.0, 1, 1]), np.roll(np.eye(3), 1, axis=0)])),
    "I in a skew basis": conjugated(G.Icosahedral(), SKEW),
    "SO(3) in a skew basis": conjugated(G.SO(3), SKEW),
    "SO(1,2) in a skew basis": conjugated(G.SO(1, 2), SKEW),
    "Galilei": galilei(),
    "shears": (np.zeros((0, 2, 2)), np.array([[[1.0, 1], [0, 1]]])),
    "scalings": (np.zeros((0, 2, 2)), 2.0 * np.eye(2)[None]),
}


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("name", GROUPS)
def test_all_ways_give_the_basis_of_the_plain_null_space(name, order):
    """Invariants of vectors and covectors; the oracle is the singular value decomposition of the raw constraints."""
    vector = GROUPS[name]
    factors = [vector if i % 2 else solver.dual_images(vector) for i in range(order)]
    n, shape = vector[0].shape[-1], tuple(a.shape[-1] for a, _ in factors)
    dense, quick, large = (
        found.reshape(-1, np.prod(shape))
        for found in (solver.dense_invariants(factors), invariant_tensors(factors), solver._large(factors, shape))
    )
    algebra, generators = (
        sum(kron(kron(np.eye(n**i), f[0]), np.eye(n ** (order - 1 - i))) for i, f in enumerate(factors)),
        solver.product_images(factors)[1],
    )
    raw = np.concatenate([algebra, generators - np.eye(len(dense.T))]).reshape(-1, len(dense.T))
    assert same_span(dense, null_basis(raw) if len(raw) else np.eye(len(dense.T)))
    assert quick.shape == large.shape == dense.shape
    assert np.abs(quick - dense).max(initial=0) < 1e-10 and np.abs(large - dense).max(initial=0) < 1e-10


def bell(order: int, n: int) -> int:
    """Partitions of a set of `order` elements into at most n parts."""
    stirling = np.zeros((order + 1, n + 1), dtype=int)
    stirling[0, 0] = 1
    for m in range(1, order + 1):
        for k in range(1, n + 1):
            stirling[m, k] = k * stirling[m - 1, k] + stirling[m - 1, k - 1]
    return int(stirling[order].sum())


COUNTS = [
    *((vectors(G.SO(2)), k, count) for k, count in ((3, 0), (8, 70), (10, 252))),  # binomial(k, k/2)
    *((vectors(G.SO(3)), k, count) for k, count in enumerate((0, 1, 1, 3, 6, 15, 36, 91, 232), 1)),  # Riordan
    *((vectors(G.SO(4)), k, count) for k, count in ((2, 1), (4, 4), (6, 25), (8, 196))),  # Catalan²
    *((vectors(G.O(4)), k, count) for k, count in ((2, 1), (4, 3), (6, 15), (8, 105))),  # (k-1)!!
    *((vectors(G.SO(1, 3)), k, count) for k, count in ((5, 0), (6, 25), (8, 196))),  # those of SO(4)
    *((vectors(G.O(1, 3)), k, count) for k, count in ((6, 15), (8, 105))),
    *((vectors(G.SO(5)), k, count) for k, count in ((4, 3), (5, 1), (6, 15))),
    *((symmetric(4), k, bell(k, 4)) for k in (3, 6)),
    *((symmetric(6), k, bell(k, 6)) for k in (4, 6)),
    (GROUPS["SL(2)"], 12, 132),  # Catalan
    (GROUPS["SL(2)"], 11, 0),
]


@pytest.mark.parametrize("images, order, count", COUNTS)
def test_counts_are_those_of_invariant_theory_and_residuals_vanish(images, order, count):
    found = invariant_tensors([images] * order)
    assert len(found) == count
    flat = found.reshape(count, np.prod(found.shape[1:]))
    assert np.abs(flat @ flat.T - np.eye(count)).max(initial=0) < 1e-11
    mixture = np.random.default_rng(0).normal(size=count)
    tensor = np.tensordot(mixture / max(np.linalg.norm(mixture), 1e-9), found, axes=1)
    for a in images[0]:
        assert np.linalg.norm(sum(along(a, tensor, i) for i in range(order))) < 1e-10
    for g in images[1]:
        moved = tensor
        for i in range(order):
            moved = along(g, moved, i)
        assert np.linalg.norm(moved - tensor) < 1e-10


def along(matrix: np.ndarray, tensor: np.ndarray, axis: int) -> np.ndarray:
    """A matrix applied to one index of a tensor."""
    return np.moveaxis(np.tensordot(matrix, tensor, axes=(1, axis)), 0, axis)


def test_large_bases_are_repeatable():
    vector = vectors(G.SO(1, 3))
    first, second = invariant_tensors([vector] * 6), invariant_tensors([vector] * 6)
    assert np.array_equal(first, second)


def test_the_basis_depends_on_the_space_only():
    """Other generators of one group: another algebra basis, and other signs, of SO(1,3) on tensors of order 6."""
    algebra, generators = vectors(G.SO(1, 3))
    mixed = np.tensordot(np.random.default_rng(0).normal(size=(6, 6)), algebra, axes=1)
    found, other = invariant_tensors([(algebra, generators)] * 6), invariant_tensors([(mixed, generators)] * 6)
    assert found.shape == other.shape and np.abs(found - other).max() < 1e-10


@pytest.mark.parametrize("width", [1, 3, 8, 1000])
@pytest.mark.parametrize("kind", ["random", "tied", "tensors", "all"])
def test_canonical_rows_are_the_canonical_basis_of_the_projector(kind, width, rng):
    spaces = {
        "random": lambda: np.linalg.qr(rng.normal(size=(40, 7)))[0].T,
        "tied": lambda: np.kron(np.eye(12), np.ones((1, 3)) / np.sqrt(3))[rng.permutation(12)[:9]],
        "tensors": lambda: invariant_tensors([vectors(G.SO(3))] * 5).reshape(6, -1),
        "all": lambda: np.eye(9),
    }
    rows = spaces[kind]()
    turned = np.linalg.qr(rng.normal(size=(len(rows), len(rows))))[0] @ rows
    expected = canonical_bases((rows.T @ rows)[None])[0]
    assert np.abs(canonical_rows(turned, width) - expected).max() < 1e-11


def test_frames_carry_the_same_matrices_in_every_copy():
    """Three vectors of SO(3), and two quaternion-like copies of SU(2) on R⁴, whose endomorphisms have dimension 4."""
    i, j = np.kron(np.eye(2), [[0, -1], [1, 0]]), np.kron([[0, -1], [1, 0]], np.diag([1.0, -1]))
    left = np.stack([i, j, i @ j])
    for images, dim, copies, units in [
        ((np.kron(np.eye(3), G.SO(3).algebra_array), np.zeros((0, 9, 9))), 3, 3, 1),
        ((np.kron(np.eye(3), G.SO(2).algebra_array), np.zeros((0, 6, 6))), 2, 3, 2),
        ((np.kron(np.eye(2), left), np.zeros((0, 8, 8))), 4, 2, 4),
    ]:
        found = isotypic_frames([images])
        assert found is not None and len(found) == 1
        frames = found[0]
        part = frames.parts[0]
        assert part.shape == (units, copies, dim * copies, dim)
        matrices = np.swapaxes(part[0], -1, -2)[:, None] @ images[0] @ part[0][:, None]
        assert np.abs(matrices - matrices[0]).max() < 1e-12
        assert (
            np.abs(
                part[0].transpose(0, 2, 1).reshape(-1, dim * copies)
                @ part[0].transpose(1, 0, 2).reshape(dim * copies, -1)
                - np.eye(dim * copies)
            ).max()
            < 1e-12
        )
        assert frames.number(0, 0) == copies * copies * units


def test_what_is_closed_under_transposition():
    whole, generators = self_adjoint_part([vectors(G.O(1, 3))])
    assert len(whole) == 6 and generators.all()
    rotations, _ = self_adjoint_part([galilei()])
    assert len(rotations) == 3 and np.abs(rotations[:, 3:]).max() < 1e-12
    none, shear = self_adjoint_part([GROUPS["shears"]])
    assert none.shape == (0, 0) and not shear.any()


def test_orbits_are_connected_components(rng):
    """Against repeated union of sets."""
    for size, number in ((1, 0), (30, 1), (200, 2), (200, 0)):
        permutations = [sparse_permutation(size, rng) for _ in range(number)]
        sets = [{i} for i in range(size)]
        owner = list(range(size))
        for p in permutations:
            for i, k in enumerate(p):
                a, b = owner[i], owner[int(k)]
                if a != b:
                    sets[a] |= sets[b]
                    for x in sets[b]:
                        owner[x] = a
        expected = np.array([min(sets[owner[i]]) for i in range(size)])
        assert np.array_equal(orbit_labels(size, permutations), expected)


def sparse_permutation(size: int, rng: np.random.Generator) -> np.ndarray:
    """A permutation of a third of the indices: several orbits."""
    permutation, some = np.arange(size), rng.permutation(size)[: size // 3]
    permutation[some] = rng.permutation(some)
    return permutation


def test_a_long_cycle_of_signs():
    """A cycle with an odd number of minus signs has no invariant; with an even number one, of those signs."""
    one = np.roll(np.eye(101), 1, axis=0)
    signs = np.where(np.arange(101) < 2, -1.0, 1.0)
    none = np.zeros((0, 101, 101))
    assert len(invariant_tensors([(none, (one * -signs)[None])])) == 0
    (found,) = invariant_tensors([(none, (one * signs)[None])])
    assert np.allclose(one * signs @ found, found) and np.allclose(np.abs(found), 1 / np.sqrt(101))


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("group", [G.Icosahedral(), G.SO(3)], ids=str)
def test_invariant_forms_of_large_representations_in_a_skew_basis(group, order):
    images = solver.product_images([conjugated(group, SKEW)] * order)
    form = invariant_form(*images)
    assert form is not None and np.linalg.eigvalsh(form)[0] > 0
    assert all(np.abs(g.T @ form @ g - form).max() < 1e-9 * np.abs(form).max() for g in images[1])
    assert all(np.abs(a.T @ form + form @ a).max() < 1e-9 * np.abs(form).max() for a in images[0])


@pytest.mark.parametrize("name, order", [("Galilei", 3), ("shears", 6), ("SL(2)", 6), ("scalings", 6), ("O(1,2)", 4)])
def test_non_compact_groups_have_no_invariant_form(name, order):
    assert invariant_form(*solver.product_images([GROUPS[name]] * order)) is None


def test_blow_up_is_an_error_with_the_numbers():
    with pytest.raises(RepresentationError, match=r"262,144 components \(8 × 8 × 8 × 8 × 8 × 8\).*lower order"):
        invariant_tensors([(np.zeros((0, 8, 8)), np.eye(8)[None])] * 6)
    with pytest.raises(RepresentationError, match=r"65,536 invariants of 65,536 components .*32.0 GiB"):
        invariant_tensors([(np.zeros((0, 4, 4)), np.eye(4)[None])] * 8)
    with pytest.raises(RepresentationError, match="factor of dimension 3,000"):
        invariant_maps(
            (np.zeros((1, 1, 1)), np.zeros((0, 1, 1))), (np.zeros((1, 3000, 3000)) + 1, np.zeros((0, 3000, 3000)))
        )
    with pytest.raises(RepresentationError, match="4,096 unknowns"):
        invariant_tensors([GROUPS["shears"]] * 12)
    with pytest.raises(RepresentationError, match="badly scaled"):
        solver._check_residual(float("nan"), (2, 2))
