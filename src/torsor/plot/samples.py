"""Where kernels are evaluated for a drawing: finely for continuous families, on the lattice for others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from torsor.errors import KernelError
from torsor.groups import Group
from torsor.kernels import BasisSpec, Harmonic, Stencil

FINE = {1: 241, 2: 61}
"""Samples along an axis of a continuous kernel."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Points of evaluation.

    Attributes:
        points: tangent vectors v, (n, d), first axis slowest.
        shape: of the grid that they form.
        half: half the extent of the drawing along every axis, in physical units.
        cell: of a lattice that is not rectangular, the corners (k, d) of its cell about the origin.
    """

    points: np.ndarray
    shape: tuple[int, ...]
    half: tuple[float, ...]
    cell: np.ndarray | None = None


def sampled(spec: BasisSpec, group: Group) -> Samples:
    """The points at which a kernel of a group is drawn.

    Raises:
        KernelError: a space of three or more dimensions.
    """
    d = group.dim
    if d not in FINE:
        raise KernelError(f"kernels on 1 and 2 dimensions are drawn, {group} acts on {d}")
    if isinstance(spec, Harmonic):
        return _fine(spec, d)
    offsets = spec.offsets(d)
    if isinstance(spec, Stencil) and spec.lattice is not None and d == 2:
        corners = voronoi_cell(spec.basis(d))
        half = np.abs(offsets).max(0) + np.abs(corners).max(0)
        return Samples(offsets, spec.sizes(d), tuple(half), corners)
    half = tuple(np.abs(offsets).max(0) + _spacing(offsets) / 2)
    return Samples(offsets, spec.sizes(d), half)


def _fine(spec: Harmonic, d: int) -> Samples:
    """Pixel centres of a fine image, exactly symmetric about the origin, up to where the taper ends."""
    sizes = (spec.size,) * d if isinstance(spec.size, int) else spec.size
    half = tuple(float(h) for h in (np.array(sizes) + 1) / 2 * np.broadcast_to(spec.spacing, d))
    n = FINE[d]
    axes = [(np.arange(n) - (n - 1) / 2) * (2 * h / n) for h in half]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
    return Samples(points, (n,) * d, half)


def _spacing(offsets: np.ndarray) -> np.ndarray:
    """The distance of neighbours along every axis, (d,); 1 along an axis of one sample."""
    steps = [np.diff(np.unique(np.round(axis, 9))) for axis in offsets.T]
    return np.array([s.min() if len(s) else 1.0 for s in steps])


def voronoi_cell(basis: np.ndarray) -> np.ndarray:
    """The corners of the points of the plane nearest to the origin of a lattice, in order: (k, 2)."""
    size = np.abs(basis).sum()
    polygon = size * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    for i in range(-3, 4):
        for j in range(-3, 4):
            if i or j:
                polygon = _clip(polygon, basis @ np.array([i, j]))
    return polygon


def _clip(polygon: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The part of a convex polygon with ⟨x, a⟩ ≤ |a|²/2."""
    depth = polygon @ normal - normal @ normal / 2
    kept = []
    for p, q, a, b in zip(polygon, np.roll(polygon, -1, 0), depth, np.roll(depth, -1), strict=True):
        if a <= 1e-12:
            kept.append(p)
        if (a < -1e-12 and b > 1e-12) or (a > 1e-12 and b < -1e-12):
            kept.append(p + (q - p) * a / (a - b))
    return np.array(kept)
