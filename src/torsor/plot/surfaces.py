"""Pictures of fields and frames on surfaces in R³."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.fields import Field
from torsor.plot.canvas import Scale
from torsor.plot.glyphs import is_vector
from torsor.plot.surface_geometry import (
    ambient_frames,
    as_numpy,
    positions,
    spread,
    triangles,
    unit,
    vertex_normals,
)
from torsor.plot.surface_output import shown
from torsor.plot.surface_picture import AXES, RISING, SIGNED, Arrows, Part, Skin, View
from torsor.spaces import Manifold

LIFT = 0.012
"""How far arrows stand off the surface, relative to its extent."""


def surface(
    space: Manifold,
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
    r"""Draw a surface in R³: a mesh, or points of a sphere, with a scalar as colours, vectors and frames as arrows.

    The vector at p is Σ_i f_i(p) e_i(p), with e_i the frame vectors: it does not depend on the frames. Of frames, the
    first vector is black, the second orange. Colours are symmetric about zero if a value is negative. The longest arrow
    is as long as the distance of arrows.

    Args:
        space: a space with positions in R³, and with faces or on a sphere.
        scalar: (n,) or (n, 1), or a field of an invariant type.
        vectors: (n, 2) coefficients in the frames, or a field of a type with ρ(g) = g.
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
        SpaceError: no surface in R³, or neither a mesh nor a sphere.
        FieldTypeError: types, shapes or values that cannot be drawn, or an unknown backend.
        MissingExtraError: the backend, or scipy for a sphere, is not installed.
    """
    x, faces = positions(space), triangles(space)
    normals = vertex_normals(x, faces)
    parts: list[Part] = [_skin(space, x, faces, normals, scalar, label, lines)]
    chosen = spread(x, arrows) if frames or vectors is not None else np.zeros(0, dtype=np.int64)
    tails = (x + LIFT * extent(x) * normals)[chosen]
    length = spacing(x, faces, max(len(chosen), 1))
    if frames:
        e = ambient_frames(space)[chosen]
        parts += [Arrows(tails, 0.5 * length * unit(e[:, :, k]), AXES[k], normals[chosen]) for k in range(2)]
    if vectors is not None:
        drawn = _vectors(space, vectors)[chosen]
        size = np.linalg.norm(drawn, axis=1)
        seen = size > 0.02 * size.max()
        parts.append(
            Arrows(tails[seen], length / max(float(size.max()), 1e-300) * drawn[seen], normals=normals[chosen][seen])
        )
    return shown([View(tuple(parts), x, **camera(space, look), title=title)], backend, path)


def camera(space: Manifold, look: tuple[float, float, float] | None) -> dict[str, np.ndarray]:
    """From where a space is seen, and what is up: axis 1, the pole, of a sphere, and axis 2 of a mesh."""
    if getattr(space, "faces", None) is None:
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
    space: Manifold,
    x: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    scalar: Field | torch.Tensor | None,
    label: str,
    lines: bool,
) -> Skin:
    if scalar is None:
        return Skin(x, faces, normals, lines=lines)
    values = _scalar(space, scalar)
    return Skin(x, faces, normals, values, colours([values]), label, lines)


def colours(values: list[np.ndarray]) -> Scale:
    """The colours of scalars on surfaces, for one or several arrays."""
    scale = Scale.of(values)
    return Scale(scale.largest, scale.signed, SIGNED if scale.signed else RISING)


def _scalar(space: Manifold, scalar: Field | torch.Tensor) -> np.ndarray:
    if isinstance(scalar, Field) and scalar.rep.dim != 1:
        raise FieldTypeError(f"expected a scalar field, of a type of dimension 1, got {scalar.rep}")
    values = as_numpy(scalar.tensor if isinstance(scalar, Field) else scalar)
    if values.shape not in ((len(space),), (len(space), 1)):
        raise FieldTypeError(f"expected a scalar at each of {len(space)} points, got shape {values.shape}")
    return values.reshape(-1)


def _vectors(space: Manifold, vectors: Field | torch.Tensor) -> np.ndarray:
    """(n, 3) in R³."""
    if isinstance(vectors, Field) and not is_vector(vectors.rep):
        raise FieldTypeError(f"expected tangent vectors, a type with ρ(g) = g such as irrep(1), got {vectors.rep}")
    values = as_numpy(vectors.tensor if isinstance(vectors, Field) else vectors)
    if values.shape != (len(space), 2):
        raise FieldTypeError(f"expected 2 coefficients at each of {len(space)} points, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise FieldTypeError(f"expected finite vectors to draw, got {int((~np.isfinite(values)).sum())} that are not")
    frame_space = vectors.space if isinstance(vectors, Field) and isinstance(vectors.space, Manifold) else space
    if len(frame_space) != len(space):
        raise SpaceError(f"expected a field on {space!r}, got one on {frame_space!r}")
    return np.einsum("nij,nj->ni", ambient_frames(frame_space), values)
