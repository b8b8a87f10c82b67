"""Invariant vectors against means over the group, which project onto them."""

import numpy as np
import pytest

from tests.fibre.action import ALONE, C4, CASES, D4, IDS, O2, SO2, types
from torsor import reps as R
from torsor.fibre.invariants import invariant_map, invariant_vectors, is_uniform


def projection(rep: R.Representation) -> np.ndarray:
    """∫ ρ(g) dg, by the elements, or 64 nodes on each component of SO(2), O(2)."""
    group = rep.group
    if group.is_finite:
        elements = group.element_array
    else:
        angles = 2 * np.pi * np.arange(64) / 64
        c, s = np.cos(angles), np.sin(angles)
        turns = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)
        elements = np.concatenate([turns @ w for w in group.component_array])
    return rep.rho(elements).mean(0)


@pytest.mark.parametrize(("group", "name"), CASES, ids=IDS)
def test_they_span_the_image_of_the_mean(group, name):
    rep = types(group)[name]
    expected, found = projection(rep), invariant_map(rep)
    assert len(found) == round(np.trace(expected))
    gram = found.T @ np.linalg.pinv(found @ found.T) @ found if len(found) else np.zeros_like(expected)
    assert np.abs(gram - expected).max() < 1e-9
    assert np.allclose(np.abs(found).max(1), 1.0) if len(found) else True


def test_coordinates_belong_to_fields():
    rep = 2 * R.regular(C4) + R.standard(C4) + R.trivial(C4)
    expected = np.zeros((3, 11))
    expected[0, :4] = expected[1, 4:8] = expected[2, 10] = 1.0
    assert np.abs(invariant_map(rep) - expected).max() < 1e-12


def test_uniform_types():
    for rep in (R.trivial(D4), R.regular(D4), R.quotient(D4, C4)):
        assert is_uniform(rep)
    for rep in (R.standard(D4), R.sign(D4), R.regular(SO2, band=1), R.regular(C4).restrict(ALONE), R.standard(ALONE)):
        assert not is_uniform(rep)
    assert len(invariant_vectors(R.regular(C4).restrict(ALONE))) == 4
    assert invariant_vectors(R.standard(O2)).shape == (0, 2)
