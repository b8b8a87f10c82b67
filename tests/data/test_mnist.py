import gzip
import struct

import numpy as np
import pytest

from torsor.data import mnist
from torsor.data.mnist import read_idx
from torsor.errors import DataError

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


@pytest.fixture
def arrays(rng):
    sizes = {"train": 30, "test": 20}
    images = {f"{k}_images": rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for k, n in sizes.items()}
    return images | {f"{k}_labels": rng.integers(0, 10, n, dtype=np.uint8) for k, n in sizes.items()}


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw"])
def test_idx_folder(tmp_path, arrays, compress, place):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in FILES.items():
        raw = idx(arrays[name])
        (folder / (file + ".gz" * compress)).write_bytes(gzip.compress(raw) if compress else raw)
    found = mnist(tmp_path)
    assert all(np.array_equal(found[name], arrays[name]) for name in FILES)


def test_npz_file_and_folder(tmp_path, arrays):
    np.savez(tmp_path / "mnist.npz", **arrays)
    for path in (tmp_path, tmp_path / "mnist.npz"):
        assert all(np.array_equal(mnist(path)[name], arrays[name]) for name in FILES)


def test_missing_files_are_named(tmp_path, arrays):
    (tmp_path / FILES["train_images"]).write_bytes(idx(arrays["train_images"]))
    with pytest.raises(DataError, match="train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels"):
        mnist(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [lambda raw: raw[:-1], lambda raw: b"PK" + raw[2:], lambda raw: raw[:3], lambda raw: raw + b"x"],
    ids=["torn", "other magic", "no header", "too long"],
)
def test_damaged_idx(tmp_path, arrays, damage):
    path = tmp_path / "images"
    path.write_bytes(damage(idx(arrays["test_images"])))
    with pytest.raises(DataError, match="images"):
        read_idx(path)


def test_torn_gzip_and_npz(tmp_path, arrays):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(idx(arrays["test_images"]))[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(path)
    np.savez(tmp_path / "mnist.npz", **arrays)
    (tmp_path / "mnist.npz").write_bytes((tmp_path / "mnist.npz").read_bytes()[:-400])
    with pytest.raises(DataError, match="damaged"):
        mnist(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"test_images": np.zeros((20, 27, 28), np.uint8)},
        {"test_labels": np.zeros(19, np.uint8)},
        {"train_images": np.zeros((30, 28, 28), np.float32)},
    ],
)
def test_wrong_shapes_and_types(tmp_path, arrays, change):
    np.savez(tmp_path / "mnist.npz", **(arrays | change))
    with pytest.raises(DataError, match="expected (train|test) images uint8"):
        mnist(tmp_path)
    np.savez(tmp_path / "mnist.npz", images=arrays["test_images"])
    with pytest.raises(DataError, match="expected the arrays"):
        mnist(tmp_path)
