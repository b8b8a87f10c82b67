"""MNIST from a file or a folder of the user: idx, idx.gz or npz."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from torsor.errors import DataError

_IDX = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def mnist(path: str | Path) -> dict[str, np.ndarray]:
    """MNIST as uint8 arrays: train_images (60000, 28, 28), train_labels (60000,), test_images, test_labels.

    Args:
        path: an npz file with these four arrays; or a folder that holds ``mnist.npz``, or the four original
            idx files (``train-images-idx3-ubyte`` …, plain or ``.gz``), there or in ``raw/`` or
            ``MNIST/raw/``.

    Raises:
        DataError: nothing of that kind is there, or a file is damaged.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, CC BY-SA 3.0.
    """
    path = Path(path)
    archive = path / "mnist.npz" if path.is_dir() else path
    if archive.is_file():
        return _check(_read_npz(archive), archive)
    found = {name: _find_idx(path, file) for name, file in _IDX.items()}
    missing = [_IDX[name] for name, file in found.items() if file is None]
    if missing:
        raise DataError(f"expected mnist.npz or the four idx files of MNIST in {path}; {', '.join(missing)} not there")
    return _check({name: read_idx(file) for name, file in found.items() if file}, path)


def read_idx(path: str | Path) -> np.ndarray:
    """An array of bytes in MNIST's idx format.

    The file is 00 00 08 n, then n big-endian sizes of 4 bytes, then the bytes in C order; ``.gz`` is
    unpacked.

    Raises:
        DataError: the file is not idx, or its length does not fit its header.
    """
    path = Path(path)
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if len(raw) < 4 or raw[:3] != b"\0\0\x08" or len(raw) < 4 + 4 * raw[3]:
        raise DataError(f"{path} is not an idx file of bytes: it starts with {raw[:4].hex(' ')}")
    start = 4 + 4 * raw[3]
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    if len(raw) - start != math.prod(shape):
        raise DataError(f"{path}: expected {math.prod(shape)} bytes for {shape}, received {len(raw) - start}")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


def _find_idx(folder: Path, name: str) -> Path | None:
    places = [folder / sub / (name + end) for sub in (".", "raw", "MNIST/raw") for end in ("", ".gz")]
    return next((place for place in places if place.is_file()), None)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in _IDX}
    except KeyError as error:
        raise DataError(f"{path}: expected the arrays {', '.join(_IDX)}; {error.args[0]}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is not an npz file, or is damaged: {error}") from error


def _check(arrays: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.dtype != np.uint8 or labels.ndim != 1 or images.shape != (len(labels), 28, 28):
            received = f"{images.dtype} {images.shape} and labels {labels.shape}"
            raise DataError(f"{path}: expected {part} images uint8 (n, 28, 28) and labels (n,), received {received}")
    return arrays
