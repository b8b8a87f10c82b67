import numpy as np
import pytest

from tests.oracles import null_basis, same_span
from torsor.linalg import canonical_bases, null_projectors, null_space


@pytest.mark.parametrize("m, n, rank", [(3, 5, 3), (9, 5, 2), (4, 4, 4), (1, 6, 0), (20, 12, 7)])
def test_null_space_is_that_of_the_svd(rng, m, n, rank):
    matrix = rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n))
    basis = null_space(matrix)
    assert basis.shape == (n - rank, n)
    assert np.abs(basis @ basis.T - np.eye(n - rank)).max(initial=0) < 1e-13
    assert np.abs(matrix @ basis.T).max(initial=0) < 1e-12
    assert same_span(basis, null_basis(matrix))


def test_the_basis_depends_on_the_space_only(rng):
    matrix = rng.normal(size=(4, 9))
    basis = null_space(matrix)
    mixed = rng.normal(size=(6, 4)) @ matrix
    noisy = matrix * (1 + 1e-14 * rng.normal(size=matrix.shape))
    assert np.abs(null_space(mixed) - basis).max() < 1e-10
    assert np.abs(null_space(noisy) - basis).max() < 1e-10


def test_ties_are_broken_by_the_lowest_index(rng):
    """x₁ = x₂, x₃ = x₄: all residuals tie. Rounding noise of either sign must not choose."""
    space = np.array([[1, 1, 0, 0], [0, 0, 1, 1]]) / np.sqrt(2)
    projector = space.T @ space
    for _ in range(20):
        noise = 1e-13 * rng.normal(size=(4, 4))
        assert np.abs(canonical_bases((projector + noise + noise.T)[None])[0] - space).max() < 1e-12


def test_the_pivot_entry_is_positive(rng):
    for basis in (null_space(rng.normal(size=(3, 7))) for _ in range(10)):
        assert (basis[np.arange(4), np.abs(basis).argmax(1)] != 0).all()
        first = basis[0]
        assert first[np.argmax(np.abs(first))] > 0


def test_batches_of_different_ranks(rng):
    matrices = np.stack([np.diag([1.0, 1, 0, 0]), np.eye(4), np.zeros((4, 4))])
    projectors = null_projectors(matrices)
    assert [len(b) for b in canonical_bases(projectors)] == [2, 0, 4]
    assert np.abs(projectors[0] - np.diag([0, 0, 1.0, 1])).max() < 1e-15
