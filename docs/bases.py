"""Draws bases of steerable kernels (row S9 of the taxonomy) into docs/images: ``python docs/bases.py``.

K(v) = φ(|v|) C(v/|v|): every picture shows all angular parts C between a few field types, φ is a free function. A
kernel is a matrix of little images, on a disc in the plane, on the sphere of directions in space.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image

from torsor import groups as G
from torsor import kernels as K
from torsor import linalg
from torsor import reps as R
from torsor.plot.canvas import FAINT, INK, Page

IMAGES = Path(__file__).parent / "images"
GAP, BETWEEN, HEAD, SIDE, EDGE = 0.16, 0.42, 0.2, 0.95, 0.12  # inches
PIXELS, DPI, COLOURS = 45, 150, 128
FRONT = np.array([0.80, 0.48, 0.36])  # the direction from which spheres are seen; component 2 points up


@dataclass(frozen=True)
class Figure:
    """What is drawn: the types by their names, the highest degree, and the size of an image in inches."""

    title: str
    types: dict[str, R.Representation]
    degree: int
    side: float


def reflection() -> Figure:
    """Scalars, sign-flip fields and regular fields of the reflection that flips the horizontal axis."""
    flip = G.Reflection(2)
    types = {"trivial": R.trivial(flip), "sign-flip": R.sign(flip), "regular": R.regular(flip)}
    return Figure("reflection", types, 2, 0.27)


def rotations() -> Figure:
    """Frequencies 0, 1, 2 of SO(2)."""
    return Figure("SO(2)", {f"frequency {k}": rep for k, rep in enumerate(R.irreps(G.SO(2), 2))}, 4, 0.31)


def space_rotations() -> Figure:
    """Degrees 0, 1, 2 of SO(3)."""
    return Figure("SO(3)", {f"degree {l}": rep for l, rep in enumerate(R.irreps(G.SO(3), 2))}, 4, 0.21)


def glyph(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Directions (n, n, d), the profile φ and the light (n, n) of an image; φ is NaN outside."""
    axis = (np.arange(PIXELS) - (PIXELS - 1) / 2) / (PIXELS / 2)
    down, right = np.meshgrid(axis, axis, indexing="ij")
    r = np.hypot(down, right)
    if d == 2:  # component 0 is the vertical axis, downwards
        profile = np.exp(-((r - 0.58) ** 2) / (2 * 0.17**2))
        return np.stack([down, right], -1) / np.maximum(r, 1e-9)[..., None], np.where(r < 1, profile, np.nan), r * 0 + 1
    front = np.sqrt(np.maximum(1 - (r / 0.94) ** 2, 0))
    u = np.stack([front, right / 0.94, -down / 0.94], -1)
    light = 0.62 + 0.38 * np.clip(u @ np.array([0.75, -0.35, 0.56]), 0, 1)
    forward = FRONT / np.linalg.norm(FRONT)
    right = np.cross([0, 0, 1], forward) / np.hypot(*forward[:2])
    u = u @ np.stack([forward, right, np.cross(forward, right)])
    return u / np.linalg.norm(u, axis=-1, keepdims=True), np.where(r < 0.94, 1.0, np.nan), light


def painted(kernel: np.ndarray, degree: int, d: int) -> np.ndarray:
    """A kernel C (dim out, dim in, harmonics) as one RGB image, scaled to its own largest value."""
    u, profile, light = glyph(d)
    values = np.einsum("oih,xyh->oixy", kernel, linalg.harmonics(u, degree)) * profile
    values = values / np.nanmax(np.abs(values))
    colours = colormaps["RdBu_r"](0.5 + 0.46 * np.nan_to_num(values))[..., :3] * light[..., None]
    colours = np.where(np.isnan(values)[..., None], 1.0, colours)
    rows, columns = kernel.shape[0] * PIXELS, kernel.shape[1] * PIXELS
    return colours.transpose(0, 2, 1, 3, 4).reshape(rows, columns, 3)


@dataclass(frozen=True)
class Kernel:
    """One angular part and where it stands in its cell, in inches."""

    degree: int
    image: np.ndarray
    left: float
    width: float
    height: float


def cell(figure: Figure, rho: R.Representation, tau: R.Representation) -> list[Kernel]:
    """All angular parts between two types, side by side."""
    found, left, d = [], 0.0, rho.group.dim
    for degree in range(figure.degree + 1):
        for maps in K.harmonic_covariants(rho, tau, degree):
            width, height = figure.side * rho.dim, figure.side * tau.dim
            found.append(Kernel(degree, painted(maps, degree, d), left, width, height))
            left += width + GAP
    return found


def draw(figure: Figure) -> Page:
    """The matrix of pairs of types: outputs down, inputs to the right."""
    names, reps = list(figure.types), list(figure.types.values())
    cells = [[cell(figure, rho, tau) for rho in reps] for tau in reps]
    widths = [max(max(sum(k.width + GAP for k in row[j]), 0.8) for row in cells) for j in range(len(reps))]
    heights = [HEAD + figure.side * tau.dim for tau in reps]
    page = Page(EDGE + SIDE + sum(widths) + BETWEEN * len(reps), 0.75 + sum(heights) + 0.3 * len(reps))
    page.text(EDGE, EDGE, f"Steerable kernels of {TITLES[figure.title]}", 10, weight="bold")
    x = EDGE + SIDE + np.concatenate([[0], np.cumsum(widths)]) + BETWEEN * np.arange(len(reps) + 1)
    y = 0.72 + np.concatenate([[0], np.cumsum(heights)]) + 0.3 * np.arange(len(reps) + 1)
    for name, left in zip(names, x, strict=False):
        page.text(left, 0.46, f"from {name}", 8.5, color=INK)
    for name, top, row in zip(names, y, cells, strict=False):
        page.text(EDGE, top + HEAD + 0.03, f"to {name}", 8.5, color=INK)
        for left, kernels in zip(x, row, strict=False):
            for kernel in kernels:
                place(page, kernel, left, top)
    return page


TITLES = {
    "reflection": "the reflection that flips the horizontal axis: angular degrees 0, 1, 2",
    "SO(2)": "SO(2): every angular part; the radial part of each is free",
    "SO(3)": "SO(3), on the sphere of directions: every angular part; the radial part of each is free",
}


def place(page: Page, kernel: Kernel, left: float, top: float) -> None:
    """Draw one kernel with its degree above it."""
    axes = page.axes(left + kernel.left, top + HEAD, kernel.width, kernel.height)
    axes.imshow(kernel.image, aspect="auto", interpolation="antialiased")
    middle = left + kernel.left + kernel.width / 2
    page.text(middle, top + HEAD - 0.04, str(kernel.degree), 6.5, ha="center", va="bottom", color=FAINT)


def save(page: Page, path: Path) -> None:
    """Write a PNG of few colours."""
    buffer = BytesIO()
    page.figure.savefig(buffer, dpi=DPI, metadata={"Software": None})
    image = Image.open(buffer).convert("RGB")
    image = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    image.save(path, optimize=True)


def main() -> None:
    """Draw all of them."""
    torch.set_num_threads(1)
    for name, figure in (("reflection", reflection()), ("so2", rotations()), ("so3", space_rotations())):
        save(draw(figure), IMAGES / f"basis-{name}.png")


if __name__ == "__main__":
    main()
