"""The padding of glued charts: where every pixel of the margin comes from, and how it is turned."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from torsor.spaces.gluing import Gluing, sights

Offsets = tuple[tuple[int, int], ...]
"""Lattice steps from a pixel."""


class Padding(NamedTuple):
    """Where the pixels of the padded charts come from.

    Columns 0 … P - 1 are the pixels of all charts, column P is zero, and further ones are pixels that are transported:
    those of `sources[k]` across `turns[k]`, in this order.

    Attributes:
        margin: pixels on both sides of each axis.
        beyond: on both sides of each axis how many zeros come on top, where all sides are a boundary.
        border: (charts, n) columns of the pixels of the margin: rows above, rows below, left, right.
        turns: indices of the transitions A other than 1, by which pixels are carried.
        sources: for each the pixels that it carries.
        target: (E,) pixels of which one neighbour is not what stands in the padding (near cone points).
        tap: (E,) which offset leads there.
        column: (E,) what is there in truth.
        place: (E,) where the padded charts, flat, have something else.
    """

    margin: tuple[int, int]
    beyond: tuple[int, int]
    border: torch.Tensor
    turns: tuple[int, ...]
    sources: tuple[torch.Tensor, ...]
    target: torch.Tensor
    tap: torch.Tensor
    column: torch.Tensor
    place: torch.Tensor

    def to(self, device: torch.device) -> Padding:
        """The padding on a device."""
        return Padding(
            self.margin,
            self.beyond,
            self.border.to(device),
            self.turns,
            tuple(s.to(device) for s in self.sources),
            *(x.to(device) for x in self[5:]),
        )


@lru_cache(maxsize=64)
def build_padding(gluing: Gluing, masked: tuple[int, ...], offsets: Offsets, transports: bool) -> Padding:
    """The padding for a kernel with the given offsets, from the lines of sight along them."""
    (rows, columns), charts, turns = gluing.shape, gluing.charts, len(gluing.turns)
    a, b = (int(m) for m in np.abs(np.array(offsets)).max(0))
    hidden = np.zeros(gluing.pixels + 1, dtype=bool)
    hidden[list(masked)] = True
    sight = sights(gluing, offsets)
    seen = (sight.source >= 0) & ~hidden[sight.source]
    content = np.where(seen, sight.source * turns + (sight.turn if transports else 0), -1)
    chart, i, j = (x.ravel()[:, None] for x in np.indices((charts, rows, columns)))
    step = np.array(offsets)
    place = (chart * (rows + 2 * a) + i + step[:, 0] + a) * (columns + 2 * b) + j + step[:, 1] + b
    p, k = np.nonzero(~hidden[:-1, None] & np.ones(len(offsets), dtype=bool))
    content, place = content[p, k], place[p, k]
    whole = np.full((charts, rows + 2 * a, columns + 2 * b), -1)
    most_frequent(whole.reshape(-1), place, content)
    inner = np.where(hidden[:-1], -1, np.arange(gluing.pixels) * turns).reshape(charts, rows, columns)
    whole[:, a : a + rows, b : b + columns] = inner
    wrong = whole.reshape(-1)[place] != content
    empty = [not wrong.any() and (side < 0).all() for side in (_outside(whole, a, 1), _outside(whole, b, 2))]
    beyond = (a * bool(empty[0]), b * bool(empty[1]))
    whole = whole[:, beyond[0] : a + rows + a - beyond[0], beyond[1] : b + columns + b - beyond[1]]
    a, b = a - beyond[0], b - beyond[1]
    sides = (whole[:, :a], whole[:, a + rows :], whole[:, a : a + rows, :b], whole[:, a : a + rows, b + columns :])
    border = np.concatenate([side.reshape(charts, -1) for side in sides], axis=1)
    needed = np.unique(np.concatenate([border.ravel(), content[wrong]]))
    needed = needed[(needed >= 0) & (needed % turns > 0)]
    needed = needed[np.argsort(needed % turns, kind="stable")]
    kinds = np.unique(needed % turns)

    def column(content: np.ndarray) -> torch.Tensor:
        order = np.argsort(needed)
        plain = np.where(content < 0, gluing.pixels, content // turns)
        carried = (content >= 0) & (content % turns > 0)
        plain[carried] = gluing.pixels + 1 + order[np.searchsorted(needed[order], content[carried])]
        return torch.from_numpy(plain)

    return Padding(
        margin=(a, b),
        beyond=beyond,
        border=column(border),
        turns=tuple(kinds.tolist()),
        sources=tuple(torch.from_numpy(needed[needed % turns == kind] // turns) for kind in kinds),
        target=torch.from_numpy(p[wrong]),
        tap=torch.from_numpy(k[wrong]),
        column=column(content[wrong]),
        place=torch.from_numpy(place[wrong]),
    )


def _outside(whole: np.ndarray, margin: int, axis: int) -> np.ndarray:
    """The margins at both ends of an axis."""
    size = whole.shape[axis]
    return whole.take([*range(margin), *range(size - margin, size)], axis)


def most_frequent(out: np.ndarray, place: np.ndarray, value: np.ndarray) -> None:
    """Set out[place], in place, to the value that occurs most often there."""
    pairs, counts = np.unique(np.stack([place, value]), axis=1, return_counts=True)
    order = np.argsort(counts, kind="stable")
    out[pairs[0, order]] = pairs[1, order]
