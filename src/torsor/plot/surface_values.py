"""Scalars and vectors at the points of a space, as pictures need them: numbers, and what colours they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.fields import Field
from torsor.plot.canvas import Scale
from torsor.plot.glyphs import is_vector
from torsor.plot.surface_atlas import on_pixels
from torsor.plot.surface_geometry import as_numpy
from torsor.plot.surface_picture import RISING, SIGNED
from torsor.spaces import Manifold
from torsor.spaces.atlas import Atlas


def colours(values: list[np.ndarray]) -> Scale:
    """The colours of scalars on surfaces, for one or several arrays."""
    scale = Scale.of(values)
    return Scale(scale.largest, scale.signed, SIGNED if scale.signed else RISING)


def scalar_values(space: Manifold | Atlas, scalar: Field | torch.Tensor) -> np.ndarray:
    """(n,) of a scalar field, or of numbers.

    Raises:
        FieldTypeError: a type of another dimension, or a shape that does not fit.
    """
    if isinstance(scalar, Field) and scalar.rep.dim != 1:
        raise FieldTypeError(f"expected a scalar field, of a type of dimension 1, got {scalar.rep}")
    values = _coefficients(space, scalar)
    if values.shape not in ((len(space),), (len(space), 1)):
        raise FieldTypeError(f"expected a scalar at each of {len(space)} points, got shape {values.shape}")
    return values.reshape(-1)


def vector_values(
    space: Manifold | Atlas, vectors: Field | torch.Tensor, frames: Callable[[Any], np.ndarray]
) -> np.ndarray:
    """(n, D) the vectors Σ_i f_i e_i, in the frames (n, D, 2) of the space on which they are given.

    Raises:
        FieldTypeError: no type of tangent vectors, a shape that does not fit, or values that are not finite.
        SpaceError: a field on another number of points.
    """
    if isinstance(vectors, Field) and not is_vector(vectors.rep):
        raise FieldTypeError(f"expected tangent vectors, a type with ρ(g) = g such as irrep(1), got {vectors.rep}")
    values = _coefficients(space, vectors)
    if values.shape != (len(space), 2):
        raise FieldTypeError(f"expected 2 coefficients at each of {len(space)} points, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise FieldTypeError(f"expected finite vectors to draw, got {int((~np.isfinite(values)).sum())} that are not")
    frame_space = space
    if isinstance(vectors, Field) and isinstance(vectors.space, Manifold | Atlas):
        frame_space = vectors.space
    if len(frame_space) != len(space):
        raise SpaceError(f"expected a field on {space!r}, got one on {frame_space!r}")
    return np.einsum("nij,nj->ni", frames(frame_space), values)


def _coefficients(space: Manifold | Atlas, values: Field | torch.Tensor) -> np.ndarray:
    """(n, channels) of a field."""
    if isinstance(space, Atlas):
        return as_numpy(on_pixels(space, values))
    return as_numpy(values.tensor if isinstance(values, Field) else values)
