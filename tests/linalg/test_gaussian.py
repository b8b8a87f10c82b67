"""Gaussian derivatives against automatic differentiation and Gauss–Hermite quadrature."""

from itertools import product

import numpy as np
import pytest
import torch

from tests.linalg.test_rbf import derivative
from torsor.linalg import (
    gaussian,
    gaussian_derivatives,
    indices_up_to,
    moment_corrected,
    smoothed_derivatives,
    taylor_monomials,
)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_derivatives_against_autograd(d):
    v = torch.randn(5, d, dtype=torch.float64)
    alphas = indices_up_to(d, 4)
    found = gaussian_derivatives(v, 0.7, alphas)
    for i, alpha in enumerate(alphas):
        exact = (-1) ** sum(alpha) * derivative(lambda x: gaussian(x, 0.7), v, alpha)
        assert torch.allclose(found[:, i], exact, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("d", [1, 2])
def test_moments_against_quadrature(d):
    """∂^α (G_σ * p)(0) = ∫ (-1)^|α| ∂^α G_σ p, by Gauss–Hermite nodes."""
    sigma, degree, alphas = 0.6, 5, indices_up_to(d, 2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    v = sigma * np.array(list(product(nodes, repeat=d)))
    w = np.prod(np.array(list(product(weights / np.sqrt(2 * np.pi), repeat=d))), 1)
    ratio = gaussian_derivatives(v, sigma, alphas) / gaussian(v, sigma)[:, None]
    quadrature = (taylor_monomials(v, degree) * w[:, None]).T @ ratio
    assert np.abs(smoothed_derivatives(d, degree, alphas, sigma) - quadrature).max() < 1e-11


def test_correction_is_exact_and_small():
    alphas, degree = indices_up_to(2, 2), 3
    axis = np.arange(-4, 5) / 1.0
    v = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(1, -1, 2)
    plain, wanted = gaussian_derivatives(v, 1.0, alphas), smoothed_derivatives(2, degree, alphas, 1.0)
    weights = moment_corrected(plain, v, gaussian(v, 1.0), wanted, degree)
    assert np.abs(taylor_monomials(v[0], degree).T @ weights[0] - wanted).max() < 1e-12
    assert 1e-6 < np.abs(weights - plain).max() < 0.01 * np.abs(plain).max()
