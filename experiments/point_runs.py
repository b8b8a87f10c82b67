"""What the experiments on points share: training that can be killed at any moment, and a table of results.

Every network is tuned alike: runs of full length with seed 0 at three learning rates of a list, and at further ones
until those on both sides of the best are known. Validation data decide. The test data are looked at with the best
rate only, for every seed.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch


def arguments(about: str | None, name: str, data: bool) -> argparse.Namespace:
    """The options of an experiment."""
    parser = argparse.ArgumentParser(description=(about or "").split("\n")[0])
    if data:
        parser.add_argument("--data", type=Path, required=True, help="the folder with the data")
    where = Path(tempfile.gettempdir()) / "torsor-experiments" / name
    parser.add_argument("--work", type=Path, default=where, help=f"the folder of checkpoints, by default {where}")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of every network")
    return parser.parse_args()


def generator(*seeds: int) -> torch.Generator:
    """Random numbers that depend on these seeds alone."""
    state = 0
    for seed in seeds:
        state = state * 100_003 + seed
    return torch.Generator().manual_seed(state)


@dataclass(frozen=True)
class Training:
    """AdamW under a one-cycle schedule; a checkpoint after every epoch."""

    examples: int
    batch: int
    epochs: int
    weight_decay: float = 1e-3

    def fit(
        self,
        net: torch.nn.Module,
        loss: Callable[[torch.nn.Module, torch.Tensor, torch.Generator], torch.Tensor],
        lr: float,
        seed: int,
        checkpoint: Path,
    ) -> float:
        """Train a network in place, or go on from the checkpoint; the processor seconds that it took in all."""
        optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=self.weight_decay)
        steps = self.epochs * (self.examples // self.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.2)
        parts, done, seconds = {"net": net, "optimizer": optimizer, "schedule": schedule}, 0, 0.0
        if checkpoint.exists():
            stored = torch.load(checkpoint, weights_only=True)
            done, seconds = stored.pop("done"), stored.pop("seconds")
            for name, state in stored.items():
                parts[name].load_state_dict(state)
        for epoch in range(done, self.epochs):
            start, random = time.process_time(), generator(seed, epoch)
            last = self._epoch(net.train(), loss, optimizer, schedule, random)
            seconds += time.process_time() - start
            states = {name: part.state_dict() for name, part in parts.items()}
            save({**states, "done": epoch + 1, "seconds": seconds}, checkpoint)
            print(f"{checkpoint.stem}: epoch {epoch + 1}/{self.epochs}, loss {last:.3f}, {seconds:.0f} s", flush=True)
        return seconds

    def _epoch(self, net, loss, optimizer, schedule, random) -> float:
        """One pass over the examples; the mean loss."""
        order, total = torch.randperm(self.examples, generator=random), 0.0
        chosen = order[: self.examples // self.batch * self.batch].split(self.batch)
        for index in chosen:
            value = loss(net, index, random)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.item() / len(chosen)
        return total


def save(state: dict, path: Path) -> None:
    """A file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


@dataclass(frozen=True)
class Table:
    """Rows of a CSV file; two rows with the same key are one."""

    path: Path
    columns: Sequence[str]
    key: Sequence[str] = ("phase", "network", "lr", "seed")

    def rows(self) -> list[dict[str, str]]:
        """All rows."""
        return list(csv.DictReader(self.path.open())) if self.path.exists() else []

    def find(self, **key: object) -> dict[str, str] | None:
        """The row with a key."""
        return next((row for row in self.rows() if all(row[k] == str(key[k]) for k in self.key)), None)

    def tests(self, network: str) -> list[dict[str, str]]:
        """The rows of a network that was tested, one a seed."""
        return [row for row in self.rows() if row["phase"] == "test" and row["network"] == network]

    def summary(self, scores: Sequence[str]) -> str:
        """Mean (smallest … largest) of scores in percent, a line a network, as a Markdown table."""
        networks = dict.fromkeys(row["network"] for row in self.rows() if row["phase"] == "test")
        lines = [("network", "parameters", "epochs", "lr", "processor s", *scores), ("---",) * (len(scores) + 5)]
        for network in networks:
            rows = self.tests(network)
            seconds = sum(float(row["seconds"]) for row in rows) / len(rows)
            found = [[100 * float(row[score]) for row in rows] for score in scores]
            cells = [f"{sum(x) / len(x):.1f} ({min(x):.1f} … {max(x):.1f})" for x in found]
            about = [rows[0][name] for name in ("parameters", "epochs", "lr")]
            lines.append((network, *about, f"{seconds:.0f}", *cells))
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def add(self, row: dict) -> None:
        """Write a row at the end."""
        rows = [*self.rows(), row]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns, lineterminator="\n", restval="")
            writer.writeheader()
            writer.writerows(rows)
        print(row, flush=True)


@dataclass(frozen=True)
class Study:
    """Tuning, then tests.

    Attributes:
        table: of the results.
        train: (network, lr, seed) -> the trained network and what the table says about its training.
        validate: (network, trained) -> the score on validation data, the higher the better.
        test: trained -> scores on test data, by column.
        rates: learning rates, ascending.
    """

    table: Table
    train: Callable[[str, float, int], tuple[torch.nn.Module, dict]]
    validate: Callable[[str, torch.nn.Module], float]
    test: Callable[[torch.nn.Module], dict]
    rates: Sequence[float]

    def best(self, network: str) -> float:
        """The learning rate with the best score on validation data.

        Three in the middle of the list are tried, then those beside the best, until both of its neighbours are.
        """
        tried = set(self.rates[1:4] or self.rates)
        while True:
            best = max(sorted(tried), key=lambda lr: float(self._tuned(network, lr)["validation"]))
            place = self.rates.index(best)
            beside = set(self.rates[max(0, place - 1) : place + 2])
            if beside <= tried:
                return best
            tried |= beside

    def _tuned(self, network: str, lr: float) -> dict:
        key = {"phase": "tuning", "network": network, "lr": lr, "seed": 0}
        if self.table.find(**key) is None:
            net, about = self.train(network, lr, 0)
            self.table.add({**key, **about, "validation": round(self.validate(network, net.eval()), 4)})
        return self.table.find(**key) or {}

    def run(self, networks: Sequence[str], seeds: int) -> None:
        """Tune and test networks."""
        best = {network: self.best(network) for network in networks}
        for seed in range(seeds):
            for network, lr in best.items():
                self.tested(network, lr, seed)

    def tested(self, network: str, lr: float, seed: int) -> None:
        """Train a network at a rate and test it."""
        key = {"phase": "test", "network": network, "lr": lr, "seed": seed}
        if self.table.find(**key) is None:
            net, about = self.train(network, lr, seed)
            scores = {name: round(value, 4) for name, value in self.test(net.eval()).items()}
            validation = round(self.validate(network, net), 4)
            self.table.add({**key, **about, "validation": validation, **scores})


def count(net: torch.nn.Module) -> int:
    """The number of parameters."""
    return sum(p.numel() for p in net.parameters())
