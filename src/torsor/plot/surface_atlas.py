"""Atlases as surfaces in R³: the triangles between their pixels, and the frames of the charts there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.fields import Field
from torsor.plot.surface_geometry import unit
from torsor.spaces.atlas import Atlas
from torsor.spaces.gluing import Gluing, sights, unit_steps


@dataclass(frozen=True, eq=False)
class Sheet:
    """The embedding of an atlas, with what a picture asks of a mesh.

    Attributes:
        positions: (n, 3) the pixels, chart by chart.
        faces: (F, 3) triangles between neighbouring pixels, across seams too.
        ambient_frames: (n, 3, 2) the frame vectors in R³, in columns: derivatives of the embedding along the frames.
    """

    positions: torch.Tensor
    faces: torch.Tensor
    ambient_frames: torch.Tensor
    dim: int = 2

    def __len__(self) -> int:
        return len(self.positions)


def sheet(atlas: Atlas) -> Sheet:
    """The surface that an atlas with an embedding is drawn as.

    Raises:
        SpaceError: an atlas without an embedding.
    """
    if atlas.embedding is None:
        raise SpaceError(f"expected an atlas with an embedding in R³ to draw, got {atlas} without one")
    x = atlas.embedding.double().reshape(-1, 3)
    jacobian = _derivatives(atlas.gluing, x.numpy()) @ np.linalg.inv(atlas.gluing.basis)
    frames = torch.from_numpy(jacobian)
    if atlas.gauge is not None:
        frames = frames @ torch.linalg.inv(atlas.gauge.double().flatten(0, 2))
    hidden = np.zeros(len(x), dtype=bool)
    hidden[list(atlas.masked)] = True
    faces = _triangles(atlas.gluing)
    return Sheet(x, torch.from_numpy(faces[~hidden[faces].any(1)]), frames)


def on_pixels(atlas: Atlas, values: Field | torch.Tensor) -> torch.Tensor:
    """(n, channels) from a field of one sample (1, channels, charts, H, W), or a tensor with or without the first axes.

    Raises:
        FieldTypeError: other shapes, or more than one sample.
    """
    x = values.tensor if isinstance(values, Field) else values
    if x.shape == atlas.shape or x.shape[1:] == atlas.shape:
        x = x.reshape(1, -1, *atlas.shape)
    if x.ndim != 5 or tuple(x.shape[2:]) != atlas.shape or len(x) != 1:
        raise FieldTypeError(f"expected one sample (1, channels, {', '.join(map(str, atlas.shape))}), got {x.shape}")
    return x[0].flatten(1).T


def normals(frames: np.ndarray, look: np.ndarray) -> np.ndarray:
    """(n, 3) unit normals on the side of the eye, since a surface need not have two."""
    across = unit(np.cross(frames[:, :, 0], frames[:, :, 1]))
    return np.where((across @ look < 0)[:, None], -across, across)


def _derivatives(gluing: Gluing, x: np.ndarray) -> np.ndarray:
    """(n, 3, 2) differences along both steps of the lattice: central ones, one-sided where a neighbour is missing."""
    there = sights(gluing, ((1, 0), (0, 1), (-1, 0), (0, -1))).source
    missing = there < 0
    ends = x[np.where(missing, np.arange(len(x))[:, None], there)]
    parts = 2 - (missing[:, :2].astype(int) + missing[:, 2:])
    return ((ends[:, :2] - ends[:, 2:]) / np.maximum(parts, 1)[..., None]).swapaxes(1, 2)


def _triangles(gluing: Gluing) -> np.ndarray:
    """(F, 3) the cells of the lattice: triangles of a hexagonal one, halves of the squares of another."""
    steps = unit_steps(gluing)
    p = np.arange(gluing.pixels)
    if len(steps) == 6:
        turned = sorted(steps, key=lambda s: float(np.arctan2(*(gluing.basis @ s)[::-1])))
        there = sights(gluing, tuple(turned)).source
        cells = np.concatenate([np.stack([p, there[:, k], there[:, (k + 1) % 6]], 1) for k in range(6)])
    else:
        around = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0))
        there = sights(gluing, around).source
        cells = np.concatenate([np.concatenate([p[:, None], there[:, k : k + 3]], 1) for k in (0, 2, 4, 6)])
    cells = cells[(cells >= 0).all(1)]
    _, first = np.unique(np.sort(cells, 1), axis=0, return_index=True)
    cells = cells[np.sort(first)]
    return cells if cells.shape[1] == 3 else np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
