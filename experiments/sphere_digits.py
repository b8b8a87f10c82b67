"""Digits on the sphere: spectral convolutions, an icosahedron of charts, and an ordinary CNN on latitudes × longitudes.

    python experiments/sphere_digits.py --data FOLDER

reads MNIST from the folder and projects 4000 digits to the northern hemisphere, stereographically, the centre of the
image at the pole. Three networks of equal size learn them upright, and turned anew at every step by random rotations
of the sphere; they are tested on 2000 others: upright, turned by rotations of the icosahedron, turned by any rotations.
Turned digits are sampled from the image directly, never from another grid. Learning rates are tuned on upright digits.
It writes results/sphere_digits.csv. A killed run goes on where it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from pathlib import Path

import point_runs as runs
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.data.mnist import mnist
from torsor.data.sphere_digits import sphere_digits
from torsor.fields import Field
from torsor.spaces.gluing import HEXAGONAL
from torsor.spaces.icosahedron import Icosahedron, sphere_positions
from torsor.spaces.latlon import LatLon

TABLE = Path(__file__).parents[1] / "experiments" / "results" / "sphere_digits.csv"
NETWORKS = ("spectral", "icosahedron", "latitudes")
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
EPOCHS, BATCH = 8, 40
NUMBERS = {"train": 4000, "validation": 1000, "test": 2000}
SCORES = ("upright", "icosahedral", "turned")
COLUMNS = ("phase", "network", "lr", "seed", "parameters", "epochs", "seconds", "validation", *SCORES)
GRID, RESOLUTION = LatLon(32, 64), 4
"""Of the input: 2048 points, or the 2550 vertices of an icosahedron that are no corners."""
LEVELS = ((LatLon(24, 48), 16), (LatLon(16, 32), 10), (LatLon(10, 20), 6))
"""Grids and highest degrees behind the spectral convolutions; a third of the degrees is left to the nonlinearities."""
SO2, C6 = G.SO(2), G.Cyclic(6)
IRREPS = ((16, 11), (20, 13), (22, 15))
"""Scalars and vectors behind each of them."""
REGULAR, PLAIN = (4, 12, 21), (10, 18, 26)
"""Regular fields on the icosahedron, channels of the ordinary network."""


# ------------------------------------------------------------------------------------------------------------ the data


@dataclass(frozen=True)
class Digits:
    """Images (n, 1, 28, 28), labels (n,), and the rotation of each, None if all are upright."""

    images: torch.Tensor
    labels: torch.Tensor
    rotations: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: torch.Tensor | slice) -> Digits:
        turns = None if self.rotations is None else self.rotations[index]
        return Digits(self.images[index], self.labels[index], turns)

    def turned(self, random: torch.Generator, group: torch.Tensor | None = None) -> Digits:
        """Each digit turned by a uniform rotation, or by one of a finite group (m, 3, 3)."""
        n = len(self)
        if group is None:
            return Digits(self.images, self.labels, G.SO(3).sample(n, generator=random))
        return Digits(self.images, self.labels, group[torch.randint(len(group), (n,), generator=random)])

    def at(self, positions: torch.Tensor) -> torch.Tensor:
        """The values at points of the sphere, (n, 1, ...)."""
        return sphere_digits(self.images, positions, self.rotations)


def load(folder: Path) -> dict[str, Digits]:
    """The first digits of MNIST; those of validation follow those of training."""
    stored, sizes = mnist(folder), NUMBERS

    def part(name: str, start: int, stop: int) -> Digits:
        images = torch.from_numpy(stored[f"{name}_images"][start:stop]).float()[:, None] / 255
        return Digits(images, torch.from_numpy(stored[f"{name}_labels"][start:stop]).long())

    seen = sizes["train"] + sizes["validation"]
    return {
        "train": part("train", 0, sizes["train"]),
        "validation": part("train", sizes["train"], seen),
        "test": part("test", 0, sizes["test"]),
    }


def icosahedron_positions(r: int = RESOLUTION) -> torch.Tensor:
    """The vertices on the sphere, (5, 2^r, 2^(r+1), 3)."""
    return sphere_positions(Icosahedron(r, C6))


@functools.cache
def icosahedral_rotations() -> torch.Tensor:
    """The 60 rotations (60, 3, 3) that permute these vertices: x[source] = x R, row by row."""
    atlas, x = Icosahedron(1, C6), icosahedron_positions(1).flatten(0, 2)
    inside = atlas.mask.flatten()  # type: ignore[union-attr]
    return torch.stack([torch.linalg.lstsq(x[inside], x[m.source][inside]).solution for m in atlas.symmetries()])


# -------------------------------------------------------------------------------------------------------- the networks


class SpectralBlock(torch.nn.Module):
    """Spectral convolution to the same or another grid, batch norm, gates."""

    def __init__(self, rep: R.Representation, out_rep: R.Representation, grid: LatLon, out_grid: LatLon, lmax: int):
        super().__init__()
        gated = nn.Gated(out_rep)
        self.conv = nn.SphericalConv(rep, gated.in_rep, grid, out_grid, lmax=lmax, nodes=min(6, lmax), bias=False)
        self.rest = nn.Sequential(nn.BatchNorm(gated.in_rep), gated)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rest(self.conv(x))


class LatLonConv(torch.nn.Conv2d):
    """An ordinary convolution: periodic in longitude, zeros beyond the poles."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        rows, columns = (size // 2 for size in self.kernel_size)
        x = torch.nn.functional.pad(input, (columns, columns, 0, 0), mode="circular")
        return super().forward(torch.nn.functional.pad(x, (0, 0, rows, rows)))


