"""Every pair of irreps of every group in space: covariants per degree against characters, and (*) to 1e-10."""

import numpy as np
import pytest

from tests.oracles import null_basis, same_span
from tests.point_groups import CUBIC, DEGREES, FAMILIES, LIMITS, POLYHEDRAL, check, residual
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.kernels.covariants import solve_harmonic
from torsor.linalg import harmonic_power


@pytest.mark.parametrize("group", POLYHEDRAL, ids=str)
def test_polyhedral(group):
    check(group)


@pytest.mark.parametrize("family", FAMILIES)
def test_axial(family):
    for n in range(1, 9):
        check(FAMILIES[family](n))


@pytest.mark.parametrize("group", LIMITS, ids=str)
def test_axial_limits(group):
    check(group)


@pytest.mark.parametrize("group", [G.SO(3), G.O(3)], ids=str)
def test_rotations_up_to_degree_6(group):
    """Triangles: one covariant of degree l between degrees s and t iff |s - t| <= l <= s + t and parities agree."""
    irreps = R.irreps(group, 6)
    labels = [R.irrep_label(sigma) for sigma in irreps]
    pairs = [(s, t) for s in range(len(irreps)) for t in range(len(irreps))]
    found = solve_harmonic([(irreps[s], irreps[t]) for s, t in pairs], range(DEGREES + 1))
    for (s, t), maps in zip(pairs, found, strict=True):
        for l in range(DEGREES + 1):
            parity = 1 if group == G.SO(3) else labels[s][1] * labels[t][1] * (-1) ** l
            triangle = abs(labels[s][0] - labels[t][0]) <= l <= labels[s][0] + labels[t][0]
            assert len(maps[l]) == (triangle and parity == 1), (labels[s], labels[t], l)
    assert residual(group, irreps) < 1e-10


def test_covariants_span_the_brute_force_null_space():
    """A few pairs, degree 4: against the null space of all elements at once."""
    for group, a, b in [(CUBIC[2], "T1", "T2"), (CUBIC[3], "G", "H"), (CUBIC[0], "E", "T")]:
        sigma, tau = R.irrep(group, a), R.irrep(group, b)
        g = group.element_array
        power = harmonic_power(g, 4)
        average = np.einsum("gab,gcd,gef->acebdf", tau._rho(g), sigma._rho(g), power) / len(g)
        n = tau.dim * sigma.dim * 9
        expected = null_basis(np.eye(n) - average.reshape(n, n))
        ours = K.harmonic_covariants(sigma, tau, 4).reshape(-1, n)
        assert same_span(ours, expected) and np.abs(ours @ ours.T - np.eye(len(ours))).max() < 1e-10
