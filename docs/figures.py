"""Draws the figures of README.md and of the documentation into docs/images: ``python docs/figures.py``."""

from pathlib import Path

import torch

from torsor import groups, kernels, nn, plot, reps
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


FIGURES = {
    "rotated-features": rotated_features,
    "kernels-so2": steerable_kernels,
    "kernels-stencil": stencil_kernels,
    "kernels-lorentz": hyperbolas_and_circles,
}


def main() -> None:
    """Draw all of them."""
    torch.set_num_threads(1)
    IMAGES.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        draw().savefig(IMAGES / f"{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    main()