def irreps(scalars: int, vectors: int) -> R.Representation:
    """Scalars and vectors of SO(2)."""
    return scalars * R.trivial(SO2) + vectors * R.irrep(SO2, 1)


class Classifier(torch.nn.Module):
    """Invariant features of the whole sphere -> 10 scores."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.head = torch.nn.Sequential(
            torch.nn.Linear(features, 64), torch.nn.BatchNorm1d(64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
        )

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, features)."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of functions at `positions`."""
        return self.head(self.features(x))


class SpectralNet(Classifier):
    """Functions on LatLon (batch, 1, rows, columns) -> 10 scores, invariant under SO(3)."""

    def __init__(self) -> None:
        reps = [R.trivial(SO2), *(irreps(*numbers) for numbers in IRREPS)]
        invariants = nn.NormPool(reps[-1])
        super().__init__(invariants.out_rep.dim)
        grids, degrees = [GRID, *(grid for grid, _ in LEVELS)], [lmax for _, lmax in LEVELS]
        parts = zip(reps[:-1], reps[1:], grids[:-1], grids[1:], degrees, strict=True)
        self.blocks = torch.nn.Sequential(*(SpectralBlock(*part) for part in parts), invariants)
        self.positions, self.areas = GRID.embedding, grids[-1].areas.float()

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return (self.blocks(x) * self.areas).sum((2, 3)) / (4 * pi)


class IcosahedronNet(Classifier):
    """Functions on five charts (batch, 1, 5, 2^r, 2^(r+1)) -> 10 scores, invariant under 60 rotations."""

    def __init__(self, r: int = RESOLUTION) -> None:
        reps = [n * R.regular(C6) for n in REGULAR]
        super().__init__(REGULAR[-1])
        self.positions, self.atlas, self.in_rep = icosahedron_positions(r), Icosahedron(r, C6), R.trivial(C6)
        kernel, layers = K.Stencil(3, HEXAGONAL), []
        for k, (rep, out_rep) in enumerate(zip([self.in_rep, *reps], [*reps, reps[-1]], strict=True)):
            layers += [nn.Conv(rep, out_rep, kernel, bias=False), nn.BatchNorm(out_rep), nn.ReLU(out_rep)]
            layers += [nn.AtlasPool(out_rep, 2, "max")] if k < 2 else []
        self.layers, self.group_pool = torch.nn.Sequential(*layers), nn.GroupPool(reps[-1])
        self.pool = nn.AtlasGlobalPool(self.group_pool.out_rep, "mean")

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.group_pool(self.layers(Field(x, self.in_rep, self.atlas))))


