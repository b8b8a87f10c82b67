"""The covariant solver: counts from characters, closed forms, brute force, and the constraint (*)."""

import numpy as np
import pytest
import torch

from tests.oracles import PLANAR, SO2, Planar, cyclic, dihedral, null_basis, rows, same_span
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import KernelError
from torsor.kernels.covariants import _constraints, _invariants, _power, _solve, covariants, solve_harmonic
from torsor.linalg import canonical_bases, harmonics, monomials, null_projectors
from torsor.linalg.invariants import DIRECT

SL2 = G.MatrixGroup([[[1, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]], label="SL(2)")
SCALE = G.MatrixGroup([np.eye(2)], label="scalings")


def degrees_of(planar: Planar) -> range:
    """Beyond k_in + k_out nothing happens; for C_N, D_N one more period shows the aliasing."""
    return range(11) if planar.n is None else range(planar.n + 3)


@pytest.mark.parametrize("planar", PLANAR, ids=lambda p: p.name)
def test_irreps_every_pair_every_degree(planar, rng):
    """The number of harmonic covariants is the mean of χ_out χ_in χ_l, and P(gv) = ρ_out(g) P(v) ρ_in(g)⁻¹ to 1e-10."""
    degrees, labels = degrees_of(planar), planar.labels()
    reps = [R.irrep(planar.group, *label) for label in labels]
    solved = iter(solve_harmonic([(a, b) for a in reps for b in reps], degrees))
    chi = np.stack([planar.character(label) for label in labels])
    harmonic = np.stack([planar.harmonic(l) for l in degrees])
    counts = np.einsum("ag,bg,lg->abl", chi, chi, harmonic, optimize=True) / planar.order
    assert np.abs(counts - np.rint(counts)).max() < 1e-9
    v, index = rng.normal(size=(2, 2)), rng.integers(planar.order, size=2)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    g = planar.elements[index]
    before = [harmonics(v, l) * 2 ** (l / 2) for l in degrees]
    after = [harmonics(np.einsum("nij,nj->ni", g, v), l) * 2 ** (l / 2) for l in degrees]
    images = [rep.rho(g) for rep in reps]
    for a in range(len(reps)):
        for b in range(len(reps)):
            for l, maps in zip(degrees, next(solved), strict=True):
                assert len(maps) == round(counts[a, b, l]), (labels[a], labels[b], l)
                if len(maps):
                    left = maps @ after[l].T
                    right = np.einsum("nxy,byzn,nwz->bxwn", images[b], maps @ before[l].T, images[a])
                    assert np.abs(left - right).max() < 1e-10
                    assert np.abs(left).max() > 1e-3


@pytest.mark.parametrize(
    "planar", [*(cyclic(n) for n in range(1, 7)), *(dihedral(n) for n in range(1, 4))], ids=lambda p: p.name
)
def test_reducible_types_directly(planar):
    """Regular to regular and regular to standard, without the decomposition: |G| dim of the harmonics."""
    regular, standard = R.regular(planar.group), R.standard(planar.group)
    for degree in range(3):
        size = 2 if degree else 1
        assert len(K.harmonic_covariants(regular, regular, degree)) == planar.order * size
        assert len(K.harmonic_covariants(regular, standard, degree)) == 2 * size


@pytest.mark.parametrize("m", range(4))
@pytest.mark.parametrize("n", range(4))
def test_so2_in_closed_form(m, n):
    """From frequency m to n: cos and sin of (n - m)φ and (n + m)φ, as 2 × 2 rotations and reflections."""
    rho_in, rho_out = R.irrep(G.SO(2), m), R.irrep(G.SO(2), n)
    phi = 2 * np.pi * np.arange(40) / 40
    v = np.stack([np.cos(phi), np.sin(phi)], -1)
    expected: dict[int, list[np.ndarray]] = {}
    if m == n == 0:
        expected = {0: [np.ones((1, 1, 40))]}
    elif m == 0 or n == 0:
        k, (c, s) = m + n, (np.cos((m + n) * phi), np.sin((m + n) * phi))
        columns = [np.stack([c, s]), np.stack([-s, c])]
        expected = {k: [x[None] if n == 0 else x[:, None] for x in columns]}
    else:
        for k, sign in ((n - m, 1), (n + m, -1)):
            c, s = np.cos(k * phi), np.sin(k * phi)
            turn = np.stack([np.stack([c, -sign * s]), np.stack([s, sign * c])])
            quarter = np.stack([np.stack([-s, -sign * c]), np.stack([c, -sign * s])])
            expected.setdefault(abs(k), []).extend([turn, quarter])
    for degree in range(8):
        maps = K.harmonic_covariants(rho_in, rho_out, degree)
        values = rows(maps @ harmonics(v, degree).T)
        basis = np.array(expected.get(degree, [])).reshape(-1, rho_in.dim * rho_out.dim * 40)
        assert same_span(values, basis), (degree, len(values), len(basis))


def by_force(rho_in, rho_out, degree: int, g: np.ndarray, v: np.ndarray) -> np.ndarray:
    """All P(v) = C m(v) with P(gv) = ρ_out(g) P(v) ρ_in(g)⁻¹ at given pairs (g, v): rows are C, flattened."""
    out, into = rho_out.rho(g), np.linalg.inv(rho_in.rho(g))
    action = rho_in.group.action(g)
    equations = []
    for o, i, move, x in zip(out, into, action, v, strict=True):
        here, there = monomials(x, degree), monomials(move @ x, degree)
        left = np.kron(np.eye(rho_out.dim * rho_in.dim), there[None])
        equations.append(left - np.kron(np.kron(o, i.T), here[None]))
    return null_basis(np.concatenate(equations))


GENERAL = {
    "O(1,2)": (G.O(1, 2), 3),
    "SO(1,2)": (G.SO(1, 2), 3),
    "SL(2)": (SL2, 4),
    "SO(1,1)": (G.SO(1, 1), 4),
    "scalings": (SCALE, 3),
    "SO(3)": (G.SO(3), 3),
    "hexagonal": (G.MatrixGroup([], [[[1, -1], [1, 0]]]), 4),
    "internal": (G.Cyclic(4).internal(G.Cyclic(2)), 3),
}


@pytest.mark.parametrize("name", GENERAL)
def test_general_solver_against_brute_force(name):
    group, top = GENERAL[name]
    generator = torch.Generator().manual_seed(0)
    g = group.sample(60, generator, scale=None if group.is_compact else 0.5).numpy()
    v = torch.randn(60, group.dim, generator=generator, dtype=torch.float64).numpy()
    standard = R.standard(group)
    reps = [R.trivial(group), R.sign(group), standard, standard.dual()]
    for rho_in in reps:
        for rho_out in reps:
            for degree in range(top if rho_in.dim * rho_out.dim < 9 else 3):
                maps = K.covariants(rho_in, rho_out, degree)
                assert same_span(rows(maps), by_force(rho_in, rho_out, degree, g, v), 1e-6)


def test_scalings_have_covariants_only_where_the_degrees_match():
    """P(sv) = ρ_out P(v) ρ_in⁻¹: density weight w of the plane is s^{2w}, so degree 2 goes from 0 to 1."""
    one = R.trivial(SCALE)
    numbers = [len(K.covariants(one, R.density(SCALE, 1.0), degree)) for degree in range(5)]
    assert numbers == [0, 0, 3, 0, 0]


def test_vectors_in_space():
    """SO(3) 1 → 1: degree 0 the identity, degree 1 the cross product, degree 2 the traceless dyad v vᵀ - |v|²/3."""
    standard = R.standard(G.SO(3))
    v = np.random.default_rng(0).normal(size=(9, 3))
    cross = np.zeros((3, 3, 9))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        cross[i, j], cross[j, i] = -v[:, k], v[:, k]
    dyad = np.einsum("ni,nj->ijn", v, v) - np.eye(3)[..., None] * (v**2).sum(-1) / 3
    expected = [np.broadcast_to(np.eye(3)[..., None], (3, 3, 9)), cross, dyad]
    for degree, basis in enumerate(expected):
        maps = K.harmonic_covariants(standard, standard, degree)
        values = rows(maps @ harmonics(v, degree).T)
        assert same_span(values, basis.reshape(1, -1))
    assert len(K.harmonic_covariants(standard, standard, 3)) == 0
    mirrored = R.standard(G.O(3))
    assert [len(K.harmonic_covariants(mirrored, mirrored, l)) for l in range(4)] == [1, 0, 1, 0]


@pytest.mark.parametrize("group", [G.Trivial(1), G.Reflection(1), G.O(1)], ids=repr)
def test_one_dimension(group):
    """Harmonic polynomials of the line are 1 and x: the parity of the pair decides."""
    for a in R.irreps(group):
        for b in R.irreps(group):
            even = R.irrep_label(a) == R.irrep_label(b)
            found = [len(K.harmonic_covariants(a, b, l)) for l in range(4)]
            assert found == ([1, 1, 0, 0] if group.order == 1 else [int(even), int(not even), 0, 0])


def test_covariants_are_orthonormal():
    for maps in (
        K.covariants(R.standard(G.SO(2)), R.standard(G.SO(2)), 4),
        K.harmonic_covariants(R.irrep(G.Cyclic(6), 2), R.irrep(G.Cyclic(6), 1), 3),
    ):
        flat = rows(maps)
        assert len(flat) and np.abs(flat @ flat.T - np.eye(len(flat))).max() < 1e-12


def test_all_covariants_are_harmonics_times_powers_of_the_norm():
    """Sym^k = H_k ⊕ |v|² Sym^{k-2}."""
    a, b = R.irrep(G.SO(2), 1), R.irrep(G.SO(2), 2)
    for degree in range(7):
        harmonic = sum(len(K.harmonic_covariants(a, b, l)) for l in range(degree, -1, -2))
        assert len(K.covariants(a, b, degree)) == harmonic


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: K.covariants(R.trivial(SO2.group), R.trivial(G.O(2)), 1), "need one group"),
        (lambda: K.covariants(R.trivial(SO2.group), R.trivial(SO2.group), -1), "degree of at least 0, got -1"),
        (
            lambda: K.harmonic_covariants(R.trivial(SL2), R.trivial(SL2), 2),
            r"rotations and reflections, got SL\(2\)",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(KernelError, match=message):
        call()


@pytest.mark.parametrize("group", [G.O(1, 3), G.SL(2), G.Octahedral(), G.SO(3)], ids=str)
@pytest.mark.parametrize("covector", [False, True])
def test_large_systems_have_the_basis_of_the_plain_null_space(group, covector):
    """Through irreducible copies or orbits, against all constraints in one matrix."""
    rho_in, rho_out, degree = R.tensor(group, 1, int(group.dim < 4)), R.tensor(group, 1, 1), 2 if group.dim > 2 else 4
    power = _power(group, degree, harmonic=False, covector=covector)
    assert rho_in.dim * rho_out.dim * power[0].shape[-1] > DIRECT or group.dim == 2
    request = (rho_in, rho_out, power)
    plain = canonical_bases(null_projectors(_constraints([request])))[0]
    (found,) = _solve([request])
    large = _invariants(*request)
    assert found.shape == large.shape and len(plain) == len(found)
    assert max(np.abs(x.reshape(plain.shape) - plain).max(initial=0) for x in (found, large)) < 1e-10


def test_covariants_of_lorentz_tensors_build_quickly():
    """T₂ → T₂ of degree 3, 5120 unknowns: none, as the total order is odd; degree 2: 15 invariants of 6 indices, the
    last two symmetrised: the pairings in which the pair is together (3), or apart (12, equal in pairs: 6)."""
    rep = R.tensor(G.O(1, 3), 2)
    assert len(covariants(rep, rep, 3)) == 0
    assert len(covariants(rep, rep, 2)) == 3 + 6
