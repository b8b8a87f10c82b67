"""The geometric product against matrices, associativity, the defining relations, and the action of O(p, q)."""

from functools import reduce

import numpy as np
import pytest

from torsor import groups as G
from torsor import reps as R
from torsor.linalg import Clifford

PAULI = [np.array(m) for m in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]
SIGNATURES = [(p, n - p) for n in range(1, 5) for p in range(n + 1)]


def algebra(p, q):
    return Clifford((-1,) * p + (1,) * q)


def gamma(p, q):
    """Anticommuting matrices with squares -1 (p of them), then +1, faithful also in odd dimensions: Jordan–Wigner."""
    n = p + q
    found = []
    for k in range(n):
        factors = [PAULI[2]] * k + [PAULI[0]] + [np.eye(2)] * (n - 1 - k)
        found.append(reduce(np.kron, factors).astype(complex) * (1j if k < p else 1))
    return found


def matrix(x, cl, e):
    blades = [reduce(np.matmul, [e[i] for i in blade], np.eye(len(e[0]), dtype=complex)) for blade in cl.blades]
    return np.einsum("...a,aij->...ij", x, np.stack(blades))


def random(cl, *shape, seed=0):
    return np.random.default_rng(seed).normal(size=(*shape, cl.dim))


@pytest.mark.parametrize(("p", "q"), SIGNATURES)
def test_product_is_that_of_matrices(p, q):
    """An injective representation by Pauli matrices settles every sign and every index of the table."""
    cl, e = algebra(p, q), gamma(p, q)
    basis = matrix(np.eye(cl.dim), cl, e).reshape(cl.dim, -1)
    assert np.linalg.matrix_rank(basis) == cl.dim
    x, y = random(cl, 5), random(cl, 5, seed=1)
    assert np.allclose(matrix(cl.product(x, y), cl, e), matrix(x, cl, e) @ matrix(y, cl, e), atol=1e-13)
    assert np.allclose(np.einsum("abc,na,nb->nc", cl.cayley, x, y), cl.product(x, y), atol=1e-13)


def test_dirac_matrices():
    """Cl(1, 3) is represented by i times the Dirac matrices in the Dirac basis, of squares (-1, 1, 1, 1)."""
    one, zero = np.eye(2), np.zeros((2, 2))
    dirac = [np.block([[one, zero], [zero, -one]])] + [np.block([[zero, s], [-s, zero]]) for s in PAULI]
    cl, e = algebra(1, 3), [1j * m for m in dirac]
    x, y = random(cl, 5), random(cl, 5, seed=1)
    assert np.allclose(matrix(cl.product(x, y), cl, e), matrix(x, cl, e) @ matrix(y, cl, e), atol=1e-13)


@pytest.mark.parametrize(("p", "q"), SIGNATURES)
def test_axioms(p, q):
    """Associativity, v² = η(v, v), reversal of products; the involution is multiplicative."""
    cl = algebra(p, q)
    x, y, z = (random(cl, 4, seed=s) for s in range(3))
    assert np.allclose(cl.product(cl.product(x, y), z), cl.product(x, cl.product(y, z)), atol=1e-12)
    v = np.random.default_rng(3).normal(size=(4, cl.n))
    square = cl.product(cl.vector(v), cl.vector(v))
    assert np.allclose(square[:, 0], v**2 @ np.array(cl.signs)) and np.allclose(square[:, 1:], 0)
    for signs, order in ((cl.reversion, (y, x)), (cl.conjugation, (y, x)), (cl.involution, (x, y))):
        a, b = order
        assert np.allclose(signs * cl.product(x, y), cl.product(signs * a, signs * b), atol=1e-13)


