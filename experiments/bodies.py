"""Body parts from points alone: an SO(3)-equivariant network beside an ordinary one of equal size.

    python experiments/bodies.py --data FOLDER

reads bodies.npz from the folder (100 human bodies in random poses, 3452 vertices each, 15 parts), takes 256 points of
each by farthest point sampling, and trains on 70 bodies, tunes on 10, tests on 20. It writes results/bodies.csv and
docs/images/bodies.png. A killed run goes on where it was.

The group is SO(3), not O(3): a mirror image of a body is a body with left and right exchanged, so a network that is
invariant under reflections gives the left and the right hand the same scores.
"""

from __future__ import annotations

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

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "experiments" / "results" / "bodies.csv"
FIGURE = ROOT / "docs" / "images" / "bodies.png"
COLUMNS = ("phase", "network", "lr", "seed", "parameters", "epochs", "seconds", "validation")
SCORES = ("upright_accuracy", "upright_iou", "upright_sideless", "rotated_accuracy", "rotated_iou", "rotated_sideless")
SIDELESS = torch.tensor([0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 6, 7, 7, 8, 8])
"""The 15 parts without left and right: foot, hand, head, lower arm, lower leg, neck, torso, upper arm, upper leg."""
NETWORKS = ("ordinary", "ordinary, augmented", "SO(3)")
LONGER = ("ordinary, augmented",)
"""Networks that are also trained four times as long, at the same rate."""
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
POINTS, EPOCHS, BATCH = 256, 25, 5
RADII = (0.35, 0.55, 1.0, 2.0)
"""Of the four stages of convolutions, in units of the root mean square distance from the centroid."""
FIELDS = ((16, 6, 3), (18, 8, 4), (24, 9, 5))
"""Scalars, vectors and symmetric traceless tensors at the three levels, at width 1."""


# ------------------------------------------------------------------------------------------------------------ the data


@dataclass(frozen=True)
class Bodies:
    """Clouds of one size, centred, with mean square distance 1 from the centroid, and the part of every point."""

    positions: torch.Tensor  # (bodies, points, 3)
    parts: torch.Tensor  # (bodies, points)

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: torch.Tensor | slice) -> Bodies:
        return Bodies(self.positions[index], self.parts[index])

    def turned(self, rotations: torch.Tensor) -> Bodies:
        """Each body turned by its own rotation (bodies, 3, 3)."""
        return Bodies(self.positions @ rotations.mT.to(self.positions), self.parts)

    def points(self) -> S.Points:
        """All bodies as one batch of clouds."""
        return S.Points.batched([S.Points(x) for x in self.positions])


def sampled(vertices: np.ndarray, parts: np.ndarray, number: int = POINTS) -> Bodies:
    """Normalised clouds of `number` vertices each, the farthest from one another."""
    positions, labels = [], []
    for x in torch.from_numpy(vertices).float():
        index = S.Points(x).farthest(number)
        x = x[index] - x[index].mean(0)
        positions.append(x / x.square().sum(1).mean().sqrt())
        labels.append(torch.from_numpy(parts).long()[index])
    return Bodies(torch.stack(positions), torch.stack(labels))


def load(folder: Path) -> dict[str, Bodies]:
    """Training, validation and test bodies: 70, 10, 20 of a fixed shuffle."""
    with np.load(folder / "bodies.npz") as stored:
        bodies = sampled(stored["vertices"], stored["part"])
    order = torch.randperm(len(bodies), generator=torch.Generator().manual_seed(0))
    return {"train": bodies[order[:70]], "validation": bodies[order[70:80]], "test": bodies[order[80:]]}


# --------------------------------------------------------------------------------------------------------- the network


def fields(group: G.Group, numbers: tuple[int, ...], width: float) -> R.Representation:
    """Scalars, vectors, tensors, …; for the trivial group as many scalars as these have channels."""
    if group.order == 1:
        channels = sum(n * (2 * l + 1) for l, n in enumerate(numbers))
        return max(1, round(width * channels)) * R.trivial(group)
    return R.direct_sum([(max(1, round(width * n)), R.irrep(group, l)) for l, n in enumerate(numbers)])


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


