"""Pictures of fields and frames at points of a plane, or of a chart with two coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from torsor.errors import SpaceError
from torsor.fields import Field
from torsor.plot.canvas import INK, Page, wrapped
from torsor.plot.surface_geometry import as_numpy, spread
from torsor.plot.surface_picture import AXES
from torsor.plot.surface_values import colours, scalar_values, vector_values
from torsor.spaces import Manifold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, MARGIN, BAR = 4.4, 0.15, 0.75  # inches


def plane(
    space: Manifold,
    scalar: Field | torch.Tensor | None = None,
    vectors: Field | torch.Tensor | None = None,
    *,
    frames: bool = False,
    arrows: int = 300,
    label: str = "value",
    title: str = "",
) -> Figure:
    """Draw points of a plane or of a chart with two coordinates: a scalar as colours, vectors and frames as arrows.

    The vector at p is Σ_i f_i(p) e_i(p), with e_i the frame vectors: it does not depend on the frames. Of frames, the
    first vector is black, the second orange; they are drawn to scale, so that frames which follow a metric show it.
    Axis 0 points down and axis 1 to the right, as in pictures of grids. The longest arrow is as long as the distance of
    arrows.

    Args:
        space: a space whose points have two coordinates: `Punctured`, `Affine`, `Chart`.
        scalar: (n,) or (n, 1), or a field of an invariant type.
        vectors: (n, 2) coefficients in the frames, or a field of a type with ρ(g) = g.
        frames: whether the frames are drawn.
        arrows: the most arrows that are drawn, evenly spread.
        label: of the colour bar.
        title: of the picture.

    Raises:
        SpaceError: points that have other than two coordinates.
        FieldTypeError: types, shapes or values that cannot be drawn.
        MissingExtraError: matplotlib is not installed.
    """
    x = as_numpy(space.positions)
    if x.shape[1:] != (2,) or not len(x):
        raise SpaceError(
            f"points with two coordinates are drawn, got {space!r} with {x.shape[1:]}; surfaces: `surface`"
        )
    size = np.ptp(x, axis=0)
    size = np.maximum(size, max(float(size.max()), 1e-12) / len(x) ** 0.5)  # points on one line have a width too
    scale = SIDE / max(float(size.max()), 1e-12)
    height, width = (max(0.6, float(s) * scale) for s in size)
    words = wrapped(title, width + BAR) if title else []
    top = MARGIN + 0.2 * len(words)
    page = Page(width + 2 * MARGIN + BAR * (scalar is not None), top + height + MARGIN)
    page.text(MARGIN, MARGIN, "\n".join(words), 10)
    axes = page.axes(MARGIN, top, width, height)
    chosen = spread(x, arrows)
    step, length = (float(np.sqrt(max(float(size.prod()), 1e-300) / n)) for n in (len(x), len(chosen)))
    room = 0.6 * step + 0.02 * float(size.max()) + length * (frames or vectors is not None)
    axes.set(xlim=(x[:, 1].min() - room, x[:, 1].max() + room), ylim=(x[:, 0].max() + room, x[:, 0].min() - room))
    axes.set_aspect("equal")
    area = min(90.0, (0.5 * step * scale * 72) ** 2)
    if scalar is None:
        axes.scatter(x[:, 1], x[:, 0], s=min(area, 6.0), color=INK, linewidths=0)
    else:
        values = scalar_values(space, scalar)
        shades = colours([values])
        axes.scatter(x[:, 1], x[:, 0], s=max(area, 4.0), c=values, linewidths=0, **shades.style())
        page.bar(MARGIN + width + 0.12, top + 0.25, min(1.6, 0.6 * height), shades, label)
    if frames:
        e = _frames(space)[chosen]
        e = 0.6 * length / float(np.median(np.linalg.norm(e, axis=1).max(1))) * e
        for k in range(2):
            _draw(axes, x[chosen], e[:, :, k], AXES[k], length)
    if vectors is not None:
        v = vector_values(space, vectors, _frames)[chosen]
        _draw(axes, x[chosen], length / max(float(np.linalg.norm(v, axis=1).max()), 1e-300) * v, INK, length)
    return page.figure


def _frames(space: Manifold) -> np.ndarray:
    return as_numpy(space.ambient_frames)


def _draw(axes: Axes, tails: np.ndarray, vectors: np.ndarray, colour: str, length: float) -> None:
    """Arrows (k, 2) to scale: axis 0 down, axis 1 to the right."""
    style = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "xy", "width": 0.06 * length, "color": colour}
    axes.quiver(tails[:, 1], tails[:, 0], vectors[:, 1], vectors[:, 0], **style)
