"""``torsor taxonomy``: every network type of the literature, its code and its certificate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

if TYPE_CHECKING:
    from torsor.taxonomy import Measured, Row

FAILED = 1  # exit code


def taxonomy(
    ids: Annotated[list[str] | None, typer.Argument(help="Rows such as E6b; all if none is given")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects")] = False,
    code: Annotated[bool, typer.Option("--code", help="Print the code of the rows, and measure nothing")] = False,
) -> None:
    """Measure the certificates of equivariant networks: errors, controls, budgets."""
    from torsor.taxonomy import ROWS, find, measure

    rows = [find(identity) for identity in ids] if ids else list(ROWS.values())
    if code:
        return _show_code(rows)
    measured = [measure(row) for row in rows]
    if as_json:
        print(json.dumps([m.to_dict() for m in measured], indent=2))
    else:
        _show(measured)
    if not all(m.ok for m in measured):
        raise typer.Exit(FAILED)


def _show(measured: list[Measured]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("id", "name", "ok"):
        table.add_column(title, overflow="fold")
    for title in ("error", "budget", "controls", "seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    for m in measured:
        worst = m.worst
        control = min(c.control for c in m.certificates)
        numbers = f"{worst.error:.1e}", f"{worst.budget:.0e}", f"{control:.2f}", f"{m.seconds:.1f}"
        table.add_row(m.row.id, f"{m.row.name} ({m.row.group})", "yes" if m.ok else "NO", *numbers)
    Console().print(table, highlight=False, markup=False)


def _show_code(rows: list[Row]) -> None:
    console = Console()
    for row in rows:
        if console.is_terminal:
            console.print(Syntax(f"# {row.id}: {row.name}\n{row.code}", "python"))
        else:
            print(f"# {row.id}: {row.name}\n{row.code}")
