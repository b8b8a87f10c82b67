"""Layers that change the points on which a field lives: pooling, global pooling, interpolation.

All of them transport values to where they are combined, with weights that depend on distances only, so they commute
with every isometry, and with changes of gauge, for every type. With plain tensors the geometry is an argument; with a
`Field` on `Points` or on a `Manifold` it travels along.
"""

from __future__ import annotations

from typing import Any

import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.fibre import Layer, join_fields, split_fields
from torsor.fibre.base import check_channels
from torsor.fibre.nonlinear import require_orthogonal
from torsor.fields import Field
from torsor.kernels.base import gather
from torsor.reps import Representation
from torsor.spaces import Manifold, Neighbours, Points


class PointPool(Layer):
    """A field on fewer points: farthest point sampling, and one value of the cluster that is nearest to each sample.

    ``pool(x, graph)`` takes (points, channels) and edges from points to samples, `Points.coarsened`; ``pool(field)``
    finds them, and gives a field on the coarser points. A sample without any edge gets zero.

    Args:
        rep: the type.
        n: samples of every batch element.
        ratio: or the part of its points, in (0, 1].
        mode: "mean", Σ w x / Σ w over the cluster, for any type; "max" of every component, for types whose components
            the group permutes; "norm", of every field the value where its norm is largest, for orthogonal types;
            "nearest", the value at the sample itself, for any type.

    Raises:
        FieldTypeError: an unknown mode, neither or both of n and ratio, or a mode that the type does not allow.
    """

    def __init__(
        self, rep: Representation, n: int | None = None, *, ratio: float | None = None, mode: str = "mean"
    ) -> None:
        super().__init__(rep, rep)
        if (n is None) == (ratio is None) or (ratio is not None and not 0 < ratio <= 1) or (n is not None and n < 1):
            raise FieldTypeError(f"expected either n of 1 or more, or a ratio in (0, 1], got n={n}, ratio={ratio}")
        _check_mode(rep, mode, ("mean", "max", "norm", "nearest"))
        self.n, self.ratio, self.mode = n, ratio, mode

    def forward(self, x: Any, graph: Neighbours | None = None) -> Any:
        """Apply the layer to a tensor (points, channels) and edges, or to a `Field`."""
        if not isinstance(x, torch.Tensor):
            return self.on_field(x)
        check_edges(self, x, graph)
        return self.compute(x, graph)  # type: ignore[arg-type]

    def compute(self, x: torch.Tensor, graph: Neighbours) -> torch.Tensor:  # type: ignore[override]
        values = gather(x, graph, self.in_rep)
        if self.mode == "max":
            return _largest(values, graph.target, graph.targets)
        if self.mode == "norm":
            return _longest(values, self.in_rep, graph.target, graph.targets)
        if self.mode == "nearest":
            square = graph.v.detach().square().sum(1, keepdim=True)
            return _rows_at(values[:, None], _first_smallest(square, graph.target, graph.targets)).flatten(1)
        total = graph.sum(graph.weight)
        weight = graph.weight / total.where(total != 0, 1.0)[graph.target]
        return graph.sum(weight.to(x.dtype)[:, None] * values)

    def on_field(self, field: Field) -> Field:
        """The field on the coarser points."""
        coarse, graph = points_of(self, field).coarsened(self.n, ratio=self.ratio)
        return Field(self(field.tensor, graph), self.out_rep, coarse)

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError("PointPool has no refinement: its samples are bound to the points")

    def extra_repr(self) -> str:
        amount = f"n={self.n}" if self.ratio is None else f"ratio={self.ratio}"
        return f"{super().extra_repr()}, {amount}, mode={self.mode}"


