"""The commands, put together."""

from __future__ import annotations

import typer

from torsor.cli import check, info, plot, taxonomy, train

app = typer.Typer(
    name="torsor",
    help="Equivariant and coordinate independent convolutional networks.",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(train.app, name="train")
app.add_typer(plot.app, name="plot")
app.command("check")(check.check)
app.command("taxonomy")(taxonomy.taxonomy)
app.command("info")(info.info)
