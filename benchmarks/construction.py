"""Time to build layers and networks, cold: each in a fresh process, after the imports."""

import json
import statistics
import sys
import time

import torch

from benchmarks.timing import in_process, write
from torsor import groups, kernels, models, nn, reps


def layer(name: str, kernel: int = 5, fields: int = 8, dim: int | None = None) -> None:
    """A regular convolution."""
    rep = fields * reps.regular(groups.from_name(name, dim))
    nn.Conv(rep, rep, kernels.Harmonic(kernel))


def irreps(name: str) -> None:
    """A convolution of the irreps 0 … 3."""
    rep = reps.direct_sum([(8, rho) for rho in reps.irreps(groups.from_name(name), 3 if name == "SO2" else 2)])
    nn.Conv(rep, rep, kernels.Harmonic(5))


CASES = {
    "C8 regular 8→8, 5×5": lambda: layer("C8"),
    "D8 regular 8→8, 5×5": lambda: layer("D8"),
    "D16 regular 8→8, 7×7": lambda: layer("D16", 7),
    "SO(2) irreps 0…3 ×8, 5×5": lambda: irreps("SO2"),
    "O regular 4→4, 5³": lambda: layer("O", fields=4, dim=3),
    "I regular 2→2, 5³": lambda: layer("I", fields=2, dim=3),
    "Oh regular 2→2, 5³": lambda: layer("Oh", fields=2, dim=3),
    "Ih regular 1→1, 5³": lambda: layer("Ih", fields=1, dim=3),
    "SO(3) irreps 0…2 ×8, 5³": lambda: irreps("SO3"),
    "wide ResNet 16-8 of D8": lambda: models.WideResNet("D8", 16, 8),
}


def main(rounds: int = 5) -> None:
    """Measure all cases."""
    rows = []
    for name in CASES:
        seconds = [in_process("benchmarks.construction", name)["seconds"] for _ in range(rounds)]
        rows.append({"case": name, "cold_ms": round(1e3 * statistics.median(seconds), 1)})
    write("construction", rows)


if __name__ == "__main__":
    torch.linalg.eigh(torch.eye(2))
    start = time.perf_counter()
    CASES[sys.argv[1]]()
    print(json.dumps({"seconds": time.perf_counter() - start}))