class GlobalPool(Layer):
    """One value for every batch element of points: the mean, the sum, or the largest.

    ``pool(x, batch, elements)`` takes (points, channels) and gives (elements, channels); ``pool(field)`` gives a field
    on the centroids.

    Args:
        rep: the type.
        mode: "mean" or "sum", for any type; "max" of every component, for types whose components the group permutes;
            "norm", of every field the value where its norm is largest, for orthogonal types.

    Raises:
        FieldTypeError: an unknown mode, or one that the type does not allow.
    """

    def __init__(self, rep: Representation, mode: str = "mean") -> None:
        super().__init__(rep, rep)
        _check_mode(rep, mode, ("mean", "sum", "max", "norm"))
        self.mode = mode

    def forward(
        self,
        x: Any,
        batch: torch.Tensor | None = None,
        elements: int | None = None,
        weight: torch.Tensor | None = None,
    ) -> Any:
        """Apply the layer to a tensor (points, channels), or to a `Field`.

        Args:
            x: the features.
            batch: (points,) the batch element of every point; None is one element.
            elements: their number, which compiled code has to be told; by default it is read from the batch.
            weight: (points,) the volume for which every point stands, in means and sums; None is 1.
        """
        if not isinstance(x, torch.Tensor):
            return self.on_field(x)
        check_channels(self, x, self.in_rep)
        if batch is None:
            batch, elements = torch.zeros(len(x), dtype=torch.int64, device=x.device), 1
        batch = batch.to(x.device)
        if batch.shape != x.shape[:1]:
            raise SpaceError(f"expected a batch index for {len(x)} points, got shape {tuple(batch.shape)}")
        return self.compute(x, batch, int(batch.max()) + 1 if elements is None else elements, weight)

    def compute(  # type: ignore[override]
        self, x: torch.Tensor, batch: torch.Tensor, elements: int, weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        if self.mode == "max":
            return _largest(x, batch, elements)
        if self.mode == "norm":
            return _longest(x, self.in_rep, batch, elements)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # sums over many points need the digits
        weight = wide.new_ones(len(x)) if weight is None else weight.to(wide)
        total = wide.new_zeros(elements, x.shape[1]).index_add(0, batch, wide * weight[:, None])
        if self.mode == "mean":
            volume = wide.new_zeros(elements).index_add(0, batch, weight)
            total = total / volume.where(volume > 0, 1.0)[:, None]
        return total.to(x.dtype)

    def on_field(self, field: Field) -> Field:
        """The field on the centroids, one point a batch element.

        On a manifold means and sums weigh points with their volume, and only scalars have a mean.

        Raises:
            FieldTypeError: another type than scalars on a manifold, where no path between points is preferred.
        """
        points, weight = points_of(self, field), None
        if isinstance(points, Manifold):
            weight = points.volumes
            if points.group.order != 1 and any(not term.is_trivial for _, term in self.in_rep.terms):
                raise FieldTypeError(
                    f"expected scalars to pool over all of {points}, got {self.in_rep}: coefficients in different "
                    "frames have no mean; map to scalars first, with nn.NormPool or nn.Conv to R.trivial"
                )
        centroids = points.centroids()
        rows = torch.arange(points.elements, device=centroids.device)
        pooled = self(field.tensor, points.index, points.elements, weight)
        return Field(pooled, self.out_rep, Points(centroids.to(pooled), rows if points.elements > 1 else None))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode}"


class PointInterpolate(Layer):
    """A field on other points: f(p) = Σ_q w f(q) / Σ_q w over the k nearest q, w = 1/|x_q - x_p|².

    The value at a point that coincides with some q is f(q) exactly, or the mean of all that coincide there.
    ``interpolate(x, graph)`` takes (points, channels) and edges, ``coarse.neighbours(k=3, target=fine, fewer=True)``;
    ``interpolate(field, fine)`` finds them, and gives a field on the points `fine`.

    Args:
        rep: any type.
        k: the number of points between which to interpolate; fewer where a batch element, or a piece of a manifold,
            has fewer.

    Raises:
        FieldTypeError: k below 1.

    Source: Qi et al., PointNet++, 2017, equation 2.
    """

    def __init__(self, rep: Representation, k: int = 3) -> None:
        super().__init__(rep, rep)
        if k < 1:
            raise FieldTypeError(f"expected k, the number of points to interpolate between, of 1 or more, got {k}")
        self.k = k

    def forward(self, x: Any, graph: Any = None) -> Any:
        """Apply the layer to a tensor (points, channels) and edges, or to a `Field` and other points."""
        if not isinstance(x, torch.Tensor):
            return self.on_field(x, graph)
        check_edges(self, x, graph)
        return self.compute(x, graph)

    def compute(self, x: torch.Tensor, graph: Neighbours) -> torch.Tensor:  # type: ignore[override]
        weight = interpolation_weights(graph).to(x.dtype)
        return graph.sum(weight[:, None] * gather(x, graph, self.in_rep))

    def on_field(self, field: Field, fine: Any = None) -> Field:
        """The field on the points `fine`."""
        coarse = points_of(self, field)
        if not isinstance(fine, Points | Manifold):
            raise SpaceError(f"expected the points to interpolate to, layer(field, points), got {type(fine).__name__}")
        graph = coarse.neighbours(k=self.k, target=fine, fewer=True)
        if graph.isolated:
            lost = int((graph.degree == 0).nonzero()[0])
            raise SpaceError(
                "expected points to interpolate from within reach of every target, there are none for "
                f"{graph.isolated} of {graph.targets}, such as target {lost}: take more samples"
            )
        return Field(self(field.tensor, graph), self.out_rep, fine)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, k={self.k}"


