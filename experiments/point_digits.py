"""Digits as clouds of points, learnt in one orientation: an SO(2)-equivariant network beside an ordinary one.

    python experiments/point_digits.py

takes 2000 of the digits that torsor ships, upright, as clouds: the pixels that are not empty, with their intensity
(images are averaged over 2×2 pixels first: about 42 points a digit). Points move by up to a tenth of a pixel: on a
lattice, farthest point sampling has ties, which rounding breaks, another way at another angle. The networks have equal
size; a third one is the ordinary network on digits that are turned at random. All are tested on 1000 other digits at
all angles; clouds turn without interpolation. It writes results/point_digits.csv and docs/images/point-digits.png. A
killed run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from pathlib import Path

import numpy as np
import point_runs as runs
import torch
from matplotlib.figure import Figure

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.data import digits

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "experiments" / "results" / "point_digits.csv"
FIGURE = ROOT / "docs" / "images" / "point-digits.png"
NETWORKS = ("SO(2)", "ordinary", "ordinary, augmented")
LONGER = ("SO(2)", "ordinary, augmented")
"""Networks that are also trained four times as long, at the same rate."""
COLOURS = {
    "SO(2), longer": "C9",
    "SO(2)": "C0",
    "ordinary": "C3",
    "ordinary, augmented": "C1",
    "ordinary, augmented, longer": "C2",
}
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
EPOCHS, BATCH, JITTER = 8, 40, 0.2
NUMBERS = {"train": 2000, "validation": 1000, "test": 1000}
ANGLES = tuple(range(0, 360, 30))
COLUMNS = ("phase", "network", "lr", "seed", "parameters", "epochs", "seconds", "validation", "rotated")
RADII = (2.3, 4.5, 9.0)
"""Of the three convolutions, in units of the distance of pixels."""
FIELDS = ((10, 6, 6), (14, 8, 8), (16, 10, 10))
"""Scalars and fields of frequency 1 and 2 behind each convolution, at width 1."""


# ------------------------------------------------------------------------------------------------------------ the data


@dataclass(frozen=True)
class Digits:
    """Clouds of different sizes: positions (n, 2) about the centroid, intensities (n, 1), and the labels of all."""

    positions: Sequence[torch.Tensor]
    intensities: Sequence[torch.Tensor]
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, index: Sequence[int]) -> Digits:
        """The digits of an index."""
        return Digits([self.positions[i] for i in index], [self.intensities[i] for i in index], self.labels[index])

    def turned(self, angles: torch.Tensor) -> Digits:
        """Every digit turned by its own angle."""
        cos, sin = angles.cos(), angles.sin()
        matrices = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
        return Digits([x @ g.T for x, g in zip(self.positions, matrices, strict=True)], self.intensities, self.labels)

    def points(self) -> S.Points:
        """All digits as one batch of clouds."""
        sizes = torch.tensor([len(x) for x in self.positions])
        return S.Points(torch.cat(list(self.positions)), torch.arange(len(sizes)).repeat_interleave(sizes))


def clouds(images: torch.Tensor, labels: torch.Tensor, seed: int = 0, threshold: float = 0.1) -> Digits:
    """The centres, off by up to JITTER/2, of the bright pixels of images (n, 1, h, w), averaged over 2×2."""
    small, random = torch.nn.functional.avg_pool2d(images, 2)[:, 0], runs.generator(seed)
    positions, intensities = [], []
    for image in small:
        x = (image > threshold).nonzero()
        x = x + JITTER * (torch.rand(x.shape, generator=random) - 0.5)
        positions.append(x - x.mean(0))
        intensities.append(image[image > threshold][:, None])
    return Digits(positions, intensities, labels)


def load() -> dict[str, Digits]:
    """The first digits of every split."""
    return {
        split: clouds(*(part[:number] for part in digits(split)), seed=seed)
        for seed, (split, number) in enumerate(NUMBERS.items())
    }


# --------------------------------------------------------------------------------------------------------- the network


def fields(group: G.Group, numbers: tuple[int, ...], width: float) -> R.Representation:
    """Fields of frequency 0, 1, 2, …; for the trivial group as many scalars as these have channels."""
    if group.order == 1:
        channels = numbers[0] + 2 * sum(numbers[1:])
        return max(1, round(width * channels)) * R.trivial(group)
    return R.direct_sum([(max(1, round(width * n)), R.irrep(group, k)) for k, n in enumerate(numbers)])


class Block(torch.nn.Module):
    """Convolution to the same or to other points, batch norm, gates."""

    def __init__(self, in_rep: R.Representation, out_rep: R.Representation, radius: float) -> None:
        super().__init__()
        gated = nn.Gated(out_rep)
        kernel = K.Harmonic(radius=radius, degrees=2, functions=4, hidden=16)
        self.conv = nn.Conv(in_rep, gated.in_rep, kernel, bias=False)
        self.rest = nn.Sequential(nn.BatchNorm(gated.in_rep), gated)

    def forward(self, field: Field, target: S.Points | None = None) -> Field:
        return self.rest(self.conv(field, target))


class PointDigitsNet(torch.nn.Module):
    """Clouds of points with intensities -> scores (clouds, classes), invariant under the group and translations."""

    def __init__(self, group: G.Group, width: float = 1.0, classes: int = 10) -> None:
        super().__init__()
        self.in_rep = R.trivial(group)
        first, second, third = (fields(group, numbers, width) for numbers in FIELDS)
        self.first = Block(self.in_rep, first, RADII[0])
        self.second, self.third = Block(first, second, RADII[1]), Block(second, third, RADII[2])
        self.pool = nn.Sequential(nn.NormPool(third), nn.GlobalPool(nn.NormPool(third).out_rep, "max"))
        features = self.pool.out_rep.dim
        self.head = torch.nn.Sequential(
            torch.nn.Linear(features, 64), torch.nn.BatchNorm1d(64), torch.nn.ReLU(), torch.nn.Linear(64, classes)
        )

    def forward(self, intensities: torch.Tensor, points: S.Points) -> torch.Tensor:
        coarse, _ = points.coarsened(ratio=0.3)
        field = self.first(Field(intensities, self.in_rep, points))
        return self.head(self.pool(self.third(self.second(field, coarse))).tensor)


def build(network: str) -> PointDigitsNet:
    """The network of SO(2), or the ordinary one with as many parameters."""
    if network.startswith("SO(2)"):
        return PointDigitsNet(G.SO(2))
    target = runs.count(PointDigitsNet(G.SO(2)))
    return PointDigitsNet(G.Trivial(2), nn.match_parameters(lambda width: PointDigitsNet(G.Trivial(2), width), target))


# ------------------------------------------------------------------------------------------------ training and testing


def rotated(data: Digits, random: torch.Generator) -> Digits:
    """Every digit turned by a uniform angle."""
    return data.turned(2 * pi * torch.rand(len(data), generator=random))


def scores(net: torch.nn.Module, data: Digits) -> torch.Tensor:
    """(digits, classes)."""
    return net(torch.cat(list(data.intensities)), data.points())


@torch.no_grad()
def accuracy(net: torch.nn.Module, data: Digits, batch: int = 200) -> float:
    """The fraction of digits that are recognised."""
    right = 0
    for start in range(0, len(data), batch):
        part = data.chosen(range(start, min(start + batch, len(data))))
        right += int((scores(net, part).argmax(1) == part.labels).sum())
    return right / len(data)


def study(data: dict[str, Digits], work: Path) -> runs.Study:
    """How networks are trained, tuned and tested."""
    turned = {name: rotated(data[name], runs.generator(1)) for name in ("validation", "test")}

    def loss(augment: bool):
        def of(net: torch.nn.Module, index: torch.Tensor, random: torch.Generator) -> torch.Tensor:
            part = data["train"].chosen(index.tolist())
            part = rotated(part, random) if augment else part
            return torch.nn.functional.cross_entropy(scores(net, part), part.labels)

        return of

    def train(network: str, lr: float, seed: int) -> tuple[torch.nn.Module, dict]:
        torch.manual_seed(seed)
        net, epochs = build(network), EPOCHS * (4 if network.endswith("longer") else 1)
        training = runs.Training(len(data["train"]), BATCH, epochs)
        seconds = training.fit(net, loss("augmented" in network), lr, seed, work / f"{network} {lr} {seed}.pt")
        return net, {"parameters": runs.count(net), "epochs": epochs, "seconds": round(seconds)}

    def validate(network: str, net: torch.nn.Module) -> float:
        return accuracy(net, (turned if "augmented" in network else data)["validation"])

    def test(net: torch.nn.Module) -> dict[str, float]:
        test = data["test"]
        angles = {angle: test.turned(torch.full((len(test),), angle * pi / 180)) for angle in ANGLES}
        return {
            "rotated": accuracy(net, turned["test"]),
            **{f"at_{angle}": accuracy(net, part) for angle, part in angles.items()},
        }

    table = runs.Table(TABLE, (*COLUMNS, *(f"at_{angle}" for angle in ANGLES)))
    return runs.Study(table, train, validate, test, RATES)


# ---------------------------------------------------------------------------------------------------------- the figure


def draw(data: Digits, table: runs.Table, path: Path = FIGURE) -> None:
    """A cloud at three angles, and the accuracy of the networks at every angle: mean and range over the seeds."""
    figure = Figure(figsize=(8.0, 2.6), layout="constrained")
    *pictures, axes = figure.subplots(1, 4, width_ratios=(1, 1, 1, 3.4))
    for picture, angle in zip(pictures, (0, 30, 120), strict=True):
        digit = data.chosen([0]).turned(torch.tensor([angle * pi / 180]))
        x, shade = digit.positions[0], digit.intensities[0][:, 0]
        picture.scatter(x[:, 1], -x[:, 0], c=shade, cmap="Greys", vmin=-0.3, vmax=1, s=12)
        picture.set(aspect="equal", xticks=[], yticks=[], xlim=(-7, 7), ylim=(-7, 7), title=f"{angle}°")
    for network in COLOURS:
        rows = table.tests(network)
        if not rows:
            continue
        values = np.array([[100 * float(row[f"at_{angle}"]) for angle in ANGLES] for row in rows])
        values = np.concatenate([values, values[:, :1]], 1)  # 360° is 0°
        colour = COLOURS[network]
        axes.plot([*ANGLES, 360], values.mean(0), color=colour, label=network)
        axes.fill_between([*ANGLES, 360], values.min(0), values.max(0), color=colour, alpha=0.25, linewidth=0)
    axes.set(xlabel="angle of the test digits [°]", ylabel="accuracy [%]", ylim=(0, 100), xticks=range(0, 361, 90))
    axes.legend(frameon=False, fontsize=7, ncols=3, columnspacing=1, loc="lower center", bbox_to_anchor=(0.5, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Fill the table and draw the figure."""
    options = runs.arguments(__doc__, "point_digits", data=False)
    torch.set_num_threads(1)
    data = load()
    done = study(data, options.work)
    done.run(NETWORKS, options.seeds)
    for seed in range(options.seeds):
        for network in LONGER:
            done.tested(f"{network}, longer", done.best(network), seed)
    draw(data["test"], done.table)
    print(done.table.summary(("rotated", "at_0")))


if __name__ == "__main__":
    main()
