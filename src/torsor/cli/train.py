"""``torsor train``: the recipes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from torsor.errors import require

if TYPE_CHECKING:
    from torsor.train.results import Results, Row

app = typer.Typer(help="Train a network by a recipe.", no_args_is_help=False)


@app.callback()
def recipes() -> None:
    """Train a network by a recipe."""


@app.command("rotated-digits")
def rotated_digits(
    group: Annotated[str | None, typer.Option(help="Structure group: C8, D4, SO2 … (demo: C8)")] = None,
    representation: Annotated[str | None, typer.Option(help="Of the hidden features. (demo: regular)")] = None,
    width: Annotated[float | None, typer.Option(help="Factor of all channel numbers. (demo: 1)")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training digits.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with MNIST. (demo: the shipped digits)")] = None,
    out: Annotated[Path, typer.Option(help="Folder of all results.")] = Path("runs/rotated-digits"),
    seed: Annotated[int | None, typer.Option(help="Of weights, data order and angles. (demo: 0)")] = None,
    devices: Annotated[str | None, typer.Option(help="Number of devices, or auto. (demo: 1)")] = None,
    workers: Annotated[int | None, typer.Option(help="Networks trained side by side. (demo: one a core)")] = None,
    learn: Annotated[int | None, typer.Option(help="Use only so many training digits.")] = None,
    test: Annotated[int | None, typer.Option(help="Use only so many test digits.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on where a run in this folder stopped.")] = True,
) -> None:
    """Train an equivariant network and a plain CNN of equal size on digits; test them at all angles."""
    require("matplotlib", "plot")
    require("lightning", "train")
    from torsor.train import rotated_digits as recipe

    number = int(devices) if devices and devices.isdigit() else devices
    given = dict(group=group, representation=representation, width=width, epochs=epochs, seed=seed)
    given |= dict(devices=number, workers=workers, learn=learn, test=test, data=None if data is None else str(data))
    settings = {name: value for name, value in given.items() if value is not None}
    with _narrated():
        results = recipe.run(replace(recipe.RotatedDigits(out=str(out), resume=resume), **settings))
    if recipe.is_first_process():
        _show(results, out, recipe.report.cells)


@contextmanager
def _narrated() -> Iterator[None]:
    """Show on standard error what the training logs: all where there is no progress bar."""
    log, handler = logging.getLogger("torsor.train"), logging.StreamHandler(sys.stderr)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _show(results: Results, out: Path, cells: Callable[[Row], list[str]]) -> None:
    table = Table(title="Errors", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("network", "trained\non"):
        table.add_column(title, no_wrap=True)
    for title in ("para-\nmeters", "validation", "test,\nupright", "test,\nrotated", "time", "equiv.\n(f64)"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in results.rows:
        table.add_row(*cells(row), style="bold" if row.network == "equivariant" else "")
    console = Console(soft_wrap=True)
    console.print(table, soft_wrap=False)
    for digits in ("upright", "rotated"):
        console.print(f"trained on {digits} digits: {results.ratio(digits):.2f} of the CNN's rotated error")
    console.print(f"{results.seconds:.0f} s; report: {out / 'report.html'}")
