"""The results of comparing networks: rows, curves, and what produced them; as CSV and JSON."""

from __future__ import annotations

import csv
import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """One trained network.

    Args:
        network: "equivariant" or "plain CNN".
        trained_on: "upright" or "rotated" digits.
        parameters: their number.
        validation_error: at the end of the training, on digits like those trained on.
        error_upright, error_rotated: on upright test digits, and on test digits each at its own random angle.
        seconds: of the training.
        equivariance_error: relative, float64 (see ``evaluate.equivariance_error``).
    """

    network: str
    trained_on: str
    parameters: int
    validation_error: float
    error_upright: float
    error_rotated: float
    seconds: float
    equivariance_error: float

    @property
    def name(self) -> str:
        """Network and training digits in one phrase."""
        return f"{self.network}, {self.trained_on} digits"


@dataclass(frozen=True)
class Results:
    """All rows, the training history of each, its test error at each angle, and what was run.

    Args:
        rows: a row a network.
        histories: of each row, a dictionary an epoch.
        angles: in degrees.
        by_angle: of each row, the error at each angle.
        settings: of the recipe.
        environment: versions, machine, device, threads.
        seconds: of everything.
        files: what was written, relative to the output folder.
    """

    rows: list[Row]
    histories: list[list[dict[str, float]]]
    angles: list[float]
    by_angle: list[list[float]]
    settings: dict[str, Any]
    environment: dict[str, str]
    seconds: float
    files: list[str] = field(default_factory=list)

    def row(self, network: str, trained_on: str) -> Row:
        """The row of that network and those training digits."""
        return next(r for r in self.rows if (r.network, r.trained_on) == (network, trained_on))

    def ratio(self, trained_on: str) -> float:
        """Error of the equivariant network on rotated digits, divided by that of the plain one."""
        pair = [self.row(network, trained_on).error_rotated for network in ("equivariant", "plain CNN")]
        return pair[0] / pair[1] if pair[1] else float("inf")

    def write(self, folder: Path) -> None:
        """Write results.csv (the rows) and results.json (everything)."""
        names = [f.name for f in fields(Row)]
        with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in self.rows)
        text = json.dumps(asdict(self), indent=1, default=str)
        (folder / "results.json").write_text(text + "\n", encoding="utf-8")


def environment() -> dict[str, str]:
    """Versions and machine that a result may depend on."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    packages = {name: version(name) for name in ("torsor", "torch", "numpy", "lightning")}
    return {
        **packages,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": "cpu" if accelerator is None else accelerator.type,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }
