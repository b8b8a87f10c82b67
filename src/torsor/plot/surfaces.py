"""Pictures of fields and frames on surfaces in R³."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
import torch

from torsor.fields import Field
from torsor.plot.surface_atlas import normals, sheet
from torsor.plot.surface_geometry import (
    ambient_frames,
    positions,
    spread,
    triangles,
    unit,
    vertex_normals,
)
from torsor.plot.surface_output import shown
from torsor.plot.surface_picture import AXES, Arrows, Part, Skin, View
from torsor.plot.surface_values import colours, scalar_values, vector_values
from torsor.spaces import Manifold
from torsor.spaces.atlas import Atlas

LIFT = 0.012
"""How far arrows stand off the surface, relative to its extent."""


def surface(
    space: Manifold | Atlas,
    scalar: Field | torch.Tensor | None = None,
    vectors: Field | torch.Tensor | None = None,
    *,
    frames: bool = False,
    arrows: int = 300,
    label: str = "value",
    title: str = "",
    look: tuple[float, float, float] | None = None,
    lines: bool = False,
    backend: str = "pyvista",
    path: str | PathLike[str] | None = None,
) -> Any:
    r"""Draw a surface in R³: a mesh, points of a sphere, an atlas; a scalar as colours, vectors and frames as arrows.

    The vector at p is Σ_i f_i(p) e_i(p), with e_i the frame vectors: it does not depend on the frames. Of frames, the
    first vector is black, the second orange. Colours are symmetric about zero if a value is negative. The longest arrow
    is as long as the distance of arrows. Atlases are drawn by their embedding, which need not be isometric: vectors are
    carried along by its derivative. What has one side only has arrows on the side of the eye.

    Args:
        space: a space with positions in R³, and with faces or on a sphere; or an atlas with an embedding.
        scalar: (n,) or (n, 1), on atlases (charts, H, W); or a field of an invariant type.
        vectors: (n, 2) coefficients in the frames, on atlases (2, charts, H, W); or a field of a type with ρ(g) = g.
        frames: whether the frames are drawn.
        arrows: the most arrows that are drawn, evenly spread.
        label: of the colour bar.
        title: of the picture.
        look: the direction towards the eye.
        lines: whether the edges of the triangles are drawn.
        backend: "pyvista" or "plotly".
        path: a file that is written, PNG of pyvista and HTML of plotly.

    Returns:
        pyvista: an image (height, width, 3) of 8 bits; plotly: a `plotly.graph_objects.Figure`.

    Raises:
        SpaceError: no surface in R³: neither a mesh nor a sphere, nor an atlas with an embedding.
        FieldTypeError: types, shapes or values that cannot be drawn, or an unknown backend.
        MissingExtraError: the backend, or scipy for a sphere, is not installed.
    """
    glued, seen_from = isinstance(space, Atlas), camera(space, look)
    drawn = _drawn(space)
    x, faces = positions(drawn), triangles(drawn)
    upward = normals(ambient_frames(drawn), seen_from["look"]) if glued else vertex_normals(x, faces)
    parts: list[Part] = [_skin(space, x, faces, None if glued else upward, scalar, label, lines)]
    chosen = np.zeros(0, dtype=np.int64)
    if frames or vectors is not None:
        corners = np.unique(faces) if glued else np.arange(len(x))  # masked pixels are none
        chosen = corners[spread(x[corners], arrows)]
    tails = (x + LIFT * extent(x) * upward)[chosen]
    length = spacing(x, faces, max(len(chosen), 1))
    if frames:
        e = ambient_frames(drawn)[chosen]
        parts += [Arrows(tails, 0.5 * length * unit(e[:, :, k]), AXES[k], upward[chosen]) for k in range(2)]
    if vectors is not None:
        v = vector_values(space, vectors, in_space)[chosen]
        size = np.linalg.norm(v, axis=1)
        seen = size > 0.02 * size.max()
        v = length / max(float(size.max()), 1e-300) * v[seen]
        parts.append(Arrows(tails[seen], v, normals=upward[chosen][seen]))
    return shown([View(tuple(parts), x, **seen_from, title=title)], backend, path)


def camera(space: Manifold | Atlas, look: tuple[float, float, float] | None) -> dict[str, np.ndarray]:
    """From where a space is seen, and what is up: axis 1, the pole, of a sphere, and axis 2 of other surfaces."""
    if getattr(space, "faces", None) is None and not isinstance(space, Atlas):
        eye, up = (0.8, 0.7, 1.6), (0.0, 1.0, 0.0)
    else:
        eye, up = (1.0, -1.6, 0.9), (0.0, 0.0, 1.0)
    return {"look": np.array(eye if look is None else look, dtype=float), "up": np.array(up)}


def extent(x: np.ndarray) -> float:
    """The diagonal of the box around points."""
    return float(np.linalg.norm(np.ptp(x, axis=0)))


def spacing(x: np.ndarray, faces: np.ndarray, count: int) -> float:
    """The distance of so many points that are evenly spread over the surface."""
    a, b, c = np.moveaxis(x[faces], 1, 0)
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    return float(np.sqrt(area / count))


def _skin(
    space: Manifold | Atlas,
    x: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray | None,
    scalar: Field | torch.Tensor | None,
    label: str,
    lines: bool,
) -> Skin:
    if scalar is None:
        return Skin(x, faces, normals, lines=lines)
    values = scalar_values(space, scalar)
    return Skin(x, faces, normals, values, colours([values]), label, lines)


def in_space(space: Manifold | Atlas) -> np.ndarray:
    """(n, 3, 2) the frame vectors in R³."""
    return ambient_frames(_drawn(space))


def _drawn(space: Manifold | Atlas) -> Any:
    """What has positions, frames and triangles in R³."""
    return sheet(space) if isinstance(space, Atlas) else space