@pytest.mark.parametrize(("p", "q"), SIGNATURES)
def test_wedge_and_contraction(p, q):
    """v x = v ∧ x + v ⌟ x; v ∧ v = 0; ∧ is associative, blind to the metric; (x ∧ y)⌟z = x⌟(y⌟z)."""
    cl, euclid = algebra(p, q), algebra(0, p + q)
    x, y, z = (random(cl, 4, seed=s) for s in range(3))
    v = cl.vector(np.random.default_rng(3).normal(size=(4, cl.n)))
    assert np.allclose(cl.wedge(v, x) + cl.contraction(v, x), cl.product(v, x), atol=1e-13)
    assert np.allclose(cl.wedge(v, v), 0, atol=1e-14)
    assert np.allclose(cl.wedge(cl.wedge(x, y), z), cl.wedge(x, cl.wedge(y, z)), atol=1e-12)
    assert np.allclose(cl.wedge(x, y), euclid.wedge(x, y), atol=1e-13)
    assert np.allclose(cl.contraction(cl.wedge(x, y), z), cl.contraction(x, cl.contraction(y, z)), atol=1e-12)


@pytest.mark.parametrize(("p", "q"), SIGNATURES)
def test_forms_and_duals(p, q):
    """(x, y) = ⟨x̃ y⟩₀ grade by grade; y ∧ ⋆x = (y, x) I within a grade; I² has the sign known in closed form."""
    cl, n = algebra(p, q), p + q
    x, y = random(cl, 4), random(cl, 4, seed=1)
    assert np.allclose(cl.product(cl.reversion * x, y)[:, 0], (cl.form * x * y).sum(-1), atol=1e-13)
    for k in range(n + 1):
        a, b = x * (cl.grades == k), y * (cl.grades == k)
        assert np.allclose(cl.square(x)[:, k], (cl.form * a * a).sum(-1))
        expected = (cl.form * a * b).sum(-1)[:, None] * cl.pseudoscalar
        assert np.allclose(cl.wedge(b, cl.dual(a)), expected, atol=1e-13)
    square = cl.product(cl.pseudoscalar, cl.pseudoscalar)
    assert np.allclose(square, (-1) ** (n * (n - 1) // 2 + p) * np.eye(cl.dim)[0])


@pytest.mark.parametrize(("p", "q"), SIGNATURES)
def test_table(p, q):
    """Every component of a product is 2^n terms; paths are (i, j, k), k = |i-j|, |i-j|+2 … min(i+j, 2n-i-j)."""
    cl, n = algebra(p, q), p + q
    assert (np.sort(cl.partners, axis=1) == np.arange(cl.dim)).all() and (np.abs(cl.coefficients) == 1).all()
    assert ((cl.cayley != 0).sum((0, 1)) == cl.dim).all()
    expected = [
        (i, j, k)
        for i in range(n + 1)
        for j in range(n + 1)
        for k in range(abs(i - j), min(i + j, 2 * n - i - j) + 1, 2)
    ]
    assert sorted(expected) == list(cl.paths)
    assert cl.sizes == tuple(np.bincount([bin(b).count("1") for b in range(cl.dim)]))


@pytest.mark.parametrize(("p", "q"), [(0, 2), (0, 3), (1, 1), (1, 2), (2, 1), (1, 3), (2, 2)])
def test_groups_act_by_automorphisms(p, q):
    """g(xy) = (gx)(gy) for O(p, q), with the action of R.multivector, grade projections included."""
    cl, group = algebra(p, q), G.O(p, q)
    g = R.multivector(group).rho(group.sample(4)).numpy()
    x, y = random(cl, 4), random(cl, 4, seed=1)
    for index in range(len(cl.paths)):
        kept = cl.path_index == index
        moved = cl.product(np.einsum("nij,nj->ni", g, x), np.einsum("nij,nj->ni", g, y), kept)
        expected = np.einsum("nij,nj->ni", g, cl.product(x, y, kept))
        assert np.abs(moved - expected).max() < 1e-12 * max(1, np.abs(g).max() ** 2)


def test_errors():
    with pytest.raises(ValueError, match="diag"):
        Clifford((1, 0))
