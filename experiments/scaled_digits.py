"""Digits learnt at small sizes and tested at large ones: scale-equivariant, pyramid, and ordinary networks.

    python experiments/scaled_digits.py

trains on 2000 of the digits that torsor ships, shrunk to 0.5 … 0.65 of their size on a canvas of 33 pixels, and tests
on 1000 others at sizes up to 1.28, up to 2.5 times as large as in training. The networks have equal size and read their
features at the centre:

- scales: kernels dilated over five scales, and the maximum over scales;
- pyramid: an ordinary CNN, shared over an image pyramid of six levels, and the maximum over levels;
- both also with a moving window: the same weights over scales (levels) that are larger by 1, √2, 2 and 2√2, of which
  each image takes the most confident;
- CNN: the ordinary network; and with the training digits enlarged by random factors up to 2.3 (augmented), which is
  told what the test will be.

Every network is tuned over three learning rates in short runs, on validation digits of the training sizes; three seeds
follow. It writes results/scaled_digits.csv. A killed run goes on where it was.
"""

from __future__ import annotations

import functools
from pathlib import Path

import point_runs as runs
import torch

from torsor import nn
from torsor.data import random_factors, rescale, scaled_digits
from torsor.models import Pyramid
from torsor.models.scale_net import FIELDS, Centre, ScaleNet, plain_features

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "experiments" / "results" / "scaled_digits.csv"
NETWORKS = ("scales", "pyramid", "CNN", "CNN, augmented")
RATES, EPOCHS, SHORT, BATCH = (3e-3, 1e-2, 3e-2), 10, 3, 50
SIZE = 33
"""Of the canvas, in pixels."""
SIZES = (0.5, 0.65)
"""Factors of the training and validation digits."""
TESTS = (0.57, 0.75, 1.0, 1.28)
NUMBERS = {"train": 2000, "validation": 1000, "test": 1000}
WINDOW = (0, 4)
"""Of scales, as powers of √2."""
LEVELS = tuple(2 ** (k / 2) for k in range(-2, 4))
"""Factors by which the pyramid shrinks the image; the first two enlarge it."""
SCORES = tuple(f"size {size}" for size in TESTS)
COLUMNS = ("phase", "network", "lr", "seed", "parameters", "epochs", "seconds", "validation", *SCORES)


class Plain(torch.nn.Sequential):
    """The ordinary CNN with as many parameters as `ScaleNet`, alone or shared over an image pyramid."""

    def __init__(self, width: float, pyramid: bool) -> None:
        features = torch.nn.Sequential(plain_features(width), Centre())
        shared = Pyramid(features, LEVELS) if pyramid else features
        super().__init__(shared, torch.nn.Linear(max(1, round(width * FIELDS[-1])), 10))


@functools.cache
def width() -> float:
    """Of the ordinary network, for equal numbers of parameters."""
    return nn.match_parameters(lambda w: Plain(w, False), ScaleNet(WINDOW))


def build(network: str, seed: int) -> torch.nn.Module:
    """A network with the random weights of a seed."""
    plain = width()
    torch.manual_seed(seed)
    return ScaleNet(WINDOW) if network == "scales" else Plain(plain, network == "pyramid")


@functools.cache
def data(split: str, low: float, high: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of a split, at sizes between two factors."""
    images, labels, _ = scaled_digits(split, (low, high), SIZE, number=NUMBERS[split])
    return images, labels


def train(network: str, lr: float, seed: int, epochs: int, work: Path) -> tuple[torch.nn.Module, dict]:
    """A trained network and how it was trained."""
    images, labels = data("train", *SIZES)

    def loss(net: torch.nn.Module, index: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        x = images[index]
        if network.endswith("augmented"):
            x = rescale(x, random_factors(len(x), 1.0, 2.3, random)).clamp(0, 1)
        return torch.nn.functional.cross_entropy(net(x), labels[index])

    net = build(network, seed)
    name = f"{network.replace(', ', '-')}-{lr}-{seed}-{epochs}.pt"
    seconds = runs.Training(len(images), BATCH, epochs).fit(net, loss, lr, seed, work / name)
    return net.eval(), {"parameters": runs.count(net), "epochs": epochs, "seconds": round(seconds, 1)}


class MostConfident(torch.nn.Module):
    """The scores of the most confident of several networks, image by image."""

    def __init__(self, nets: list[torch.nn.Module]) -> None:
        super().__init__()
        self.nets = torch.nn.ModuleList(nets)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of a batch of images."""
        scores = torch.stack([net(x).log_softmax(1) for net in self.nets])
        best = scores.amax(2).argmax(0)
        return scores[best, torch.arange(len(x))]


def shifted(net: torch.nn.Module) -> torch.nn.Module:
    """The same weights with the window of scales (or the levels of the pyramid) moved by 0 … 3 powers of √2."""
    if isinstance(net, ScaleNet):
        return MostConfident([net.widened(-k, k) for k in range(4)]).eval()
    pyramid, head = net
    moved = [Pyramid(pyramid.module, tuple(2 ** (k / 2) * s for s in LEVELS)) for k in range(4)]
    return MostConfident([torch.nn.Sequential(levels, head) for levels in moved]).eval()


@torch.no_grad()
def accuracy(net: torch.nn.Module, split: str, low: float, high: float) -> float:
    """The share of digits that a network gets right."""
    images, labels = data(split, low, high)
    parts = zip(images.split(100), labels.split(100), strict=True)
    return sum(float((net(x).argmax(1) == y).sum()) for x, y in parts) / len(labels)


def scores(net: torch.nn.Module) -> dict[str, float]:
    """The accuracy at every test size."""
    return {name: round(accuracy(net, "test", size, size), 4) for name, size in zip(SCORES, TESTS, strict=True)}


def tuned(network: str, table: runs.Table, work: Path) -> float:
    """The learning rate with the best score on validation data after short runs."""
    found = {}
    for lr in RATES:
        key = {"phase": "tuning", "network": network, "lr": lr, "seed": 0}
        if table.find(**key) is None:
            net, about = train(network, lr, 0, SHORT, work)
            table.add({**key, **about, "validation": round(accuracy(net, "validation", *SIZES), 4)})
        found[lr] = float((table.find(**key) or {})["validation"])
    return max(found, key=lambda lr: found[lr])


def tested(network: str, lr: float, seed: int, table: runs.Table, work: Path) -> None:
    """Train a network and test it; those over scales also with windows that move."""
    variants = {network: lambda net: net}
    if network in ("scales", "pyramid"):
        variants[f"{network}, moving window"] = shifted
    for name, variant in variants.items():
        key = {"phase": "test", "network": name, "lr": lr, "seed": seed}
        if table.find(**key) is None:
            net, about = train(network, lr, seed, EPOCHS, work)
            about["validation"] = round(accuracy(net, "validation", *SIZES), 4)
            table.add({**key, **about, **scores(variant(net))})


def main() -> None:
    """Run what is missing, and print the table."""
    options = runs.arguments(__doc__, "scaled_digits", data=False)
    torch.set_num_threads(1)
    table = runs.Table(TABLE, COLUMNS)
    rates = {network: tuned(network, table, options.work) for network in NETWORKS}
    for seed in range(options.seeds):
        for network, lr in rates.items():
            tested(network, lr, seed, table, options.work)
    print(table.summary(SCORES))


if __name__ == "__main__":
    main()
