"""Wigner functions against closed forms, sums and Wigner matrices; quadrature against integrals of monomials."""

import math

import numpy as np
import pytest

from torsor.linalg import wigner
from torsor.linalg.spin_harmonics import exact_degree, latitude_rule, spin_legendre, wigner_d

THETA = np.linspace(0, np.pi, 37)
COS, SIN = np.cos(THETA), np.sin(THETA)
CLOSED = {  # (l, m, s), from the tables of Varshalovich et al., §4.17
    (0, 0, 0): 1 + 0 * THETA,
    (1, 1, 1): (1 + COS) / 2,
    (1, 1, 0): -SIN / math.sqrt(2),
    (1, 1, -1): (1 - COS) / 2,
    (1, 0, 1): SIN / math.sqrt(2),
    (1, 0, 0): COS,
    (2, 2, 2): ((1 + COS) / 2) ** 2,
    (2, 2, 1): -SIN * (1 + COS) / 2,
    (2, 2, 0): math.sqrt(6) / 4 * SIN**2,
    (2, 2, -1): -SIN * (1 - COS) / 2,
    (2, 2, -2): ((1 - COS) / 2) ** 2,
    (2, 1, 1): (2 * COS**2 + COS - 1) / 2,
    (2, 1, 0): -math.sqrt(3 / 2) * SIN * COS,
    (2, 1, -1): (-2 * COS**2 + COS + 1) / 2,
    (2, 0, 0): (3 * COS**2 - 1) / 2,
    (2, -1, 0): math.sqrt(3 / 2) * SIN * COS,
}


def wigner_sum(l: int, m: int, s: int, theta: np.ndarray) -> np.ndarray:
    """Wigner's sum over powers of cos θ/2 and sin θ/2."""
    f = math.factorial
    total = 0.0
    for j in range(max(0, s - m), min(l + s, l - m) + 1):
        below = f(l + s - j) * f(j) * f(m - s + j) * f(l - m - j)
        term = np.cos(theta / 2) ** (2 * l + s - m - 2 * j) * np.sin(theta / 2) ** (m - s + 2 * j)
        total = total + (-1) ** (m - s + j) / below * term
    return math.sqrt(f(l + m) * f(l - m) * f(l + s) * f(l - s)) * total


def test_closed_forms():
    for (l, m, s), expected in CLOSED.items():
        d = wigner_d(THETA, 3, s)
        assert d.shape == (4, 7, 37)
        assert np.abs(d[l, 3 + m] - expected).max() < 1e-15, (l, m, s)
        assert np.abs(wigner_d(THETA, 3, m)[l, 3 + s] - (-1) ** (m - s) * expected).max() < 1e-15, (l, m, s)


def test_zero_below_the_first_degree():
    d = wigner_d(THETA, 5, 3)
    assert not d[:3].any() and not d[4, [0, -1]].any() and d[3].any(-1).sum() == 7


@pytest.mark.parametrize("s", [0, 1, -2, 5, -9])
def test_wigners_sum(s):
    d = wigner_d(THETA, 12, s)
    for l in range(abs(s), 13):
        for m in range(-l, l + 1):
            assert np.abs(d[l, 12 + m] - wigner_sum(l, m, s, THETA)).max() < 1e-12


@pytest.mark.parametrize("l", [1, 2, 3, 6, 10])
def test_wigner_matrices(l):
    """d^l(θ) is the Wigner matrix of the turn by θ from the pole, axis 1, towards longitude 0, axis 2."""
    u = np.zeros((2 * l + 1, 2 * l + 1), complex)  # Y_complex = U Y_real, phases of Condon and Shortley
    u[l, l] = 1
    for m in range(1, l + 1):
        u[l + m, l + m], u[l + m, l - m] = (-1) ** m / 2**0.5, 1j * (-1) ** m / 2**0.5
        u[l - m, l + m], u[l - m, l - m] = 1 / 2**0.5, -1j / 2**0.5
    theta = np.array([0.3, 1.1, 2.9])
    c, s, o = np.cos(theta), np.sin(theta), 0 * theta
    g = np.stack([np.stack([o + 1, o, o], -1), np.stack([o, c, -s], -1), np.stack([o, s, c], -1)], -2)
    expected = u @ wigner(g, l) @ u.conj().T
    found = np.stack([wigner_d(theta, l, k)[l] for k in range(-l, l + 1)], -1).transpose(1, 0, 2)
    assert np.abs(expected.imag).max() < 1e-14 and np.abs(found - expected.real).max() < 1e-12


