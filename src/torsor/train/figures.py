"""The figures of a comparison of networks (matplotlib, without its global state)."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import torch

from torsor.errors import require
from torsor.train.results import Results, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"equivariant": "#0b6e99", "plain CNN": "#c8553d"}
_DASHES = {"upright": "-", "rotated": "--"}


def curves(results: Results) -> Figure:
    """Validation error of each network over the epochs."""
    figure = _figure(6.4, 3.6)
    axes = figure.add_subplot()
    for row, history in zip(results.rows, results.histories, strict=True):
        epochs = [h["epoch"] for h in history]
        axes.plot(epochs, [100 * h["validation_error"] for h in history], marker=".", **_style(row))
    axes.set(xlabel="epoch", ylabel="validation error (%)", yscale="log")
    axes.legend(frameon=False, fontsize=9)
    return figure


def angles(results: Results) -> Figure:
    """Test error of each network over the angle of the digits."""
    figure = _figure(6.4, 3.6)
    axes = figure.add_subplot()
    turn = [*results.angles, 360]
    for row, errors in zip(results.rows, results.by_angle, strict=True):
        axes.plot(turn, [100 * e for e in [*errors, errors[0]]], **_style(row))
    axes.set(xlabel="angle of the test digits (°)", ylabel="test error (%)", xticks=range(0, 361, 45), ylim=0)
    axes.legend(frameon=False, fontsize=9)
    return figure


def samples(images: torch.Tensor, labels: torch.Tensor, guesses: dict[str, torch.Tensor]) -> Figure:
    """Digits (n, 1, h, w), each with its label and what each network takes it for, red where wrong."""
    lines = {"label": labels, **guesses}
    figure = _figure(0.8 * len(images), 1.0 + 0.28 * len(lines))
    for k, image in enumerate(images):
        axes = figure.add_subplot(1, len(images), k + 1)
        axes.imshow(image[0].numpy(), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        for i, (title, guess) in enumerate(lines.items()):
            _below(axes, i, 0.5, str(int(guess[k])), wrong=bool(guess[k] != labels[k]))
            if k == 0:
                _below(axes, i, -0.25, title, ha="right")
    return figure


def _below(axes: Axes, line: int, x: float, text: str, wrong: bool = False, ha: str = "center") -> None:
    """A word on a line below an image."""
    style = {"color": "#d00000", "fontweight": "bold"} if wrong else {"color": "#333333"}
    place = {"transform": axes.transAxes, "ha": ha, "va": "center", "fontsize": 9}
    axes.text(x, -0.25 - 0.3 * line, text, **style, **place)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, cropped to its content."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=160, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def _figure(width: float, height: float) -> Figure:
    return require("matplotlib.figure", "plot").Figure(figsize=(width, height), layout="constrained")


def _style(row: Row) -> dict:
    return {
        "color": _COLOURS[row.network],
        "linestyle": _DASHES[row.trained_on],
        "label": f"{row.network}, trained {row.trained_on}",
    }
