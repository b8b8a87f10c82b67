"""What makes a network invariant to rotations? Seven answers, on the digits that torsor ships.

    python experiments/alternatives.py

trains on 2000 upright digits, and tests on 1000 others, upright and each turned by its own angle. The networks have
equal parameters (canonicalisers add a few hundred) and one design: three convolutions, a mean over space, a linear
layer.

- plain: an ordinary CNN;
- Augment: the same, and every training digit is turned by a random angle;
- GroupAverage: the mean of its outputs over C8;
- FrameAverage: the mean over the two frames of the principal axes;
- principal axes: Canonicalize, signs by third moments;
- learnt vector: Canonicalize, a steerable network gives a vector, which is turned to a standard direction;
- learnt choice: Canonicalize, a steerable network chooses an element of C8;
- steerable: regular fields of C8.

One learning rate, three seeds. It writes results/alternatives.csv. A killed run goes on where it was.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path

import point_runs as runs
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn, symmetrize
from torsor import reps as R
from torsor.data import digits, random_angles, rotate

TABLE = Path(__file__).parents[1] / "experiments" / "results" / "alternatives.csv"
NETWORKS = (
    "plain",
    "Augment",
    "GroupAverage",
    "FrameAverage",
    "principal axes",
    "learnt vector",
    "learnt choice",
    "steerable",
)
C8, SO2 = G.Cyclic(8), G.SO(2)
RATE, EPOCHS, BATCH, TRAINING, TEST = 1e-2, 12, 50, 2000, 1000
FIELDS = (3, 4, 6)
"""Regular fields of the steerable network."""
SCORES = ("upright", "turned")
COLUMNS = (
    "phase", "network", "lr", "seed", "parameters", "epochs", "seconds", *SCORES, "error 90", "error any", "forward ms"
)  # fmt: skip


def spec(group: G.Group, size: int) -> K.KernelSpec:
    """Smooth steerable kernels; of the trivial group all kernels, an ordinary convolution."""
    return K.Stencil(size) if group.order == 1 else K.Harmonic(size, degrees=2, width=0.7)


class Small(torch.nn.Module):
    """Images (batch, 1, 28, 28) -> 10 scores, invariant under the group; of the trivial group an ordinary CNN."""

    def __init__(self, group: G.Group, width: float = 1.0) -> None:
        super().__init__()
        a, b, c = (max(1, round(width * n)) * R.regular(group) for n in FIELDS)
        self.in_rep = R.trivial(group)
        pool = nn.GroupPool(c)
        self.features = nn.Sequential(
            *(nn.Conv(self.in_rep, a, spec(group, 7), bias=False), nn.BatchNorm(a), nn.ReLU(a), nn.AntialiasedPool(a)),
            *(nn.Conv(a, b, spec(group, 5), bias=False), nn.BatchNorm(b), nn.ReLU(b), nn.AntialiasedPool(b)),
            *(nn.Conv(b, c, spec(group, 5), bias=False), nn.BatchNorm(c), nn.ReLU(c)),
            *(pool, nn.AdaptiveAvgPool(pool.out_rep)),
        )
        self.head = torch.nn.Linear(pool.out_rep.dim, 10)
        self.out_rep = 10 * self.in_rep

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores."""
        return self.head(self.features(x).flatten(1))


@functools.cache
def width() -> float:
    """Of the ordinary network, for equal numbers of parameters."""
    return nn.match_parameters(lambda w: Small(G.Trivial(2), w), Small(C8))


def vector() -> symmetrize.GramSchmidt:
    """A small steerable network with a vector as its output."""
    gate = nn.Gated(2 * R.trivial(SO2) + 2 * R.irrep(SO2, 1))
    first = nn.Conv(R.trivial(SO2), gate.in_rep, spec(SO2, 7))
    last = nn.Conv(gate.out_rep, R.standard(SO2), spec(SO2, 5), bias=False)
    return symmetrize.GramSchmidt(nn.Sequential(first, gate, last))


