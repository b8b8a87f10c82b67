import numpy as np
import torch

from torsor.linalg import expm


def test_rotations_boosts_and_shears_in_closed_form():
    for t in (0.0, 1e-9, 0.3, -2.0, 40.0):
        c, s = np.cos(t), np.sin(t)
        assert np.abs(expm(t * np.array([[0, -1], [1, 0.0]])) - [[c, -s], [s, c]]).max() < 1e-12
        assert np.abs(expm(t * np.array([[0, 1], [0, 0.0]])) - [[1, t], [0, 1]]).max() < 1e-12
    for t in (0.0, 0.3, -2.0, 8.0):
        c, s = np.cosh(t), np.sinh(t)
        assert np.abs(expm(t * np.array([[0, 1], [1, 0.0]])) - [[c, s], [s, c]]).max() < 1e-12 * c


def test_agrees_with_an_eigendecomposition(rng):
    a = rng.normal(size=(7, 5, 5)) * 2
    symmetric = a + a.swapaxes(-1, -2)
    values, vectors = np.linalg.eigh(symmetric)
    expected = (vectors * np.exp(values)[:, None]) @ vectors.swapaxes(-1, -2)
    assert (np.abs(expm(symmetric) - expected).max((1, 2)) < 1e-12 * np.exp(values).max(1)).all()


def test_torch_and_numpy_and_batches_agree(rng):
    a = rng.normal(size=(2, 3, 4, 4))
    assert np.abs(expm(torch.tensor(a)).numpy() - expm(a)).max() < 1e-12
    assert np.abs(expm(a[1, 2]) - expm(a)[1, 2]).max() < 1e-12
    assert expm(np.zeros((0, 3, 3))).shape == (0, 3, 3)
