"""Counts of kernels by characters: against the closed forms of Wigner and Eckart, and against null spaces."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.errors import GroupError
from torsor.taxonomy import kernel_count, quadrature
from torsor.taxonomy.certificate import type_name

SO2, O2, SO3, O3 = G.SO(2), G.O(2), G.SO(3), G.O(3)


@pytest.mark.parametrize("group", [SO2, O2, SO3, O3, G.Cyclic(5), G.Octahedral()], ids=str)
def test_the_mean_of_a_nontrivial_character_vanishes(group):
    elements, weights = quadrature(group)
    assert group.contains(elements).all() and weights.sum() == pytest.approx(1, abs=1e-12)
    for rep in R.irreps(group, 3)[1:]:
        assert abs(float((weights * rep.rho(elements).diagonal(dim1=-2, dim2=-1).sum(-1)).sum())) < 1e-12


@pytest.mark.parametrize("j", range(4))
@pytest.mark.parametrize("l", range(4))
def test_triangle_inequality(j, l):
    for degree in range(6):
        assert kernel_count(R.irrep(SO3, j), R.irrep(SO3, l), degree) == (abs(j - l) <= degree <= j + l)


def test_parity():
    """A harmonic of degree l has parity (-1)^l."""
    vector, pseudovector = R.irrep(O3, "1o"), R.irrep(O3, "1e")
    assert [kernel_count(vector, vector, degree) for degree in range(4)] == [1, 0, 1, 0]
    assert [kernel_count(vector, pseudovector, degree) for degree in range(4)] == [0, 1, 0, 0]


@pytest.mark.parametrize("k", range(3))
@pytest.mark.parametrize("m", range(3))
def test_frequencies_of_the_plane(k, m):
    """Degrees |k - m| and k + m; two maps each under SO(2), one under O(2), fewer between scalars."""
    for degree in range(6):
        hits = (degree == abs(k - m)) + (degree == k + m)
        here = kernel_count(R.irrep(SO2, k), R.irrep(SO2, m), degree)
        assert here == (hits // 2 if k == m == 0 else hits if 0 in (k, m) else 2 * hits)
        spin = [R.trivial(O2) if n == 0 else R.irrep(O2, 1, n) for n in (k, m)]
        assert kernel_count(*spin, degree) == (here if k == m == 0 else here / 2)


def test_finite_groups_against_a_null_space():
    """All invariant tensors of C4 in ρ_out ⊗ ρ_in* ⊗ H_2, H_2 spanned by x² - y² and xy."""
    group = G.Cyclic(4)
    rho = R.regular(group)
    turn = group.generator_array[0]
    permutation = rho.rho(turn)
    harmonic = np.diag([-1.0, -1.0])  # a quarter turn takes x² - y² and xy to their negatives
    constraint = np.kron(np.kron(permutation, np.linalg.inv(permutation).T), harmonic) - np.eye(32)
    assert kernel_count(rho, rho, 2) == 32 - np.linalg.matrix_rank(constraint)


def test_refused():
    with pytest.raises(GroupError, match=r"SO\(2\), O\(2\), SO\(3\) or O\(3\), got O\(1,1\)"):
        quadrature(G.O(1, 1))


def test_names_of_repeated_types():
    vector, scalar = R.standard(SO3), R.trivial(SO3)
    assert type_name(2 * (scalar + vector)) == "2 (trivial + standard)" and type_name(2 * vector) == "2 standard"
    assert type_name(scalar + vector) == "trivial + standard" and type_name(vector) == "standard"
    assert torch.equal(quadrature(G.Reflection(1))[1], torch.tensor([0.5, 0.5], dtype=torch.float64))
