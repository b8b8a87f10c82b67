"""Equivariant MLPs beside ordinary ones: a function of O(5), tensors of inertia, electron-muon scattering.

    python experiments/regressions.py

trains, for every task and 100, 300 and 1000 samples, an `EquivariantMLP`, an ordinary MLP of as many parameters, and
that MLP on samples that are moved by random group elements at every step. The learning rate of each is the best of a
list for 1000 samples and seed 0 by the error on 2000 validation samples; tests use 5000 others. Errors are mean squared
errors of the targets as they are, as published. Then the equivariance error of the network for scattering is measured
under boosts of growing rapidity. It writes results/regressions.csv, results/lorentz_rapidity.csv and
docs/images/lorentz-rapidity.png; a killed run goes on with the rows that are missing.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure

from torsor import data, nn
from torsor.data import Regression
from torsor.models import EquivariantMLP
from torsor.train.atomic import whole

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "experiments" / "results"
FIGURE = ROOT / "docs" / "images" / "lorentz-rapidity.png"
TASKS: dict[str, Callable[[int, int], Regression]] = {
    "O(5)": data.o5_synthetic,
    "inertia": data.inertia,
    "scattering": data.lorentz_scattering,
}
PUBLISHED = {"O(5)": 0.016, "inertia": 0.164, "scattering": 3.0e-4}
"""Test errors of the published equivariant MLP with 1000 samples."""
NETWORKS = ("equivariant", "ordinary", "ordinary, augmented")
SIZES = (100, 300, 1000)
RATES = (1e-3, 3e-3, 1e-2)
BATCH, STEPS, DECAY, POOL = 500, 2000, 0.1, 10_000
HIDDEN, LAYERS, ORDER = 128, 2, {"O(5)": 1, "inertia": 2, "scattering": 1}
SCALE = 0.25
"""Deviation of the algebra coordinates of Lorentz augmentations; 1 and 0.5 gave larger validation errors."""
UNSEEN = {"tuning": (2000, 10**6), "test": (5000, 2 * 10**6)}
"""Numbers and seeds of the samples that networks are not trained on."""
COLUMNS = ("phase", "task", "network", "samples", "seed", "lr", "parameters", "seconds", "train", "error")
RAPIDITIES = tuple(0.5 * k for k in range(13))


# -------------------------------------------------------------------------------------------------------- the networks


class Scaled(torch.nn.Module):
    """y = m + s f(x / r): r and s the root mean squares over all components, which commute with every group.

    Scalar targets are centred by their mean m; of others, m = 0.
    """

    def __init__(self, net: torch.nn.Module, samples: Regression) -> None:
        super().__init__()
        self.net = net
        offset = samples.y.mean(0) if samples.out_rep.is_trivial else torch.zeros(samples.y.shape[1])
        self.register_buffer("r", samples.x.square().mean().sqrt())
        self.register_buffer("m", offset.to(samples.y))
        self.register_buffer("s", (samples.y - offset).square().mean().sqrt())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.m + self.s * self.net(x / self.r)


def equivariant(task: str, samples: Regression) -> EquivariantMLP:
    """The equivariant network of a task."""
    return EquivariantMLP(samples.in_rep, samples.out_rep, hidden=HIDDEN, layers=LAYERS, order=ORDER[task])


def ordinary(samples: Regression, width: float) -> torch.nn.Module:
    """An MLP with as many hidden layers, SiLU, 32 · width units in each."""
    units = max(1, round(32 * width))
    sizes = [samples.in_rep.dim, *[units] * LAYERS]
    layers = [m for a, b in zip(sizes, sizes[1:], strict=False) for m in (torch.nn.Linear(a, b), torch.nn.SiLU())]
    return torch.nn.Sequential(*layers, torch.nn.Linear(units, samples.out_rep.dim))


def network(name: str, task: str, samples: Regression) -> torch.nn.Module:
    """A network by its name, scaled to the samples; ordinary ones with the parameters of the equivariant one."""
    net: torch.nn.Module = equivariant(task, samples)
    if name != "equivariant":
        net = ordinary(samples, nn.match_parameters(lambda width: ordinary(samples, width), net))
    return Scaled(net, samples)


# -------------------------------------------------------------------------------------------------------- the training


def fit(net: Scaled, samples: Regression, lr: float, seed: int, augmented: bool, steps: int = STEPS) -> float:
    """AdamW under a one-cycle schedule; the mean squared error of the last fifty batches."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    pool, losses = elements(samples, generator) if augmented else None, []
    for _ in range(steps):
        batch = samples[torch.randperm(len(samples), generator=generator)[:BATCH]]
        if pool is not None:
            batch = moved(batch, pool, torch.randint(POOL, (len(batch),), generator=generator))
        loss = (net(batch.x) - batch.y).square().mean()
        optimizer.zero_grad()
        (loss / net.s**2).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    last = losses[-50:]
    return sum(last) / len(last)


