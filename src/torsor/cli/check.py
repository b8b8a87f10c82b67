"""``torsor check``: the equivariance report of a saved or a named model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from torsor.cli.names import choose
from torsor.errors import ConfigError, require
from torsor.groups import from_name

if TYPE_CHECKING:
    from torch import nn


def check(
    model: Annotated[str, typer.Argument(help="A file written by training (model.pt), or a name: digits_net")],
    group: Annotated[str, typer.Option(help="Structure group of a named model: C8, D4, SO2 …")] = "C8",
    representation: Annotated[str, typer.Option(help="Hidden representation of a named model")] = "regular",
    width: Annotated[float, typer.Option(help="Width of a named model")] = 1.0,
) -> None:
    """Measure how exactly a model commutes with its group, and print the report."""
    net = load(model, group, representation, width)
    from torsor.check import equivariance

    Console().print(str(equivariance(net)), highlight=False, markup=False, soft_wrap=True)


def load(model: str, group: str, representation: str, width: float) -> nn.Module:
    """The model of a file, or a fresh one of that name."""
    from torsor import models

    if Path(model).exists() or Path(model).suffix:
        require("lightning", "train")
        from torsor.train.saved import load_model

        return load_model(model)
    if from_name(group).dim != 2:
        raise ConfigError(f"{model} is a network on images: expected a planar group such as C8, D4 or SO2, got {group}")
    named = getattr(models, choose("model or file", model, ["digits_net"]))
    return named(group=group, representation=representation, width=width).eval()
