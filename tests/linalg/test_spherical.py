"""Harmonics, Wigner matrices, Clebsch–Gordan maps against Legendre, quadrature, characters, ladder operators."""

import math

import numpy as np
import pytest
import torch
from numpy.polynomial import legendre, polynomial

from torsor import groups as G
from torsor import reps as R
from torsor.errors import RepresentationError
from torsor.linalg import clebsch_gordan, expm, spherical_harmonics, wigner, wigner_derivative

DEGREES = [0, 1, 2, 3, 5, 8, 12]


def legendre_harmonics(v: np.ndarray, l: int) -> np.ndarray:
    """∫ Y² = 1, from derivatives of Legendre polynomials and trigonometric functions, about axis 1."""
    cos = v[:, 1] / np.linalg.norm(v, axis=1)
    phi = np.arctan2(v[:, 0], v[:, 2])
    p = legendre.leg2poly([0] * l + [1])
    columns = []
    for m in range(-l, l + 1):
        k = abs(m)
        associated = (1 - cos**2) ** (k / 2) * polynomial.polyval(cos, polynomial.polyder(p, k) if k else p)
        size = math.sqrt((2 * l + 1) / (4 * math.pi) * math.factorial(l - k) / math.factorial(l + k))
        angular = math.sqrt(2) * (np.sin(k * phi) if m < 0 else np.cos(k * phi)) if m else 1.0
        columns.append(size * associated * angular)
    return np.stack(columns, -1)


def sphere_nodes(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre × equispaced nodes about axis 1; weights sum to 4π."""
    x, w = legendre.leggauss(degree // 2 + 1)
    phi = 2 * np.pi * np.arange(degree + 1) / (degree + 1)
    s = np.sqrt(1 - x**2)[:, None]
    v = np.stack([s * np.sin(phi), x[:, None] + 0 * phi, s * np.cos(phi)], -1).reshape(-1, 3)
    return v, np.repeat(w, degree + 1) * 2 * np.pi / (degree + 1)


def ladder_table(l1: int, l2: int, l3: int) -> np.ndarray:
    """|⟨l1 m1 l2 m2|l3 m3⟩| up to one sign: the eigenspace of J² and J_z, from matrices of spin operators."""

    def spin(l):
        m = np.arange(-l, l + 1)
        plus = np.diag(np.sqrt(l * (l + 1) - m[:-1] * (m[:-1] + 1)), -1)
        return np.diag(m.astype(float)), plus

    (z1, p1), (z2, p2) = spin(l1), spin(l2)
    one1, one2 = np.eye(len(z1)), np.eye(len(z2))
    z, plus = np.kron(z1, one2) + np.kron(one1, z2), np.kron(p1, one2) + np.kron(one1, p2)
    square = z @ z + (plus @ plus.T + plus.T @ plus) / 2
    rows = []
    top = np.linalg.svd(np.concatenate([square - l3 * (l3 + 1) * np.eye(len(z)), z - l3 * np.eye(len(z))]))[2][-1]
    for m in range(l3, -l3 - 1, -1):
        rows.append(top)
        if m > -l3:
            top = plus.T @ top / math.sqrt(l3 * (l3 + 1) - m * (m - 1))
    return np.stack(rows[::-1]).reshape(2 * l3 + 1, 2 * l1 + 1, 2 * l2 + 1)


def real_basis(l: int) -> np.ndarray:
    """Y_complex = U Y_real from the definition Y_{±m} with the phases of Condon and Shortley."""
    u = np.zeros((2 * l + 1, 2 * l + 1), complex)
    u[l, l] = 1
    for m in range(1, l + 1):
        u[l + m, l + m], u[l + m, l - m] = (-1) ** m / 2**0.5, 1j * (-1) ** m / 2**0.5
        u[l - m, l + m], u[l - m, l - m] = 1 / 2**0.5, -1j / 2**0.5
    return u


@pytest.fixture(scope="module")
def elements() -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal to rounding: a product of many exponentials is not."""
    g = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 50, 3, 3)))[0]
    return g[0], g[1]


