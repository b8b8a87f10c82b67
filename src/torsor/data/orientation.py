"""Tell a digit from its mirror image: does a set of digits store rows first, or columns first?"""

from __future__ import annotations

import math

import torch

from torsor.data.digits import digits
from torsor.data.rotate import rotate

_ANGLES = 24
_SAMPLE = 300


def stored_transposed(images: torch.Tensor, labels: torch.Tensor) -> bool:
    """Whether rotated digits (n, 1, 28, 28) are mirror images: read with their two axes exchanged.

    A transposed digit is a mirrored one, which no rotation undoes. The first 300 images and their transposes
    are turned to 24 angles each and compared with the mean upright digit of their class; the handedness whose
    best correlations are larger on average is the stored one. (Digits like 0, 1, 8 say little; 2, 3, 4, 5, 7
    decide.)
    """
    images, labels = images[:_SAMPLE].float(), labels[:_SAMPLE]
    means = _class_means()[labels]
    upright = _best_match(images, means).mean()
    return bool(_best_match(images.mT, means).mean() > upright)


def _class_means() -> torch.Tensor:
    images, labels = digits("train")
    return torch.stack([images[labels == k].mean(dim=0) for k in range(10)])


def _best_match(images: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    """The largest correlation of each image, over its rotations, with its class mean."""
    turned = [rotate(images, 2 * math.pi * k / _ANGLES) for k in range(_ANGLES)]
    products = torch.stack([(x * means).flatten(1).sum(1) for x in turned])
    norms = images.flatten(1).norm(dim=1) * means.flatten(1).norm(dim=1)
    return products.amax(dim=0) / norms.clamp_min(1e-12)
