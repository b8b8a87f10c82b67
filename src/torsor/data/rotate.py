"""Rotation of images about their centre."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn.functional import grid_sample

from torsor.errors import DataError

_FACTOR = 5  # samples a pixel of the fine grid
_CHUNK = 500  # images at a time: bounds the memory of the fine grid
_MARGIN = 2  # pixels beyond the border after which a cubic spline is exactly zero


def rotate(images: torch.Tensor, angles: torch.Tensor | float) -> torch.Tensor:
    r"""Rotate images by f'(v) = f(R(θ)⁻¹ v), v measured from the centre of the image.

    Axis 0 of the image turns towards axis 1: +90° is ``torch.rot90(x, 1, (-2, -1))``, and on square images
    all multiples of 90° agree with it to rounding. The image is read as a cubic spline, zero outside, sampled
    five times finer, and interpolated bilinearly from there. The map is linear in the image; values may
    overshoot its range a little.

    Args:
        images: (n, channels, height, width), floating point.
        angles: (n,) or a number, in radians.

    Raises:
        DataError: images are not of shape (n, channels, height, width).
    """
    if images.dim() != 4:
        raise DataError(f"expected images (n, channels, height, width), received {tuple(images.shape)}")
    angles = torch.as_tensor(angles, dtype=images.dtype, device=images.device).expand(len(images))
    up = [_refine(size).to(images) for size in images.shape[-2:]]
    chunks = zip(images.split(_CHUNK), angles.split(_CHUNK), strict=True)
    return torch.cat([_rotate(x, a, up) for x, a in chunks])


def random_angles(n: int, *seed: int) -> torch.Tensor:
    """n angles uniform in [0, 2π), float64, a function of the seeds alone (NumPy's PCG64)."""
    return torch.from_numpy(2 * math.pi * np.random.default_rng(seed).random(n))


def _rotate(images: torch.Tensor, angles: torch.Tensor, up: list[torch.Tensor]) -> torch.Tensor:
    fine = up[0] @ images @ up[1].T
    return grid_sample(fine, _sources(angles, images.shape[-2:]), mode="bilinear", align_corners=True)


def _refine(size: int) -> torch.Tensor:
    """The matrix (fine, size): the cubic spline through a line of pixels, every fifth of a pixel."""
    pixels = np.arange(size)
    fine = np.arange(-_MARGIN * _FACTOR, (size - 1 + _MARGIN) * _FACTOR + 1) / _FACTOR
    coefficients = np.linalg.inv(_cubic(pixels[:, None] - pixels[None, :]))
    return torch.from_numpy(_cubic(fine[:, None] - pixels[None, :]) @ coefficients)


def _cubic(x: np.ndarray) -> np.ndarray:
    """The cubic B-spline: 2/3 − x² + |x|³/2 within one pixel, (2 − |x|)³/6 within two, else zero."""
    x = np.abs(x)
    return np.where(x < 1, 2 / 3 - x**2 + x**3 / 2, np.clip(2 - x, 0, None) ** 3 / 6)


def _sources(angles: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The points R(θ)⁻¹ v of all pixels v, in grid_sample's order (axis 1, axis 0) and units."""
    half = [(size - 1) / 2 for size in shape]
    axes = [
        torch.arange(size, dtype=angles.dtype, device=angles.device) - h for size, h in zip(shape, half, strict=True)
    ]
    v0, v1 = torch.meshgrid(*axes, indexing="ij")
    cos, sin = angles.cos()[:, None, None], angles.sin()[:, None, None]
    source0, source1 = cos * v0 + sin * v1, cos * v1 - sin * v0
    return torch.stack([source1 / (half[1] + _MARGIN), source0 / (half[0] + _MARGIN)], dim=-1)