@pytest.mark.parametrize("l", DEGREES)
def test_harmonics_are_those_of_legendre(l):
    v = np.random.default_rng(l).normal(size=(40, 3))
    r = np.linalg.norm(v, axis=1, keepdims=True)
    expected = r**l * legendre_harmonics(v, l)
    found = spherical_harmonics(v, l, "integral")
    assert np.abs(found - expected).max() < 1e-11 * np.abs(expected).max()
    assert (
        np.abs(spherical_harmonics(v, l) - expected * math.sqrt(4 * math.pi / (2 * l + 1))).max() < 1e-10 * r.max() ** l
    )
    assert (
        np.abs(spherical_harmonics(v, l, "component") - expected * math.sqrt(4 * math.pi)).max() < 1e-10 * r.max() ** l
    )


def test_degree_one_is_the_vector():
    v = np.random.default_rng(0).normal(size=(5, 3))
    assert np.array_equal(spherical_harmonics(v, 1), v)
    x, y, z = v.T
    two = math.sqrt(3) * np.stack(
        [x * z, x * y, (y * y - (x * x + z * z) / 2) / math.sqrt(3), y * z, (z * z - x * x) / 2], -1
    )
    assert np.abs(spherical_harmonics(v, 2) - two).max() < 1e-14


def test_unknown_normalisation():
    with pytest.raises(ValueError, match="among norm, component, integral, got 'unit'"):
        spherical_harmonics(np.ones(3), 1, "unit")


def test_several_degrees_and_torch():
    v = np.random.default_rng(0).normal(size=(2, 5, 3))
    both = spherical_harmonics(v, [3, 0, 1], "component")
    assert np.abs(both[..., :7] - spherical_harmonics(v, 3, "component")).max() == 0 and both.shape == (2, 5, 11)
    assert np.abs(spherical_harmonics(torch.tensor(v), [3, 0, 1], "component").numpy() - both).max() < 1e-14
    origin = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: spherical_harmonics(v, range(4)), origin)


@pytest.mark.parametrize("l", DEGREES)
def test_wigner_turns_harmonics(l, elements):
    """Y_l(gv) = D^l(g) Y_l(v), with Y_l by Legendre; reflections included."""
    g, v = elements[0], np.random.default_rng(1).normal(size=(50, 3))
    turned = np.einsum("nij,nj->ni", g, v)
    left = np.einsum("nij,nj->ni", wigner(g, l), legendre_harmonics(v, l))
    assert np.abs(left - legendre_harmonics(turned, l)).max() < 1e-11


@pytest.mark.parametrize("l", [*DEGREES, 20, 30])
def test_wigner_is_a_homomorphism(l, elements):
    g, h = elements
    d = wigner(g, l)
    assert np.abs(wigner(g @ h, l) - d @ wigner(h, l)).max() < 1e-11
    assert np.abs(d @ d.swapaxes(-1, -2) - np.eye(2 * l + 1)).max() < 1e-11
    assert np.abs(wigner(-np.eye(3), l) - (-1) ** l * np.eye(2 * l + 1)).max() < 1e-12
    assert np.abs(wigner(torch.tensor(g), l).numpy() - d).max() < 1e-13


@pytest.mark.parametrize("l", [*DEGREES, 20, 30])
def test_characters(l):
    """χ = sin((2l + 1)θ/2) / sin(θ/2) of a turn by θ about any axis."""
    rng = np.random.default_rng(l)
    theta, axis = rng.uniform(0.1, 3.1, 20), rng.normal(size=(20, 3))
    x, y, z = (axis / np.linalg.norm(axis, axis=1, keepdims=True)).T
    o = 0 * x
    a = np.stack([np.stack([o, -z, y], -1), np.stack([z, o, -x], -1), np.stack([-y, x, o], -1)], -2)
    trace = np.trace(wigner(expm(theta[:, None, None] * a), l), axis1=-2, axis2=-1)
    assert np.abs(trace - np.sin((2 * l + 1) * theta / 2) / np.sin(theta / 2)).max() < 1e-10
    for t in (0.3, 2.0):  # the derivative, by the exponential
        assert np.abs(expm(t * wigner_derivative(a, l)) - wigner(expm(t * a), l)).max() < 1e-10
    casimir = sum(d @ d for d in wigner_derivative(G.SO(3).algebra_array, l))
    assert np.abs(casimir + l * (l + 1) * np.eye(2 * l + 1)).max() < 1e-10


def test_gradients_flow(elements):
    g = torch.tensor(elements[0][:2], requires_grad=True)
    assert torch.autograd.gradcheck(lambda g: wigner(g, 3), g)
    assert wigner(g.float(), 4).dtype == torch.float32


