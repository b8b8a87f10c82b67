"""Digits on the sphere: images projected to it from the antipode of their centre, and turned by any rotation."""

from __future__ import annotations

from math import pi, tan

import torch

from torsor.errors import DataError

_CHUNK = 100  # images at a time: bounds the memory of the projected points


def sphere_digits(
    images: torch.Tensor, positions: torch.Tensor, rotations: torch.Tensor | None = None, angle: float = pi / 2
) -> torch.Tensor:
    r"""Functions on S², (R f)(x) = f(R⁻¹ x), where f(x) = image(π(x)) with the stereographic projection π.

    The centre of the image is at the pole, axis 1; seen from outside, its axis 0 points along axis 2, its axis 1
    along axis 0. A point at the angle θ from the pole is tan(θ/2)/tan(angle/2) half sides away from the centre, so
    that middles of sides come to lie at θ = angle; the projection keeps angles, and pixels become smaller away from
    the pole, to half their width at the equator. Images are interpolated bilinearly and are zero outside. Nothing is
    resampled on the sphere: turned digits are as sharp as others, and rotations about the pole act like `rotate` on
    images.

    Args:
        images: (n, channels, height, width), floating point, square.
        positions: unit vectors (..., 3), such as ``LatLon(…).embedding``.
        rotations: (n, 3, 3), one a digit; by default none.
        angle: from the pole to the middle of a side, in radians; π/2 fills the northern hemisphere.

    Returns:
        (n, channels, ...), the values at the positions.

    Raises:
        DataError: other shapes, or an angle outside (0, π).

    Source: T. S. Cohen, M. Geiger, J. Köhler, M. Welling, Spherical CNNs, ICLR 2018.
    """
    if images.dim() != 4 or images.shape[2] != images.shape[3] or positions.shape[-1:] != (3,):
        raise DataError(
            f"expected square images (n, channels, size, size) and positions (..., 3), received {tuple(images.shape)} "
            f"and {tuple(positions.shape)}"
        )
    if rotations is not None and tuple(rotations.shape) != (len(images), 3, 3):
        raise DataError(
            f"expected one rotation an image, ({len(images)}, 3, 3), received shape {tuple(rotations.shape)}"
        )
    if not 0 < angle < pi:
        raise DataError(f"expected an angle between 0 and π, received {angle}")
    points, parts = positions.double().reshape(-1, 3), []
    turns = torch.eye(3).expand(len(images), 3, 3) if rotations is None else rotations
    for some, turn in zip(images.split(_CHUNK), turns.split(_CHUNK), strict=True):
        place = projected(points @ turn.double(), angle)  # rows of x R are R⁻¹ x
        parts.append(_sampled(some, place))
    return torch.cat(parts).unflatten(2, positions.shape[:-1])


def projected(x: torch.Tensor, angle: float = pi / 2) -> torch.Tensor:
    """π(x) = (x₂, x₀) / ((1 + x₁) tan(angle/2)), half sides along axes 0, 1 of the image: (..., 3) -> (..., 2)."""
    return x[..., [2, 0]] / ((1 + x[..., 1:2]).clamp(min=1e-9) * tan(angle / 2))


def _sampled(images: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Values of images (n, c, h, w) at places (n, points, 2) in half sides: (n, c, points)."""
    grid = place.flip(-1).to(images)[:, None]  # grid_sample takes (column, row)
    return torch.nn.functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)[:, :, 0]