def elements(samples: Regression, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """ρ_in and ρ_out of random elements of the group, of which every sample of a batch gets its own."""
    group = samples.in_rep.group
    g = group.sample(POOL, generator=generator, scale=None if group.is_compact else SCALE)
    return samples.in_rep.rho(g).to(samples.x), samples.out_rep.rho(g).to(samples.y)


def moved(batch: Regression, pool: tuple[torch.Tensor, torch.Tensor], index: torch.Tensor) -> Regression:
    """Every sample moved by the element of the pool that the index names."""
    x, y = ((rho[index] @ part[..., None])[..., 0] for rho, part in zip(pool, (batch.x, batch.y), strict=True))
    return Regression(x, y, batch.in_rep, batch.out_rep)


@torch.no_grad()
def error(net: torch.nn.Module, samples: Regression) -> float:
    """Mean squared error over samples and components."""
    return (net(samples.x) - samples.y).square().mean().item()


@dataclass(frozen=True)
class Study:
    """Rows of a table, each computed once."""

    table: Path
    steps: int = STEPS
    sizes: Sequence[int] = SIZES
    rates: Sequence[float] = RATES

    def rows(self) -> list[dict[str, str]]:
        """All rows that are there."""
        return list(csv.DictReader(self.table.open())) if self.table.exists() else []

    def row(self, **key: object) -> dict[str, str]:
        """The row with a key, computed and added if it is missing."""
        wanted = {name: str(value) for name, value in key.items()}
        for row in self.rows():
            if all(row[name] == value for name, value in wanted.items()):
                return row
        row = {**wanted, **self._trained(**key)}  # type: ignore[arg-type]
        write(self.table, COLUMNS, [*self.rows(), row])
        print(", ".join(row.values()), flush=True)
        return row

    def _trained(self, phase: str, task: str, network: str, samples: int, seed: int, lr: float) -> dict[str, str]:
        start = time.process_time()
        net, train = self.train(task, network, samples, seed, lr)
        unseen = TASKS[task](*UNSEEN[phase]).to(torch.float32)
        return {
            "parameters": str(nn.count_parameters(net)),
            "seconds": f"{time.process_time() - start:.1f}",
            "train": f"{train:.3e}",
            "error": f"{error(net, unseen):.3e}",
        }

    def train(self, task: str, name: str, samples: int, seed: int, lr: float) -> tuple[torch.nn.Module, float]:
        """A network, trained, and its error on the samples."""
        torch.manual_seed(seed)
        seen = TASKS[task](samples, seed).to(torch.float32)
        net = network(name, task, seen)
        return net, fit(net, seen, lr, seed, "augmented" in name, self.steps)  # type: ignore[arg-type]

    def best(self, task: str, name: str) -> float:
        """The learning rate with the least validation error, for the most samples and seed 0."""
        key = {"phase": "tuning", "task": task, "network": name, "samples": max(self.sizes), "seed": 0}
        return min(self.rates, key=lambda lr: float(self.row(**key, lr=lr)["error"]))

    def run(self, seeds: int, tasks: Sequence[str] = tuple(TASKS)) -> None:
        """Every network on every task, the most samples first."""
        for task in tasks:
            for name in NETWORKS:
                lr = self.best(task, name)
                for samples in sorted(self.sizes, reverse=True):
                    for seed in range(seeds):
                        self.row(phase="test", task=task, network=name, samples=samples, seed=seed, lr=lr)

    def summary(self) -> str:
        """Mean test errors over the seeds as a Markdown table."""
        lines = [("task", "network", "parameters", *(f"{n} samples" for n in self.sizes)), ("---",) * (3 + len(SIZES))]
        for task in TASKS:
            for name in NETWORKS:
                rows = [r for r in self.rows() if (r["phase"], r["task"], r["network"]) == ("test", task, name)]
                cells = [[float(r["error"]) for r in rows if r["samples"] == str(n)] for n in self.sizes]
                if all(cells):
                    means = [f"{sum(x) / len(x):.2g} ({min(x):.2g} … {max(x):.2g})" for x in cells]
                    lines.append((task, name, rows[0]["parameters"], *means))
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(path: Path, columns: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
    """A CSV file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# ---------------------------------------------------------------------------------------------------------- the boosts


def boosts(number: int, rapidity: float, seed: int = 0) -> torch.Tensor:
    """Boosts of R^{1,3} by one rapidity in random directions, (number, 4, 4) float64.

    exp(φ (n·K)) = 1 + sinh φ (n·K) + (cosh φ - 1) (n·K)²: the closed form is as accurate as float64 allows.
    """
    n = torch.randn(number, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    k, phi = torch.zeros(number, 4, 4, dtype=torch.float64), torch.tensor(rapidity, dtype=torch.float64)
    k[:, 0, 1:] = k[:, 1:, 0] = n / n.norm(dim=1, keepdim=True)
    return torch.eye(4, dtype=torch.float64) + phi.sinh() * k + (phi.cosh() - 1) * k @ k


@torch.no_grad()
def boosted_error(net: torch.nn.Module, samples: Regression, rapidity: float, dtype: torch.dtype) -> float:
    """‖f(gx) - f(x)‖ / ‖f(x)‖ of an invariant network: g x is computed in float64, then everything in `dtype`."""
    moved = samples.moved(boosts(len(samples), rapidity)).to(dtype)
    still, net = samples.to(dtype), net.to(dtype)
    expected = net(still.x)
    return ((net(moved.x) - expected).norm() / expected.norm()).item()


def rapidities(nets: dict[str, torch.nn.Module], samples: Regression) -> list[dict[str, str]]:
    """Rows of errors by rapidity, network and precision."""
    rows = []
    for name, net in nets.items():
        for kind, dtype in (("float32", torch.float32), ("float64", torch.float64)):
            for phi in RAPIDITIES:
                found = boosted_error(net, samples, phi, dtype)
                rows.append({"network": name, "precision": kind, "rapidity": f"{phi:g}", "error": f"{found:.3e}"})
    return rows


def draw(rows: Sequence[dict[str, str]], path: Path = FIGURE) -> None:
    """Errors against rapidity, with the growth of e^{2φ} beside them."""
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.subplots()
    colours, styles = {"float32": "C3", "float64": "C0"}, ("-", "--", ":")
    for k, name in enumerate(dict.fromkeys(row["network"] for row in rows)):
        for kind, colour in colours.items():
            chosen = [r for r in rows if (r["network"], r["precision"]) == (name, kind)]
            points = [(float(r["rapidity"]), float(r["error"])) for r in chosen if float(r["error"])]
            x, y = zip(*points, strict=True)
            axes.semilogy(x, y, styles[k], color=colour, label=f"{name}, {kind}")
    phi = torch.tensor(RAPIDITIES)
    axes.semilogy(RAPIDITIES, 1e-16 * (2 * phi).exp(), color="0.6", label="$10^{-16}\\,e^{2\\varphi}$")
    axes.set(xlabel="rapidity φ of the boost", ylabel="relative equivariance error", xlim=(0, max(RAPIDITIES)))
    axes.legend(frameon=False, fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def measure(study: Study) -> None:
    """The network for scattering before and after training, boosted."""
    table = study.table.with_name("lorentz_rapidity.csv")
    if not table.exists():
        trained, _ = study.train(
            "scattering", "equivariant", max(study.sizes), 0, study.best("scattering", "equivariant")
        )
        torch.manual_seed(0)
        nets = {"untrained": network("equivariant", "scattering", TASKS["scattering"](1000, 0).to(torch.float32))}
        rows = rapidities({**nets, "trained": trained}, TASKS["scattering"](1000, 10**6 + 2))
        write(table, ("network", "precision", "rapidity", "error"), rows)
    draw(list(csv.DictReader(table.open())))


def main() -> None:
    """Fill the tables and draw the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds of every network")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS), help="tasks, by default all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    study = Study(RESULTS / "regressions.csv")
    study.run(options.seeds, options.tasks)
    if "scattering" in options.tasks:
        measure(study)
    print(study.summary())


if __name__ == "__main__":
    main()
