"""Named representations against closed-form characters; irreducibility; completeness; Frobenius."""

import numpy as np
import pytest

from tests.groups.test_finite import QUATERNIONS, permutation_group
from tests.oracles import FINITE, O2, PLANAR, SO2, cyclic, dihedral
from torsor import groups as G
from torsor import reps as R
from torsor.errors import RepresentationError

EVERY_NTH = [*FINITE[:9], *FINITE[11:32:4], *FINITE[32:38], *FINITE[41::3]]


def trace(rep: R.Representation, g: np.ndarray) -> np.ndarray:
    return np.trace(rep.rho(g), axis1=-2, axis2=-1)


def close(a, b) -> bool:
    return bool(np.abs(np.asarray(a) - b).max() < 1e-10)


@pytest.mark.parametrize("planar", PLANAR, ids=lambda p: p.name)
def test_irreps_are_all_and_have_their_characters(planar):
    """Labels, characters, dimension; |χ|² averages to 1, 2 (complex); Σ dim²/type = |G|."""
    reps = R.irreps(planar.group, 4 if planar.n is None else None)
    assert [R.irrep_label(rep) for rep in reps] == planar.labels() or planar.reflects
    assert sorted(R.irrep_label(rep) for rep in reps) == sorted(planar.labels())
    total = 0.0
    for rep in reps:
        label = R.irrep_label(rep)
        assert R.irrep(planar.group, *label) == rep and R.irrep(planar.group, label) == rep
        character = trace(rep, planar.elements)
        assert close(character, planar.character(label))
        kind = planar.count(character, character)
        assert kind == {"real": 1, "complex": 2}[R.irrep_type(rep)]
        assert kind == (2 if not planar.reflects and rep.dim == 2 else 1)
        total += rep.dim**2 / kind
    if planar.n is not None:
        assert total == planar.order


@pytest.mark.parametrize("planar", PLANAR, ids=lambda p: p.name)
def test_irreps_are_orthogonal_to_each_other(planar):
    characters = [trace(rep, planar.elements) for rep in R.irreps(planar.group, 4)]
    gram = np.array([[planar.count(a, b) for b in characters] for a in characters])
    assert (gram[~np.eye(len(gram), dtype=bool)] == 0).all()


@pytest.mark.parametrize("planar", PLANAR, ids=lambda p: p.name)
def test_standard_sign_tensor_symmetric_exterior(planar):
    """Of R_θ f^s: 2 cos θ or 0, (-1)^s, powers; Sym²: (χ(g)² + χ(g²))/2; Λ²: det."""
    group, g, s = planar.group, planar.elements, planar.flips
    chi = np.where(s > 0, 0.0, 2 * np.cos(planar.angles))
    if isinstance(group, G.Reflection):
        chi = np.where(s > 0, 0.0, 2.0)
    square = np.where(s > 0, 2.0, 2 * np.cos(2 * planar.angles))
    assert close(trace(R.trivial(group), g), 1.0)
    assert close(trace(R.standard(group), g), chi)
    assert close(trace(R.sign(group), g), (-1.0) ** s)
    assert close(trace(R.exterior(group, 2), g), (-1.0) ** s)
    assert close(trace(R.exterior(group, 0), g), 1.0) and close(trace(R.exterior(group, 1), g), chi)
    assert close(trace(R.tensor(group, 2, 1), g), chi**3)
    assert close(trace(R.symmetric(group, 2), g), (chi**2 + square) / 2)
    assert close(trace(R.density(group, 2.0), g), 1.0)


@pytest.mark.parametrize(
    "planar", [*FINITE, *(p for p in PLANAR if p.n is None and p.group.is_finite)], ids=lambda p: p.name
)
def test_regular_is_a_permutation_without_fixed_points(planar):
    rep = R.regular(planar.group)
    image = rep.rho(planar.elements)
    assert rep.dim == planar.order and rep.name == "regular"
    assert close(np.trace(image, axis1=-2, axis2=-1), planar.order * (np.arange(planar.order) == 0))
    assert np.array_equal(image, image.astype(bool))
    assert (image.sum(1) == 1).all() and (image.sum(2) == 1).all()
    assert np.array_equal(image[:, :, 0].argmax(1), np.arange(planar.order))  # ρ(g) e_e = e_g


