"""η-harmonic polynomials solve the wave equation, are as many as on spheres, and transform among themselves."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor.linalg import (
    harmonics,
    pseudo_harmonic_basis,
    pseudo_harmonic_power,
    pseudo_harmonic_power_derivative,
    pseudo_harmonics,
)

SIGNATURES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (0, 3)]


@pytest.mark.parametrize("p, q", SIGNATURES)
@pytest.mark.parametrize("k", range(5))
def test_they_solve_the_wave_equation(p, q, k):
    d = p + q
    v = torch.randn(d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    eta = torch.tensor([-1.0] * p + [1.0] * q, dtype=torch.float64)
    number = len(pseudo_harmonic_basis(p, q, k))
    assert number == comb(d + k - 1, k) - (comb(d + k - 3, k - 2) if k >= 2 else 0)
    for i in range(number):
        hessian = torch.autograd.functional.hessian(lambda x, i=i: pseudo_harmonics(x, p, q, k)[i] + 0 * x.sum(), v)
        assert abs(float((hessian.diagonal() * eta).sum())) < 1e-12


@pytest.mark.parametrize("p, q", SIGNATURES)
@pytest.mark.parametrize("k", range(4))
def test_they_transform_among_themselves(p, q, k):
    group = G.O(p, q)
    g = group.sample(6, torch.Generator().manual_seed(1)).numpy()
    v = np.random.default_rng(0).normal(size=p + q)
    np.testing.assert_allclose(
        pseudo_harmonics(g @ v, p, q, k), pseudo_harmonic_power(g, p, q, k) @ pseudo_harmonics(v, p, q, k), atol=1e-9
    )
    a, step = group.algebra_array, 1e-6
    moved = pseudo_harmonic_power(np.eye(p + q) + step * a, p, q, k)
    derivative = pseudo_harmonic_power_derivative(a, p, q, k)
    np.testing.assert_allclose((moved - np.eye(moved.shape[-1])) / step, derivative, atol=1e-4)


def test_without_time_axes_they_are_the_solid_harmonics():
    v = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(pseudo_harmonics(v, 0, 3, 3), harmonics(v, 3))
