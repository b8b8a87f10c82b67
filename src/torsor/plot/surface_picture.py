"""What a picture of a surface consists of, before any renderer draws it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.plot.canvas import INK, Scale
from torsor.plot.surface_geometry import unit

PAPER, RISING, SIGNED = "#e4e4e4", "viridis", "coolwarm"
AXES = ("#111111", "#d95f02")
"""The colours of the first and the second vector of a frame."""


@dataclass(frozen=True, eq=False)
class Skin:
    """A triangulated surface: plain, or with values that a scale turns into colours.

    Attributes:
        points: (n, 3).
        faces: (F, 3).
        normals: (n, 3), for smooth shading; None shades flat.
        values: (n,), None for a plain colour.
        scale: of the values.
        label: of the colour bar; none is drawn without it.
        lines: whether the edges are drawn.
        colour: without values.
    """

    points: np.ndarray
    faces: np.ndarray
    normals: np.ndarray | None = None
    values: np.ndarray | None = None
    scale: Scale | None = None
    label: str = ""
    lines: bool = False
    colour: str = PAPER


@dataclass(frozen=True, eq=False)
class Arrows:
    """Vectors (k, 3) at points (k, 3), of one colour.

    With the normals (k, 3) of the surface on which they stand, those on its far side are left out of an image.
    """

    tails: np.ndarray
    vectors: np.ndarray
    colour: str = INK
    normals: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Curve:
    """A polygonal line (k, 3)."""

    points: np.ndarray
    colour: str = INK
    width: float = 4.0


@dataclass(frozen=True, eq=False)
class Words:
    """A short text at a point (3,)."""

    point: np.ndarray
    words: str
    colour: str = INK


Part = Skin | Arrows | Curve | Words


@dataclass(frozen=True, eq=False)
class View:
    """What one panel shows, and from where.

    Attributes:
        parts: what is drawn.
        focus: (k, 3) the points that fill the panel.
        look: the direction towards the eye.
        up: the direction that points up on the screen.
        title: above it.
    """

    parts: tuple[Part, ...]
    focus: np.ndarray
    look: np.ndarray
    up: np.ndarray
    title: str = ""

    @property
    def screen(self) -> np.ndarray:
        """(3, 3) rows right, up and towards the eye, orthonormal."""
        back = unit(self.look)
        near = self.up if abs(unit(self.up) @ back) < 0.999 else np.eye(3)[np.abs(back).argmin()]
        right = unit(np.cross(near, back))
        return np.stack([right, np.cross(back, right), back])

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """The middle (3,) of the focus as it is seen, and half its extent to the right and up (2,)."""
        seen = self.focus @ self.screen.T
        low, high = seen.min(0), seen.max(0)
        return (low + high) / 2 @ self.screen, (high - low)[:2] / 2
