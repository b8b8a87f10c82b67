"""The MNIST-rot benchmark: 12 000 rotated digits to learn from, 50 000 to be tested on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from torsor.data.digits import SPLITS, as_images, check_split, rotate_each
from torsor.data.download import Remote, fetch
from torsor.data.mnist import mnist
from torsor.data.orientation import stored_transposed
from torsor.errors import DataError

ARCHIVE = Remote(
    url="http://www.iro.umontreal.ca/~lisa/icml2007data/mnist_rotation_new.zip",
    algorithm="sha1",
    digest="e67f72fa42029f62fd8eb92b0638c1b9761c9a63",
)
_LEARN = "mnist_all_rotation_normalized_float_train_valid.amat"
_TEST = "mnist_all_rotation_normalized_float_test.amat"
_SIZES = {_LEARN: 12000, _TEST: 50000}


def mnist_rot(
    folder: str | Path, split: str, download: bool = False, seed: int = 0, rotated: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """MNIST-rot: "train" 10 000, "validation" 2 000, "test" 50 000 digits, each at its own random angle.

    The folder may hold the published files (``mnist_all_rotation_normalized_float_*.amat``, or
    ``mnist_rotation_new.zip`` with them), or MNIST itself (see ``mnist``), from which the protocol is
    generated: a seeded draw of 62 000 of the 70 000 digits, each turned by its own uniform angle in [0, 2π)
    with ``rotate``.

    The published files say nowhere whether they store rows or columns first, and readers of them disagree;
    the mirror image of a digit is another shape. So the digits themselves decide
    (``orientation.stored_transposed``), and the images returned are never mirrored.

    Args:
        folder: where the files are; also an npz or zip file itself.
        split: "train", "validation" or "test".
        download: fetch the published archive (56 MB) into the folder if nothing is there, and check its
            SHA-1.
        seed: of the draw and the angles where the protocol is generated.
        rotated: False: the same draw of digits, upright; needs MNIST itself.

    Returns:
        images (n, 1, 28, 28), float32 in [0, 1], and labels (n,), int64.

    Raises:
        DataError: no such split, no data, damaged data, no network, or a digest that differs.

    Source: H. Larochelle, D. Erhan, A. Courville, J. Bergstra, Y. Bengio, An empirical evaluation of deep
    architectures on problems with many factors of variation, ICML 2007.
    """
    check_split(split)
    folder = Path(folder)
    if not rotated:
        return _generate(folder, split, seed, rotated=False)
    published = _find_published(folder, split)
    if published is None and download and not _has_mnist(folder):
        fetch(ARCHIVE, folder)
        published = _find_published(folder, split)
    return _generate(folder, split, seed, rotated=True) if published is None else _published(published, split)


def read_amat(lines: Iterable[str], name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (rows, 28, 28), float32, in stored order, and labels (rows,).

    A line holds 784 floats and the label.

    Raises:
        DataError: the file has another number of lines or columns, or holds something else than numbers.
    """
    try:
        table = np.loadtxt(lines, dtype=np.float32, ndmin=2)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{name} is damaged: {error}") from error
    if table.shape != (rows, 785):
        raise DataError(f"{name}: expected {rows} lines of 785 numbers, received {table.shape}; is it complete?")
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)


def _find_published(folder: Path, split: str) -> Path | zipfile.Path | None:
    """The published file of a split: in the folder, or inside the archive there."""
    name = _TEST if split == "test" else _LEARN
    archive = folder if folder.suffix == ".zip" else folder / ARCHIVE.name
    if (folder / name).is_file():
        return folder / name
    if not archive.is_file():
        return None
    if not zipfile.is_zipfile(archive):
        raise DataError(f"{archive} is not a zip file, or is damaged; delete it and download it again")
    inside = zipfile.Path(archive, name)
    if not inside.exists():
        held = ", ".join(sorted(zipfile.ZipFile(archive).namelist()))
        raise DataError(f"{archive}: expected {name} inside, it holds {held}")
    return inside


def _published(path: Path | zipfile.Path, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    with path.open("rb") as file:
        pixels, labels = read_amat(io.TextIOWrapper(file, "ascii"), path.name, _SIZES[path.name])
    images, labels = torch.from_numpy(pixels)[:, None], torch.from_numpy(labels)
    if stored_transposed(images, labels):
        images = images.mT.contiguous()
    part = slice(None) if split == "test" else SPLITS[split]
    return images[part], labels[part]


def _has_mnist(folder: Path) -> bool:
    try:
        mnist(folder)
    except DataError:
        return False
    return True


def _generate(folder: Path, split: str, seed: int, rotated: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """62 000 of MNIST's 70 000 digits in a seeded order: 10 000, then 2 000, then 50 000, each rotated."""
    try:
        source = mnist(folder)
    except DataError as error:
        raise DataError(f"no MNIST-rot and no MNIST in {folder} ({error}); download=True fetches MNIST-rot") from error
    images = np.concatenate([source["train_images"], source["test_images"]])
    labels = np.concatenate([source["train_labels"], source["test_labels"]])
    order = np.random.default_rng((seed, len(SPLITS))).permutation(len(images))
    part = order[slice(12000, 62000) if split == "test" else SPLITS[split]]
    x = as_images(images[part])
    x = rotate_each(x, seed, list(SPLITS).index(split)) if rotated else x
    return x, torch.from_numpy(labels[part].astype(np.int64))
