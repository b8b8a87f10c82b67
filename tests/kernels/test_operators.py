"""Operators on forms, polyvectors and multivectors: unique, nilpotent, squares to the wave operator; on grids."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.errors import KernelError
from torsor.linalg import Clifford

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
f64 = torch.float64
LORENTZ = G.O(1, 2)


def general_linear(d):
    """GL(d) by its generators: all matrices, and one reflection."""
    units = np.eye(d * d).reshape(-1, d, d)
    return G.MatrixGroup(units, np.diag([-1.0] + [1.0] * (d - 1))[None], label=f"GL({d})")


GROUPS = (general_linear(2), general_linear(3), G.O(1, 1), LORENTZ, G.O(3), G.SO(2))


@pytest.mark.parametrize("d", [2, 3])
def test_exterior_derivative_is_unique(d):
    """GL(d) has one operator of order 1 from Λ^k T* to Λ^{k+1} T*, for every k, and it is d."""
    group = general_linear(d)
    for k in range(d):
        rho, sigma = R.exterior(group, k).dual(), R.exterior(group, k + 1).dual()
        found = K.covariants(rho, sigma, 1, covector=True)
        assert len(found) == 1 and len(K.covariants(rho, sigma, 2, covector=True)) == 0
        operator = K.operators.exterior_derivative(group, k)
        known = operator.array.ravel()
        assert abs(abs(found.ravel() @ known) - np.linalg.norm(known)) < 1e-10
        assert len(K.covariants(R.exterior(group, k), R.exterior(group, k + 1), 1, covector=True)) == 0
    for k in range(1, d + 1):
        down = K.covariants(R.exterior(group, k), R.exterior(group, k - 1), 1, covector=True)
        assert len(down) == 1


def d_by_hand(xi, k):
    """(ξ ∧ f)_{i₀ … i_k} = Σ_s (-1)^s ξ_{i_s} f_{i₀ … without i_s … i_k}."""
    d = len(xi)
    rows, columns = list(combinations(range(d), k + 1)), list(combinations(range(d), k))
    matrix = torch.zeros(len(rows), len(columns), dtype=f64)
    for r, row in enumerate(rows):
        for s, i in enumerate(row):
            matrix[r, columns.index(row[:s] + row[s + 1 :])] += (-1) ** s * xi[i]
    return matrix


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_symbols(group):
    """d by hand for every degree, δ as its transpose, dd = 0 and δδ = 0, gradient and divergence as special cases."""
    o, d, xi = K.operators, group.dim, torch.randn(group.dim, dtype=f64)
    for k in range(d):
        up, down = o.exterior_derivative(group, k), o.codifferential(group, k + 1)
        assert up.in_rep.dim == comb(d, k) and up.out_rep.dim == comb(d, k + 1)
        assert torch.allclose(up.symbol(xi), d_by_hand(xi, k)) and torch.allclose(down.symbol(xi), d_by_hand(xi, k).T)
        assert torch.allclose(up.kernel(dtype=f64).symbol(xi), up.symbol(xi), atol=1e-12)
        if k + 1 < d:
            assert (o.exterior_derivative(group, k + 1).symbol(xi) @ up.symbol(xi)).abs().max() < 1e-12
            assert (down.symbol(xi) @ o.codifferential(group, k + 2).symbol(xi)).abs().max() < 1e-12
    assert torch.equal(o.exterior_derivative(group, 0).symbol(xi), o.gradient(group).symbol(xi))
    assert torch.equal(o.codifferential(group, 1).symbol(xi), o.divergence(group).symbol(xi))


@pytest.mark.parametrize("group", [G.O(2), G.SO(3), G.O(3)], ids=str)
def test_hodge_laplacian(group):
    """d δ + δ d is the Laplacian of every component."""
    o = K.operators
    for k in range(1, group.dim):
        total = (o.exterior_derivative(group, k - 1) @ o.codifferential(group, k)).array
        total = total + (o.codifferential(group, k + 1) @ o.exterior_derivative(group, k)).array
        rep = R.standard(group) if k == 1 else R.exterior(group, k)
        assert np.allclose(total, o.laplacian(group, rep).array, atol=1e-12)


@pytest.mark.parametrize("group", [G.O(2), G.O(3), G.O(1, 1), G.SO(1, 2), LORENTZ, G.O(2, 1), G.O(1, 3)], ids=str)
def test_dirac(group):
    """The square is the wave operator; grade by grade it is d with a raised index, and δ; found in the solutions."""
    dirac, cl = K.operators.dirac(group), Clifford(tuple(int(x) for x in np.diag(group.metric)))
    square = K.operators.dalembertian(group, R.multivector(group))
    assert np.allclose((dirac @ dirac).array, square.array, atol=1e-12)
    xi = torch.randn(group.dim, dtype=f64)
    symbol = dirac.symbol(xi)
    assert torch.allclose(dirac.kernel(dtype=f64).symbol(xi), symbol, atol=1e-11)
    raised = torch.from_numpy(group.metric) @ xi
    for k in range(group.dim):
        low, high = torch.from_numpy(cl.grades == k), torch.from_numpy(cl.grades == k + 1)
        assert torch.allclose(symbol[high][:, low], d_by_hand(raised, k))
        assert torch.allclose(symbol[low][:, high], d_by_hand(xi, k).T)
    assert torch.allclose(symbol @ symbol, (raised @ xi) * torch.eye(cl.dim, dtype=f64))


@pytest.mark.parametrize("group", [G.O(1, 1), LORENTZ, general_linear(2)], ids=str)
def test_operators_of_covectors(group):
    """hessian, strain and d take covectors: they are equivariant where vectors and covectors differ."""
    o, rng = K.operators, torch.Generator().manual_seed(0)
    g = group.sample(4, rng, scale=0.5)
    xi = torch.randn(4, group.dim, dtype=f64)
    moved = torch.einsum("nji,nj->ni", torch.linalg.inv(g), xi)
    for operator in (o.hessian(group), o.strain(group), o.exterior_derivative(group)):
        for h, a, b in zip(g, xi, moved, strict=True):
            expected = operator.out_rep.rho(h) @ operator.symbol(a) @ torch.linalg.inv(operator.in_rep.rho(h))
            assert torch.allclose(operator.symbol(b), expected, atol=1e-10 * float(expected.abs().max() + 1))
    assert np.allclose((o.strain(group) @ o.gradient(group)).array, o.hessian(group).array, atol=1e-12)


def test_densities():
    """The divergence of vector densities of weight w gives densities of weight w; types that do not fit are refused."""
    group = general_linear(2)
    operator = K.operators.divergence(group, weight=-1.0)
    assert operator.out_rep == R.density(group, -1.0) and operator.in_rep.dim == 2
    with pytest.raises(KernelError, match="no equivariant map|not equivariant"):
        K.Differential(orders=(1,)).operator(R.standard(group), R.density(group, -1.0), lambda xi: xi[:, None])


def periodic(operator, x):
    """An operator on a periodic grid."""
    kernel = {"padding_mode": "circular", "bias": False, "dtype": f64}
    return nn.Conv(operator.in_rep, operator.out_rep, operator, **kernel)(x)


def test_maxwell_on_a_grid():
    """∂̸ of a plane wave F = f(k·x) with null k and k F = 0 vanishes to the order of the differences; F = ∂̸A."""
    group, errors = LORENTZ, []
    cl = Clifford((-1, 1, 1))
    for n in (24, 48):
        h = 2 * np.pi / n
        axes = torch.meshgrid(*[h * torch.arange(n, dtype=f64)] * 3, indexing="ij")
        phase = 5 * axes[0] + 3 * axes[1] + 4 * axes[2]  # covector (5, 3, 4): η⁻¹(ξ, ξ) = 0
        vector = cl.vector(np.array([-5.0, 3, 4]))
        polar = cl.vector(np.array([0.0, -4, 3]))
        field = torch.from_numpy(cl.wedge(vector, polar))
        x = torch.cos(phase)[None] * field[:, None, None, None]
        assert np.abs(cl.product(vector, field.numpy())).max() < 1e-12
        y = periodic(K.operators.dirac(group, spacing=h, accuracy=4), x[None])
        errors.append(float(y.abs().max() / x.abs().max()))
    assert errors[1] < errors[0] / 12 and errors[1] < 0.1


def test_wave_operator_on_a_grid():
    """∂̸∂̸ on a grid approaches the d'Alembertian of random multivectors of low frequency, at order 4."""
    errors = []
    for n in (16, 32):
        h = 2 * np.pi / n
        t, x = torch.meshgrid(*[h * torch.arange(n, dtype=f64)] * 2, indexing="ij")
        f = torch.stack([torch.sin(t + 2 * x), torch.cos(2 * t - x), torch.sin(t), torch.cos(t + x)])[None]
        exact = f * torch.tensor([1 - 4, 4 - 1, 1, 0], dtype=f64)[:, None, None]
        dirac = K.operators.dirac(G.O(1, 1), spacing=h, accuracy=4)
        errors.append(float((periodic(dirac, periodic(dirac, f)) - exact).abs().max()))
    assert 14 < errors[0] / errors[1] < 18


def test_errors():
    with pytest.raises(KernelError, match="degrees 0 … 1, got 2"):
        K.operators.exterior_derivative(G.O(2), 2)
    with pytest.raises(KernelError, match="degrees 1 … 2, got 0"):
        K.operators.codifferential(G.O(2), 0)
    with pytest.raises(KernelError, match=r"subgroups of O\(p,q\)"):
        K.operators.dirac(general_linear(2))
