"""The shipped digits at other sizes, each rescaled by its own factor, antialiased, on one canvas."""

from __future__ import annotations

import math

import numpy as np
import torch

from torsor.data.digits import SPLITS, digits
from torsor.errors import DataError


def scaled_digits(
    split: str,
    factors: tuple[float, float] = (0.5, 1.0),
    size: int = 36,
    number: int | None = None,
    seed: int = 0,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Digits rescaled about their centre by factors that are uniform in their logarithm.

    Args:
        split: "train" (10 000 digits), "validation" (2 000) or "test" (5 000).
        factors: the smallest and the largest factor; equal for one size. 1 is the 28 pixels of MNIST.
        size: of the canvas, in pixels.
        number: take the first so many digits.
        seed: of the factors, together with the split.

    Returns:
        images (n, 1, size, size), float32 in [0, 1]; labels (n,), int64; the factors (n,), float64.

    Raises:
        DataError: factors that are not positive or not ascending.
    """
    low, high = factors
    if not 0 < low <= high:
        raise DataError(f"expected factors 0 < smallest ≤ largest, got {factors}")
    images, labels = digits(split)
    images, labels = images[:number], labels[:number]
    u = np.random.default_rng((seed, list(SPLITS).index(split))).random(len(images))
    s = torch.from_numpy(low * (high / low) ** u)
    return rescale(images, s, size).clamp(0, 1), labels, s


def rescale(images: torch.Tensor, factors: torch.Tensor, size: int | None = None) -> torch.Tensor:
    """Images scaled about their centre by a factor each, (n, c, h, w) -> (n, c, size, size); zero outside.

    y = A x Bᵀ, A_{ij} = w h(w (j - i')), i' = centre + (i - centre)/s, with the cubic kernel h of Keys (1981) widened
    to the coarser of the two grids, w = min(s, 1): the image is interpolated where it grows, averaged where it shrinks.
    """
    n, _, h, w = images.shape
    factors = torch.as_tensor(factors, dtype=torch.float64).expand(n)
    left, right = (_resampling(factors, m, size or m).to(images) for m in (h, w))
    return left[:, None] @ images @ right[:, None].mT


def _resampling(factors: torch.Tensor, before: int, after: int) -> torch.Tensor:
    """The matrices (n, after, before) that resample a line of pixels, rows of sum 1 inside."""
    place = (torch.arange(after) - (after - 1) / 2) / factors[:, None] + (before - 1) / 2
    width = factors.clamp(max=1.0)[:, None, None]
    return width * _keys(width * (torch.arange(before) - place[..., None]))


def _keys(x: torch.Tensor) -> torch.Tensor:
    """Cubic convolution: 1 - 5/2 x² + 3/2 |x|³ within one pixel, 2 - 4|x| + 5/2 x² - ½|x|³ within two."""
    x = x.abs()
    near, far = 1 - 2.5 * x**2 + 1.5 * x**3, 2 - 4 * x + 2.5 * x**2 - 0.5 * x**3
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def random_factors(n: int, low: float, high: float, generator: torch.Generator | None = None) -> torch.Tensor:
    """n factors, uniform in their logarithm, float64."""
    u = torch.rand(n, generator=generator, dtype=torch.float64)
    return low * torch.exp(u * math.log(high / low))