SUBGROUPS = [
    *((cyclic(n), G.Cyclic(m)) for n in (4, 6, 8, 12) for m in range(1, n) if n % m == 0),
    *((dihedral(n), G.Cyclic(m)) for n in (3, 4, 6) for m in range(1, n + 1) if n % m == 0),
    *((dihedral(n), G.Dihedral(m)) for n in (4, 6) for m in range(1, n) if n % m == 0),
    *((dihedral(n), G.Reflection(2)) for n in (1, 2, 3, 5, 8)),
    (dihedral(4), G.Reflection(2, 0)),
    (O2, G.SO(2)),
]


def mask_of(planar, subgroup: G.Group) -> np.ndarray:
    """Which elements (θ, s) lie in H, by hand."""
    if isinstance(subgroup, G.SO):
        return planar.flips == 0
    if isinstance(subgroup, G.Reflection):
        flip = np.exp(1j * planar.angles) * (1 if subgroup.axis == -1 else -1)
        return np.where(planar.flips > 0, np.abs(flip - 1) < 1e-9, np.abs(np.exp(1j * planar.angles) - 1) < 1e-9)
    inside = np.abs(np.exp(1j * subgroup.n * planar.angles) - 1) < 1e-9
    return inside if isinstance(subgroup, G.Dihedral) else inside & (planar.flips == 0)


def character_of(planar, tau: R.Representation, mask: np.ndarray) -> np.ndarray:
    """χ_τ on H, extended by zero, in closed form."""
    sub = next(p for p in PLANAR if p.group == tau.group)
    there = type(sub)(tau.group, planar.angles, planar.flips, sub.n)
    return np.where(mask, there.character(R.irrep_label(tau)), 0.0)


@pytest.mark.parametrize("planar, subgroup", SUBGROUPS, ids=lambda x: getattr(x, "name", str(x)))
def test_induced_by_the_formula_of_frobenius(planar, subgroup):
    mask = mask_of(planar, subgroup)
    for tau in R.irreps(subgroup, 3):
        rep = R.induced(planar.group, tau)
        expected = planar.induced(mask, character_of(planar, tau, mask))
        assert close(trace(rep, planar.elements), expected)
        assert rep.dim == tau.dim * round(planar.order / mask.sum())
    assert R.quotient(planar.group, subgroup) == R.induced(planar.group, R.trivial(subgroup))
    assert R.quotient(planar.group, subgroup).is_permutation


@pytest.mark.parametrize("planar, subgroup", SUBGROUPS, ids=lambda x: getattr(x, "name", str(x)))
def test_restriction_keeps_the_matrices(planar, subgroup):
    g = planar.elements[mask_of(planar, subgroup)]
    for rho in R.irreps(planar.group, 3):
        small = rho.restrict(subgroup)
        assert small.group == subgroup and close(small.rho(g), rho.rho(g))
    summed = (2 * R.standard(planar.group) + R.trivial(planar.group)).restrict(subgroup)
    assert [m for m, _ in summed.terms] == [2, 1] and summed.dim == 5
    assert R.standard(planar.group).restrict(planar.group) == R.standard(planar.group)


@pytest.mark.parametrize("planar, subgroup", SUBGROUPS, ids=lambda x: getattr(x, "name", str(x)))
def test_frobenius_reciprocity(planar, subgroup):
    """dim Hom_G(σ, Ind τ) = dim Hom_H(σ|H, τ), both by `hom` and by characters."""
    mask = mask_of(planar, subgroup)
    for tau in R.irreps(subgroup, 2):
        induced = R.induced(planar.group, tau)
        chi = planar.induced(mask, character_of(planar, tau, mask))
        for sigma in R.irreps(planar.group, 2):
            number = planar.count(planar.character(R.irrep_label(sigma)), chi)
            assert len(R.hom(sigma, induced)) == number == len(R.hom(sigma.restrict(subgroup), tau))


# ------------------------------------------------------------------------- groups that are not planar


def test_quaternionic_type():
    """Q8 in R⁴ is irreducible over the reals with the quaternions as commutant; real irreps 1, 1, 1, 1, 4."""
    standard = R.standard(QUATERNIONS)
    assert R.irrep_type(standard) == "quaternionic"
    character = np.trace(QUATERNIONS.element_array, axis1=-2, axis2=-1)
    assert np.mean(character**2) == 4
    kinds = {"real": 1, "complex": 2, "quaternionic": 4}
    reps = R.irreps(QUATERNIONS)
    assert [r.dim for r in reps] == [1, 1, 1, 1, 4]
    assert sum(r.dim**2 / kinds[R.irrep_type(r)] for r in reps) == 8
    ((copies, block),) = R.decompose(standard + standard).blocks
    assert copies == 2 and block.dim == 4


