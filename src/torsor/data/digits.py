"""The digits that torsor ships: 12 000 + 5 000 images of MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0.

Every fifth image of MNIST's training part, every second of its test part, in MNIST's order and without loss:
uint8 images 28×28, compressed with LZMA inside an npz file. ``experiments/make_digits.py`` made the file; its
licence lies beside it.
"""

from __future__ import annotations

import difflib
import lzma
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from torsor.data.rotate import random_angles, rotate
from torsor.errors import DataError

SPLITS = {"train": slice(0, 10000), "validation": slice(10000, 12000), "test": slice(12000, 17000)}


def digits(split: str, rotated: bool = False, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The shipped handwritten digits, upright or each rotated by its own uniform angle in [0, 2π).

    Args:
        split: "train" (10 000 digits), "validation" (2 000) or "test" (5 000).
        rotated: rotate about the centre; the angles are a function of seed and split alone.
        seed: of the angles.

    Returns:
        images (n, 1, 28, 28), float32 in [0, 1], and labels (n,), int64.

    Raises:
        DataError: split is not one of the three.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, CC BY-SA 3.0.
    """
    part = SPLITS[check_split(split)]
    images, labels = load_digits()
    x = as_images(images[part])
    if rotated:
        x = rotate_each(x, seed, list(SPLITS).index(split))
    return x, torch.from_numpy(labels[part].astype(np.int64))


def load_digits(path: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """All 17 000 shipped digits (or those of a file like theirs): images (n, 28, 28), labels (n,), uint8."""
    source = files("torsor.data").joinpath("digits.npz") if path is None else path
    with source.open("rb") as file, np.load(file) as stored:
        pixels, labels = lzma.decompress(stored["images_xz"].tobytes()), stored["labels"]
    return np.frombuffer(pixels, dtype=np.uint8).reshape(len(labels), 28, 28), labels


def as_images(pixels: np.ndarray) -> torch.Tensor:
    """Bytes (n, h, w) as float32 images (n, 1, h, w) in [0, 1]."""
    return torch.from_numpy(pixels.astype(np.float32) / np.float32(255))[:, None]


def rotate_each(images: torch.Tensor, *seed: int) -> torch.Tensor:
    """Every image turned by its own uniform angle, clipped to [0, 1]; the seeds fix the angles."""
    return rotate(images, random_angles(len(images), *seed)).clamp(0, 1)


def check_split(split: str) -> str:
    """The split, if it exists."""
    if split not in SPLITS:
        close = difflib.get_close_matches(split, SPLITS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise DataError(f"expected a split among {', '.join(SPLITS)}, received {split!r}{hint}")
    return split
