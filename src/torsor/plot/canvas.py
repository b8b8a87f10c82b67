"""Figures laid out in inches, without matplotlib's global state, and how values become colours."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from torsor.errors import FieldTypeError, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FRAME, FAINT = "#222222", "#b5b5b5", "#777777"
SIGNED, RISING = "RdBu_r", "Greys"


def matplotlib(module: str) -> Any:
    """A module of matplotlib.

    Raises:
        MissingExtraError: it is not installed.
    """
    require("matplotlib", "plot")
    return require(f"matplotlib.{module}", "plot")


@dataclass(frozen=True)
class Scale:
    """The colours of values: diverging and symmetric about zero, or rising from zero."""

    largest: float
    signed: bool = True
    colours: Any = None

    @staticmethod
    def of(values: Iterable[np.ndarray], colours: Any = None) -> Scale:
        """The scale that several arrays share; it rises from zero if none has a negative value.

        Raises:
            FieldTypeError: a value is NaN or infinite.
        """
        flat = np.concatenate([np.zeros(1), *(np.ravel(v) for v in values)])
        if not np.isfinite(flat).all():
            number = int((~np.isfinite(flat)).sum())
            raise FieldTypeError(f"expected finite values to draw, got {number} that are NaN or infinite")
        return Scale(float(np.abs(flat).max()) or 1.0, bool(flat.min() < 0), colours)

    @property
    def limits(self) -> tuple[float, float]:
        """The values of the first and the last colour."""
        return (-self.largest if self.signed else 0.0, self.largest)

    def style(self) -> dict[str, Any]:
        """The colour map and the norm, as matplotlib's artists take them."""
        norm = matplotlib("colors").Normalize(*self.limits)
        return {"cmap": self.colours or (SIGNED if self.signed else RISING), "norm": norm}


class Page:
    """A figure on which axes and text are placed in inches from its top left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure: Figure = matplotlib("figure").Figure(figsize=(width, height), facecolor="white")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes without ticks in a thin frame."""
        box = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=FRAME, linewidth=0.6)
        return axes

    def text(self, left: float, top: float, words: str, size: float = 8, **style: Any) -> None:
        """A text whose top left corner (unless `ha`, `va` say otherwise) is placed."""
        style = {"ha": "left", "va": "top", "color": INK, "fontsize": size, **style}
        self.figure.text(left / self.width, 1 - top / self.height, words, **style)

    def bar(self, left: float, top: float, height: float, scale: Scale, label: str = "") -> None:
        """A colour bar with its ends and zero marked."""
        axes = self.axes(left, top, 0.11, height)
        shown = matplotlib("cm").ScalarMappable(**scale.style())
        ticks = (*((-scale.largest, 0.0) if scale.signed else (0.0,)), scale.largest)
        bar = self.figure.colorbar(shown, cax=axes, ticks=ticks, format=lambda x, _: f"{x:.2g}")
        bar.ax.tick_params(labelsize=7, length=2, width=0.5, color=FRAME, labelcolor=INK)
        bar.outline.set(linewidth=0.5, edgecolor=FRAME)  # type: ignore[operator]
        bar.ax.set_title(label, fontsize=8, color=INK, pad=6)


def wrapped(words: str, width: float, size: float = 10) -> list[str]:
    """A text in lines that fit a width in inches, at a font size in points."""
    return textwrap.wrap(words, max(12, int(width * 72 / (0.56 * size)))) or [""]
