"""What the experiments on multivector fields share: networks, tables that several processes fill, error bars."""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import point_runs as runs
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.models import ResNet, SpacetimeResNet

MODELS = ("complete", "complete, window", "clifford", "clifford, window", "resnet", "resnet, wide")
"""Complete kernels and the published ones, both also with an envelope that falls towards the faces of the box; an
ordinary network with as many parameters, and one with as many channels."""

WINDOW = 1.2
"""Of the envelope, in pixels; chosen on one run of 16 samples."""


def network(
    model: str, group: G.Group, fields: int, layers: int, size: int, padding_mode: str = "zeros"
) -> torch.nn.Module:
    """One of MODELS: multivector fields (batch, 2^d, *space) -> the same."""
    profiles = 7 if group.is_compact else 5  # then both kernels have as many parameters
    complete, clifford = K.PseudoRiemannian(size=size, profiles=profiles), K.Clifford(size=size, hidden=6)
    kernels = {"complete": complete, "clifford": clifford}
    kernels |= {f"{name}, window": replace(kernel, window=WINDOW) for name, kernel in kernels.items()}
    one, d, channels = R.multivector(group), group.dim, 2**group.dim
    if model in kernels:
        return SpacetimeResNet(one, one, fields, layers, kernels[model], padding_mode=padding_mode)
    if model == "resnet, wide":
        return ResNet(channels, channels, fields * channels, layers, size, d, padding_mode)
    target = runs.count(network("complete", group, fields, layers, size))
    nets = (ResNet(channels, channels, width, layers, size, d, padding_mode) for width in range(2, 65))
    return min(nets, key=lambda net: abs(runs.count(net) - target))


@dataclass(frozen=True)
class Table:
    """A CSV file to which processes side by side append rows; model, samples and seed identify one."""

    path: Path
    columns: Sequence[str]

    def rows(self) -> list[dict[str, str]]:
        """All rows."""
        return list(csv.DictReader(self.path.open())) if self.path.exists() else []

    def has(self, model: str, samples: int, seed: int) -> bool:
        """Whether a run is there."""
        key = (model, str(samples), str(seed))
        return any((row["model"], row["samples"], row["seed"]) == key for row in self.rows())

    def append(self, row: dict) -> None:
        """Add a row in one write, so that no process loses another's."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        cells = [f'"{row[name]}"' if "," in str(row[name]) else str(row[name]) for name in self.columns]
        header = "" if self.path.exists() else ",".join(self.columns) + "\n"
        with self.path.open("a") as file:
            file.write(header + ",".join(cells) + "\n")
        print(row, flush=True)

    def summary(self, scores: Sequence[str]) -> str:
        """Mean (smallest … largest over seeds) of scores, a line a model and a number of samples, in Markdown."""
        found = self.rows()
        lines = [("samples", "model", "parameters", *scores), ("---",) * (3 + len(scores))]
        for samples in sorted({int(row["samples"]) for row in found}):
            for model in MODELS:
                same = [row for row in found if (row["model"], row["samples"]) == (model, str(samples))]
                if same:
                    values = [[float(row[score]) for row in same] for score in scores]
                    cells = [f"{sum(x) / len(x):.3f} ({min(x):.3f} … {max(x):.3f})" for x in values]
                    lines.append((str(samples), model, same[0]["parameters"], *cells))
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(
    about: str | None, name: str, table: Table, numbers: Sequence[int], run: Callable[..., dict], scores: Sequence[str]
) -> None:
    """The command line of an experiment: fill its table, with run(model, samples, seed, work), and print it."""
    parser = argparse.ArgumentParser(description=(about or "").split("\n")[0])
    where = Path(tempfile.gettempdir()) / "torsor-experiments" / name
    parser.add_argument("--work", type=Path, default=where, help=f"the folder of checkpoints, by default {where}")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--samples", nargs="+", type=int, choices=numbers, default=numbers)
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1, 2))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for number in options.samples:
        for seed in options.seeds:
            for model in options.models:
                if not table.has(model, number, seed):
                    table.append(run(model, number, seed, options.work))
    print(table.summary(scores))
