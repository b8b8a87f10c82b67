"""A feature map before and after a rotation: N(g f) beside g N(f)."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from torsor.check.report import element_name
from torsor.errors import FieldTypeError, GroupError
from torsor.fields import Field
from torsor.groups import Group
from torsor.plot.canvas import Page, Scale, wrapped
from torsor.plot.fields import Panel, as_field, bar_width, draw_bars, numbers, shared_scales
from torsor.plot.glyphs import Bars, Curves, Glyph, glyph
from torsor.reps import Representation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE, GAP, LEFT = 1.65, 0.12, 0.95  # inches
HEADS = ("N(f)", "N(g f)", "g N(f)")


@dataclass(frozen=True, eq=False)
class Turned:
    """What a module makes of a field f and of g f: all of one sample, (channels, *space) or (channels,)."""

    before: np.ndarray
    moved: np.ndarray
    output: np.ndarray
    output_of_moved: np.ndarray
    moved_output: np.ndarray

    def error(self, channels: slice = slice(None)) -> float:
        """‖N(g f) - g N(f)‖ / ‖g N(f)‖ of some channels."""
        size = float(np.linalg.norm(self.moved_output[channels]))
        gap = float(np.linalg.norm((self.output_of_moved - self.moved_output)[channels]))
        return gap / size if size else gap

    def outputs(self, channels: slice) -> tuple[np.ndarray, ...]:
        """N(f), N(g f), g N(f) and the difference of the last two."""
        difference = self.output_of_moved - self.moved_output
        return tuple(x[channels] for x in (self.output, self.output_of_moved, self.moved_output, difference))


def rotation(
    module: torch.nn.Module,
    image: Field | torch.Tensor,
    angle: float | torch.Tensor = 90.0,
    *,
    in_rep: Representation | None = None,
    out_rep: Representation | None = None,
    sample: int = 0,
    limit: int = 4,
) -> Figure:
    """Draw what a module makes of an image f and of the rotated image g f; (g f)(p) = ρ(g) f(g⁻¹p).

    The first row shows f and g f; each further row one field of the output: N(f), N(g f), g N(f), and the difference
    of the last two in the same colours, with the relative error ‖N(g f) - g N(f)‖ / ‖g N(f)‖ of that field. The module
    is copied and put into evaluation mode. Elements that do not map the grid to itself interpolate; outputs are
    compared inside the inscribed disc then.

    Args:
        module: any module; its output is (batch, out_rep.dim, *space) or (batch, out_rep.dim).
        image: a `Field`, or a tensor (batch, in_rep.dim, *space) or (in_rep.dim, *space).
        angle: in degrees, +90 is ``torch.rot90(x, 1, (-2, -1))``; or an element g (d, d) of the group.
        in_rep: type of the input; by default ``module.in_rep``.
        out_rep: type of the output; by default ``module.out_rep``.
        sample: which of the batch.
        limit: how many fields of the output are drawn, spread over the terms of its type.

    Raises:
        GroupError: the rotation is no element of the module's group.
        FieldTypeError: unknown types, a type without a glyph, shapes that do not fit, or values that are not finite.
        SpaceError: a space of three or more dimensions.
        MissingExtraError: matplotlib is not installed.
    """
    given = image.rep if isinstance(image, Field) else None
    in_rep = in_rep or given or getattr(module, "in_rep", None)
    out_rep = out_rep or getattr(module, "out_rep", None)
    if in_rep is None or out_rep is None:
        raise FieldTypeError(f"{type(module).__name__} does not say its types: give in_rep and out_rep")
    field = as_field(image, in_rep)
    g = element(in_rep.group, angle)
    turned = turn(module, field, out_rep, g, sample)
    words = _explanation(turned, in_rep, out_rep, g, type(module).__name__)
    return _draw(_rows(turned, in_rep, out_rep, limit), field.space.spacings, words)


def element(group: Group, angle: float | torch.Tensor) -> torch.Tensor:
    """The element of a group that is given, or that rotates the plane by an angle in degrees.

    Raises:
        GroupError: there is none.
    """
    if isinstance(angle, torch.Tensor) and angle.ndim == 2:
        g, what = angle.double().cpu(), "the matrix"
    elif group.dim == 2:
        turn = torch.deg2rad(torch.tensor(float(angle), dtype=torch.float64))
        g = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()]).reshape(2, 2)
        g = torch.where((g - g.round()).abs() < 1e-12, g.round(), g)
        what = f"the rotation by {float(angle):g}°"
    else:
        raise GroupError(f"an angle rotates the plane, {group} acts on {group.dim} dimensions: give an element g")
    if not bool(group.contains(g)):
        raise GroupError(f"expected an element of {group}, got {what}, which is not in it")
    return g


@torch.no_grad()
def turn(module: torch.nn.Module, field: Field, out_rep: Representation, g: torch.Tensor, sample: int) -> Turned:
    """Apply a copy of a module, in evaluation mode, to a field and to the field moved by g."""
    numbers(field, sample)
    k = sample % len(field.tensor)
    one = Field(field.tensor[k : k + 1].detach(), field.rep, field.space)
    moved = one.transform(g)
    net = deepcopy(module).eval()
    kind = next((p for p in net.parameters()), one.tensor)
    output, after = (_checked(net(x.tensor.to(kind)), out_rep).cpu().double() for x in (one, moved))
    turned = _moved(output, out_rep, g, one)
    if output.ndim > 2 and not _permutes(out_rep.group.action(g)):
        disc = _disc(output.shape[2:])
        after, turned = after * disc, turned * disc
    return Turned(*(x[0].detach().cpu().double().numpy() for x in (one.tensor, moved.tensor, output, after, turned)))


def _checked(y: torch.Tensor, rep: Representation) -> torch.Tensor:
    y = y.flatten(1) if y.ndim > 2 and y[0, 0].numel() == 1 else y
    if y.ndim not in (2, rep.group.dim + 2) or y.shape[1] != rep.dim:
        raise FieldTypeError(
            f"expected an output (batch, {rep.dim}) or (batch, {rep.dim}, *{rep.group.dim} axes), of type {rep}, "
            f"got shape {tuple(y.shape)}"
        )
    return y


def _moved(y: torch.Tensor, rep: Representation, g: torch.Tensor, like: Field) -> torch.Tensor:
    return y @ rep.rho(g).to(y).T if y.ndim == 2 else Field(y, rep, like.space).transform(g).tensor


def _permutes(g: torch.Tensor) -> bool:
    return bool(((g.abs() - g.abs().round()).abs() < 1e-9).all())


def _disc(sizes: torch.Size) -> torch.Tensor:
    """1 inside the inscribed disc, 0 outside."""
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in sizes]
    radius = torch.stack(torch.meshgrid(*axes, indexing="ij")).norm(dim=0)
    return (radius <= (min(sizes) - 1) / 2 + 1e-9).double()


def _spread(rep: Representation, limit: int) -> Iterator[tuple[str, slice, Representation]]:
    """`limit` fields, spread evenly over the terms of a type: (title, channels, type)."""
    turns = sorted((i, k) for k, (multiplicity, _) in enumerate(rep.terms) for i in range(multiplicity))[:limit]
    number = 0
    for k, (multiplicity, term) in enumerate(rep.terms):
        fields = list(rep.fields)
        for i in range(sum(term_index == k for _, term_index in turns)):
            yield f"{number + i}: {term.name}", fields[number + i][0], term
        number += multiplicity


def _panels(rep: Representation, limit: int, spatial: bool) -> list[Panel]:
    if not spatial:
        return [Panel("all channels", Bars(), slice(0, rep.dim))]
    return [Panel(title, glyph(term), channels) for title, channels, term in _spread(rep, limit)]


@dataclass(frozen=True, eq=False)
class Row:
    """A row of the figure: how a field is drawn, the titles of its drawings, the values, and their scale."""

    panel: Panel
    heads: tuple[str, ...]
    values: tuple[np.ndarray, ...]

    @property
    def scales(self) -> dict[type[Glyph], Scale]:
        """The scale of the drawings: the largest value is that of the fields, and a difference has its colours."""
        everything = shared_scales([self.panel] * len(self.values), list(self.values))
        fields = shared_scales([self.panel] * len(self.values[:3]), list(self.values[:3]))
        return {kind: replace(scale, signed=everything[kind].signed) for kind, scale in fields.items()}

    @property
    def has_ticks(self) -> bool:
        """Whether the drawings have numbers at their sides."""
        return isinstance(self.panel.glyph, (Bars, Curves))


def _rows(turned: Turned, in_rep: Representation, out_rep: Representation, limit: int) -> list[Row]:
    into = _panels(in_rep, 1, True)
    rows = [Row(p, ("f", "g f"), (turned.before[p.channels], turned.moved[p.channels])) for p in into]
    for panel in _panels(out_rep, limit, turned.output.ndim > 1):
        heads = (*HEADS, f"difference,  error {turned.error(panel.channels):.1e}")
        rows.append(Row(panel, heads, turned.outputs(panel.channels)))
    return rows


def _draw(rows: list[Row], spacings: tuple[float, ...], words: list[str]) -> Figure:
    height = SIDE if rows[0].values[0].ndim == 3 else 0.6 * SIDE
    step = SIDE + (0.42 if any(row.has_ticks for row in rows) else GAP)
    bars = max(bar_width(row.scales) for row in rows)
    tops = [0.3 + k * (height + 0.32) + (0.12 if k else 0.0) for k in range(len(rows))]
    left = LEFT + (0.3 if rows[0].has_ticks or rows[-1].has_ticks else 0.0)
    page = Page(left + 4 * step + bars, tops[-1] + height + 0.15)
    for k, (top, row) in enumerate(zip(tops, rows, strict=True)):
        page.text(LEFT - 0.12, top + height / 2, _side(row.panel, first=k == 0), ha="right", va="center")
        _draw_row(page, row, [left + i * step for i in range(len(row.values))], top, height, spacings)
    start = left + 2 * step + bars + 0.1
    lines = [line for part in words for line in wrapped(part, page.width - start, 9)]
    page.text(start, tops[0], "\n".join(lines), 9, linespacing=1.5)
    return page.figure


def _draw_row(
    page: Page, row: Row, places: list[float], top: float, height: float, spacings: tuple[float, ...]
) -> None:
    scales = row.scales
    for place, head, values in zip(places, row.heads, row.values, strict=True):
        axes = page.axes(place, top, SIDE, height)
        row.panel.glyph.draw(axes, values, scales[type(row.panel.glyph)], spacings)
        page.text(place + SIDE / 2, top - 0.05, head, ha="center", va="bottom")
    draw_bars(page, places[-1] + SIDE + 0.05, top, height, scales)


def _side(panel: Panel, first: bool) -> str:
    """The name of a row: whether it is input or output, and the field."""
    head = "input" if first else "output"
    words = panel.title.split(": ", 1)[-1] if first else panel.title
    return "\n".join([head, *wrapped(words, LEFT, 8)])


def _explanation(
    turned: Turned, in_rep: Representation, out_rep: Representation, g: torch.Tensor, name: str
) -> list[str]:
    """What N and g are, and the error of all channels."""
    whole = turned.output.ndim == 1 or _permutes(out_rep.group.action(g))
    return [
        f"N: {name}, {in_rep.name} → {out_rep.name}",
        f"group {in_rep.group}",
        f"g: {element_name(in_rep.group.action(g))}",
        f"‖N(g f) − g N(f)‖ / ‖g N(f)‖ = {turned.error():.1e}",
        *([] if whole else ["compared inside the disc"]),
    ]
