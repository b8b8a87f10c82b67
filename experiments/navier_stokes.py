"""Fluids in two dimensions a while later: complete kernels, Clifford kernels, ordinary networks.

    python experiments/navier_stokes.py [--models complete resnet] [--samples 16 64] [--seeds 0 1]

draws random flows with a passive scalar on a periodic grid of 32², and trains networks to predict velocity and scalar
half a unit of time later. They are tested on new flows, on these turned by 90° and mirrored (the same numbers if a
network is equivariant), and on flows whose velocities and scalars vary on another scale. It appends to
results/navier_stokes.csv, a row a run. A killed run goes on where it was. Every process uses one thread.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import multivector_runs as shared
import point_runs as runs
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.data import navier_stokes

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "experiments" / "results" / "navier_stokes.csv"
SAMPLES = (16, 64, 256)
EPOCHS = {16: 100, 64: 40, 256: 20}
"""Few samples are seen more often."""
BATCH, SIZE, FIELDS, LAYERS, KERNEL = 4, 32, 4, 6, 5
RATES = dict.fromkeys(shared.MODELS, 1e-2) | {"resnet, wide": 3e-3}
TIMES, PEAK, TEST_SAMPLES = (0.5, 1.0), 3.0, 64
COPIES = ("same", "rotated 90°", "mirrored", "coarser eddies")
COLUMNS = ("model", "samples", "seed", "parameters", "epochs", "lr", "seconds", "training", "persistence", *COPIES)
GROUP = G.O(2)

Pair = tuple[torch.Tensor, torch.Tensor]
"""Multivectors (samples, 4, N, N) at two times: the scalar, the velocity, and 0 in the place of the pseudoscalar."""


@lru_cache(4)
def flows(number: int, seed: int = 0, peak: float = PEAK, size: int = SIZE) -> Pair:
    """The first flows of one draw; the scalar and the components of the velocity are of order 1."""
    data = navier_stokes(number, size, TIMES, seed, peak=peak)
    scalar = data["scalar"].unsqueeze(2)
    both = torch.cat([scalar, data["velocity"], torch.zeros_like(scalar)], 2).float()
    return both[:, 0], both[:, 1]


def moved(pair: Pair, g: torch.Tensor) -> Pair:
    """The same flows, turned or mirrored by an element g of D4."""
    rho = R.multivector(GROUP).rho(g.double()).float()
    n = pair[0].shape[-1]
    places = torch.stack(torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")).double()
    i, j = torch.einsum("ji,jxy->ixy", g.double(), places).round().long() % n
    first, second = (torch.einsum("ij,njxy->nixy", rho, x[..., i, j]) for x in pair)
    return first, second


def tests(number: int = TEST_SAMPLES, size: int = SIZE) -> dict[str, Pair]:
    """New flows, the same turned and mirrored, and flows with larger eddies."""
    same = flows(number, 1_000_000, PEAK, size)
    quarter, mirror = torch.tensor([[0.0, -1], [1, 0]]), torch.tensor([[1.0, 0], [0, -1]])
    coarser = flows(number, 2_000_000, 2 / 3 * PEAK, size)
    return dict(zip(COPIES, (same, moved(same, quarter), moved(same, mirror), coarser), strict=True))


def loss(net: torch.nn.Module, pair: Pair, index: torch.Tensor | slice = slice(None)) -> torch.Tensor:
    """The mean squared error of scalar and velocity; networks predict the change."""
    before, after = (x[index] for x in pair)
    return (before + net(before) - after)[:, :3].square().mean()


@torch.no_grad()
def relative_error(net: torch.nn.Module, pair: Pair) -> float:
    """The mean squared error divided by the mean variance of the three channels."""
    return float(loss(net, pair) / pair[1][:, :3].var((0, 2, 3)).mean())


def run(model: str, number: int, seed: int, work: Path) -> dict:
    """Train a network and test it: a row of the table."""
    torch.manual_seed(seed)
    net = shared.network(model, GROUP, FIELDS, LAYERS, KERNEL, padding_mode="circular")
    lr, data = RATES[model], flows(number)
    fit = runs.Training(number, BATCH, EPOCHS[number], weight_decay=0.0)
    name = f"{model.replace(', ', '-')}-{number}-{seed}"
    seconds = fit.fit(net, lambda net, index, _: loss(net, data, index), lr, seed, work / f"{name}.pt")
    net.eval()
    scores = {"training": relative_error(net, data)} | {name: relative_error(net, x) for name, x in tests().items()}
    scores["persistence"] = relative_error(torch.zeros_like, tests()["same"])  # type: ignore[arg-type]
    about = {"parameters": runs.count(net), "epochs": EPOCHS[number], "lr": lr, "seconds": round(seconds)}
    written = {name: f"{value:.5f}" for name, value in scores.items()}
    return {"model": model, "samples": number, "seed": seed, **about, **written}


def main() -> None:
    """Fill the table."""
    shared.main(__doc__, "navier_stokes", shared.Table(TABLE, COLUMNS), SAMPLES, run, ("persistence", *COPIES))


if __name__ == "__main__":
    main()
