"""Functions on the sphere, on SO(3), on their quotients, and sections: they transform as functions, isometrically."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor import testing
from torsor.errors import RepresentationError

SO3, O3, OH = G.SO(3), G.O(3), G.Octahedral().with_inversion()
C_INF, C_INF_V, D_INF = G.Axial(G.SO(2)), G.Axial(G.O(2)), G.Axial(G.O(2), reflection=-1)
SIDE = G.Axial(G.SO(2), axis=0)

FUNCTIONS = {
    "SO(3)": (R.regular(SO3, band=2), 1 + 9 + 25),
    "O(3)": (R.regular(O3, band=1), 2 * (1 + 9)),
    "sphere": (R.quotient(SO3, C_INF, band=4), 25),
    "sphere about axis 0": (R.quotient(SO3, SIDE, band=3), 16),
    "sphere of O(3)": (R.quotient(O3, C_INF_V, band=4), 25),
    "projective plane": (R.quotient(SO3, D_INF, band=4), 1 + 5 + 9),
    "cubes": (R.quotient(SO3, G.Octahedral(), band=6), 1 + 9 + 13),
    "spherical": (R.spherical(O3, 3), 16),
    "spherical of Oh": (R.spherical(OH, 2), 9),
}


def uniform(rep: R.Representation, n: int, seed: int = 0) -> np.ndarray:
    return rep.group.sample(n, torch.Generator().manual_seed(seed)).numpy()


ON_COSETS = [rep for rep, _ in FUNCTIONS.values() if isinstance(rep, R.BandLimited)]
ON_LIE_GROUPS = [rep for rep, _ in FUNCTIONS.values() if not rep.group.is_finite]


@pytest.fixture(params=FUNCTIONS)
def case(request):
    return FUNCTIONS[request.param]


def test_dimension(case):
    """A group about an axis fixes one vector of each degree, the cube one of degrees 0, 4, 6; {e} all 2l + 1."""
    assert case[0].dim == case[1]


def test_evaluation_is_equivariant(case, rng):
    rep = case[0]
    g, x = uniform(rep, 10), uniform(rep, 10, seed=1)
    f = rng.normal(size=rep.dim)
    left = np.einsum("nc,ncd,d->n", rep.evaluation(x), rep.rho(g), f)
    right = rep.evaluation(np.linalg.inv(g) @ x) @ f
    assert np.abs(left - right).max() < 1e-10 and np.abs(right).max() > 0.1
    assert np.abs(rep.evaluation(torch.tensor(x)).numpy() - rep.evaluation(x)).max() < 1e-13


@pytest.mark.parametrize("rep", ON_COSETS, ids=str)
def test_functions_are_constant_on_cosets(rep):
    x, h = uniform(rep, 10), rep.subgroup.sample(10, torch.Generator().manual_seed(1)).numpy()
    assert np.abs(rep.evaluation(x @ h) - rep.evaluation(x)).max() < 1e-11


@pytest.mark.parametrize("rep", ON_LIE_GROUPS, ids=str)
def test_parseval(rep):
    """∫ f² = |coefficients|², by Euler angles about other axes than those of the library's grids."""
    values = rep.evaluation(euler(rep.group == O3, 14))
    cosines, w = np.polynomial.legendre.leggauss(14)
    weights = np.tile(np.repeat(w / 2, 14 * 14) / 14**2, 2 if rep.group == O3 else 1) / (2 if rep.group == O3 else 1)
    assert np.abs(values.T @ (weights[:, None] * values) - np.eye(rep.dim)).max() < 1e-12


def euler(reflections: bool, n: int) -> np.ndarray:
    """R_z(α) R_x(β) R_z(γ) at Gauss–Legendre cos β, β outermost."""
    beta = np.arccos(np.polynomial.legendre.leggauss(n)[0])
    angle = 2 * np.pi * np.arange(n) / n
    z = np.stack([np.cos(angle), -np.sin(angle), 0 * angle, np.sin(angle), np.cos(angle), 0 * angle], -1)
    z = np.concatenate([z, np.tile([0, 0, 1.0], (n, 1))], -1).reshape(n, 3, 3)
    c, s, o = np.cos(beta), np.sin(beta), 0 * beta
    x = np.stack([o + 1, o, o, o, c, -s, o, s, c], -1).reshape(n, 3, 3)
    g = (z[None, :, None] @ x[:, None, None] @ z[None, None]).reshape(-1, 3, 3)
    return np.concatenate([g, -g]) if reflections else g


@pytest.mark.parametrize(
    "rep",
    [
        R.spherical(O3, 2),
        R.spherical(OH, 2),
        R.spherical(SO3.internal(G.Cyclic(3)), 1),
        R.regular(SO3, band=1),
        R.quotient(O3, C_INF_V, band=2),
        R.induced(SO3, R.irrep(C_INF, 1), band=2),
        R.quaternion(O3),
        R.quaternion(OH),
        R.pseudovector(G.O(2)),
    ],
    ids=str,
)
def test_laws(rep):
    testing.check_representation(rep)


