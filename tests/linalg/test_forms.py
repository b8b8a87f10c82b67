import numpy as np
import pytest

from torsor.linalg import invariant_form

J = np.array([[0, -1], [1, 0.0]])
BOOST = np.array([[0, 1], [1, 0.0]])
NONE = np.zeros((0, 2, 2))


def test_the_identity_where_that_is_invariant():
    assert np.array_equal(invariant_form(J[None], NONE), np.eye(2))
    assert np.array_equal(invariant_form(NONE, NONE), np.eye(2))


@pytest.mark.parametrize("seed", range(5))
def test_of_a_conjugated_rotation_group_is_the_transported_one(seed):
    change = np.random.default_rng(seed).normal(size=(2, 2))
    a = change @ J @ np.linalg.inv(change)
    form = invariant_form(a[None], NONE)
    expected = np.linalg.inv(change @ change.T)
    assert np.abs(form - 2 * expected / np.trace(expected)).max() < 1e-8


def test_of_a_finite_group_of_integer_matrices():
    hexagonal = np.array([[1, -1], [1, 0.0]])
    form = invariant_form(NONE, hexagonal[None])
    assert np.abs(hexagonal.T @ form @ hexagonal - form).max() < 1e-12
    assert np.linalg.eigvalsh(form).min() > 0.1


@pytest.mark.parametrize(
    "algebra, generators",
    [
        (BOOST[None], NONE),
        (np.eye(2)[None], NONE),
        (np.array([[[0, 1], [0, 0.0]]]), NONE),
        (NONE, np.diag([2.0, 0.5])[None]),
    ],
)
def test_none_for_non_compact_groups(algebra, generators):
    assert invariant_form(algebra, generators) is None