class Up(torch.nn.Module):
    """Interpolate to finer points, join the features that are there, mix point by point."""

    def __init__(self, coarse: R.Representation, fine: R.Representation) -> None:
        super().__init__()
        gated = nn.Gated(fine)
        self.interpolate, self.join = nn.PointInterpolate(coarse), nn.Concatenate(fine, coarse)
        self.mix = nn.Sequential(
            nn.Linear(self.join.out_rep, gated.in_rep, bias=False), nn.BatchNorm(gated.in_rep), gated
        )

    def forward(self, field: Field, skip: Field) -> Field:
        joined = self.join(skip.tensor, self.interpolate(field, skip.space).tensor)
        return self.mix(Field(joined, self.join.out_rep, skip.space))


class BodyNet(torch.nn.Module):
    """Points of bodies -> scores (points, classes): a U-net over 256, 64 and 16 points a body.

    The input of every point is the vector to it from the centroid, and its length.
    """

    def __init__(
        self, group: G.Group, width: float = 1.0, classes: int = 15, coarser: tuple[int, int] = (64, 16)
    ) -> None:
        super().__init__()
        self.in_rep, self.coarser = R.trivial(group) + R.standard(group), coarser
        fine, middle, coarse = (fields(group, numbers, width) for numbers in FIELDS)
        self.fine = Block(self.in_rep, fine, RADII[0])
        self.to_middle, self.middle = Block(fine, middle, RADII[1]), Block(middle, middle, RADII[1])
        self.to_coarse, self.coarse = Block(middle, coarse, RADII[2]), Block(coarse, coarse, RADII[3])
        self.up_middle, self.up_fine = Up(coarse, middle), Up(middle, fine)
        self.invariants = nn.NormPool(fine)
        features = self.invariants.out_rep.dim
        self.head = torch.nn.Sequential(torch.nn.Linear(features, 64), torch.nn.ReLU(), torch.nn.Linear(64, classes))

    def forward(self, points: S.Points) -> torch.Tensor:
        x = points.positions - points.centroids()[points.index]
        middle_points = points.coarsened(self.coarser[0])[0]
        coarse_points = middle_points.coarsened(self.coarser[1])[0]
        fine = self.fine(Field(torch.cat([x.norm(dim=1, keepdim=True), x], 1), self.in_rep, points))
        middle = self.middle(self.to_middle(fine, middle_points))
        coarse = self.coarse(self.to_coarse(middle, coarse_points))
        return self.head(self.invariants(self.up_fine(self.up_middle(coarse, middle), fine)).tensor)


def build(network: str) -> BodyNet:
    """The network of SO(3), or the ordinary one with as many parameters."""
    if network.startswith("SO(3)"):
        return BodyNet(G.SO(3))
    target = runs.count(BodyNet(G.SO(3)))
    return BodyNet(G.Trivial(3), nn.match_parameters(lambda width: BodyNet(G.Trivial(3), width), target))


# ------------------------------------------------------------------------------------------------ training and testing


def rotated(bodies: Bodies, random: torch.Generator) -> Bodies:
    """Every body turned by a uniform rotation."""
    return bodies.turned(G.SO(3).sample(len(bodies), generator=random))


@torch.no_grad()
def predicted(net: torch.nn.Module, bodies: Bodies) -> torch.Tensor:
    """(bodies, points) the part with the highest score."""
    parts = [net(bodies[i : i + 10].points()).argmax(1) for i in range(0, len(bodies), 10)]
    return torch.cat(parts).view(bodies.parts.shape)


def scores(predictions: torch.Tensor, parts: torch.Tensor, classes: int = 15) -> tuple[float, float, float]:
    """(accuracy, mean over the parts of intersection over union, accuracy without sides) of all points together."""
    confusion = torch.bincount((parts * classes + predictions).flatten(), minlength=classes**2).view(classes, classes)
    hits = confusion.diag()
    union = confusion.sum(0) + confusion.sum(1) - hits
    iou = (hits / union.clamp(min=1))[union > 0].mean()
    sideless = (SIDELESS[predictions] == SIDELESS[parts]).float().mean()
    return (hits.sum() / confusion.sum()).item(), iou.item(), sideless.item()


