"""A chart of a manifold with a metric, Riemannian or Lorentzian, and a frame of a G-structure at every sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.utils import _pytree

from torsor.errors import SpaceError
from torsor.groups import Group
from torsor.spaces.geodesics import logarithm
from torsor.spaces.metrics import Metric, orthonormal_frames
from torsor.spaces.neighbours import Neighbours, by_target

Edges = tuple[torch.Tensor, ...]
"""(p, q, log_p(q), |det ∂ log_p(q)/∂q|, transport from q to p), all in coordinates."""


@dataclass(frozen=True, eq=False, repr=False)
class Chart:
    """Samples of one chart: coordinates x, a frame e at each, and the edges of the convolution

        f_out(p) = Σ_q K(v) ρ(g_{p←q}) f(q) w,   v = e_p⁻¹ log_p(q),   g_{p←q} = e_p⁻¹ P_{p←q} e_q,   w = dq / J

    with the exponential map and the parallel transport P of the metric (Levi-Civita), and w = |det ∂v/∂q| times the
    cell of q. `Chart.grid` lays the samples on a grid of the coordinates and chooses frames; `gauged` changes them.

    Balls of a Lorentzian metric are not compact: neighbours are the samples in a window of the coordinates, which
    depends on the chart but on no gauge. Features are (samples, channels).

    Attributes:
        positions: (n, d) coordinates, float64.
        frames: (n, d, d), vectors in columns, orthonormal: eᵀ g e = η.
        cells: (n,) volumes of the cells in coordinates.
        metric: g_ij(x).
        group: the structure group; a subgroup of that of η.
        window: half the sides of the box in which neighbours lie, (d,) in coordinates.
        periods: the period of every coordinate; 0 of those that are not periodic.

    Raises:
        SpaceError: shapes that do not fit, frames that are not orthonormal, or a group that does not keep η.
    """

    positions: torch.Tensor
    frames: torch.Tensor
    cells: torch.Tensor
    metric: Metric
    group: Group
    window: tuple[float, ...]
    periods: tuple[float, ...]
    _cache: dict[Any, Any] = field(default_factory=dict, init=False)
    _geodesics: list[Edges] = field(default_factory=list, init=False)  # in coordinates: all gauges share them

    def __post_init__(self) -> None:
        n, d = len(self.positions), self.metric.dim
        shapes = {"positions": (n, d), "frames": (n, d, d), "cells": (n,)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if tuple(value.shape) != shape or not bool(value.isfinite().all()):
                raise SpaceError(f"expected finite {name} of shape {shape}, got {tuple(value.shape)}")
        if self.group.dim != d or len(self.window) != d or len(self.periods) != d:
            raise SpaceError(f"expected a group, a window and periods in {d} dimensions, got {self.group}")
        if self.group.algebra_array.shape[-1] != d:
            raise SpaceError(
                f"expected a group of matrices ({d}, {d}), got {self.group}, which also acts on fields only"
            )
        eta = self.metric.eta()
        a, g = (torch.as_tensor(self.group.action(x.numpy())) for x in (self.group.algebra, self.group.generators))
        if max(_largest(a.mT @ eta + eta @ a), _largest(g.mT @ eta @ g - eta)) > 1e-9:
            raise SpaceError(
                f"expected a structure group of the metric of signature {self.metric.signature}, a subgroup of "
                f"O{self.metric.signature}; {self.group} does not keep it"
            )
        gram = self.frames.mT @ self.metric(self.positions) @ self.frames
        if _largest(gram - eta) > 1e-8 * (1 + float(self.frames.abs().max()) ** 2):
            raise SpaceError(f"expected frames with eᵀ g e = η, got an error of {_largest(gram - eta):.1e}")

    @staticmethod
    def grid(
        metric: Metric,
        group: Group,
        lower: Sequence[float],
        upper: Sequence[float],
        shape: Sequence[int],
        *,
        window: int = 2,
        periodic: Sequence[bool] | None = None,
    ) -> Chart:
        """The centres of the cells of a box of coordinates, with frames by Gram–Schmidt of the coordinate vectors.

        Args:
            metric: g_ij(x).
            group: the structure group.
            lower: of the box, one number a coordinate.
            upper: of the box.
            shape: numbers of cells; the first coordinate is the slowest.
            window: neighbours are at most so many cells away in every coordinate.
            periodic: which coordinates close up; the metric must have their period.

        Raises:
            SpaceError: lengths that do not fit, an empty box, or a window below 1.
        """
        d = metric.dim
        periodic = [False] * d if periodic is None else list(periodic)
        if {len(lower), len(upper), len(shape), len(periodic)} != {d}:
            raise SpaceError(f"expected {d} numbers lower, upper, shape and periodic, one a coordinate")
        sides = [(b - a) / n if n > 0 else 0.0 for a, b, n in zip(lower, upper, shape, strict=True)]
        if min(sides) <= 0 or window < 1:
            raise SpaceError(f"expected lower < upper, cells and a window of at least 1, got {lower}, {upper}, {shape}")
        axes = [a + s * (torch.arange(n) + 0.5).double() for a, s, n in zip(lower, sides, shape, strict=True)]
        x = torch.cartesian_prod(*axes).view(-1, d)
        cells = torch.full((len(x),), float(torch.tensor(sides, dtype=torch.float64).prod()), dtype=torch.float64)
        reach = tuple((window + 0.5) * s for s in sides)
        periods = tuple(float(b - a) if p else 0.0 for a, b, p in zip(lower, upper, periodic, strict=True))
        if any(p and 2 * r >= p for p, r in zip(periods, reach, strict=True)):
            raise SpaceError(f"expected a window of less than half a period, got {window} cells of {tuple(shape)}")
        return Chart(x, orthonormal_frames(metric, x), cells, metric, group, reach, periods)

    @property
    def dim(self) -> int:
        """d, the dimension of the manifold."""
        return self.metric.dim

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return f"Chart({len(self)} samples, {self.metric}, {self.group})"

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Chart:
        """The chart itself: geometry is computed in float64, graphs take the dtype of the features."""
        return self

    def gauged(self, g: torch.Tensor) -> Chart:
        """The same manifold in the frames e g⁻¹, for elements g (n, d, d) of the structure group, one a sample.

        Coefficients of a field become ρ(g) f, see `Field.gauged`.

        Raises:
            SpaceError: shapes that do not fit, or elements outside the group.
        """
        if g.shape[:1] != self.positions.shape[:1] or not bool(self.group.contains(g).all()):
            raise SpaceError(f"expected {len(self)} elements of {self.group}, one a sample, got shape {tuple(g.shape)}")
        action = self.group.action(g.double())
        chart = replace(self, frames=self.frames @ torch.linalg.inv(action))
        object.__setattr__(chart, "_geodesics", self._geodesics)
        return chart

    def neighbours(
        self, radius: float | None = None, *, k: int | None = None, target: Any = None, norm: str = "sum"
    ) -> Neighbours:
        """The edges of all pairs in each other's window, computed once.

        Args:
            radius: of a Riemannian metric: pairs of at most that distance. Lorentzian metrics have no balls: it is not
                used, the window of the chart is.
            k: not supported.
            target: not supported; the samples themselves.
            norm: "sum", the weights w approximate dv; "mean", they are divided by their sum at every target.

        Raises:
            SpaceError: k or a target is given, an unknown norm, or pairs without a geodesic.
        """
        if k is not None or target is not None or norm not in ("sum", "mean"):
            raise SpaceError('a chart has neighbours by window and radius, among its own samples, norm "sum" or "mean"')
        radius = None if 0 not in self.metric.signature else radius
        if (radius, norm) not in self._cache:
            with torch.inference_mode(False), torch.no_grad():
                self._cache[radius, norm] = self._graph(radius, norm)
        return self._cache[radius, norm]

    def _graph(self, radius: float | None, norm: str) -> Neighbours:
        if not self._geodesics:
            self._geodesics.append(self._connect())
        p, q, u, jacobian, transport = self._geodesics[0]
        inverse = torch.linalg.inv(self.frames)
        v = torch.einsum("eij,ej->ei", inverse[p], u)
        weight = jacobian * torch.linalg.det(inverse[p]).abs() * self.cells[q]
        g = inverse[p] @ transport @ self.frames[q]
        if radius is not None:
            near = v.norm(dim=-1) <= radius * (1 + 1e-9)
            p, q, v, weight, g = p[near], q[near], v[near], weight[near], g[near]
        if norm == "mean":
            weight = weight / torch.zeros(len(self), dtype=weight.dtype).index_add(0, p, weight)[p]
        order = by_target(p, q)
        return Neighbours(p[order], q[order], v[order], weight[order], len(self), len(self), g=g[order])

    def _connect(self) -> Edges:
        p, q, step = self._pairs()
        x = self.positions[p]
        return p, q, *logarithm(self.metric, x, x + step)

    def _pairs(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(p, q, x_q - x_p) within the window, the difference the short way round a period."""
        periods = torch.tensor(self.periods, dtype=torch.float64)
        step = self.positions[None] - self.positions[:, None]
        step = step - periods * torch.where(periods > 0, step / periods.clamp(min=1e-300), 0).round()
        p, q = (step.abs() <= torch.tensor(self.window, dtype=torch.float64)).all(-1).nonzero(as_tuple=True)
        return p, q, step[p, q]


def _largest(x: torch.Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0


def _flatten(chart: Chart) -> tuple[list[Any], tuple[Any, ...]]:
    return [chart.positions, chart.frames, chart.cells], (chart.metric, chart.group, chart.window, chart.periods)


def _unflatten(children: Any, context: tuple[Any, ...]) -> Chart:
    """Without the checks, which read values: the leaves may be abstract."""
    chart = object.__new__(Chart)
    names = ("positions", "frames", "cells", "metric", "group", "window", "periods", "_cache", "_geodesics")
    for name, value in zip(names, (*children, *context, {}, []), strict=True):
        object.__setattr__(chart, name, value)
    return chart


_pytree.register_pytree_node(Chart, _flatten, _unflatten, serialized_type_name="torsor.Chart")