@pytest.mark.parametrize("n, dims", [(3, [1, 1, 2]), (4, [1, 1, 2, 3, 3])])
def test_symmetric_groups(n, dims):
    group = permutation_group(n)
    reps = R.irreps(group)
    assert [r.dim for r in reps] == dims and R.irrep_label(reps[0]) == (0,) and reps[0] == R.trivial(group)
    g = group.element_array
    table = np.stack([trace(r, g) for r in reps])
    assert np.abs(table @ table.T / group.order - np.eye(len(dims))).max() < 1e-10
    standard = R.decompose(R.standard(group)).blocks
    assert [(m, s.dim) for m, s in standard] == [(1, 1), (1, n - 1)]


def test_alternating_group_has_a_complex_irrep():
    cycle, pair = np.eye(4)[[1, 2, 0, 3]], np.eye(4)[[1, 0, 3, 2]]
    group = G.MatrixGroup([], [cycle, pair])
    assert group.order == 12
    assert [(r.dim, R.irrep_type(r)) for r in R.irreps(group)] == [(1, "real"), (2, "complex"), (3, "real")]


def test_product_group_irreps():
    group = G.Cyclic(3) * G.Reflection(1)
    reps = R.irreps(group)
    assert sorted((r.dim, R.irrep_type(r)) for r in reps) == [
        (1, "real"),
        (1, "real"),
        (2, "complex"),
        (2, "complex"),
    ]


def test_one_dimensional_groups():
    for group in (G.Reflection(1), G.O(1)):
        assert [R.irrep_label(r) for r in R.irreps(group)] == [(0,), (1,)]
        assert np.array_equal(R.irrep(group, 1).rho(np.array([[[1.0]], [[-1.0]]])).ravel(), [1, -1])
    assert [R.irrep_label(r) for r in R.irreps(G.SO(1))] == [(0,)]


# --------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: R.irrep(G.Cyclic(8), 5), r"label among .*\(4,\) for C8, got \(5,\)"),
        (lambda: R.irrep(G.Cyclic(8), -1), "got"),
        (lambda: R.irrep(G.Dihedral(4), 1), r"label among .*\(1, 1\).* for D4"),
        (lambda: R.irrep(G.O(2), 0, 3), r"for O\(2\)"),
        (lambda: R.irreps(G.SO(2)), "infinitely many irreps: give the highest frequency"),
        (lambda: R.irreps(G.SO(4)), r"got SO\(4\)"),
        (lambda: R.irreps(G.SO(3)), r"SO\(3\) has infinitely many irreps.*band=…"),
        (lambda: R.irreps(G.SO(2) * G.SO(2)), "not classified here.*decomposed numerically"),
        (lambda: R.regular(G.SO(2)), "infinitely many cosets.*band"),
        (lambda: R.quotient(G.O(2), G.Reflection(2)), "infinitely many cosets"),
        (lambda: R.quotient(G.Cyclic(4), G.Cyclic(3)), "subgroup of C4, got one of C3"),
        (lambda: R.induced(G.O(2), R.trivial(G.Cyclic(4))), "infinite index"),
        (lambda: R.irrep(G.SO(2), 1).restrict(G.O(2)), r"expected a subgroup of SO\(2\), got O\(2\)"),
        (lambda: R.trivial(G.Cyclic(4)) + R.trivial(G.Cyclic(2)), "direct sum needs one group"),
        (lambda: R.trivial(G.Cyclic(4)) * R.trivial(G.Cyclic(2)), "tensor product needs one group"),
        (lambda: R.hom(R.trivial(G.Cyclic(4)), R.trivial(G.Cyclic(2))), "need one group"),
        (lambda: 0 * R.trivial(G.Cyclic(4)), "multiplicity of at least 1, got 0"),
        (lambda: R.tensor(G.SO(2), -1), "non-negative"),
        (lambda: R.exterior(G.SO(2), 3), "exterior power 0 … 2"),
        (lambda: R.regular(G.SO(2), band=-1), "band limit of at least 0"),
        (lambda: R.direct_sum([]), "at least one term"),
        (lambda: R.irrep_type(R.regular(G.Cyclic(4))), "expected an irreducible representation"),
        (lambda: R.trivial(G.SO(2)).rho(np.eye(3)), r"matrices \(..., 2, 2\), got shape \(3, 3\)"),
    ],
)
def test_errors(make, message):
    with pytest.raises(RepresentationError, match=message):
        make()


def test_so2_covers_every_frequency_of_the_circle():
    assert all(close(trace(R.irrep(G.SO(2), k), SO2.elements), 2 * np.cos(k * SO2.angles)) for k in range(1, 30))
