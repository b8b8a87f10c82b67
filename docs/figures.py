"""Draws the figures of README.md and of the documentation into docs/images: ``python docs/figures.py``."""

import sys
from pathlib import Path

import torch
from matplotlib import pyplot

from torsor import Field, groups, kernels, nn, plot, reps, spaces, symmetrize
from torsor.data import digits

IMAGES = Path(__file__).parent / "images"


def rotated_features():
    """Features of a digit under a rotation by 45°, which C8 has and the square grid has not."""
    c8 = groups.Cyclic(8)
    image, hidden = reps.trivial(c8), 4 * reps.regular(c8)
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv(image, hidden, kernels.Harmonic(size=7)),
        nn.ReLU(hidden),
        nn.Conv(hidden, reps.regular(c8) + reps.standard(c8), kernels.Harmonic(size=5)),
    )
    return plot.rotation(net, digits("test")[0][3], 45)


def steerable_kernels():
    """From scalars to the first irreps of SO(2)."""
    so2 = groups.SO(2)
    out = reps.direct_sum([(1, rho) for rho in reps.irreps(so2, band=2)])
    return plot.kernels(kernels.Harmonic(size=7), reps.trivial(so2), out)


def stencil_kernels():
    """From scalars to a regular field of C4: all kernels on 3×3 pixels."""
    c4 = groups.Cyclic(4)
    return plot.kernels(kernels.Stencil(size=3), reps.trivial(c4), reps.regular(c4))


def hyperbolas_and_circles():
    """From scalars to scalars and vectors: O(2), O(1, 1), causal kernels of SO0(1, 1), and two planes of O(1, 2)."""
    drawn = []
    for seed, (group, causal) in enumerate(
        [(groups.O(2), False), (groups.O(1, 1), False), (groups.SO0(1, 1), True), (groups.O(1, 2), False)]
    ):
        torch.manual_seed(seed)
        out = reps.trivial(group) + reps.standard(group)
        drawn.append(kernels.PseudoRiemannian(7, causal=causal)(reps.trivial(group), out))
    return plot.slices(*drawn, drawn[-1], axes=[(0, 1), (0, 1), (0, 1), (0, 2), (1, 2)])


class Wave(torch.nn.Module):
    """The mean of a fixed function of the coordinates; it knows no symmetry."""

    def forward(self, field):
        p = field.space.positions
        return (p[:, :1].sin() + (3 * p[:, 1:]).cos()).mean(0, keepdim=True)


def jumping_outputs():
    """Invariant outputs of wrappers and of equivariant layers: six points whose two extents exchange their order."""
    so2 = groups.SO(2)
    one, sides = reps.trivial(so2), torch.linspace(0.9, 1.1, 201)
    corners = torch.tensor([[1.5, 0.0], [-0.75, 0.0], [-0.75, 0.0], [0, 1.48], [0, -0.53], [0, -0.95]])
    stretched = (corners * torch.stack([torch.tensor(1.0), side]) for side in sides)
    path = [Field(torch.ones(6, 1), one, spaces.Points(x)) for x in stretched]
    frames, axes = symmetrize.PrincipalFrames(so2), symmetrize.PrincipalAxes(so2)
    wrappers = {
        "GroupAverage": symmetrize.GroupAverage(Wave(), one, one),
        "FrameAverage": symmetrize.FrameAverage(Wave(), one, one, frames),
        "Canonicalize": symmetrize.Canonicalize(Wave(), one, one, axes),
    }
    torch.manual_seed(3)
    layers = nn.Sequential(
        nn.Conv(one, 8 * one, kernels.Harmonic(radius=3.0)), nn.ELU(8 * one), nn.Linear(8 * one, one)
    )
    figure, ax = pyplot.subplots(figsize=(6, 3))
    for name, net in wrappers.items():
        ax.plot(sides, [float(net(x)) for x in path], label=name)
    ax.plot(sides, [float(layers(x).tensor.detach().mean()) for x in path], label="equivariant layers")
    ax.set_xlabel("extent along the second axis")
    ax.set_ylabel("output")
    ax.legend(frameon=False)
    return figure


def log_polar_frames():
    """Frames of the plane without its centre that grow with the distance, and one coordinate as colour."""
    grid = spaces.Punctured.polar_grid(8, 24, 0.4, 2.0, kind="log-polar")
    return plot.plane(grid, grid.positions[:, 0], frames=True, arrows=80, label="axis 0")


FIGURES = {
    "log-polar-frames": log_polar_frames,
    "jumps": jumping_outputs,
    "rotated-features": rotated_features,
    "kernels-so2": steerable_kernels,
    "kernels-stencil": stencil_kernels,
    "kernels-lorentz": hyperbolas_and_circles,
}


def main() -> None:
    """Draw all of them, or those that are named."""
    torch.set_num_threads(1)
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or FIGURES:
        FIGURES[name]().savefig(IMAGES / f"{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    main()
