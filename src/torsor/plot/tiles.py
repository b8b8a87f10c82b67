"""One kernel as a block of little images (or curves), one for each matrix entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from torsor.plot.canvas import FRAME, INK, Scale, matplotlib
from torsor.plot.samples import Samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE, BETWEEN = 0.62, 0.06  # inches; fraction of a tile
REACH = 1.2
"""Half the height of the frame of a curve, in units of the largest value."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """The layout of a matrix of images: entry (i, j) in row i, column j, x along axis 1 and y along axis 0, down.

    On a line the entries are curves, x along the axis.
    """

    samples: Samples
    rows: int
    columns: int

    @property
    def half(self) -> tuple[float, float]:
        """Half the height and half the width of a tile, in data units."""
        half = self.samples.half
        return (half[0], half[1]) if len(half) == 2 else (REACH, half[0])

    @property
    def _side(self) -> tuple[float, float]:
        """(height, width) of a tile in inches."""
        half = self.samples.half
        if len(half) == 1:
            return SIDE, 2 * SIDE
        return SIDE * half[0] / max(half), SIDE * half[1] / max(half)

    @property
    def height(self) -> float:
        """In inches."""
        return self._side[0] * (self.rows + BETWEEN * (self.rows - 1))

    @property
    def width(self) -> float:
        """In inches."""
        return self._side[1] * (self.columns + BETWEEN * (self.columns - 1))

    def centre(self, i: int, j: int) -> tuple[float, float]:
        """(y, x) of the middle of a tile."""
        h, w = self.half
        return 2 * h * (1 + BETWEEN) * i, 2 * w * (1 + BETWEEN) * j

    def draw(self, axes: Axes, kernel: np.ndarray, scale: Scale) -> None:
        """Draw a kernel (rows, columns, n) on axes of the size of the block."""
        h, w = self.half
        bottom, right = self.centre(self.rows - 1, self.columns - 1)
        for i in range(self.rows):
            for j in range(self.columns):
                self._tile(axes, kernel[i, j], *self.centre(i, j), scale)
        axes.set(xlim=(-w, right + w), ylim=(bottom + h, -h), xticks=[], yticks=[])
        axes.axis("off")

    def _tile(self, axes: Axes, entry: np.ndarray, y: float, x: float, scale: Scale) -> None:
        h, w = self.half
        frame = {"fill": False, "edgecolor": FRAME, "linewidth": 0.6, "zorder": 3, "clip_on": False}
        axes.add_patch(matplotlib("patches").Rectangle((x - w, y - h), 2 * w, 2 * h, **frame))
        if len(self.samples.shape) == 1:
            self._curve(axes, entry, y, x, scale)
        elif self.samples.cell is not None:
            self._cells(axes, entry, y, x, scale)
        else:
            image = entry.reshape(self.samples.shape)
            axes.imshow(image, extent=(x - w, x + w, y + h, y - h), aspect="auto", **scale.style())

    def _curve(self, axes: Axes, entry: np.ndarray, y: float, x: float, scale: Scale) -> None:
        axes.plot(x + self.samples.points[:, 0], np.full(len(entry), y), color=FRAME, linewidth=0.6)
        marker = "." if len(entry) < 60 else None
        axes.plot(x + self.samples.points[:, 0], y - entry / scale.largest, color=INK, linewidth=1.0, marker=marker)

    def _cells(self, axes: Axes, entry: np.ndarray, y: float, x: float, scale: Scale) -> None:
        """Lattice cells, at (axis 1, axis 0)."""
        cell = self.samples.cell
        corners = (self.samples.points[:, None] + cell)[..., ::-1] + np.array([x, y])
        patches = matplotlib("collections").PolyCollection(
            list(corners), array=entry, edgecolor="#dddddd", linewidth=0.3, **scale.style()
        )
        axes.add_collection(patches, autolim=False)
