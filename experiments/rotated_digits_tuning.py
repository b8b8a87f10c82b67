"""Choose the learning rates of the rotated-digits recipe by the error on validation digits; test digits are not loaded.

    python experiments/rotated_digits_tuning.py

writes rotated_digits_tuning.csv beside this file, a row a run; runs that it already holds are not repeated. The two
kinds of training digits share one learning rate, the one with the smallest mean validation error.
"""

import csv
import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from torsor.train import rotated_digits as recipe
from torsor.train.batches import TensorData
from torsor.train.fit import fit

TABLE = Path(__file__).with_suffix(".csv")
RATES = {"plain CNN": (3e-3, 6e-3, 1.2e-2), "equivariant": (3e-3, 6e-3)}
COLUMNS = ("network", "trained_on", "lr", "validation_error", "seconds")


def known() -> list[dict]:
    """The rows of the table."""
    return list(csv.DictReader(TABLE.open())) if TABLE.exists() else []


def one(network: str, trained_on: str, lr: float) -> dict:
    """Train one network at one learning rate."""
    settings = replace(recipe.RotatedDigits(), lr=lr, plain_lr=lr)
    net, _, _ = recipe.build(settings, network)
    sets = recipe.load(settings, ("train", "validation"), (trained_on,))
    data = TensorData(sets["train", trained_on], sets["validation", trained_on])
    with tempfile.TemporaryDirectory() as folder:
        done = fit(net, data, replace(settings.training(network), tensorboard=False), folder)
    error = done.history[-1]["validation_error"]
    return dict(zip(COLUMNS, (network, trained_on, lr, round(error, 4), round(done.seconds)), strict=True))


def main() -> None:
    """Fill the table."""
    torch.set_num_threads(1)
    for network in RATES:
        for lr, trained_on in itertools.product(RATES[network], recipe.DIGITS):
            rows = known()
            if any((r["network"], r["trained_on"], float(r["lr"])) == (network, trained_on, lr) for r in rows):
                continue
            rows.append(one(network, trained_on, lr))
            print(rows[-1], flush=True)
            with TABLE.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
