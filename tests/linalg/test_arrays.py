import numpy as np
import pytest
import torch

from torsor.linalg import block_diagonal, constant, identity, kron, namespace, transpose

KINDS = {
    "numpy": lambda x: x,
    "float32": lambda x: torch.tensor(x, dtype=torch.float32),
    "float64": torch.tensor,
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def test_kron_is_numpys(kind, rng):
    a, b = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 4, 2))
    expected = np.stack([np.kron(x, y) for x, y in zip(a, b, strict=True)])
    assert np.allclose(np.asarray(kron(kind(a), kind(b))), expected, rtol=0, atol=1e-6)
    assert kron(kind(a[0]), kind(b)).shape == (5, 8, 6)


def test_block_diagonal(kind, rng):
    blocks = [rng.normal(size=(3, n, n)) for n in (1, 3, 2)]
    expected = np.zeros((3, 6, 6))
    expected[:, :1, :1], expected[:, 1:4, 1:4], expected[:, 4:, 4:] = blocks
    result = block_diagonal([kind(b) for b in blocks])
    assert np.allclose(np.asarray(result), expected, rtol=0, atol=1e-6)
    assert type(result) is type(kind(blocks[0]))


def test_identity_and_transpose_broadcast(kind, rng):
    x = kind(rng.normal(size=(2, 3, 4, 4)))
    assert identity(5, x).shape == (2, 3, 5, 5)
    assert np.array_equal(np.asarray(identity(5, x))[1, 2], np.eye(5))
    assert np.array_equal(np.asarray(transpose(x)), np.asarray(x).swapaxes(-1, -2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_constant_takes_the_dtype_of_floats_and_keeps_integers(dtype):
    like = torch.zeros(1, dtype=dtype)
    assert constant(np.ones(2), like).dtype == dtype
    assert constant(np.arange(2), like).dtype == torch.int64
    assert namespace(like) is torch and namespace(np.zeros(1)) is np
