"""Quadrature on the sphere and on SO(3): exact on monomials and on Wigner matrices, not beyond."""

import math

import numpy as np
import pytest

from torsor.linalg import rotation_from_pole, rotation_quadrature, sphere_rotations, wigner


def monomial_mean(i: int, j: int, k: int) -> float:
    """The mean of x^i y^j z^k over the unit sphere, by gamma functions."""
    if i % 2 or j % 2 or k % 2:
        return 0.0
    top = math.prod(math.gamma((e + 1) / 2) for e in (i, j, k))
    return top / math.gamma((i + j + k + 3) / 2) / (2 * math.pi)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("pole", [(0, 1, 0), (0, -1, 0), (1, 2, -0.5)])
def test_sphere_integrates_polynomials(n, pole):
    pole = np.array(pole) / np.linalg.norm(pole)
    g, w = sphere_rotations(n, pole)
    x = g @ pole
    assert len(g) == n * math.ceil(n / 2) and abs(w.sum() - 1) < 1e-12 and (w > 0).all()
    for i in range(n):
        for j in range(n - i):
            for k in range(n - i - j):
                found = w @ (x[:, 0] ** i * x[:, 1] ** j * x[:, 2] ** k)
                assert abs(found - monomial_mean(i, j, k)) < 1e-13


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_rotations_integrate_wigner_matrices(n):
    g, w = rotation_quadrature(n, np.array([0.6, 0.0, 0.8]))
    assert len(g) == n * n * math.ceil(n / 2) and np.abs(np.linalg.det(g) - 1).max() < 1e-12
    for l in range(1, n):
        assert np.abs(np.einsum("n,nij->ij", w, wigner(g, l))).max() < 1e-13
    assert np.abs(np.einsum("n,nij->ij", w, wigner(g, n))).max() > 1e-3


def test_rotation_from_pole():
    for p in (np.array([0, 1.0, 0]), np.array([0, -2.0, 0]), np.random.default_rng(0).normal(size=3)):
        g = rotation_from_pole(p)
        assert np.abs(g @ [0, 1, 0] - p / np.linalg.norm(p)).max() < 1e-14
        assert np.abs(g.T @ g - np.eye(3)).max() < 1e-14 and np.linalg.det(g) > 0
