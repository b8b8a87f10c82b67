from math import comb, factorial, prod

import numpy as np
import pytest
import torch

from torsor.linalg import (
    expm,
    harmonic_basis,
    harmonic_power,
    harmonic_power_derivative,
    harmonics,
    monomials,
    multi_indices,
    symmetric_power,
    symmetric_power_derivative,
)

CASES = [(d, k) for d in (1, 2, 3, 4) for k in range(5)]


@pytest.mark.parametrize("d, k", CASES)
def test_monomials_have_the_inner_product_of_powers(rng, d, k):
    u, v = rng.normal(size=(2, 6, d))
    assert len(multi_indices(d, k)) == comb(d + k - 1, k) == monomials(u, k).shape[-1]
    product = (monomials(u, k) * monomials(v, k)).sum(-1)
    assert np.abs(product - (u * v).sum(-1) ** k).max() < 1e-12 * max(1, np.abs(product).max())
    assert np.abs(monomials(torch.tensor(u), k).numpy() - monomials(u, k)).max() < 1e-14 * 10**k


@pytest.mark.parametrize("d, k", CASES)
def test_symmetric_power_moves_monomials(rng, d, k):
    g, v = rng.normal(size=(3, d, d)), rng.normal(size=(3, d))
    moved = np.einsum("nij,nj->ni", symmetric_power(g, k), monomials(v, k))
    expected = monomials(np.einsum("nij,nj->ni", g, v), k)
    assert np.abs(moved - expected).max() < 1e-11 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("d, k", CASES)
def test_symmetric_power_derivative_exponentiates(rng, d, k):
    a = rng.normal(size=(d, d)) / 3
    power = symmetric_power(expm(a), k)
    assert np.abs(expm(symmetric_power_derivative(a, k)) - power).max() < 1e-11 * max(1, np.abs(power).max())


def laplacian(coefficients: np.ndarray, d: int, k: int) -> dict:
    """Δ of Σ c_α sqrt(k!/α!) v^α by differentiating v^α exponent by exponent."""
    result: dict = {}
    for c, alpha in zip(coefficients, multi_indices(d, k), strict=True):
        weight = c * np.sqrt(factorial(k) / prod(factorial(i) for i in alpha))
        for axis in range(d):
            if alpha[axis] >= 2:
                beta = (*alpha[:axis], alpha[axis] - 2, *alpha[axis + 1 :])
                result[beta] = result.get(beta, 0.0) + weight * alpha[axis] * (alpha[axis] - 1)
    return result


@pytest.mark.parametrize("d, k", [*CASES, (2, 12), (3, 6)])
def test_harmonics_are_all_harmonic_polynomials(d, k):
    basis = harmonic_basis(d, k)
    expected = comb(d + k - 1, k) - (comb(d + k - 3, k - 2) if k >= 2 else 0)
    assert basis.shape == (expected, comb(d + k - 1, k))
    assert np.abs(basis @ basis.T - np.eye(expected)).max(initial=0) < 1e-12
    for row in basis:
        assert np.abs([0.0, *laplacian(row, d, k).values()]).max() < 1e-9 * (1 + k**2)


@pytest.mark.parametrize("k", range(1, 10))
def test_in_the_plane_they_are_cos_and_sin(k):
    """The span of r^k cos kφ, r^k sin kφ; the two are orthogonal and of equal norm."""
    phi = 2 * np.pi * np.arange(32) / 32
    values = harmonics(np.stack([np.cos(phi), np.sin(phi)], -1), k)
    waves = np.stack([np.cos(k * phi), np.sin(k * phi)], -1)
    coefficients = waves.T @ values / 16
    assert np.abs(values - waves @ coefficients).max() < 1e-13
    gram = coefficients.T @ coefficients
    assert np.abs(gram - gram[0, 0] * np.eye(2)).max() < 1e-14 and gram[0, 0] > 2.0**-k


@pytest.mark.parametrize("d, k", [(2, 1), (2, 5), (3, 2), (3, 4), (4, 3)])
def test_harmonic_power_moves_harmonics(rng, d, k):
    g = np.linalg.qr(rng.normal(size=(4, d, d)))[0]
    v = rng.normal(size=(4, d))
    moved = np.einsum("nij,nj->ni", harmonic_power(g, k), harmonics(v, k))
    assert np.abs(moved - harmonics(np.einsum("nij,nj->ni", g, v), k)).max() < 1e-12 * 10**k
    a = rng.normal(size=(d, d))
    a = a - a.T
    slope = harmonic_power_derivative(a, k)
    assert np.abs(slope + slope.T).max() < 1e-12
    assert np.abs(expm(slope) - harmonic_power(expm(a), k)).max() < 1e-11
