"""MNIST on a Möbius strip of 28×28 pixels: digits in one place, or shifted along it and mirrored by its twist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from torsor.data.mnist import mnist
from torsor.errors import DataError

NUMBERS = {"train": 12_000, "test": 10_000}


def strip_digits(
    path: str | Path, split: str, shifted: bool, number: int | None = None, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Digits on the strip: the first 12 000 of MNIST's training set, or its 10 000 test digits.

    Args:
        path: what `mnist` reads.
        split: "train" or "test".
        shifted: each to one of the 2·28 places along the strip, uniformly; otherwise all stay where they are.
        number: take the first so many digits.
        seed: of the shifts, together with the split.

    Returns:
        images (n, 1, 28, 28), float32 in [0, 1], the strip along the last axis; labels (n,), int64.

    Raises:
        DataError: an unknown split, or no data.

    Source: M. Weiler, P. Forré, E. Verlinde, M. Welling, Coordinate Independent Convolutional Networks (2021).
    """
    if split not in NUMBERS:
        raise DataError(f"expected a split among {tuple(NUMBERS)}, got {split!r}")
    arrays, stop = mnist(path), min(NUMBERS[split], number or NUMBERS[split])
    images = torch.from_numpy(arrays[f"{split}_images"][:stop]).float().unsqueeze(1) / 255
    labels = torch.from_numpy(arrays[f"{split}_labels"][:stop].astype(np.int64))
    if shifted:
        images = shifted_on_strip(images, random_shifts(NUMBERS[split], images.shape[3], split, seed)[: len(images)])
    return images, labels


def random_shifts(number: int, length: int, split: str, seed: int) -> torch.Tensor:
    """Uniform numbers of 0 … 2 length - 1, (number,) int64."""
    random = np.random.default_rng((seed, list(NUMBERS).index(split)))
    return torch.from_numpy(random.integers(2 * length, size=number))


def shifted_on_strip(images: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Scalars on a Möbius strip moved along it, (sf)(i, j) = f(i, j - s) with f(i, j ± L) = f(W - 1 - i, j).

    Args:
        images: (n, c, W, L), the strip along the last axis.
        shifts: (n,) integers; L mirrors every line across the strip, 2L is the identity.
    """
    twice = torch.cat([images, images.flip(2)], dim=3)
    length = images.shape[3]
    columns = (torch.arange(length, device=images.device) - shifts.to(images.device)[:, None]) % (2 * length)
    return twice.gather(3, columns[:, None, None].expand_as(images))