def study(data: dict[str, Bodies], work: Path) -> runs.Study:
    """How networks are trained, tuned and tested."""
    turned = {name: rotated(data[name], runs.generator(1)) for name in ("validation", "test")}

    def loss(augment: bool):
        def of(net: torch.nn.Module, index: torch.Tensor, random: torch.Generator) -> torch.Tensor:
            bodies = data["train"][index]
            bodies = rotated(bodies, random) if augment else bodies
            return torch.nn.functional.cross_entropy(net(bodies.points()), bodies.parts.flatten())

        return of

    def train(network: str, lr: float, seed: int) -> tuple[torch.nn.Module, dict]:
        torch.manual_seed(seed)
        net, epochs = build(network), EPOCHS * (4 if network.endswith("longer") else 1)
        training = runs.Training(len(data["train"]), BATCH, epochs)
        seconds = training.fit(net, loss("augmented" in network), lr, seed, work / f"{network} {lr} {seed}.pt")
        return net, {"parameters": runs.count(net), "epochs": epochs, "seconds": round(seconds)}

    def validate(network: str, net: torch.nn.Module) -> float:
        bodies = (turned if "augmented" in network else data)["validation"]
        return scores(predicted(net, bodies), bodies.parts)[0]

    def test(net: torch.nn.Module) -> dict[str, float]:
        both = [scores(predicted(net, sets["test"]), sets["test"].parts) for sets in (data, turned)]
        return dict(zip(SCORES, [*both[0], *both[1]], strict=True))

    return runs.Study(runs.Table(TABLE, (*COLUMNS, *SCORES)), train, validate, test, RATES)


# ---------------------------------------------------------------------------------------------------------- the figure

COLOURS = (
    "C0",
    "#9ecae9",
    "C1",
    "#ffbf79",
    "C3",
    "C2",
    "#98df8a",
    "C4",
    "#c5b0d5",
    "k",
    "0.7",
    "C5",
    "#c49c94",
    "C9",
    "#dbdb8d",
)
"""Of the 15 parts: dark on the left, light on the right."""


def draw(body: Bodies, nets: dict[str, torch.nn.Module], path: Path = FIGURE) -> None:
    """One body as it is and turned by 120° in the plane of the picture: true parts, and those that the networks see."""
    generator = torch.tensor([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
    turned = body.turned(G.SO(3).exp(2 / 3 * pi * generator)[None])
    figure = Figure(figsize=(8.0, 4.6), layout="constrained")
    grid = figure.subplots(2, 1 + len(nets))
    for row, shown in zip(grid, (body, turned), strict=True):
        found = {"true parts": shown.parts, **{name: predicted(net, shown) for name, net in nets.items()}}
        for axes, (name, parts) in zip(row, found.items(), strict=True):
            right = (parts == shown.parts).float().mean().item()
            colours = [COLOURS[part] for part in parts[0]]
            axes.scatter(shown.positions[0, :, 0], shown.positions[0, :, 2], c=colours, s=9)
            axes.set(aspect="equal", xticks=[], yticks=[])
            axes.set_title(name if name == "true parts" else f"{name}: {right:.0%}", fontsize=9)
    grid[0, 0].set_ylabel("as it is")
    grid[1, 0].set_ylabel("turned by 120°")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Fill the table and draw the figure."""
    options = runs.arguments(__doc__, "bodies", data=True)
    torch.set_num_threads(1)
    data = load(options.data)
    done = study(data, options.work)
    done.run(NETWORKS, options.seeds)
    for seed in range(options.seeds):
        for network in LONGER:
            done.tested(f"{network}, longer", done.best(network), seed)
    draw(data["test"][:1], {network: done.train(network, done.best(network), 0)[0].eval() for network in NETWORKS})
    print(done.table.summary(SCORES))


if __name__ == "__main__":
    main()
