"""Points of R^d: clouds of positions, and their neighbourhoods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import torch
from torch.utils import _pytree

from torsor.errors import SpaceError
from torsor.spaces.farthest import farthest
from torsor.spaces.graph import Rule, nearest_distances
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.search import Cloud, nearest


@dataclass(frozen=True, eq=False, repr=False)
class Points:
    """A cloud of n points of R^d, or several clouds one after another; features are (n, channels).

    Frames are the coordinate axes everywhere, so every transporter is the identity. Two points may coincide. Graphs
    and samples are computed once and kept on the object; they are computed anew when the positions are written to
    in place, and are left behind when the object is copied.

    Attributes:
        positions: (n, d), finite; gradients flow to them through the v of `neighbours`.
        batch: (n,) int64, ascending, the batch element of every point; None is one element.

    Raises:
        SpaceError: no points, positions that are not finite floating-point numbers, a batch that is not sorted or
            leaves an element empty.
    """

    positions: torch.Tensor
    batch: torch.Tensor | None = None
    elements: int = field(default=0, init=False)
    _cache: dict[Any, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        _check_positions(self.positions)
        elements = 1 if self.batch is None else _check_batch(self.batch, len(self.positions), self.positions.device)
        object.__setattr__(self, "elements", elements)

    @staticmethod
    def batched(clouds: Sequence[Points]) -> Points:
        """Several clouds as one, whose batch elements are theirs, in order."""
        if not clouds:
            raise SpaceError("expected at least one cloud of points to batch, got none")
        kinds = {str(cloud.positions.dtype) if isinstance(cloud, Points) else type(cloud).__name__ for cloud in clouds}
        if len(kinds) > 1 or not isinstance(clouds[0], Points):
            raise SpaceError(f"expected clouds of type Points and of one dtype, got {', '.join(sorted(kinds))}")
        starts = [0]
        for cloud in clouds:
            starts.append(starts[-1] + cloud.elements)
        batch = torch.cat([cloud.index + start for cloud, start in zip(clouds, starts, strict=False)])
        return Points(torch.cat([cloud.positions for cloud in clouds]), batch)

    @staticmethod
    def from_grid(
        sizes: Sequence[int],
        spacing: float | Sequence[float] = 1.0,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Points:
        """The points of a grid about its centre, in the order of a flattened tensor: the first axis is the slowest."""
        spacings = [float(spacing)] * len(sizes) if isinstance(spacing, int | float) else list(spacing)
        if len(spacings) != len(sizes) or min([*sizes, *spacings], default=0) <= 0:
            raise SpaceError(
                f"expected positive sizes and one positive spacing, or one an axis, got {sizes}, {spacing}"
            )
        axes = [(torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * s for n, s in zip(sizes, spacings, strict=True)]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)
        return Points(grid.to(device, dtype or torch.get_default_dtype()))

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def dim(self) -> int:
        """d, the dimension of the space."""
        return self.positions.shape[1]

    @property
    def index(self) -> torch.Tensor:
        """(n,) the batch element of every point."""
        if self.batch is not None:
            return self.batch
        return torch.zeros(len(self), dtype=torch.int64, device=self.positions.device)

    @property
    def sizes(self) -> torch.Tensor:
        """(elements,) the number of points of every batch element."""
        return torch.bincount(self.index, minlength=self.elements)

    def extent(self) -> torch.Tensor:
        """(elements, d) the sides of the box around every batch element."""
        x = self.positions.detach()
        index = self.index[:, None].expand_as(x)
        high, low = (
            x.new_zeros(self.elements, self.dim).scatter_reduce(0, index, x, kind, include_self=False)
            for kind in ("amax", "amin")
        )
        return high - low

    def centroids(self) -> torch.Tensor:
        """(elements, d) the mean position of every batch element."""
        total = self.positions.new_zeros(self.elements, self.dim).index_add(0, self.index, self.positions)
        return total / self.sizes[:, None].to(total)

    def spacing(self) -> float:
        """The median distance of a point to the nearest other point of its batch element.

        Raises:
            SpaceError: every batch element is a single point.
        """
        return self._remember("spacing", lambda: nearest_distances(self._cloud()).median().item())

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        several = f" in {self.elements} clouds" if self.batch is not None else ""
        return f"Points({len(self)} of R^{self.dim}{several})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Points, (self.positions, self.batch)

    # ------------------------------------------------------------------------------------------- clouds from clouds

    def subset(self, index: torch.Tensor) -> Points:
        """The points of an index (m,), in its order, which must keep the batch sorted and no element empty."""
        return Points(self.positions[index], None if self.batch is None else self.batch[index])

    def permuted(self, permutation: torch.Tensor) -> Points:
        """The same points in another order: number i is permutation[i] of these.

        Raises:
            SpaceError: not a permutation, or one that mixes batch elements.
        """
        if not torch.equal(permutation.sort().values, torch.arange(len(self), device=permutation.device)):
            raise SpaceError(f"expected a permutation of {len(self)} points, got indices that repeat or leave out some")
        return self.subset(permutation)

    def moved(self, g: torch.Tensor, t: torch.Tensor | None = None) -> Points:
        """The points g x + t, for a matrix g (d, d) and a vector t (d,)."""
        if g.shape != (self.dim, self.dim):
            raise SpaceError(f"expected a matrix ({self.dim}, {self.dim}) to move {self}, got {tuple(g.shape)}")
        positions = self.positions @ g.to(self.positions).T
        return Points(positions if t is None else positions + t.to(positions), self.batch)

    def to(self, device: torch.device | str | torch.dtype | None = None, dtype: torch.dtype | None = None) -> Points:
        """The points on a device, in a dtype."""
        if isinstance(device, torch.dtype):
            device, dtype = None, device
        batch = None if self.batch is None else self.batch.to(device)
        return Points(self.positions.to(device, dtype), batch)

    def farthest(self, n: int | None = None, *, ratio: float | None = None) -> torch.Tensor:
        """Farthest point sampling: indices of points that cover every batch element evenly, in the order of choice.

        It starts at the point farthest from the centroid and depends on distances only, so that it commutes with
        isometries and permutations wherever there is no tie; of ties (lattices, symmetric clouds) the lowest index.

        Args:
            n: points of every batch element.
            ratio: or the part of its points, in (0, 1], rounded up.

        Raises:
            SpaceError: neither or both, or more points than a batch element has.
        """
        return self._remember(("farthest", n, ratio), lambda: self._farthest(n, ratio))

    def coarsened(self, n: int | None = None, *, ratio: float | None = None) -> tuple[Points, Neighbours]:
        """The points of `farthest`, and the edges from every point to the nearest of them (itself if it is one)."""

        def make() -> tuple[Points, Neighbours]:
            index = self.farthest(n, ratio=ratio)
            return self.subset(index), self._clusters(index)

        return self._remember(("coarsened", n, ratio), make, moving=True)

    # ---------------------------------------------------------------------------------------------------- neighbours

    def neighbours(
        self,
        radius: float | None = None,
        *,
        k: int | None = None,
        target: Points | None = None,
        loop: bool = True,
        norm: str = "mean",
        limit: int | None = None,
        fewer: bool = False,
    ) -> Neighbours:
        """The edges q → p of all pairs with |x_q - x_p| ≤ radius, of the k nearest q of every p, or of both at once.

        Edges never join two batch elements, and are sorted by target, then source. A target without neighbours is
        allowed; `Neighbours.isolated` counts them. Coincident points are neighbours with v = 0.

        Args:
            radius: pairs at exactly this distance count, to a relative 1e-9 in float64 and 1e-5 in other dtypes.
            k: neighbours of every target besides itself, the nearest; with a radius those of them within it. Exact
                ties go to the lower index, so on symmetric clouds they break the equivariance under permutations.
            target: the points p, when they are others than the sources q = these points.
            loop: each point is a neighbour of itself. Without meaning where a target is given.
            norm: "mean", w = 1/(number of edges of p); "sum" or "one", w = 1; "density", w = the volume of the ball
                of the radius about q divided by the number of points in it, q included (without a radius: of the ball
                to its k-th neighbour, divided by k), so that Σ_q w f(q) ≈ ∫ f dv, too large by at most 2^d at borders.
            limit: at most this many neighbours of every target besides itself, the nearest.
            fewer: whether batch elements with fewer than k points give all that they have, instead of an error.

        Raises:
            SpaceError: neither radius nor k, arguments that do not fit, or (without a radius) k larger than a batch
                element allows.

        Warns:
            SparsityWarning: a radius in which no point has a neighbour: each sees itself only, or nothing.
        """
        rule = Rule(None if radius is None else float(radius), k, loop, norm, limit, fewer)
        target = None if target is self else target
        if target is not None and target._kind() != self._kind():
            raise SpaceError(
                "expected targets of the dimension, number of clouds, dtype and device of the sources, "
                f"{self._kind()}, got {target._kind()}"
            )
        return self._remember((rule, target), lambda: self._graph(rule, target), moving=True, other=target)

    def _graph(self, rule: Rule, target: Points | None) -> Neighbours:
        there = self if target is None else target
        p, q, weight = self._remember(("edges", rule, target), lambda: self._edges(rule, target), other=target)
        v = self.positions[q] - there.positions[p]
        return Neighbours(p, q, v, weight, len(there), len(self))

    def _edges(self, rule: Rule, target: Points | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cloud, there = self._cloud(), None if target is None else target._cloud()
        tolerance = 1e-9 if self.positions.dtype == torch.float64 else 1e-5
        edges = rule.edges(cloud, there, tolerance)
        weight = rule.weights(edges, cloud, len(self if target is None else target), tolerance)
        return *edges, weight.to(self.positions.dtype)

    def _farthest(self, n: int | None, ratio: float | None) -> torch.Tensor:
        sizes = self.sizes.tolist()
        if (n is None) == (ratio is None):
            raise SpaceError(f"expected either n or ratio, got n={n}, ratio={ratio}")
        if ratio is not None and not 0 < ratio <= 1:
            raise SpaceError(f"expected a ratio in (0, 1], got {ratio}")
        counts = [n if n is not None else max(1, ceil((ratio or 0) * size - 1e-9)) for size in sizes]
        for element, (count, size) in enumerate(zip(counts, sizes, strict=True)):
            if not 1 <= count <= size:
                raise SpaceError(
                    f"expected to sample 1 … {size} of the {size} points of batch element {element}, got {count}; "
                    "ratio= adapts to the size"
                )
        cloud = self._cloud()
        return farthest(cloud.x, cloud.batch, sizes, counts)

    def _clusters(self, index: torch.Tensor) -> Neighbours:
        cloud = self._cloud()
        itself = torch.arange(len(index), device=index.device)
        cluster = nearest(cloud, cloud.at(index), 1)[1].index_copy(0, index, itself)
        source = cluster.argsort(stable=True)
        target = cluster[source]
        weight = 1 / torch.bincount(target).to(self.positions)[target]
        v = self.positions[source] - self.positions[index[target]]
        return Neighbours(target, source, v, weight, len(index), len(self))

    # ---------------------------------------------------------------------------------------------------------- caching

    def _cloud(self) -> Cloud:
        x = self.positions.detach()
        return Cloud(x if x.device.type == "mps" else x.double(), self.index, self.elements)

    def _kind(self) -> tuple[Any, ...]:
        return self.dim, self.elements, self.positions.dtype, str(self.positions.device)

    def _version(self) -> int:
        return self.positions._version

    def _remember(self, key: Any, make: Callable[[], Any], *, moving: bool = False, other: Points | None = None) -> Any:
        """What `make` gives, computed once for the present positions.

        What carries positions (moving) is made anew where they, or those of the other points, require gradients.
        """
        clouds = [self] if other is None else [self, other]
        if any(cloud.positions.is_inference() for cloud in clouds):
            return make()  # nobody counts the changes of such positions
        if moving and any(cloud.positions.requires_grad for cloud in clouds):
            return make()
        versions = [cloud._version() for cloud in clouds]
        if key not in self._cache or self._cache[key][0] != versions:
            with torch.inference_mode(False), torch.no_grad():
                self._cache[key] = versions, make()
        return self._cache[key][1]


def _check_positions(x: torch.Tensor) -> None:
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim != 2 or x.shape[1] < 1:
        got = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise SpaceError(f"expected positions (points, d) as a floating-point tensor, got {got}")
    if len(x) == 0:
        raise SpaceError("expected at least one point, got an empty cloud")
    if not bool(x.isfinite().all()):
        bad = int((~x.isfinite()).any(1).sum())
        raise SpaceError(f"expected finite positions, got NaN or infinity in {bad} of {len(x)} points")


def _check_batch(batch: torch.Tensor, n: int, device: torch.device) -> int:
    """The number of batch elements."""
    if not isinstance(batch, torch.Tensor):
        raise SpaceError(f"expected a batch index as a tensor ({n},) of int64, got {type(batch).__name__}")
    if batch.dtype != torch.int64 or batch.shape != (n,) or batch.device != device:
        raise SpaceError(
            f"expected a batch index ({n},) of int64 on {device}, got {tuple(batch.shape)} of {batch.dtype} "
            f"on {batch.device}"
        )
    if bool((batch.diff() < 0).any()):
        raise SpaceError("expected a batch index in ascending order; sort the points by it, or take Points.batched")
    elements = int(batch[-1]) + 1
    counts = torch.bincount(batch, minlength=elements) if int(batch[0]) >= 0 else batch.new_zeros(1)
    if bool((counts == 0).any()):
        raise SpaceError(
            f"expected batch elements 0, 1, … of one point or more, got the elements {batch.unique().tolist()}"
        )
    return elements


def _flatten(points: Points) -> tuple[list[Any], tuple[Any, ...]]:
    batch = [] if points.batch is None else [points.batch]
    return [points.positions, *batch], (points.elements,)


def _flatten_with_keys(points: Points) -> tuple[list[Any], tuple[Any, ...]]:
    leaves, context = _flatten(points)
    return [(_pytree.GetAttrKey(name), x) for name, x in zip(("positions", "batch"), leaves, strict=False)], context


def _unflatten(children: Any, context: tuple[Any, ...]) -> Points:
    """Without the checks, which read values: the leaves may be abstract."""
    positions, *batch = children
    points = object.__new__(Points)
    values = {"positions": positions, "batch": batch[0] if batch else None, "elements": context[0], "_cache": {}}
    for name, value in values.items():
        object.__setattr__(points, name, value)
    return points


_pytree.register_pytree_node(
    Points,
    _flatten,
    _unflatten,
    serialized_type_name="torsor.Points",
    to_dumpable_context=list,
    from_dumpable_context=tuple,
    flatten_with_keys_fn=_flatten_with_keys,
)
