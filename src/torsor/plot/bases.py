"""Figures of the bases of steerable kernels: every kernel between two irreps as a block of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from torsor.errors import FieldTypeError, KernelError
from torsor.kernels import BasisSpec, Harmonic, Stencil
from torsor.kernels.stencil import orbits
from torsor.plot.canvas import FAINT, Page, Scale, wrapped
from torsor.plot.samples import Samples, sampled
from torsor.plot.tiles import REACH, Tiles
from torsor.reps import Representation, decompose

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABEL, TITLE, HEAD, GAP, MARGIN = 0.72, 0.24, 0.2, 0.12, 0.2  # inches


@dataclass(frozen=True, eq=False)
class Block:
    """The kernels between two irreps σ → τ as a table: (row, column) of each, and the names of rows and columns."""

    sigma: Representation
    tau: Representation
    basis: np.ndarray
    cells: list[tuple[str, str]]

    @property
    def rows(self) -> list[str]:
        """The names of the rows."""
        return list(dict.fromkeys(row for row, _ in self.cells)) or [""]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        names = dict.fromkeys(column for _, column in self.cells)
        return sorted(names, key=lambda name: int(name.split()[-1])) or [""]

    @property
    def title(self) -> str:
        """σ → τ."""
        return f"{self.sigma.name} → {self.tau.name}" + ("" if self.cells else ": no kernel")


def kernels(
    kernel: Any,
    in_rep: Representation | None = None,
    out_rep: Representation | None = None,
    *,
    scale: str = "shared",
    limit: int = 240,
) -> Figure:
    r"""Draw a basis of the steerable kernels between the irreps of two types.

    One table for each pair of irreps σ of ρ_in (across) and τ of ρ_out (down). `Harmonic`: a row for each degree and
    covariant, a column for each ring, the continuous functions. `Stencil`: a row for each map, a column for each orbit,
    the cells of the lattice. A kernel is a block of dim τ × dim σ images, one a matrix entry; on a line, of curves.
    Axis 0 points down, axis 1 to the right; colours diverge from zero.

    Args:
        kernel: a specification such as ``Harmonic(7)``; or a `SteerableKernel` or a layer, which have types.
        in_rep: ρ_in, with a specification.
        out_rep: ρ_out, with a specification.
        scale: "shared": one scale for all; "each": every kernel has its own largest value as the end of its scale.
        limit: the most kernels that one figure shows.

    Raises:
        KernelError: no kernel between the types, more than `limit`, a group that the kernel does not serve, or a space
            of three or more dimensions.
        FieldTypeError: types that are missing, or given twice; an unknown scale.
        MissingExtraError: matplotlib is not installed.
    """
    spec, in_rep, out_rep = _resolve(kernel, in_rep, out_rep)
    if scale not in ("shared", "each"):
        raise FieldTypeError(f'expected the scale "shared" or "each", got {scale!r}')
    spec.validate(in_rep.group)
    points = sampled(spec, in_rep.group)
    table = _table(spec, points, in_rep, out_rep)
    number = sum(len(block.cells) for row in table for block in row)
    if not number:
        raise KernelError(f"there is no {type(spec).__name__} kernel from {in_rep} to {out_rep} to draw")
    if number > limit:
        raise KernelError(
            f"there are {number} kernels from {in_rep} to {out_rep}, more than limit={limit}: draw them between two "
            "irreps at a time, or raise the limit"
        )
    return _draw(spec, points, table, f"{in_rep.name} → {out_rep.name}, {in_rep.group}", scale == "shared")


def _resolve(
    kernel: Any, in_rep: Representation | None, out_rep: Representation | None
) -> tuple[BasisSpec, Representation, Representation]:
    kernel = getattr(kernel, "kernel", kernel)
    if isinstance(kernel, BasisSpec):
        if in_rep is None or out_rep is None:
            raise FieldTypeError(f"a specification has no types: expected in_rep and out_rep beside {kernel!r}")
        if in_rep.group != out_rep.group:
            raise KernelError(f"a kernel connects two types of one group, got {in_rep} and {out_rep}")
        return kernel, in_rep, out_rep
    if not isinstance(getattr(kernel, "spec", None), BasisSpec):
        raise FieldTypeError(f"expected a kernel specification, a kernel or a layer that has one, got {kernel!r}")
    if (in_rep or kernel.in_rep) != kernel.in_rep or (out_rep or kernel.out_rep) != kernel.out_rep:
        raise FieldTypeError(f"the kernel maps {kernel.in_rep} to {kernel.out_rep}; got other types beside it")
    return kernel.spec, kernel.in_rep, kernel.out_rep


def _irreps(rep: Representation) -> tuple[Representation, ...]:
    """The irreps that occur in a type, each once."""
    return tuple(dict.fromkeys(sigma for _, term in rep.terms for _, sigma in decompose(term).blocks))


def _table(spec: BasisSpec, points: Samples, rho_in: Representation, rho_out: Representation) -> list[list[Block]]:
    sigmas, taus = _irreps(rho_in), _irreps(rho_out)
    bases = spec.bases_at(points.points, sigmas, taus)
    table = []
    for tau, row in zip(taus, bases, strict=True):
        table.append([Block(s, tau, b, _names(spec, s, tau, b)) for s, b in zip(sigmas, row, strict=True)])
    return table


def _names(spec: BasisSpec, sigma: Representation, tau: Representation, basis: np.ndarray) -> list[tuple[str, str]]:
    """(row, column) of every kernel."""
    if isinstance(spec, Harmonic):
        labels = spec.labels(sigma, tau)
        several = {degree for degree, _, covariant in labels if covariant}
        return [
            (f"degree {k}" + (f"\nmap {b}" if k in several else ""), f"ring {spec.rings.index(ring)}")
            for k, ring, b in labels
        ]
    if not isinstance(spec, Stencil):
        return [("", f"kernel {i}") for i in range(len(basis))]
    where = {index: number for number, orbit in enumerate(orbits(spec, sigma.group)) for index, _ in orbit}
    found = [where[int(place)] for place in np.abs(basis).max((1, 2)).argmax(-1)] if len(basis) else []
    return [(f"map {found[:i].count(orbit)}", f"orbit {orbit}") for i, orbit in enumerate(found)]


def _draw(spec: BasisSpec, points: Samples, table: list[list[Block]], types: str, shared: bool) -> Figure:
    scale = Scale(Scale.of([block.basis for row in table for block in row]).largest)
    placed, width, height = _arranged(points, table)
    title = wrapped(f"{type(spec).__name__} kernels, {types}", max(width, 3.2), 10)
    caption = wrapped(_caption(spec, points, scale, shared), max(width, 3.2), 8)
    top = MARGIN + 0.2 * len(title) + 0.16 * len(caption) + 0.16
    page = Page(MARGIN + max(width, 3.2) + 0.75, top + height)
    page.text(MARGIN, MARGIN, "\n".join(title), 10)
    page.text(MARGIN, MARGIN + 0.2 * len(title), "\n".join(caption), 8, color=FAINT)
    for block, x, y in placed:
        _draw_block(page, points, block, MARGIN + x, top + y, scale if shared else None)
    if len(points.shape) > 1:
        bar, name = (scale, "K") if shared else (Scale(1.0), "K / max")
        page.bar(page.width - 0.65, top + TITLE + HEAD, min(1.6, height - TITLE - HEAD - 0.2), bar, name)
    return page.figure


def _arranged(points: Samples, table: list[list[Block]]) -> tuple[list[tuple[Block, float, float]], float, float]:
    """Blocks with their places (left, top), and the width and height of all, in inches.

    They form the matrix of pairs; if that is one row or one column, it is wrapped into columns of similar height.
    """
    if min(len(table), len(table[0])) == 1:
        return _flowed(points, [block for row in table for block in row])
    sizes = [[_size(points, block) for block in row] for row in table]
    widths = [max(w for w, _ in column) for column in zip(*sizes, strict=True)]
    heights = [max(h for _, h in row) for row in sizes]
    placed = [
        (block, sum(widths[:j], 0.0), sum(heights[:i], 0.0))
        for i, row in enumerate(table)
        for j, block in enumerate(row)
    ]
    return placed, sum(widths, 0.0), sum(heights, 0.0)


def _flowed(points: Samples, blocks: list[Block]) -> tuple[list[tuple[Block, float, float]], float, float]:
    sizes = [_size(points, block) for block in blocks]
    width = max(w for w, _ in sizes)
    total = sum(h for _, h in sizes)
    target = max(*(h for _, h in sizes), total / max(1, round((total / width) ** 0.5)), 0.0) + 0.3
    placed, column, y, tallest = [], 0, 0.0, 0.0
    for block, (_, height) in zip(blocks, sizes, strict=True):
        if y and y + height > target:
            column, y = column + 1, 0.0
        placed.append((block, column * width, y))
        y += height
        tallest = max(tallest, y)
    return placed, (column + 1) * width, tallest


def _caption(spec: BasisSpec, points: Samples, scale: Scale, shared: bool) -> str:
    size = spec.shape if isinstance(spec.shape, int) else "×".join(map(str, spec.shape))
    words = f"size {size}"
    if isinstance(spec, Harmonic):
        words += f"; rings at radius {', '.join(f'{r:g}' for r in spec.rings)} pixels"
    if not shared:
        return words + "; each kernel on its own scale"
    return words + (
        f"; frames from {-REACH * scale.largest:.2g} to {REACH * scale.largest:.2g}" * (len(points.shape) == 1)
    )


def _size(points: Samples, block: Block) -> tuple[float, float]:
    tiles = Tiles(points, block.tau.dim, block.sigma.dim)
    width = LABEL + len(block.columns) * (tiles.width + GAP) + 0.1
    return max(width, 0.1 + 0.075 * len(block.title)), TITLE + HEAD + len(block.rows) * (tiles.height + GAP) + 0.12


def _draw_block(page: Page, points: Samples, block: Block, left: float, top: float, scale: Scale | None) -> None:
    tiles = Tiles(points, block.tau.dim, block.sigma.dim)
    page.text(left, top, block.title, 9, weight="bold", color="#222222" if block.cells else FAINT)
    x = {name: left + LABEL + k * (tiles.width + GAP) for k, name in enumerate(block.columns)}
    y = {name: top + TITLE + HEAD + k * (tiles.height + GAP) for k, name in enumerate(block.rows)}
    for name, start in x.items():
        page.text(start + tiles.width / 2, top + TITLE + HEAD - 0.04, name, 8, ha="center", va="bottom")
    for name, start in y.items():
        page.text(left + LABEL - 0.08, start + tiles.height / 2, name, 8, ha="right", va="center")
    for (row, column), kernel in zip(block.cells, block.basis, strict=True):
        own = scale or Scale(Scale.of([kernel]).largest)
        tiles.draw(page.axes(x[column], y[row], tiles.width, tiles.height), kernel, own)
