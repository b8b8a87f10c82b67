"""Multivectors: the outermorphism of g, grade after grade, for every group."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.testing.representations import check_representation

GROUPS = [G.O(1, 2), G.SO0(1, 3), G.Orthochronous(1, 1), G.SO(2), G.O(3), G.Dihedral(4), G.SO(2, 2)]


def wedge(d: int, vectors: np.ndarray) -> np.ndarray:
    """v₁ ∧ … ∧ v_k from the antisymmetric tensor, in lexicographic components."""
    k = len(vectors)
    return np.array([np.linalg.det(vectors[:, list(index)]) if k else 1.0 for index in combinations(range(d), k)])


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_conformance(group):
    check_representation(R.multivector(group))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_group_elements_act_on_the_factors_of_blades(group):
    d, rep, rng = group.dim, R.multivector(group), np.random.default_rng(0)
    g = group.sample(3, torch.Generator().manual_seed(0)).numpy()
    for k, place in enumerate(rep.grade_slices):
        vectors = rng.normal(size=(k, d))
        for element, image in zip(g, rep.rho(g), strict=True):
            blade = np.zeros(2**d)
            blade[place] = wedge(d, vectors)
            moved = np.zeros(2**d)
            moved[place] = wedge(d, vectors @ element.T)
            np.testing.assert_allclose(image @ blade, moved, atol=1e-10)


def test_the_grades_stay_apart_where_no_inner_product_is_invariant():
    rep = R.multivector(G.O(1, 3))
    found = R.decompose(rep)
    assert [sigma.dim for _, sigma in found.blocks] == [1, 4, 6, 4, 1]
    np.testing.assert_array_equal(found.basis, np.eye(16))
    assert [m for m, _ in R.decompose(R.multivector(G.SO(3))).blocks] == [2, 2]


def test_names_and_restriction():
    rep = R.multivector(G.O(1, 2))
    assert rep.dim == 8 and rep.name == "multivector"
    assert rep.restrict(G.SO0(1, 2)) == R.multivector(G.SO0(1, 2))
    assert R.Representation.from_dict(rep.to_dict()) == rep