def choice() -> symmetrize.Argmax:
    """A small steerable network with a function on C8 as its output."""
    one, hidden = R.trivial(C8), R.regular(C8)
    layers = nn.Conv(one, hidden, spec(C8, 7)), nn.ReLU(hidden), nn.Conv(hidden, hidden, spec(C8, 5))
    return symmetrize.Argmax(nn.Sequential(*layers))


def build(network: str, seed: int) -> torch.nn.Module:
    """A network with the random weights of a seed."""
    plain = width()
    torch.manual_seed(seed)
    if network == "steerable":
        return Small(C8)
    net = Small(G.Trivial(2), plain)
    types = {group: (R.trivial(group), 10 * R.trivial(group)) for group in (C8, SO2)}
    if network == "Augment":
        return symmetrize.Augment(net, *types[SO2], generator=runs.generator(seed, 1), disk=True)
    if network == "GroupAverage":
        return symmetrize.GroupAverage(net, *types[C8], disk=True)
    if network == "FrameAverage":
        return symmetrize.FrameAverage(net, *types[SO2], symmetrize.PrincipalFrames(SO2), disk=True)
    if network == "principal axes":
        return symmetrize.Canonicalize(net, *types[SO2], symmetrize.PrincipalAxes(SO2), disk=True)
    if network == "learnt vector":
        return symmetrize.Canonicalize(net, *types[SO2], vector(), disk=True)
    if network == "learnt choice":
        return symmetrize.Canonicalize(net, *types[C8], choice(), disk=True)
    return net


@functools.cache
def data(split: str, turned: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels; test digits each turned by its own angle."""
    images, labels = digits(split)
    images, labels = images[: TRAINING if split == "train" else TEST], labels[: TRAINING if split == "train" else TEST]
    return (rotate(images, random_angles(len(images), 7)).clamp(0, 1) if turned else images), labels


def train(network: str, seed: int, work: Path) -> tuple[torch.nn.Module, dict]:
    """A trained network and how it was trained."""
    images, labels = data("train")

    def loss(net: torch.nn.Module, index: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(net(images[index]), labels[index])

    net = build(network, seed)
    name = f"{network.replace(' ', '-')}-{seed}.pt"
    seconds = runs.Training(TRAINING, BATCH, EPOCHS).fit(net, loss, RATE, seed, work / name)
    return net.eval(), {"parameters": runs.count(net), "epochs": EPOCHS, "seconds": round(seconds, 1)}


def outputs(net: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The scores of many images."""
    return torch.cat([net(x) for x in images.split(100)])


def spread(moved: torch.Tensor, scores: torch.Tensor) -> float:
    """‖N(g x) - N(x)‖ / ‖N(x) - mean over x‖: 1.4 if they have nothing to do with each other."""
    return float(((moved - scores).norm() / (scores - scores.mean(0)).norm()).detach())


@torch.no_grad()
def tested(net: torch.nn.Module) -> dict[str, float]:
    """Accuracies, the errors of invariance under quarter turns and under any angle, milliseconds for 100 images."""
    (upright, labels), (turned, _) = data("test"), data("test", turned=True)
    scores, moved, quarter = outputs(net, upright), outputs(net, turned), outputs(net, torch.rot90(upright, 1, (2, 3)))
    times = []
    for _ in range(7):
        start = time.process_time()
        net(upright[:100])
        times.append(1e3 * (time.process_time() - start))
    return {
        "upright": float((scores.argmax(1) == labels).float().mean()),
        "turned": float((moved.argmax(1) == labels).float().mean()),
        "error 90": spread(quarter, scores),
        "error any": spread(moved, scores),
        "forward ms": sorted(times)[1],
    }


def main() -> None:
    """Run what is missing, and print the table."""
    options = runs.arguments(__doc__, "alternatives", data=False)
    torch.set_num_threads(1)
    table = runs.Table(TABLE, COLUMNS)
    for seed in range(options.seeds):
        for network in NETWORKS:
            key = {"phase": "test", "network": network, "lr": RATE, "seed": seed}
            if table.find(**key) is None:
                net, about = train(network, seed, options.work)
                table.add({**key, **about, **{name: float(f"{value:.4g}") for name, value in tested(net).items()}})
    print(table.summary(SCORES))


if __name__ == "__main__":
    main()