TRIPLES = [
    (1, 1, 0),
    (1, 1, 1),
    (1, 1, 2),
    (2, 1, 1),
    (2, 2, 3),
    (3, 2, 4),
    (4, 3, 2),
    (4, 4, 4),
    (6, 5, 4),
    (12, 12, 12),
]


@pytest.mark.parametrize("triple", TRIPLES, ids=str)
def test_clebsch_gordan_is_an_equivariant_isometry(triple, elements):
    l1, l2, l3 = triple
    c, g = clebsch_gordan(*triple), elements[0][:4] * np.linalg.det(elements[0][:4])[:, None, None]
    flat = c.reshape(2 * l3 + 1, -1)
    assert np.abs(flat @ flat.T - np.eye(2 * l3 + 1)).max() < 1e-12
    left = np.einsum("nck,kab->ncab", wigner(g, l3), c)
    right = np.einsum("cij,nia,njb->ncab", c, wigner(g, l1), wigner(g, l2), optimize=True)
    assert np.abs(left - right).max() < 1e-11


@pytest.mark.parametrize("triple", TRIPLES[:-1], ids=str)
def test_clebsch_gordan_against_ladder_operators(triple):
    """Spin operators and a null space give the complex table up to a phase; then a change to the real basis."""
    u1, u2, u3 = (real_basis(l) for l in triple)
    expected = np.einsum("cz,cab,ax,by->zxy", u3.conj(), ladder_table(*triple), u1, u2, optimize=True)
    found = clebsch_gordan(*triple)
    phase = np.vdot(found, expected) / np.vdot(found, found)
    assert abs(abs(phase) - 1) < 1e-10 and np.abs(expected - phase * found).max() < 1e-10


@pytest.mark.parametrize(
    "triple", [(1, 1, 0), (1, 1, 2), (2, 2, 2), (3, 2, 1), (3, 2, 3), (4, 4, 6), (5, 4, 3)], ids=str
)
def test_clebsch_gordan_against_gaunt(triple):
    """∫ Y_{l1} Y_{l2} Y_{l3} by quadrature is a positive multiple for even sums: sign, order and basis of Legendre."""
    v, w = sphere_nodes(sum(triple))
    y = [legendre_harmonics(v, l) for l in triple]
    gaunt = np.einsum("n,na,nb,nc->cab", w, *y, optimize=True)
    if sum(triple) % 2:
        assert np.abs(gaunt).max() < 1e-12
    else:
        size = np.linalg.norm(gaunt) / math.sqrt(2 * triple[2] + 1)
        assert np.abs(gaunt / size - clebsch_gordan(*triple)).max() < 1e-11


def test_one_one_one_is_the_cross_product():
    a, b = np.random.default_rng(0).normal(size=(2, 3))
    assert np.abs(np.einsum("cab,a,b->c", clebsch_gordan(1, 1, 1), a, b) - np.cross(a, b) / math.sqrt(2)).max() < 1e-15
    assert not clebsch_gordan(1, 1, 3).any() and not clebsch_gordan(3, 1, 1).any()


def test_whole_numbers():
    turn = torch.tensor([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    for l in range(4):
        assert torch.equal(wigner(turn, l), wigner(turn.double(), l))
        assert torch.equal(wigner_derivative(turn - turn.mT, l), wigner_derivative((turn - turn.mT).double(), l))
    axis = torch.tensor([[0, 1, 0]])
    assert torch.equal(spherical_harmonics(axis, 2), spherical_harmonics(axis.double(), 2))
    assert np.array_equal(wigner(turn.numpy(), 2), wigner(turn.double().numpy(), 2))
    rho = R.irrep(G.SO(3), 2)
    assert torch.equal(rho.rho(turn), rho.rho(turn.double()))


def test_degrees_are_whole_numbers():
    for wrong in (-1, 1.5, "2"):
        with pytest.raises(RepresentationError, match="degrees 0, 1, 2"):
            wigner(np.eye(3), wrong)
        with pytest.raises(RepresentationError, match="degrees 0, 1, 2"):
            spherical_harmonics(np.eye(3), [0, wrong])


def test_the_result_is_no_view_of_the_rotation():
    g = torch.eye(3)
    wigner(g, 1).zero_()
    assert torch.equal(g, torch.eye(3))
