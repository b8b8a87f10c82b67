"""How the values of one field are drawn: images, arrows, polar glyphs, curves and bars.

The first spatial axis points down and the second one right, as in an image. Coordinates are physical, centred at the
middle of the grid: x is along axis 1, y along axis 0, and the y axis of the plot points down.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.plot.canvas import FAINT, FRAME, INK, Scale, matplotlib
from torsor.plot.polar import Wedges, wedges
from torsor.reps import Representation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Spacings = tuple[float, ...]


class Glyph(ABC):
    """How the values (dim ρ, *space) of one field are drawn."""

    label = ""

    @abstractmethod
    def measure(self, values: np.ndarray) -> np.ndarray:
        """The numbers that colours or lengths show."""

    @abstractmethod
    def draw(self, axes: Axes, values: np.ndarray, scale: Scale, spacings: Spacings) -> None:
        """Draw the field."""

    def scale(self, values: list[np.ndarray]) -> Scale:
        """The scale that fields share."""
        return Scale.of([self.measure(v) for v in values])


@dataclass(frozen=True)
class Image(Glyph):
    """A scalar as an image."""

    label = "value"

    def measure(self, values: np.ndarray) -> np.ndarray:
        return values[0]

    def draw(self, axes: Axes, values: np.ndarray, scale: Scale, spacings: Spacings) -> None:
        axes.imshow(values[0], extent=extent(values.shape[1:], spacings), **scale.style())


@dataclass(frozen=True)
class Arrows(Glyph):
    """A vector as arrows over an image of its norm: component 0 points down, component 1 to the right.

    Arrows stand on a coarse grid and are means over its cells; the longest is as long as a cell.
    """

    cells: int = 16
    label = "norm"

    def measure(self, values: np.ndarray) -> np.ndarray:
        return np.linalg.norm(values, axis=0)

    def scale(self, values: list[np.ndarray]) -> Scale:
        colours = matplotlib("colors").LinearSegmentedColormap.from_list("norm", ["white", "#8dbbd9"])
        return Scale.of([self.measure(v) for v in values], colours)

    def draw(self, axes: Axes, values: np.ndarray, scale: Scale, spacings: Spacings) -> None:
        axes.imshow(self.measure(values), extent=extent(values.shape[1:], spacings), **scale.style())
        means, y, x, cell = coarse(values, spacings, self.cells)
        seen = np.linalg.norm(means, axis=0) > 0.02 * scale.largest
        axes.quiver(
            x[seen],
            y[seen],
            means[1][seen],
            means[0][seen],
            angles="xy",
            scale_units="xy",
            scale=scale.largest / cell,
            pivot="mid",
            color=INK,
            width=0.006,
            headwidth=3.5,
            headlength=4.0,
            headaxislength=3.6,
            minlength=0.3,
        )


@dataclass(frozen=True, eq=False)
class Polar(Glyph):
    """A function on the circle or on a planar group in wedges: areas are |f|, colours are f.

    Glyphs stand on a coarse grid and show means over its cells.
    """

    wedges: Wedges
    cells: int = 12
    label = "wedge"

    def measure(self, values: np.ndarray) -> np.ndarray:
        return np.einsum("wc,c...->w...", self.wedges.matrix, values)

    def scale(self, values: list[np.ndarray]) -> Scale:
        unit = (1.0,) * (values[0].ndim - 1)
        return Scale.of([self.measure(coarse(v, unit, self.cells)[0]) for v in values])

    def draw(self, axes: Axes, values: np.ndarray, scale: Scale, spacings: Spacings) -> None:
        means, y, x, cell = coarse(values, spacings, self.cells)
        shown = self.measure(means)
        radius = 0.48 * cell * np.sqrt(np.abs(shown) / scale.largest)
        half = np.pi / len(self.wedges.angles)
        arc = self.wedges.angles[:, None] + np.linspace(-half, half, 2 + int(half / 0.1))
        rim = np.stack([np.sin(arc), np.cos(arc)], axis=-1)
        rim = np.concatenate([np.zeros_like(rim[:, :1]), rim], axis=1)
        corners = np.stack([x, y], axis=-1)[None, :, :, None] + radius[..., None, None] * rim[:, None, None]
        patches = matplotlib("collections").PolyCollection(
            list(corners.reshape(-1, *corners.shape[-2:])),
            array=shown.ravel(),
            linewidth=0.1,
            edgecolor="face",
            **scale.style(),
        )
        axes.add_collection(patches, autolim=False)
        left, right, bottom, top = extent(values.shape[1:], spacings)
        axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")


@dataclass(frozen=True)
class Curves(Glyph):
    """A field on a line: one curve a component."""

    def measure(self, values: np.ndarray) -> np.ndarray:
        return values

    def draw(self, axes: Axes, values: np.ndarray, scale: Scale, spacings: Spacings) -> None:
        place = (np.arange(values.shape[-1]) - (values.shape[-1] - 1) / 2) * spacings[0]
        axes.axhline(0, color=FRAME, linewidth=0.6)
        axes.plot(place, values.T, linewidth=1.2)
        axes.set_ylim(*_padded(scale))
        _small_ticks(axes)


@dataclass(frozen=True)
class Bars(Glyph):
    """A feature vector without space: one bar a component."""

    def measure(self, values: np.ndarray) -> np.ndarray:
        return values

    def draw(self, axes: Axes, values: np.ndarray, scale: Scale, spacings: Spacings) -> None:
        axes.axhline(0, color=FRAME, linewidth=0.6)
        axes.bar(np.arange(len(values)), values, color="#4a86b0", width=0.8)
        axes.set_ylim(*_padded(scale))
        _small_ticks(axes)


def _padded(scale: Scale) -> tuple[float, float]:
    low, high = scale.limits
    return low - 0.05 * (high - low) * (low < 0), high + 0.05 * (high - low)


def _small_ticks(axes: Axes) -> None:
    axes.yaxis.set_major_locator(matplotlib("ticker").MaxNLocator(4))
    axes.tick_params(labelsize=7, length=2, width=0.5, color=FRAME, labelcolor=FAINT)


def glyph(rep: Representation) -> Glyph:
    """How a single field of a type is drawn on a grid.

    Raises:
        FieldTypeError: the type is not one of those that are drawn.
        SpaceError: the space has more than two dimensions.
    """
    check_dimension(rep)
    if rep.group.dim == 1:
        return Curves()
    if rep.dim == 1:
        return Image()
    if is_vector(rep):
        return Arrows()
    found = wedges(rep)
    if found is None:
        raise FieldTypeError(
            f"a field of type {rep} has no glyph: drawn are scalars, vectors, frequencies, symmetric tensors, and "
            'regular and quotient types of planar groups; style="components" draws every component as an image'
        )
    return Polar(found)


def check_dimension(rep: Representation) -> None:
    """Raise unless the space has one or two dimensions.

    Raises:
        SpaceError: what came.
    """
    if rep.group.dim not in (1, 2):
        raise SpaceError(
            f"fields on 1 and 2 dimensions are drawn, {rep.group} acts on {rep.group.dim}; "
            "draw a plane of the data with the type restricted to a planar group"
        )


def is_vector(rep: Representation) -> bool:
    """Whether ρ(g) = g in the plane: standard, frequency 1, and whatever equals them."""
    group = rep.group
    if rep.dim != 2 or group.dim != 2:
        return False
    algebra = np.abs(rep.algebra_images - group.action(group.algebra_array)).max(initial=0.0)
    return bool(
        max(algebra, np.abs(rep.generator_images - group.action(group.generator_array)).max(initial=0.0)) < 1e-9
    )


def extent(sizes: tuple[int, ...], spacings: Spacings) -> tuple[float, float, float, float]:
    """(left, right, bottom, top) of an image whose axis 0 points down, centred at the origin."""
    h, w = (n * s / 2 for n, s in zip(sizes, spacings, strict=True))
    return (-w, w, h, -h)


def coarse(values: np.ndarray, spacings: Spacings, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Means over at most `cells` cells along the longer axis: (values, y, x of the cells, size of a cell)."""
    sizes = values.shape[1:]
    extents = [n * s for n, s in zip(sizes, spacings, strict=True)]
    numbers = [min(n, max(1, round(cells * e / max(extents)))) for n, e in zip(sizes, extents, strict=True)]
    means = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(values), tuple(numbers)).numpy()
    axes: list[Any] = [e * ((np.arange(n) + 0.5) / n - 0.5) for n, e in zip(numbers, extents, strict=True)]
    y, x = np.meshgrid(*axes, indexing="ij")
    return means, y, x, min(e / n for n, e in zip(numbers, extents, strict=True))
