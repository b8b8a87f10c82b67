"""Figures of feature fields, drawn by their types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.fields import Field
from torsor.plot.canvas import Page, Scale, wrapped
from torsor.plot.glyphs import Glyph, Image, check_dimension, glyph
from torsor.reps import Representation
from torsor.spaces import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = ("type", "components")
SIDE, GAP, MARGIN = 2.2, 0.3, 0.15  # inches


@dataclass(frozen=True, eq=False)
class Panel:
    """One drawing: its title, how it is drawn, and which channels it shows."""

    title: str
    glyph: Glyph
    channels: slice


def field(
    field: Field | torch.Tensor,
    rep: Representation | None = None,
    *,
    sample: int = 0,
    limit: int = 6,
    style: str = "type",
) -> Figure:
    """Draw a feature field by its type, field after field of the direct sum.

    Scalars are images; vectors are arrows over an image of their norm; regular and quotient types of planar groups,
    higher frequencies and symmetric tensors are polar glyphs: a wedge for each group element or direction, of
    area |f| and coloured by f. Fields on a line are curves. Axis 0 points down, axis 1 to the right: component 0 of a
    vector points down. Fields that are drawn alike share one scale, symmetric about zero if a value is negative.

    Args:
        field: a `Field` on a grid of one or two dimensions, or a tensor (batch, channels, *space) or
            (channels, *space) with its type.
        rep: the type, if a tensor is given.
        sample: which of the batch.
        limit: how many fields of the direct sum are drawn; the title says how many there are.
        style: "type", or "components" for one image of every component.

    Raises:
        FieldTypeError: a type without a glyph, a shape that does not fit the type, or values that are not finite.
        SpaceError: a space of three or more dimensions, or one that is no grid.
        MissingExtraError: matplotlib is not installed.
    """
    shown = as_field(field, rep)
    values, spacings = numbers(shown, sample), shown.space.spacings
    panels = list(panels_of(shown.rep, style, limit))
    scales = shared_scales(panels, [values[p.channels] for p in panels])
    d, sizes = shown.rep.group.dim, values.shape[1:]
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    width, height = cell_size(sizes, spacings)
    title = wrapped(_title(shown.rep, panels), max(2.0, columns * (width + GAP)))
    top = MARGIN + 0.2 * len(title) + 0.3
    left = MARGIN + (0.35 if d == 1 else 0.0)
    step_x, step_y = width + (0.55 if d == 1 else GAP / 2), height + GAP
    page = Page(left + columns * step_x + bar_width(scales), top + rows * step_y)
    page.text(MARGIN, MARGIN, "\n".join(title), 10)
    for k, panel in enumerate(panels):
        x, y = left + (k % columns) * step_x, top + (k // columns) * step_y
        axes = page.axes(x, y, width, height)
        panel.glyph.draw(axes, values[panel.channels], scales[type(panel.glyph)], spacings)
        page.text(x + width / 2, y - 0.05, panel.title, ha="center", va="bottom")
    draw_bars(page, left + columns * step_x, top, height, scales)
    return page.figure


def as_field(value: Field | torch.Tensor, rep: Representation | None) -> Field:
    """A field on a grid of one or two dimensions.

    Raises:
        FieldTypeError: a tensor without a type, or a shape that does not fit.
        SpaceError: other dimensions, or no grid.
    """
    if not isinstance(value, Field):
        if rep is None:
            raise FieldTypeError("expected a Field, or a tensor and its type; got a tensor without a type")
        check_dimension(rep)
        tensor = value[None] if value.ndim == rep.group.dim + 1 else value
        value = Field(tensor, rep)
    elif rep is not None and rep != value.rep:
        raise FieldTypeError(f"the field is of type {value.rep}, got the type {rep} beside it")
    check_dimension(value.rep)
    if not isinstance(value.space, Grid):
        raise SpaceError(f"fields on grids are drawn, got a field on {value.space}")
    if value.tensor.ndim != value.rep.group.dim + 2:
        raise FieldTypeError(
            f"expected a tensor (batch, {value.rep.dim}, *{value.rep.group.dim} axes), got {tuple(value.tensor.shape)}"
        )
    return value


def numbers(field: Field, sample: int) -> np.ndarray:
    """One of the batch in float64, (channels, *space).

    Raises:
        FieldTypeError: there is no such sample.
    """
    if not -len(field.tensor) <= sample < len(field.tensor):
        raise FieldTypeError(f"expected a sample among {len(field.tensor)}, got {sample}")
    return field.tensor[sample].detach().cpu().double().numpy()


def panels_of(rep: Representation, style: str, limit: int) -> Iterator[Panel]:
    """The drawings of the first fields of a type.

    Raises:
        FieldTypeError: an unknown style, or a type without a glyph.
    """
    if style not in STYLES:
        raise FieldTypeError(f"expected a style among {STYLES}, got {style!r}")
    several = sum(m for m, _ in rep.terms) > 1
    for number, (channels, term) in enumerate(rep.fields):
        if number == limit:
            return
        title = f"{number}: {term.name}" if several else term.name
        if style == "type" or term.group.dim == 1:
            yield Panel(title, glyph(term), channels)
        else:
            for c in range(term.dim):
                place = slice(channels.start + c, channels.start + c + 1)
                yield Panel(f"{title} [{c}]", Image(), place)


def shared_scales(panels: list[Panel], values: list[np.ndarray]) -> dict[type[Glyph], Scale]:
    """One scale for each kind of drawing."""
    scales: dict[type[Glyph], Scale] = {}
    for kind in dict.fromkeys(type(panel.glyph) for panel in panels):
        members = [(p.glyph, v) for p, v in zip(panels, values, strict=True) if isinstance(p.glyph, kind)]
        each = [g.scale([v]) for g, v in members]
        scales[kind] = Scale(max(s.largest for s in each), any(s.signed for s in each), each[0].colours)
    return scales


def cell_size(sizes: tuple[int, ...], spacings: tuple[float, ...]) -> tuple[float, float]:
    """(width, height) of a panel in inches."""
    if len(sizes) == 1:
        return SIDE, 0.6 * SIDE
    high, wide = (n * s for n, s in zip(sizes, spacings, strict=True))
    return SIDE * min(1.0, wide / high), SIDE * min(1.0, high / wide)


def bar_width(scales: dict[type[Glyph], Scale]) -> float:
    """The width that colour bars need."""
    return 0.17 + 0.75 * len(_with_bar(scales))


def draw_bars(page: Page, left: float, top: float, height: float, scales: dict[type[Glyph], Any]) -> None:
    """The colour bars of the kinds of drawings, side by side."""
    for k, (kind, scale) in enumerate(_with_bar(scales).items()):
        page.bar(left + 0.12 + 0.75 * k, top, height, scale, kind.label)


def _with_bar(scales: dict[type[Glyph], Scale]) -> dict[type[Glyph], Scale]:
    return {kind: scale for kind, scale in scales.items() if kind.label}


def _title(rep: Representation, panels: list[Panel]) -> str:
    total = sum(m for m, _ in rep.terms)
    drawn = sum(1 for _ in {p.title.split(" [")[0] for p in panels})
    return f"Field of type {rep}" + (f": the first {drawn} of {total}" if drawn < total else "")