def test_spherical_at_points(rng):
    """The function with coefficients Y(n)/dim·… is a zonal kernel Σ (2l+1) P_l(x·n): a peak at n."""
    rep = R.spherical(SO3, 5)
    x = rng.normal(size=(20, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    kernel = rep.evaluation_at(x) @ rep.evaluation_at(x).T
    expected = sum((2 * l + 1) * np.polynomial.legendre.Legendre.basis(l)(np.clip(x @ x.T, -1, 1)) for l in range(6))
    assert np.abs(kernel - expected).max() < 1e-12
    g = uniform(rep, 5)
    assert np.abs(rep.evaluation(g) - rep.evaluation_at(g[:, :, 1])).max() == 0


def test_spherical_is_the_quotient():
    """One copy of every degree, even where the degree is: as the functions on O(3)/O(2) up to signs of the degrees."""
    sphere, quotient = R.spherical(O3, 3), R.quotient(O3, G.Axial(G.O(2), axis=1), band=3)
    assert R.decompose(sphere).blocks == R.decompose(quotient).blocks
    g = uniform(sphere, 6)
    a, b = sphere.evaluation(g), quotient.evaluation(g)
    scale = np.sum(a * b, 0) / np.sum(a * a, 0)
    assert np.abs(a * scale - b).max() < 1e-11 and np.abs(np.abs(scale) - 1).max() < 1e-11


SECTIONS = {
    "frequency 0": (R.trivial(C_INF), {(0,): 1, (1,): 1, (2,): 1, (3,): 1}),
    "frequency 1": (R.irrep(C_INF, 1), {(1,): 2, (2,): 2, (3,): 2}),
    "frequency 2": (R.irrep(C_INF, 2), {(2,): 2, (3,): 2}),
    "vectors of a cube": (R.standard(G.Octahedral()), {(1,): 1, (3,): 1}),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_sections(name, rng):
    """Frobenius: σ occurs dim Hom_H(σ, τ) times; F(gh) = τ(h)⁻¹ F(g); (ρ(g) F)(x) = F(g⁻¹x)."""
    tau, counts = SECTIONS[name]
    rep = R.induced(SO3, tau, band=3)
    assert {R.irrep_label(s): m for m, s in R.decompose(rep).blocks} == counts
    g, x, h = uniform(rep, 8), uniform(rep, 8, seed=1), tau.group.sample(8).numpy()
    f = rng.normal(size=rep.dim)
    left = np.einsum("nac,ncd,d->na", rep.evaluation(x), rep.rho(g), f)
    right = rep.evaluation(np.linalg.inv(g) @ x) @ f
    assert np.abs(left - right).max() < 1e-11
    turned = np.einsum("nba,nb->na", tau.rho(h), rep.evaluation(x) @ f)
    assert np.abs(rep.evaluation(x @ h) @ f - turned).max() < 1e-11
    values = rep.evaluation(euler(False, 14))
    weights = np.repeat(np.polynomial.legendre.leggauss(14)[1] / 2, 14 * 14) / 14**2
    assert np.abs(np.einsum("n,nac,nad->cd", weights, values, values) - np.eye(rep.dim)).max() < 1e-12


def test_sections_of_a_finite_subgroup_have_the_multiplicities_of_characters():
    """The vectors of a cube: ⟨χ_l, χ_1⟩ over the rotations of the cube, for every degree up to 6."""
    cube = G.Octahedral()
    rep = R.induced(SO3, R.standard(cube), band=6)
    elements = cube.elements().numpy()
    trace = np.einsum("nii->n", elements)
    theta = np.arccos(np.clip((trace - 1) / 2, -1, 1))
    found = {R.irrep_label(s)[0]: m for m, s in R.decompose(rep).blocks}
    for l in range(7):
        character = 1 + 2 * sum(np.cos(m * theta) for m in range(1, l + 1))
        assert found.get(l, 0) == round(float(np.mean(character * trace)))


# ------------------------------------------------------------------------------- physics


def hamilton(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    real = p[..., :1] * q[..., :1] - np.sum(p[..., 1:] * q[..., 1:], -1, keepdims=True)
    return np.concatenate(
        [real, p[..., :1] * q[..., 1:] + q[..., :1] * p[..., 1:] + np.cross(p[..., 1:], q[..., 1:])], -1
    )


@pytest.mark.parametrize("group", [SO3, O3, OH, G.Tetrahedral()], ids=str)
def test_quaternion_products_are_equivariant(group, rng):
    rep, g = R.quaternion(group), group.sample(6).numpy()
    p, q = rng.normal(size=(2, 6, 4))
    move = lambda x: np.einsum("nij,nj->ni", rep.rho(g), x)  # noqa: E731
    assert np.abs(move(hamilton(p, q)) - hamilton(move(p), move(q))).max() < 1e-10


def test_quaternions_are_conjugated(rng):
    """q ↦ u q ū with u the unit quaternion (cos θ/2, n sin θ/2) of the turn by θ about n, by Rodrigues."""
    n, theta = np.array([1.0, 2, -2]) / 3, 0.7
    cross = np.cross(np.eye(3), n)
    g = np.cos(theta) * np.eye(3) - np.sin(theta) * cross + (1 - np.cos(theta)) * np.outer(n, n)
    g = g if np.abs(g @ n - n).max() < 1e-12 else g.T
    u = np.concatenate([[np.cos(theta / 2)], np.sin(theta / 2) * n])
    q = rng.normal(size=4)
    moved = hamilton(hamilton(u, q), u * [1, -1, -1, -1])
    both = [np.abs(R.quaternion(SO3).rho(h) @ q - moved).max() for h in (g, g.T)]
    assert min(both) < 1e-12
    h = (g, g.T)[int(np.argmin(both))]
    v = rng.normal(size=3)
    turned = np.cos(theta) * v + np.sin(theta) * np.cross(n, v) + (1 - np.cos(theta)) * (n @ v) * n
    assert np.abs(h @ v - turned).max() < 1e-12


@pytest.mark.parametrize("order", [("xx", "yy", "zz", "xy", "xz", "yz"), ("xx", "yy", "zz", "yz", "zx", "xy")])
def test_six_components(order, rng):
    """The field transforms by `symmetric`, as g s gᵀ does, and its norm is that of the matrix."""
    s = rng.normal(size=(3, 3))
    s = s + s.T
    g = O3.sample(1)[0].numpy()
    stored = lambda m: np.array([[m["xyz".index(a), "xyz".index(b)] for a, b in order]])  # noqa: E731
    field = R.symmetric_from_components(stored(s), order)
    moved = R.symmetric_from_components(stored(g @ s @ g.T), order)
    assert np.abs(R.symmetric(O3, 2).rho(g) @ field[0] - moved[0]).max() < 1e-11
    assert abs(np.linalg.norm(field) - np.linalg.norm(s)) < 1e-12
    assert np.abs(R.components_from_symmetric(field, order) - stored(s)).max() < 1e-14
    x = torch.randn(2, 6, 4, 4, dtype=torch.float64)
    assert (R.components_from_symmetric(R.symmetric_from_components(x, order), order) - x).abs().max() < 1e-14


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: R.quaternion(G.SO(2)), "subgroup of O"),
        (lambda: R.spherical(G.SO(2), 2), "subgroup of O"),
        (lambda: R.spherical(SO3, -1), "0 to 30"),
        (lambda: R.spherical(SO3, 31), "0 to 30"),
        (lambda: R.induced(SO3, R.irrep(C_INF, 1)), "infinite index.*band="),
        (lambda: R.induced(SO3, R.irrep(C_INF, 3), band=2), "contains"),
        (lambda: R.induced(C_INF, R.irrep(SO3, 1), band=2), "expected a subgroup"),
        (lambda: R.symmetric_from_components(np.zeros((1, 6)), ("xx", "yy")), "all components"),
        (lambda: R.symmetric_from_components(np.zeros((1, 6)), ("xx", "yy", "zz", "xy", "xz", "xy")), "all components"),
        (lambda: R.symmetric_from_components(np.zeros((1, 5))), "6 components in axis 1"),
    ],
)
def test_errors(make, message):
    with pytest.raises(RepresentationError, match=message):
        make()


def test_names_of_physics():
    """Moving a tensor as a matrix is moving its components: E Bᵀ - B Eᵀ, M, and M without its trace."""
    g = G.O(3).sample(5, torch.Generator().manual_seed(0)).numpy()
    a, b = np.random.default_rng(0).normal(size=(2, 3))
    upper = np.triu_indices(3, 1)
    plane = (np.outer(a, b) - np.outer(b, a))[upper]
    for h in g:
        turned = (np.outer(h @ a, h @ b) - np.outer(h @ b, h @ a))[upper]
        assert np.abs(R.bivector(G.O(3)).rho(h) @ plane - turned).max() < 1e-12
        assert np.abs(R.pseudovector(G.O(3)).rho(h) @ np.cross(a, b) - np.cross(h @ a, h @ b)).max() < 1e-12
    assert R.vector(G.O(3)) == R.standard(G.O(3)) and R.pseudoscalar(G.O(2)) == R.sign(G.O(2))
    assert [m for m, _ in R.decompose(R.stress(G.O(3))).blocks] == [1, 1]
    assert len(R.hom(R.quadrupole(G.O(3)), R.stress(G.O(3)))) == 1
    assert len(R.hom(R.quadrupole(G.Octahedral()), R.stress(G.Octahedral()))) == 2  # E and T2
    with pytest.raises(RepresentationError, match="quadrupoles need a subgroup"):
        R.quadrupole(G.SO(2))
