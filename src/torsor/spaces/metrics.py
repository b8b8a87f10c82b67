"""Metrics of charts: functions x ↦ g_ij(x) of coordinates, Riemannian and Lorentzian."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from torsor.errors import SpaceError


class Metric(ABC):
    """A metric in coordinates: ``metric(x)`` is g_ij at x, (..., d) -> (..., d, d), in operations that torch derives.

    Attributes:
        signature: (p, q), the numbers of minus and plus signs.
    """

    signature: tuple[int, int]

    @property
    def dim(self) -> int:
        """d = p + q."""
        return sum(self.signature)

    @abstractmethod
    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """g_ij(x)."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def eta(self) -> torch.Tensor:
        """diag(-1_p, +1_q), what the metric is in an orthonormal frame."""
        p, q = self.signature
        return torch.diag(torch.tensor([-1.0] * p + [1.0] * q, dtype=torch.float64))


@dataclass(frozen=True)
class FlatMetric(Metric):
    """η = diag(-1_p, +1_q) everywhere: R^{p,q} in its own coordinates."""

    p: int
    q: int

    @property
    def signature(self) -> tuple[int, int]:  # type: ignore[override]
        return self.p, self.q

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.eta().to(x).expand(*x.shape[:-1], self.dim, self.dim)


@dataclass(frozen=True)
class SphereMetric(Metric):
    """The unit sphere in colatitude and longitude (θ, φ): dθ² + sin²θ dφ²."""

    signature = (0, 2)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return torch.diag_embed(torch.stack([torch.ones_like(x[..., 0]), x[..., 0].sin().square()], -1))


@dataclass(frozen=True)
class DeSitterMetric(Metric):
    """De Sitter space of curvature 1 in flat slices (t, x): -dt² + e^{2t} dx², with x in R^space."""

    space: int = 1

    @property
    def signature(self) -> tuple[int, int]:  # type: ignore[override]
        return 1, self.space

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        scale = (2 * x[..., :1]).exp().expand(*x.shape[:-1], self.space)
        return torch.diag_embed(torch.cat([-torch.ones_like(x[..., :1]), scale], -1))


@dataclass(frozen=True)
class ConformalMetric(Metric):
    """e^{2φ(x)} η for any function φ: in two dimensions every metric has this form, in suitable coordinates.

    Args:
        p: minus signs of η.
        q: plus signs of η.
        factor: φ, (..., d) -> (...), in operations that torch derives.
    """

    p: int
    q: int
    factor: Callable[[torch.Tensor], torch.Tensor] = field(repr=False)

    @property
    def signature(self) -> tuple[int, int]:  # type: ignore[override]
        return self.p, self.q

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return (2 * self.factor(x)).exp()[..., None, None] * self.eta().to(x)


def check_values(metric: Metric, x: torch.Tensor) -> None:
    """Raise unless a metric gives symmetric matrices at points x (n, d), in operations that torch derives.

    Raises:
        SpaceError: another shape or dtype, NaN, asymmetry, or operations in place, which have no derivative here.
    """
    d = metric.dim
    try:
        g = metric(x)
        torch.func.vmap(torch.func.jacfwd(metric))(x[:1])
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        raise SpaceError(
            "expected a metric from points (…, d), x[..., i] their coordinates, in operations that torch.func derives: "
            f"torch.stack or torch.diag_embed, not writing to entries; {type(error).__name__}: {error}"
        ) from error
    if not isinstance(g, torch.Tensor) or tuple(g.shape) != (*x.shape, d) or g.dtype != x.dtype:
        got = f"{g.dtype} {tuple(g.shape)}" if isinstance(g, torch.Tensor) else type(g).__name__
        raise SpaceError(f"expected metric(x) of {x.dtype} {(*x.shape, d)} for x {tuple(x.shape)}, got {got}")
    if not bool(g.isfinite().all()):
        raise SpaceError("expected a finite metric, got NaN or infinity at some of the points")
    if bool(((g - g.mT).abs() > 1e-9 * g.abs().amax((-2, -1), keepdim=True)).any()):
        raise SpaceError("expected a symmetric metric, g_ij = g_ji, got another matrix at some of the points")


def orthonormal_frames(metric: Metric, x: torch.Tensor) -> torch.Tensor:
    """Frames e with eᵀ g e = η at x, (n, d) -> (n, d, d), vectors in columns.

    Gram–Schmidt of the coordinate vectors in reverse, so that the last one points along the last coordinate. In
    coordinates that are orthogonal it normalises each.

    Raises:
        SpaceError: the signs of the metric are not those of its signature, or it degenerates.
    """
    g, d = metric(x), metric.dim
    frames = x.new_zeros(len(x), d, d)
    for i in reversed(range(d)):
        e = torch.eye(d, dtype=x.dtype, device=x.device)[i].expand(len(x), d)
        for j in range(i + 1, d):
            f, sign = frames[:, :, j], metric.eta()[j, j]
            e = e - sign * torch.einsum("ni,nij,nj->n", f, g, e)[:, None] * f
        square = torch.einsum("ni,nij,nj->n", e, g, e) * metric.eta()[i, i].to(x)
        if not bool((square > 1e-12).all()):
            raise SpaceError(
                f"expected a metric of signature {metric.signature} with the minus signs first, but coordinate {i} has "
                f"the wrong sign, or none, at {int((~(square > 1e-12)).sum())} of {len(x)} points"
            )
        frames[:, :, i] = e / square.sqrt()[:, None]
    return frames
