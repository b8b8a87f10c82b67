"""A chart of a manifold with a metric, Riemannian or Lorentzian, and a frame of a G-structure at every sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from torsor.errors import SpaceError, is_count
from torsor.groups import Group
from torsor.spaces.edges import Edges
from torsor.spaces.geodesics import logarithm
from torsor.spaces.manifold import Manifold
from torsor.spaces.metrics import Metric, check_values, orthonormal_frames
from torsor.spaces.structure import check_group, volume


class Chart(Manifold):
    """Samples of one chart: coordinates x, and a frame e at each, with e_p⁻¹ log_p(q) and e_p⁻¹ P_{p←q} e_q as edges.

    The exponential map and the parallel transport P (Levi-Civita) are those of the metric. `Chart.grid` lays the
    samples on a grid of the coordinates and chooses frames.

    Balls of a Lorentzian metric are not compact: neighbours are the samples in a window of the coordinates, which
    depends on the chart but on no gauge. With a Riemannian metric a radius selects among them, up to what the window
    holds (`covered`).

    Args:
        positions: (n, d) coordinates, float64.
        frames: (n, d, d), vectors in columns, orthonormal: eᵀ g e = η.
        cells: (n,) volumes of the cells in coordinates; `volumes` are those of the metric.
        metric: g_ij(x).
        group: the structure group; a subgroup of that of η.
        window: half the sides of the box in which neighbours lie, (d,) in coordinates.
        periods: the period of every coordinate; 0 of those that are not periodic.

    Raises:
        SpaceError: shapes that do not fit, frames that are not orthonormal, or a group that does not keep η.
    """

    def __init__(
        self,
        positions: torch.Tensor,
        frames: torch.Tensor,
        cells: torch.Tensor,
        metric: Metric,
        group: Group,
        window: tuple[float, ...],
        periods: tuple[float, ...],
    ) -> None:
        _check_metric(metric)
        check_group(group)
        positions, d = torch.as_tensor(positions).double(), metric.dim
        if group.dim != d or len(window) != d or len(periods) != d or positions.shape[1:] != (d,):
            raise SpaceError(f"expected positions, a group, a window and periods in {d} dimensions, got {group}")
        if group.algebra_array.shape[-1] != d:
            raise SpaceError(f"expected a group of matrices ({d}, {d}), got {group}, which also acts on fields only")
        if any(p and 2 * w >= p for p, w in zip(periods, window, strict=True)):
            raise SpaceError(f"expected a window of less than half a period, got {window} and periods {periods}")
        check_values(metric, positions)
        self.metric, self.window, self.periods = metric, tuple(window), tuple(periods)
        super().__init__(positions, frames, cells, group)
        self._check_group()
        self._check_periods()

    def _check_group(self) -> None:
        eta = self.metric.eta()
        a, g = (torch.as_tensor(self.group.action(x.numpy())) for x in (self.group.algebra, self.group.generators))
        if max(_largest(a.mT @ eta + eta @ a), _largest(g.mT @ eta @ g - eta)) > 1e-9:
            raise SpaceError(
                f"expected a structure group of the metric of signature {self.metric.signature}, a subgroup of "
                f"O{self.metric.signature}; {self.group} does not keep it"
            )

    def _check_periods(self) -> None:
        here = self.metric(self.positions)
        for axis, period in enumerate(self.periods):
            step = torch.zeros(self.dim, dtype=torch.float64, device=here.device)
            step[axis] = period
            change = _largest(self.metric(self.positions + step) - here)
            if change > 1e-4 * _largest(here):
                raise SpaceError(
                    f"expected a metric with the period {period:g} of coordinate {axis}, but one period further "
                    f"g differs by {change:.2g}; without the period it takes periodic=False there"
                )

    def _check_frames(self) -> None:
        super()._check_frames()
        eta = self.metric.eta().to(self.frames)
        gram = self.frames.mT @ self.metric(self.positions) @ self.frames
        if _largest(gram - eta) > 1e-6 * (1 + float(self.frames.abs().max()) ** 2):
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
        _check_metric(metric)
        d = metric.dim
        given = (lower, upper, shape, [False] * d if periodic is None else periodic)
        if any(not hasattr(x, "__len__") or len(x) != d for x in given):
            raise SpaceError(f"expected {d} numbers lower, upper, shape and periodic, one a coordinate, got {given}")
        low, high, numbers, closed = (np.asarray(x).tolist() for x in given)
        if not all(map(is_count, numbers)) or not is_count(window):
            raise SpaceError(f"expected whole numbers of cells and a window of at least 1, got {numbers}, {window}")
        sides = [(b - a) / n for a, b, n in zip(low, high, numbers, strict=True)]
        if min(sides) <= 0:
            raise SpaceError(f"expected lower < upper, got {low}, {high}")
        axes = [a + s * (torch.arange(n) + 0.5).double() for a, s, n in zip(low, sides, numbers, strict=True)]
        x = torch.cartesian_prod(*axes).view(-1, d)
        cells = torch.full((len(x),), float(torch.tensor(sides, dtype=torch.float64).prod()), dtype=torch.float64)
        reach = tuple((window + 0.5) * s for s in sides)
        periods = tuple(float(b - a) if p else 0.0 for a, b, p in zip(low, high, closed, strict=True))
        if any(p and 2 * r >= p for p, r in zip(periods, reach, strict=True)):
            raise SpaceError(f"expected a window of less than half a period, got {window} cells of {tuple(numbers)}")
        check_values(metric, x)
        return Chart(x, orthonormal_frames(metric, x), cells, metric, group, reach, periods)

    def __repr__(self) -> str:
        return f"Chart({len(self)} samples, {self.metric}, {self.group})"

    def connect(
        self, radius: float | None, targets: torch.Tensor | None = None, sources: torch.Tensor | None = None
    ) -> Edges:
        """All pairs of the window; with a Riemannian metric those within the radius.

        Raises:
            SpaceError: a radius beyond the window of some sample.
        """
        if radius is not None and 0 in self.metric.signature and radius > self.covered * (1 + 1e-9):
            raise SpaceError(
                f"expected a radius of at most {self.covered:.4g}, whose ball the window of every sample holds, got "
                f"{radius}; take a chart with a larger window"
            )
        edges = self._window()
        keep = self._among(targets)[edges.p] & self._among(sources)[edges.q]
        if radius is not None and 0 in self.metric.signature:
            keep &= self._squares(edges).sqrt() <= radius * (1 + 1e-9)
        return edges if bool(keep.all()) else edges.at(keep.nonzero()[:, 0])

    @property
    def covered(self) -> float:
        """The radius that windows hold, to first order: how far their sides are, w_i / √gⁱⁱ, where that is least."""
        inverse = torch.linalg.inv(self.metric(self.positions)).diagonal(dim1=-2, dim2=-1)
        return float((inverse.new_tensor(self.window) / inverse.clamp(min=1e-300).sqrt()).min())

    @property
    def unit_volumes(self) -> torch.Tensor:
        """√|det g|."""
        return 1 / volume(self.frames)

    @property
    def horizon(self) -> float:
        """That of `covered`, if the metric is Riemannian."""
        return self.covered if 0 in self.metric.signature else super().horizon

    def _matched(self, moved: torch.Tensor) -> tuple[torch.Tensor, float]:
        """The nearest points, the short way round a period."""
        distance, source = self._short(self.positions[None] - moved[:, None]).norm(dim=2).min(1)
        return source, float(distance.max())

    def _short(self, step: torch.Tensor) -> torch.Tensor:
        """Differences of coordinates, less whole periods."""
        periods = step.new_tensor(self.periods)
        return step - periods * torch.where(periods > 0, step / periods.clamp(min=1e-300), 0).round()

    def _squares(self, edges: Edges) -> torch.Tensor:
        return torch.einsum("ei,eij,ej->e", edges.u, self.metric(self.positions)[edges.p], edges.u).abs()

    def _among(self, index: torch.Tensor | None) -> torch.Tensor:
        """(n,) which points an index names; None names all."""
        every = torch.full((len(self),), index is None, device=self.positions.device)
        return every if index is None else every.index_fill(0, index, True)

    def _window(self) -> Edges:
        """The geodesics between all pairs of the window."""
        if "window" not in self._geometry:
            p, q, step = self._steps()
            x = self.positions[p]
            self._geometry["window"] = Edges(p, q, *logarithm(self.metric, x, x + step))
        return self._geometry["window"]

    def _steps(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(p, q, x_q - x_p) within the window, the difference the short way round a period."""
        step = self._short(self.positions[None] - self.positions[:, None])
        p, q = (step.abs() <= step.new_tensor(self.window)).all(-1).nonzero(as_tuple=True)
        return p, q, step[p, q]


def _check_metric(metric: object) -> None:
    if not isinstance(metric, Metric):
        raise SpaceError(f"expected a metric, an instance of a subclass of spaces.Metric, got {metric!r}")
    signature = getattr(metric, "signature", None)
    if not isinstance(signature, Sequence) or len(signature) != 2 or not all(is_count(n, 0) for n in signature):
        raise SpaceError(
            f"expected a metric with its signature, the numbers of minus and plus signs, as (0, 2), got {signature!r}"
        )


def _largest(x: torch.Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0
