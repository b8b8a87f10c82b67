"""Electromagnetic fields continued into the future on R^{1,2}: complete kernels, Clifford kernels, ordinary networks.

    python experiments/electromagnetism.py [--models complete resnet] [--samples 16 64] [--seeds 0 1]

draws charges, evaluates their fields in closed form on a lattice of 16³ events, and trains networks to continue the
field beyond a space-like plane. They are tested on new samples, on copies of these boosted by three rapidities, and on
rotated copies; a copy moves the charges and the plane, so that nothing is interpolated. It appends to
results/electromagnetism.csv, a row a run. A killed run goes on where it was; runs of different models, samples or
seeds may work on the table side by side. Every process uses one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi
from pathlib import Path

import multivector_runs as shared
import point_runs as runs
import torch

from torsor import groups as G
from torsor.data import PlanarFields, boost, em_fields

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "experiments" / "results" / "electromagnetism.csv"
SAMPLES = (16, 64, 256)
EPOCHS = {16: 60, 64: 30, 256: 30}
"""The fewest samples are seen more often: 30 epochs of them would be 120 steps, and no network would settle."""
BATCH, SIZE, FIELDS, LAYERS, KERNEL = 4, 16, 4, 6, 5
RATES = dict.fromkeys(shared.MODELS, 3e-3) | {"resnet, wide": 1e-3}
TEST_SAMPLES, RAPIDITIES = 64, (0.25, 0.5, 1.0)
COPIES = ("same", "rotated 90°", "rotated", *(f"boosted {r}" for r in RAPIDITIES))
COLUMNS = ("model", "samples", "seed", "parameters", "epochs", "lr", "seconds", "training", *COPIES)
GROUP = G.O(1, 2)


# ------------------------------------------------------------------------------------------------------------ the data


@dataclass(frozen=True)
class Lattice:
    """Fields in units of the root mean square of the training fields, and the past that networks are shown."""

    fields: torch.Tensor  # (samples, 3, t, x, y)
    past: torch.Tensor  # (samples, 1, t, x, y)
    scored: torch.Tensor  # (samples, 1, t, x, y)

    def __len__(self) -> int:
        return len(self.fields)

    def shown(self, index: torch.Tensor | slice) -> torch.Tensor:
        """Multivectors (…, 8, t, x, y): grade 0 says where the past is, grade 2 is the field there, the rest is 0."""
        known, none = self.past[index], torch.zeros_like(self.fields[index])
        return torch.cat([known, none, known * self.fields[index], torch.zeros_like(known)], 1)

    def error(self, predicted: torch.Tensor, index: torch.Tensor | slice) -> torch.Tensor:
        """The mean squared error over the future, for multivectors of which grade 2 is the field."""
        future = self.scored[index]
        square = (predicted[:, 4:7] - self.fields[index]).square()
        return (future * square).sum() / (3 * future.sum())

    def variance(self) -> float:
        """Of the fields in the future; what predicting their mean would miss."""
        return float(self.fields[(self.scored > 0.5).expand_as(self.fields)].var())


def lattice(samples: PlanarFields, unit: float) -> Lattice:
    """Evaluate samples."""
    return Lattice((samples.fields() / unit).float(), samples.past().float(), samples.scored().float())


@lru_cache(1)
def training(number: int) -> tuple[Lattice, float]:
    """The first samples of one draw, and their root mean square."""
    samples = em_fields(number, SIZE)
    unit = float(samples.fields().square().mean().sqrt())
    return lattice(samples, unit), unit


def copies(samples: PlanarFields) -> dict[str, PlanarFields]:
    """Test samples as they are, rotated, and boosted in random directions."""
    random = runs.generator(1)
    angles = 2 * pi * torch.rand(len(samples), 2, generator=random, dtype=torch.float64)
    quarter, turn = rotation(torch.tensor(pi / 2)), rotation(angles[:, 0])
    moved = {"same": torch.eye(3), "rotated 90°": quarter, "rotated": turn}
    moved |= {f"boosted {r}": boost(r, angles[:, 1]) for r in RAPIDITIES}
    return {name: samples.transformed(g) for name, g in moved.items()}


def rotation(angle: torch.Tensor) -> torch.Tensor:
    """Rotations of space, (...) -> (..., 3, 3)."""
    g = torch.zeros(*angle.shape, 3, 3, dtype=torch.float64)
    g[..., 0, 0] = 1
    g[..., 1, 1] = g[..., 2, 2] = angle.cos()
    g[..., 2, 1], g[..., 1, 2] = angle.sin(), -angle.sin()
    return g


# ------------------------------------------------------------------------------------------------------------ the runs


@torch.no_grad()
def relative_error(net: torch.nn.Module, data: Lattice, batch: int = 16) -> float:
    """The mean squared error over the future, divided by the variance there."""
    total, points = 0.0, 0.0
    for index in torch.arange(len(data)).split(batch):
        weight = float(data.scored[index].sum())
        total, points = total + weight * float(data.error(net(data.shown(index)), index)), points + weight
    return total / points / data.variance()


def run(model: str, number: int, seed: int, work: Path) -> dict:
    """Train a network and test it: a row of the table."""
    torch.manual_seed(seed)
    net = shared.network(model, GROUP, FIELDS, LAYERS, KERNEL)
    lr, (data, unit) = RATES[model], training(number)
    fit = runs.Training(number, BATCH, EPOCHS[number], weight_decay=0.0)
    name = f"{model.replace(', ', '-')}-{number}-{seed}"
    seconds = fit.fit(net, lambda net, i, _: data.error(net(data.shown(i)), i), lr, seed, work / f"{name}.pt")
    net.eval()
    tests = copies(em_fields(TEST_SAMPLES, SIZE, seed=1_000_000))
    found = {name: relative_error(net, lattice(samples, unit)) for name, samples in tests.items()}
    about = {"parameters": runs.count(net), "epochs": EPOCHS[number], "lr": lr, "seconds": round(seconds)}
    scores = {name: f"{value:.5f}" for name, value in {"training": relative_error(net, data), **found}.items()}
    return {"model": model, "samples": number, "seed": seed, **about, **scores}


def main() -> None:
    """Fill the table."""
    shared.main(__doc__, "electromagnetism", shared.Table(TABLE, COLUMNS), SAMPLES, run, COPIES)


if __name__ == "__main__":
    main()
