"""``torsor plot``: kernels, features and fields as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from torsor import groups, reps
from torsor.cli.names import png_path, representation
from torsor.data import digits
from torsor.errors import require

app = typer.Typer(help="Draw kernels, features or fields.", no_args_is_help=False)

Group = Annotated[str, typer.Option("--group", help="Structure group: C8, D4, SO2 …")]
Rep = Annotated[str, typer.Option("--representation", help="trivial, sign, standard, regular or irrep:k")]
Out = Annotated[Path, typer.Option("--out", help="The PNG file")]
Seed = Annotated[int, typer.Option("--seed", help="Of what is drawn at random")]


@app.command("kernels")
def draw_kernels(
    group: Group = "C8",
    representation_in: Annotated[str, typer.Option("--from", help="Type of the input")] = "trivial",
    representation_out: Annotated[str, typer.Option("--to", help="Type of the output")] = "regular",
    size: Annotated[int, typer.Option(help="Pixels along an axis")] = 7,
    out: Out = Path("kernels.png"),
) -> None:
    """Draw a basis of the steerable kernels from one type to another."""
    require("matplotlib", "plot")
    from torsor import kernels, plot

    out, g = png_path(out), groups.from_name(group)
    rho_in, rho_out = representation(g, representation_in), representation(g, representation_out)
    _save(plot.kernels(kernels.Harmonic(size=size)(rho_in, rho_out)), out)


@app.command("features")
def draw_features(
    group: Group = "C8",
    rep: Rep = "regular",
    angle: Annotated[float, typer.Option(help="In degrees")] = 90.0,
    seed: Seed = 0,
    out: Out = Path("features.png"),
) -> None:
    """Draw the features that a random convolution finds in a digit, before and after the digit turns."""
    require("matplotlib", "plot")
    from torsor import kernels, nn, plot

    out, g = png_path(out), groups.from_name(group)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        conv = nn.Conv(reps.trivial(g), 2 * representation(g, rep), kernels.Harmonic(size=7))
    _save(plot.rotation(conv.eval(), digits("test")[0][:1], angle), out)


@app.command("fields")
def draw_fields(group: Group = "C8", rep: Rep = "standard", seed: Seed = 0, out: Out = Path("fields.png")) -> None:
    """Draw a smooth random field of a type."""
    require("matplotlib", "plot")
    from torsor import plot

    out, rho = png_path(out), representation(groups.from_name(group), rep)
    _save(plot.field(smooth(rho.dim, seed=seed), rho), out)


def smooth(channels: int, size: int = 24, seed: int = 0) -> torch.Tensor:
    """A random field (channels, size, size) of low frequencies."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, channels, 5, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)[0]


def _save(figure, out: Path) -> None:
    figure.savefig(out, dpi=160, bbox_inches="tight")
    print(out)
