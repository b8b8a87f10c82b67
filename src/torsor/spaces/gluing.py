"""Spaces glued from rectangular charts of a lattice: the seams, and the geodesics that cross them.

A point of a chart has *corner coordinates* x ∈ [0, H] × [0, W], in lattice steps; pixel i lies at x = i - origin.
A seam says that a segment x₀x₁ of one side *is* a segment y₀y₁ of another. That determines the transition

    y = A x + t,   A (x₁ - x₀) = y₁ - y₀,   A ∈ Aut(lattice),

with A the one automorphism of the lattice that takes the inside of the first chart to the outside of the second.
Everything else follows: which pixel is seen from another one along a straight line, and in which frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from torsor.errors import SpaceError
from torsor.symbolic import Symbolic

SQUARE = ((1.0, 0.0), (0.0, 1.0))
"""The basis of the square lattice, vectors as columns."""
HEXAGONAL = ((1.0, -0.5), (0.0, 0.75**0.5))
"""A basis of the hexagonal lattice at 120°: the six neighbours are ±(1, 0), ±(0, 1), ±(1, 1)."""
CELLS = (-0.5, -0.5)
"""The origin of charts whose pixels are cells: none lies on a side."""
BESIDE = 1e-3
"""A geodesic is followed twice, this far to its left and to its right: at a cone point both disagree."""

Basis = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False, repr=False)
class Seam(Symbolic):
    """The segment from `start` to `stop` on a side of one chart is the one from `begin` to `end` on another's.

    Corner coordinates, integers from (0, 0) to (H, W).
    """

    chart: int
    start: tuple[int, int]
    stop: tuple[int, int]
    other: int
    begin: tuple[int, int]
    end: tuple[int, int]

    @staticmethod
    def of_sides(
        shape: tuple[int, int],
        chart: int,
        side: tuple[int, int],
        other: int,
        other_side: tuple[int, int],
        flip: bool = False,
    ) -> Seam:
        """A whole side (axis, 0 or 1 for its end) of one chart is a side of another, or runs against it (flip)."""
        a, b = _side(shape, side), _side(shape, other_side)
        return Seam(chart, *a, other, *(b[::-1] if flip else b))


class Crossing(NamedTuple):
    """One direction across a seam: from (chart, side) at corner coordinates low … high to y = A x + t in another."""

    chart: int
    axis: int
    high_end: bool
    low: int
    high: int
    other: int
    turn: int
    shift: np.ndarray


class Sight(NamedTuple):
    """What is seen from every pixel along every offset.

    Attributes:
        source: (pixels, offsets) the pixel at the end of the geodesic; -1 beyond a boundary, -2 behind a cone point.
        turn: (pixels, offsets) the index of A, from steps of the lattice here to steps there.
    """

    source: np.ndarray
    turn: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Gluing(Symbolic):
    """Charts of one shape, and the seams between them. Sides without a seam are a boundary.

    Args:
        charts: their number.
        shape: (H, W), pixels of every chart.
        seams: what is glued to what.
        lattice: the basis B of the lattice, vectors as columns, row after row.
        origin: corner coordinates of pixel (0, 0) are -origin: `CELLS`, or zeros for pixels on the sides (vertices).

    Raises:
        SpaceError: segments off the sides, of unequal length, glued twice, or that no automorphism of the lattice maps.
    """

    charts: int
    shape: tuple[int, int]
    seams: tuple[Seam, ...]
    lattice: Basis = SQUARE
    origin: tuple[float, float] = CELLS

    def __post_init__(self) -> None:
        if self.charts < 1 or len(self.shape) != 2 or min(self.shape) < 1:
            raise SpaceError(f"expected one chart or more of shape (H, W), got {self.charts} of {self.shape}")
        self._check_overlaps(self.crossings)

    @property
    def pixels(self) -> int:
        """The number of pixels of all charts."""
        return self.charts * self.shape[0] * self.shape[1]

    @property
    def basis(self) -> np.ndarray:
        """B, (2, 2)."""
        return np.array(self.lattice)

    @property
    def turns(self) -> np.ndarray:
        """The automorphisms of the lattice as integer matrices (k, 2, 2), the identity first."""
        return automorphisms(self.lattice)

    @cached_property
    def product(self) -> np.ndarray:
        """The index of A_i A_j, (k, k)."""
        return _index(self.turns, self.turns[:, None] @ self.turns)

    @cached_property
    def inverse(self) -> np.ndarray:
        """The index of A_i⁻¹, (k,)."""
        return np.argmax(self.product == 0, axis=1)

    @cached_property
    def elements(self) -> np.ndarray:
        """g_{p←q} = B A⁻¹ B⁻¹ ∈ O(2) of every automorphism A from p to q, (k, 2, 2)."""
        return self.basis @ self.turns[self.inverse] @ np.linalg.inv(self.basis)

    @cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """Both directions of every seam."""
        both = [(s, Seam(s.other, s.begin, s.end, s.chart, s.start, s.stop)) for s in self.seams]
        return tuple(self._crossing(seam) for pair in both for seam in pair)

    def coarsened(self, factor: int) -> Gluing:
        """The same space with pixels, and steps of the lattice, that are larger by a factor.

        Raises:
            SpaceError: the factor does not divide a side, or the place of a seam.
        """
        numbers = [*self.shape, *(x for s in self.seams for end in (s.start, s.stop, s.begin, s.end) for x in end)]
        if factor < 1 or any(x % factor for x in numbers):
            raise SpaceError(f"expected sides that a factor of {factor} divides, got charts of shape {self.shape}")

        def smaller(x: tuple[int, int]) -> tuple[int, int]:
            return x[0] // factor, x[1] // factor

        seams = tuple(
            Seam(s.chart, smaller(s.start), smaller(s.stop), s.other, smaller(s.begin), smaller(s.end))
            for s in self.seams
        )
        lattice: Basis = tuple(tuple(factor * x for x in row) for row in self.lattice)  # type: ignore[assignment]
        return Gluing(self.charts, smaller(self.shape), seams, lattice, self.origin)

    def _crossing(self, seam: Seam) -> Crossing:
        axis, end, low, high = self._segment(seam.chart, seam.start, seam.stop)
        other_axis, other_end, _, _ = self._segment(seam.other, seam.begin, seam.end)
        along, image = np.subtract(seam.stop, seam.start), np.subtract(seam.end, seam.begin)
        outward = np.eye(2, dtype=int)[axis] * (1 if end else -1)
        moved = self.turns @ outward
        inside = (moved[:, other_axis] < 0) == other_end  # from out of one chart into the other
        fits = np.flatnonzero(inside & (self.turns @ along == image).all(-1))
        if len(fits) != 1:
            raise SpaceError(
                f"no automorphism of the lattice {self.lattice} takes the segment {seam.start} … {seam.stop} of chart "
                f"{seam.chart} to {seam.begin} … {seam.end} of chart {seam.other}; glue segments of equal length"
            )
        turn = self.turns[fits[0]]
        shift = np.subtract(seam.begin, turn @ np.array(seam.start))
        offset = turn @ np.array(self.origin) - np.array(self.origin)
        if np.abs(offset - np.rint(offset)).max() > 1e-9:
            raise SpaceError(f"the pixels of chart {seam.chart} do not meet those of chart {seam.other}")
        return Crossing(seam.chart, axis, end, low, high, seam.other, int(fits[0]), shift)

    def _segment(self, chart: int, start: tuple[int, int], stop: tuple[int, int]) -> tuple[int, bool, int, int]:
        """(axis, whether it is the high end, low, high) of a segment of a side."""
        for axis in range(2):
            other = 1 - axis
            low, high = sorted((start[other], stop[other]))
            on_side = start[axis] == stop[axis] in (0, self.shape[axis])
            if on_side and 0 <= low < high <= self.shape[other] and 0 <= chart < self.charts:
                return axis, start[axis] > 0, low, high
        raise SpaceError(
            f"expected a segment of a side of one of {self.charts} charts with corners (0, 0) … {self.shape}, got "
            f"{start} … {stop} of chart {chart}"
        )

    def _check_overlaps(self, crossings: tuple[Crossing, ...]) -> None:
        for i, a in enumerate(crossings):
            for b in crossings[:i]:
                if a[:3] == b[:3] and a.low < b.high and b.low < a.high:
                    raise SpaceError(f"a part of side {a.axis, int(a.high_end)} of chart {a.chart} is glued twice")


@lru_cache(maxsize=32)
def automorphisms(lattice: Basis) -> np.ndarray:
    """The integer matrices A with B A B⁻¹ ∈ O(2): 8 of the square lattice, 12 of the hexagonal one."""
    basis = np.array(lattice)
    if basis.shape != (2, 2) or np.linalg.det(basis) < 1e-9:
        raise SpaceError(f"expected a basis of the plane with a positive determinant, got {lattice}")
    found = np.array([np.reshape(entries, (2, 2)) for entries in product((1, 0, -1), repeat=4)])
    moved = basis @ found @ np.linalg.inv(basis)
    found = found[np.abs(moved @ moved.swapaxes(1, 2) - np.eye(2)).max((1, 2)) < 1e-9]
    return np.array(sorted(found.tolist(), key=lambda a: a != [[1, 0], [0, 1]]))


@lru_cache(maxsize=64)
def sights(gluing: Gluing, offsets: tuple[tuple[int, int], ...]) -> Sight:
    """What is seen from every pixel, along straight lines: the exponential map of the flat metric.

    A line is followed on both sides of it. Where both see the same, it is unambiguous; where they do not, a cone point
    (or the end of a boundary) lies on it, and geodesics end there.
    """
    rows, columns = gluing.shape
    chart, i, j = (x.ravel() for x in np.indices((gluing.charts, rows, columns)))
    steps = np.array(offsets, dtype=int).reshape(-1, 2)
    end = np.stack([i, j], -1)[:, None] + steps
    inside = ((end >= 0) & (end < gluing.shape)).all(-1)
    source, turn = (chart[:, None] * rows + end[..., 0]) * columns + end[..., 1], np.zeros(inside.shape, dtype=int)
    start = np.stack([i, j], -1)[:, None] - np.array(gluing.origin)
    along = (end - np.array(gluing.origin) == start) & ((start == 0) | (start == gluing.shape))
    p, k = np.nonzero(~inside | (along.any(-1) & steps.any(-1)))  # lines on a side may meet a cone point
    x = start[p, 0]
    left, right = (_follow(gluing, chart[p], x, steps[k].astype(float), side) for side in (1.0, -1.0))
    beyond = along[p, k].any(-1) & ((left[0] == -1) != (right[0] == -1))  # along a boundary: one side of it is nowhere
    left = tuple(np.where(beyond & (left[0] == -1), b, a) for a, b in zip(left, right, strict=True))
    source[p, k] = np.where(beyond | ((left[0] == right[0]) & (left[1] == right[1])), left[0], -2)
    turn[p, k] = left[1]
    return Sight(source, turn)


def _follow(gluing: Gluing, chart: np.ndarray, x: np.ndarray, d: np.ndarray, side: float) -> tuple[np.ndarray, ...]:
    """(pixel, turn) at x + d, along the parallel line beside it; pixel -1 if a boundary is crossed."""
    beside = side * BESIDE * d[:, ::-1] * [-1, 1] / np.linalg.norm(d, axis=-1, keepdims=True)
    chart, x, d, turn = chart.copy(), x + beside, d.copy(), np.zeros(len(x), dtype=int)
    alive = np.ones(len(x), dtype=bool)
    while True:
        part, axis, high = _exits(x, d, gluing.shape)
        moving = np.flatnonzero(alive & (part < 1))
        if not len(moving):
            break
        y, rest = x[moving] + part[moving, None] * d[moving], (1 - part[moving, None]) * d[moving]
        alive[moving] = _cross(gluing, moving, axis[moving], high[moving], y, rest, chart, x, d, turn)
    end = x + d
    return _owner(gluing, alive, chart, end, turn)


def _exits(x: np.ndarray, d: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which part of d leads out of the rectangle, across which axis, and whether at its high end."""
    size = np.array(shape, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(x < -BESIDE / 1000, 0.0, np.where(d < 0, -x / d, np.inf))
        high = np.where(x > size + BESIDE / 1000, 0.0, np.where(d > 0, (size - x) / d, np.inf))
    parts = np.concatenate([low, high], axis=-1).clip(min=0)
    first = parts.argmin(-1)
    return parts.min(-1), first % 2, first >= 2


def _cross(
    gluing: Gluing,
    index: np.ndarray,
    axis: np.ndarray,
    high: np.ndarray,
    y: np.ndarray,
    rest: np.ndarray,
    chart: np.ndarray,
    x: np.ndarray,
    d: np.ndarray,
    turn: np.ndarray,
) -> np.ndarray:
    """Move the lines of an index, which stand at y on a side, into the next chart, in place; False at a boundary."""
    crossed, here, along = np.zeros(len(index), dtype=bool), chart[index], y[np.arange(len(y)), 1 - axis]
    for c in gluing.crossings:
        on = ~crossed & (here == c.chart) & (axis == c.axis) & (high == c.high_end)
        on &= (along >= c.low) & (along <= c.high)
        at, a = index[on], gluing.turns[c.turn]
        x[at], d[at] = y[on] @ a.T + c.shift, rest[on] @ a.T
        chart[at], turn[at] = c.other, gluing.product[c.turn, turn[at]]
        crossed |= on
    return crossed


def _owner(
    gluing: Gluing, alive: np.ndarray, chart: np.ndarray, end: np.ndarray, turn: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The pixel at each end, and the turn there: a point on a side belongs to one of the charts that share it."""
    origin, still = np.array(gluing.origin), np.zeros_like(end)
    end = np.rint(end + origin) - origin
    for _ in range(8):
        index = np.rint(end + origin).astype(int)
        below, above = index < 0, index >= np.array(gluing.shape)
        lost = np.flatnonzero(alive & (below | above).any(-1))
        if not len(lost):
            break
        axis = (below | above)[lost].argmax(-1)
        high = above[lost, axis]
        alive[lost] = _cross(gluing, lost, axis, high, end[lost], still[lost], chart, end, still, turn)
    index = np.rint(end + origin).astype(int)
    inside = alive & ((index >= 0) & (index < np.array(gluing.shape))).all(-1)
    pixel = (chart * gluing.shape[0] + index[:, 0]) * gluing.shape[1] + index[:, 1]
    return np.where(inside, pixel, -1), np.where(inside, turn, 0)


def _index(turns: np.ndarray, a: np.ndarray) -> np.ndarray:
    """The places of automorphisms (..., 2, 2) in the list of them."""
    return (a[..., None, :, :] == turns).all((-1, -2)).argmax(-1)


def _side(shape: tuple[int, int], side: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The corners of a side (axis, end), in ascending order."""
    axis, end = side
    if axis not in (0, 1) or end not in (0, 1):
        raise SpaceError(f"expected a side (axis, end) with both 0 or 1, got {side}")
    low, high = [0, 0], list(shape)
    low[axis] = high[axis] = end * shape[axis]
    return (low[0], low[1]), (high[0], high[1])


def unit_steps(gluing: Gluing) -> tuple[tuple[int, int], ...]:
    """The images of both basis vectors under the automorphisms of the lattice: four neighbours, or six."""
    images = np.concatenate([gluing.turns[:, :, 0], gluing.turns[:, :, 1]])
    return tuple((int(a), int(b)) for a, b in np.unique(images, axis=0))


def symmetries(gluing: Gluing, masked: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All automorphisms ψ of the pixels that keep neighbours, frames up to allowed turns, and transport.

    An automorphism is known once ψ(base) and the turn L: T_base → T_ψ(base) are: along a step δ from p,
    ψ(p + δ) = ψ(p) + L_p δ and L_{p+δ} = A' L_p A⁻¹ with the transitions A and A' of both steps. So it is extended
    along a tree that spans all pixels, and kept if every edge agrees.

    Args:
        gluing: the charts.
        masked: (pixels,) bool, the pixels that are cone points.
        allowed: (turns,) bool, the turns that the structure group contains.

    Returns:
        ψ (m, pixels), and the index of L (m, pixels); the identity first. Masked pixels, which are no points, stay.

    Raises:
        SpaceError: pixels that no path joins.
    """
    steps = unit_steps(gluing)
    sight = sights(gluing, steps)
    gone = (sight.source < 0) | masked[sight.source] | masked[:, None]
    following = np.where(gone, -1, sight.source)
    images = gluing.turns @ np.array(steps).T  # (turns, 2, steps)
    moved = (images.swapaxes(1, 2)[:, :, None] == np.array(steps)).all(-1).argmax(-1)
    _, kind, counts = np.unique(gone.sum(1), return_inverse=True, return_counts=True)  # a rare kind: fewer images
    base = int(np.where(masked, len(masked) + 1, counts[kind]).argmin())
    starts, turns = np.flatnonzero(~masked & (kind == kind[base])), np.flatnonzero(allowed)
    psi = np.full((len(starts) * len(turns), len(masked)), -1, dtype=np.int32)
    lin = np.zeros(psi.shape, dtype=np.int8)
    psi[:, base], lin[:, base] = np.repeat(starts, len(turns)), np.tile(turns, len(starts))
    for child, parent, step in _tree(following, masked, base):
        image, turn = _image(gluing, sight, following, moved, psi[:, parent], lin[:, parent], parent, step)
        kept = (image >= 0).all(1) & allowed[turn].all(1)
        psi, lin = psi[kept], lin[kept]
        psi[:, child], lin[:, child] = image[kept], turn[kept]
    kept = np.ones(len(psi), dtype=bool)
    for k in range(len(steps)):
        p = np.flatnonzero(~masked)
        q = following[p, k]
        image, turn = _image(gluing, sight, following, moved, psi[:, p], lin[:, p], p, np.full(len(p), k))
        same = np.where(q < 0, image < 0, (image == psi[:, q]) & (turn == lin[:, q]))
        kept &= same.all(1)
    psi, lin = psi[kept].astype(int), lin[kept].astype(int)
    psi[:, masked] = np.flatnonzero(masked)
    return psi, lin


def _image(
    gluing: Gluing,
    sight: Sight,
    following: np.ndarray,
    moved: np.ndarray,
    psi: np.ndarray,
    lin: np.ndarray,
    p: np.ndarray,
    step: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(ψ(p + δ), L_{p+δ}) from ψ(p) and L_p, (m, n) each."""
    turned = moved[lin, step]
    there = gluing.product[sight.turn[psi, turned], lin]
    return following[psi, turned], gluing.product[there, gluing.inverse[sight.turn[p, step]]]


def _tree(following: np.ndarray, masked: np.ndarray, base: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Waves (child, parent, step) of a tree of steps from the base to all pixels but masked ones."""
    seen, front, waves = np.zeros(len(masked), dtype=bool), np.array([base]), []
    seen[base] = True
    while len(front):
        parent, step = np.nonzero(following[front] >= 0)
        parent = front[parent]
        child, first = np.unique(following[parent, step], return_index=True)
        new = ~seen[child]
        child, parent, step = child[new], parent[first][new], step[first][new]
        seen[child] = True
        if len(child):
            waves.append((child, parent, step))
        front = child
    lost = int((~seen & ~masked).sum())
    if lost:
        raise SpaceError(f"expected charts that are joined, got {lost} pixels without a path from the first")
    return waves