def interpolation_weights(graph: Neighbours) -> torch.Tensor:
    """w_e = |v_e|⁻² / Σ |v|⁻² over the edges of a target, (E,); where some v are zero, 1/their number for these.

    Squares are taken relative to the smallest of the target, so that they neither overflow nor divide by zero.
    """
    square = graph.v.square().sum(1)
    smallest = _smallest(square.detach(), graph.target, graph.targets)
    zero = square == 0
    weight = torch.where(zero, 1.0, smallest[graph.target] / square.where(~zero, 1.0))
    return weight / graph.sum(weight)[graph.target]


def points_of(layer: Layer, field: Field) -> Any:
    """The points, or the manifold, on which a field lives.

    Raises:
        FieldTypeError: the layer expects another type.
        SpaceError: the field lives on another space.
    """
    field.require(layer)
    if not isinstance(field.space, Points | Manifold):
        raise SpaceError(f"{type(layer).__name__} expects a field on Points or a manifold, got one on {field.space}")
    return field.space


def check_edges(layer: Layer, x: torch.Tensor, graph: Any) -> None:
    """Raise unless x holds a feature of the layer's type for every source of a graph.

    Raises:
        FieldTypeError: the number of channels.
        SpaceError: no graph, or one of another number of points.
    """
    check_channels(layer, x, layer.in_rep)
    if not isinstance(graph, Neighbours):
        raise SpaceError(
            f"{type(layer).__name__} expects a tensor and its edges, layer(x, graph) with a torsor.spaces.Neighbours, "
            f"got {type(graph).__name__}"
        )
    if x.shape[0] != graph.sources:
        raise SpaceError(f"{type(layer).__name__} got features of {x.shape[0]} points and edges of {graph.sources}")


def _check_mode(rep: Representation, mode: str, modes: tuple[str, ...]) -> None:
    if mode not in modes:
        raise FieldTypeError(f"expected a mode among {modes}, got {mode!r}")
    if mode == "norm":
        require_orthogonal(rep, 'mode="norm"')
    for _, term in rep.terms:
        if mode == "max" and not term.is_permutation:
            raise FieldTypeError(
                f'the maximum of components needs a permutation representation, got {term}; take mode="mean", or '
                'mode="norm", which selects by the norm'
            )


def _largest(x: torch.Tensor, target: torch.Tensor, targets: int) -> torch.Tensor:
    """The largest of every component over the rows (E, c) of a target, zero where there are none: (targets, c)."""
    index = target[:, None].expand_as(x)
    return x.new_zeros(targets, x.shape[1]).scatter_reduce(0, index, x, "amax", include_self=False)


def _smallest(values: torch.Tensor, target: torch.Tensor, targets: int) -> torch.Tensor:
    """The smallest value over the rows of a target: (E, …) -> (targets, …)."""
    index = target.view(-1, *(1,) * (values.ndim - 1)).expand_as(values)
    zeros = values.new_zeros(targets, *values.shape[1:])
    return zeros.scatter_reduce(0, index, values, "amin", include_self=False)


def _first_smallest(values: torch.Tensor, target: torch.Tensor, targets: int) -> torch.Tensor:
    """(targets, m) the first row of a target at which each of the values (E, m) is smallest; E where it has no rows."""
    rows = torch.arange(len(values), device=values.device)[:, None]
    rows = rows.where(values == _smallest(values, target, targets)[target], len(values))
    nothing = rows.new_full((targets, values.shape[1]), len(values))
    return nothing.scatter_reduce(0, target[:, None].expand_as(rows), rows, "amin")


def _rows_at(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """values[index[p, i], i], zero where the index is E: (E, m, c) and (targets, m) -> (targets, m, c)."""
    padded = torch.cat([values, values.new_zeros(1, *values.shape[1:])])
    return padded[index, torch.arange(index.shape[1], device=index.device)]


def _longest(x: torch.Tensor, rep: Representation, target: torch.Tensor, targets: int) -> torch.Tensor:
    """Of every field the row of a target where its norm is largest: (E, c) -> (targets, c)."""
    parts = split_fields(x, rep)
    rows = [_first_smallest(-part.detach().square().sum(2), target, targets) for part in parts]
    return join_fields([_rows_at(part, index) for part, index in zip(parts, rows, strict=True)])
