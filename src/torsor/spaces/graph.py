"""Graphs among clouds of points: which pairs are neighbours, and the volume for which a point stands."""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma, inf, isfinite, pi

import torch

from torsor.errors import SpaceError, SparsityWarning, is_count
from torsor.spaces.neighbours import by_target
from torsor.spaces.search import Cloud, Edges, closest, nearest, squared_distances, within
from torsor.warn import warn

NORMS = ("sum", "mean", "density", "one")


@dataclass(frozen=True)
class Rule:
    """Which pairs of points are neighbours, and their weights; see `Points.neighbours`.

    Raises:
        SpaceError: neither radius nor k, or values that are out of range.
    """

    radius: float | None
    k: int | None
    loop: bool
    norm: str
    limit: int | None
    fewer: bool = False

    def __post_init__(self) -> None:
        if self.radius is None and self.k is None:
            raise SpaceError("expected a radius or k, the number of neighbours, got neither")
        if self.radius is not None and not (self.radius > 0 and isfinite(self.radius)):
            raise SpaceError(f"expected a positive finite radius, got {self.radius}")
        if self.norm not in NORMS:
            raise SpaceError(f"expected a norm among {NORMS}, got {self.norm!r}")
        for name, value in (("k", self.k), ("limit", self.limit)):
            if value is not None and not is_count(value):
                raise SpaceError(f"expected {name} of 1 or more, got {value}")

    def edges(self, source: Cloud, target: Cloud | None, tolerance: float) -> Edges:
        """The edges from sources to targets, or among the sources where the target is None.

        Raises:
            SpaceError: k larger than a batch element allows.
        """
        there = source if target is None else target
        if self.k is not None and self.radius is None and not self.fewer:
            _check_count(self.k, source, target is None)
        if self.radius is None:
            edges = nearest(there, source, self.k or 0, loops=target is not None, fewer=self.fewer)
        else:
            edges = within(there, source, self.radius * (1 + tolerance))
            edges = without_loops(edges) if target is None else edges
            _warn_if_none(edges, source, target, self.radius)
        most = min(self.k or inf, self.limit or inf)
        edges = edges if most == inf else closest(there, source, edges, int(most))
        return with_loops(edges, len(source.x)) if self.loop and target is None else edges

    def weights(self, edges: Edges, source: Cloud, targets: int, tolerance: float) -> torch.Tensor:
        """(E,) the weights of edges."""
        if self.norm == "density":
            return self.volumes(source, tolerance)[edges[1]]
        if self.norm == "mean":
            return 1 / torch.bincount(edges[0], minlength=targets).to(source.x)[edges[0]]
        return source.x.new_ones(len(edges[0]))

    def volumes(self, cloud: Cloud, tolerance: float) -> torch.Tensor:
        """(n,) the volume for which each point stands: the volume of a ball about it / the points in the ball.

        Of points spread evenly at random the mean is 1/density, and Σ_q w_q f(q) is ∫ f dv on average.
        """
        if self.radius is not None:
            inside = torch.bincount(within(cloud, cloud, self.radius * (1 + tolerance))[0], minlength=len(cloud.x))
            return ball(cloud.x.shape[1]) * self.radius ** cloud.x.shape[1] / inside.to(cloud.x)
        k = min(self.k or 1, int(cloud.sizes.min()) - 1)
        if k < 1:
            raise SpaceError(
                'expected two points or more in every batch element for norm="density" without a radius; '
                "give a radius, or a norm among " + str(NORMS[:2])
            )
        edges = nearest(cloud, cloud, k, loops=False)
        squares = squared_distances(cloud, cloud, edges).view(-1, k).amax(1)
        return ball(cloud.x.shape[1]) * squares ** (cloud.x.shape[1] / 2) / k


def without_loops(edges: Edges) -> Edges:
    """The edges that join two different points of one cloud."""
    keep = edges[0] != edges[1]
    return edges[0][keep], edges[1][keep]


def with_loops(edges: Edges, n: int) -> Edges:
    """The edges of one cloud without loops, and those from every point to itself."""
    every = torch.arange(n, device=edges[0].device)
    target, source = torch.cat([edges[0], every]), torch.cat([edges[1], every])
    order = by_target(target, source)
    return target[order], source[order]


def nearest_distances(cloud: Cloud) -> torch.Tensor:
    """The distance to the nearest other point, of the points that are not alone in their batch element.

    Raises:
        SpaceError: there are none.
    """
    company = cloud.sizes[cloud.batch] > 1
    if not bool(company.any()):
        raise SpaceError("expected two points or more in some batch element, to have a distance between points")
    x, batch = cloud.x[company], cloud.batch[company].unique_consecutive(return_inverse=True)[1]
    cloud = Cloud(x, batch, int(batch[-1]) + 1)
    return squared_distances(cloud, cloud, nearest(cloud, cloud, 1, loops=False)).sqrt()


def ball(d: int) -> float:
    """The volume of the unit ball of R^d."""
    return pi ** (d / 2) / gamma(d / 2 + 1)


def _check_count(k: int, source: Cloud, itself: bool) -> None:
    available, element = (value.item() for value in source.sizes.min(0))
    if k > available - itself:
        raise SpaceError(
            f"expected k ≤ {available - itself}, the {'other ' if itself else ''}points of batch element {element}, "
            f"got k={k}; take a smaller k, or radius= with limit="
        )


def _warn_if_none(edges: Edges, source: Cloud, target: Cloud | None, radius: float) -> None:
    if len(edges[0]) or (target is None and int(source.sizes.max()) == 1):
        return
    if target is None:
        smallest = nearest_distances(source).min()
    else:
        smallest = squared_distances(target, source, nearest(target, source, 1)).min().sqrt()
    warn(
        f"no point has a neighbour within the radius {radius:g}; the smallest distance between two points is "
        f"{smallest.item():.6g}: take a larger radius, or k=",
        SparsityWarning,
    )