class LatLonNet(Classifier):
    """Functions on LatLon (batch, 1, rows, columns) -> 10 scores: an ordinary CNN."""

    def __init__(self) -> None:
        super().__init__(PLAIN[-1])
        self.positions = GRID.embedding
        layers: list[torch.nn.Module] = []
        for k, (a, b) in enumerate(zip((1, *PLAIN), (*PLAIN, PLAIN[-1]), strict=True)):
            layers += [LatLonConv(a, b, 5, bias=False), torch.nn.BatchNorm2d(b), torch.nn.ReLU()]
            layers += [torch.nn.MaxPool2d(2)] if k < 2 else []
        self.layers = torch.nn.Sequential(*layers)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).mean((2, 3))


def build(network: str) -> Classifier:
    """One of NETWORKS, also for names with an ending."""
    kinds: dict[str, Callable[[], Classifier]] = {
        "spectral": SpectralNet,
        "icosahedron": IcosahedronNet,
        "latitudes": LatLonNet,
    }
    return kinds[network.split(",")[0]]()


# ------------------------------------------------------------------------------------------------ training and testing


@torch.no_grad()
def accuracy(net: Classifier, data: Digits, batch: int = 200) -> float:
    """The fraction of digits that are recognised."""
    parts = [data[start : start + batch] for start in range(0, len(data), batch)]
    right = sum(int((net(part.at(net.positions)).argmax(1) == part.labels).sum()) for part in parts)
    return right / len(data)


def study(data: dict[str, Digits], work: Path) -> runs.Study:
    """How networks are trained, tuned and tested."""
    turned = {name: data[name].turned(runs.generator(1)) for name in ("validation", "test")}

    def loss(augment: bool):
        def of(net: Classifier, index: torch.Tensor, random: torch.Generator) -> torch.Tensor:
            part = data["train"][index]
            part = part.turned(random) if augment else part
            return torch.nn.functional.cross_entropy(net(part.at(net.positions)), part.labels)

        return of

    def train(network: str, lr: float, seed: int) -> tuple[torch.nn.Module, dict]:
        torch.manual_seed(seed)
        net = build(network)
        training = runs.Training(len(data["train"]), BATCH, EPOCHS)
        seconds = training.fit(net, loss("turned" in network), lr, seed, work / f"{network} {lr} {seed}.pt")
        return net, {"parameters": runs.count(net), "epochs": EPOCHS, "seconds": round(seconds)}

    def validate(network: str, net: torch.nn.Module) -> float:
        return accuracy(net, (turned if "turned" in network else data)["validation"])  # type: ignore[arg-type]

    def test(net: torch.nn.Module) -> dict[str, float]:
        grouped = data["test"].turned(runs.generator(2), icosahedral_rotations())
        return {
            name: accuracy(net, part)  # type: ignore[arg-type]
            for name, part in zip(SCORES, (data["test"], grouped, turned["test"]), strict=True)
        }

    return runs.Study(runs.Table(TABLE, COLUMNS), train, validate, test, RATES)


def main() -> None:
    """Fill the table: every network trained upright, and at the same rate on turned digits."""
    options = runs.arguments(__doc__, "sphere_digits", data=True)
    torch.set_num_threads(1)
    done = study(load(options.data), options.work)
    done.run(NETWORKS, options.seeds)
    for seed in range(options.seeds):
        for network in NETWORKS:
            done.tested(f"{network}, turned", done.best(network), seed)
    print(done.table.summary(SCORES))


if __name__ == "__main__":
    main()
