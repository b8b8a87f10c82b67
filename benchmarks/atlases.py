"""Convolution on spaces glued from charts against `Conv2d` on the same pixels, forward and backward.

``python -m benchmarks.atlases`` writes results/atlases.csv. What is added to the plain convolution is the expansion of
the kernel, and the border of every chart, carried over from its neighbours. The last row is a network of six
convolutions on the Möbius strip, and a CNN of equal width on an image.
"""

import statistics
from collections.abc import Callable

import torch

from benchmarks.layers import step
from benchmarks.timing import interleaved, ratio, write
from torsor import groups, nn, reps, spaces
from torsor.fields import Field
from torsor.kernels import Stencil
from torsor.models.moebius import CHANNELS, CutNet, MobiusNet

FLIP, QUARTERS, SIXTHS = groups.Reflection(2, 0), groups.Cyclic(4), groups.Cyclic(6)
LAYERS = {
    "Möbius strip, regular": (lambda: spaces.Mobius(28, 28, FLIP), 16 * reps.regular(FLIP), 5, 32),
    "Klein bottle, regular": (lambda: spaces.Klein(32, 32, FLIP), 16 * reps.regular(FLIP), 5, 32),
    "torus, C4 regular": (lambda: spaces.Torus(32, 32, QUARTERS), 8 * reps.regular(QUARTERS), 5, 32),
    "icosahedron r = 3, C6 regular": (lambda: spaces.Icosahedron(3, SIXTHS), 6 * reps.regular(SIXTHS), 3, 32),
    "icosahedron r = 5, C6 regular": (lambda: spaces.Icosahedron(5, SIXTHS), 6 * reps.regular(SIXTHS), 3, 4),
}


def measure(name: str, make: Callable[[], spaces.Atlas], rep: reps.Representation, size: int, batch: int) -> dict:
    """A row: one convolution, of fields of one type."""
    torch.manual_seed(0)
    space = make()
    layer = nn.Conv(rep, rep, Stencil(size, space.gluing.lattice), bias=False)
    plain = torch.nn.Conv2d(rep.dim, rep.dim, size, padding=size // 2, bias=False)
    charts, *pixels = space.shape
    x = torch.randn(batch, rep.dim, *space.shape, requires_grad=True)
    flat = torch.randn(batch * charts, rep.dim, *pixels, requires_grad=True)
    slope = torch.randn_like(x)

    def run() -> None:
        layer(Field(x, rep, space)).tensor.backward(slope)

    return row(name, batch, space.shape, rep.dim, {"plain": step(plain, flat), "torsor": run})


def network(batch: int = 32) -> dict:
    """A row: the whole network on the Möbius strip."""
    torch.manual_seed(0)
    x = torch.rand(batch, 1, 28, 28)
    return row(
        "Möbius network, regular",
        batch,
        (1, 28, 28),
        CHANNELS[-2],
        {"plain": step(CutNet(), x), "torsor": step(MobiusNet("regular"), x)},
    )


def row(name: str, batch: int, shape: tuple[int, ...], channels: int, runs: dict[str, Callable[[], object]]) -> dict:
    """Times of both."""
    times = interleaved(runs)
    return {
        "space": name,
        "batch": batch,
        "shape": "×".join(map(str, shape)),
        "channels": channels,
        "plain_ms": round(1e3 * statistics.median(times["plain"]), 1),
        "ratio": round(ratio(times, "torsor", "plain"), 2),
    }


def main() -> None:
    """Measure all cases."""
    write("atlases", [*(measure(name, *case) for name, case in LAYERS.items()), network()])


if __name__ == "__main__":
    main()