@pytest.mark.parametrize("s", [0, 1, -2, 7])
def test_orthogonality_up_to_degree_128(s):
    """∫ d^l_{ms} d^k_{ms} dx = 2/(2l+1) δ, for every m; 129 Gauss–Legendre latitudes are enough."""
    band = 128
    theta, w = latitude_rule("gauss", band + 1)
    d = wigner_d(theta, band, s) * np.sqrt((2 * np.arange(band + 1) + 1) / 2)[:, None, None]
    assert np.isfinite(d).all()
    gram = np.einsum("n,lmn,kmn->mlk", w, d, d, optimize=True)
    l, m = np.arange(band + 1), np.abs(np.arange(-band, band + 1))
    expected = np.eye(band + 1) * (l >= np.maximum(m, abs(s))[:, None])[:, None]
    assert np.abs(gram - expected).max() < 1e-13
    theta, w = latitude_rule("gauss", band - 8)  # fewer latitudes are not
    d = wigner_d(theta, band, s)[:, band] * np.sqrt((2 * np.arange(band + 1) + 1) / 2)[:, None]
    assert np.abs((d * w) @ d.T - np.eye(band + 1)).max() > 0.1


def test_rows_are_unit_vectors_at_degree_300():
    """d^l(θ) is orthogonal: Σ_m d²_{ms} = 1 at every angle, poles included; nothing over- or underflows."""
    theta = np.array([0.0, 1e-9, 1e-3, 0.4, 1.5, 2.5, np.pi - 1e-6, np.pi])
    for s in (0, -3, 40):
        d = wigner_d(theta, 300, s)
        assert np.isfinite(d).all() and np.abs((d[abs(s) :] ** 2).sum(1) - 1).max() < 1e-11


def test_spin_legendre_is_wigner_d_with_signs():
    table = spin_legendre(THETA, 4, 3)
    assert table.shape == (2, 5, 37, 5)
    for m in range(-4, 5):
        expected = (
            -((-1) ** max(m, 0))
            * wigner_d(THETA, 4, -3)[:, 4 + m]
            * np.sqrt((2 * np.arange(5) + 1) / 4 / np.pi)[:, None]
        )
        assert np.abs(table[int(m < 0), abs(m)].T - expected).max() < 1e-15


@pytest.mark.parametrize("rule", ["gauss", "equiangular", "poles"])
@pytest.mark.parametrize("n", [2, 3, 4, 9, 16, 33])
def test_latitude_rules(rule, n):
    theta, w = latitude_rule(rule, n)
    x = np.cos(theta)
    assert (np.diff(theta) < 0).all() and (w > 0).all() and abs(w.sum() - 2) < 1e-14
    degree = 2 * n - 1 if rule == "gauss" else n - 1 + n % 2  # odd functions vanish by symmetry
    for p in range(degree + 1):
        assert abs(w @ x**p - (1 + (-1) ** p) / (p + 1)) < 1e-14, p
    even = degree + 1
    assert abs(w @ np.cos(even * theta) - 2 / (1 - even**2)) > 1e-4  # the next even degree is not exact
    assert np.allclose(theta + theta[::-1], np.pi) and np.allclose(w, w[::-1])
    assert 2 * exact_degree(rule, n) <= degree < 2 * exact_degree(rule, n) + 2
    assert (abs(theta[-1]) < 1e-15) == (rule == "poles")


def test_refusals():
    with pytest.raises(ValueError, match=r"from 0 to 800, got 801"):
        wigner_d(THETA, 801, 0)
    with pytest.raises(ValueError, match="among gauss, equiangular, poles"):
        latitude_rule("healpix", 4)
    with pytest.raises(ValueError, match="at least 2 latitudes"):
        latitude_rule("poles", 1)
