"""The edges of a space: pairs (p, q) with the tangent vector v from p to q = exp_p(v), and weights for dv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.utils import _pytree

from torsor.errors import SpaceError


@dataclass(frozen=True, eq=False, repr=False)
class Neighbours:
    """E edges from source points q to target points p, sorted by target.

    What a convolution f_out(p) = Σ_q K(v) ρ(g_{p←q}) f_in(q) w needs to know of the space. A space computes it once;
    it is a pytree, so it can be an argument of a compiled or exported network.

    Attributes:
        target: (E,) int64, ascending; the index of p.
        source: (E,) int64; the index of q.
        v: (E, d) coordinates at p of the tangent vector to q; on points x_q - x_p.
        weight: (E,) quadrature weights, which approximate dv.
        targets: number of target points, those without an edge included.
        sources: number of source points.
        rows: (targets + 1,) int64; the edges of target p are rows[p] … rows[p + 1] - 1. Derived when not given.
        g: (E, d, d) transporters g_{p←q} from the frame at q to that at p, or None where all are the identity.

    Raises:
        SpaceError: shapes that do not fit, targets that are not sorted, or indices out of range.
    """

    target: torch.Tensor
    source: torch.Tensor
    v: torch.Tensor
    weight: torch.Tensor
    targets: int
    sources: int
    rows: torch.Tensor = None  # type: ignore[assignment]
    g: torch.Tensor | None = None
    _cast: dict[Any, tuple[list[int], Neighbours]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.rows is None:
            self._check()
            object.__setattr__(self, "rows", offsets(self.target, self.targets))

    def _check(self) -> None:
        edges, d = len(self.target), self.v.shape[-1]
        shapes = {"target": (edges,), "source": (edges,), "v": (edges, d), "weight": (edges,), "g": (edges, d, d)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and tuple(value.shape) != shape:
                raise SpaceError(f"expected {name} of shape {shape} for {edges} edges, got {tuple(value.shape)}")
        if edges and bool((self.target.diff() < 0).any()):
            raise SpaceError("expected edges sorted by target; Neighbours.from_edges sorts them")
        for name, index, count in (("target", self.target, self.targets), ("source", self.source, self.sources)):
            if edges and not 0 <= int(index.min()) <= int(index.max()) < count:
                raise SpaceError(
                    f"expected {name} indices 0 … {count - 1}, got {int(index.min())} … {int(index.max())}"
                )

    @staticmethod
    def from_edges(
        target: torch.Tensor,
        source: torch.Tensor,
        v: torch.Tensor,
        weight: torch.Tensor | None = None,
        *,
        targets: int,
        sources: int,
        g: torch.Tensor | None = None,
    ) -> Neighbours:
        """Edges in any order, sorted here by target, then source; weights are 1 by default."""
        order = by_target(target, source)
        weight = v.new_ones(len(v)) if weight is None else weight
        return Neighbours(
            target[order],
            source[order],
            v[order],
            weight[order],
            targets,
            sources,
            g=None if g is None else g[order],
        )

    @staticmethod
    def joined(graphs: Sequence[Neighbours]) -> Neighbours:
        """The edges of several graphs as one, their points one after another; no edge joins two of them."""
        shifts = [(0, 0)]
        for graph in graphs:
            shifts.append((shifts[-1][0] + graph.targets, shifts[-1][1] + graph.sources))
        pairs = list(zip(graphs, shifts, strict=False))
        given = any(graph.g is not None for graph in graphs)
        return Neighbours(
            torch.cat([graph.target + a for graph, (a, _) in pairs]),
            torch.cat([graph.source + b for graph, (_, b) in pairs]),
            torch.cat([graph.v for graph in graphs]),
            torch.cat([graph.weight for graph in graphs]),
            *shifts[-1],
            g=torch.cat([graph.transporters for graph in graphs]) if given else None,
        )

    @property
    def transporters(self) -> torch.Tensor:
        """(E, d, d) g, with the identities written out where g is None."""
        if self.g is not None:
            return self.g
        return torch.eye(self.dim, dtype=self.v.dtype, device=self.v.device).expand(len(self), -1, -1)

    @property
    def dim(self) -> int:
        """d, the number of coordinates of v."""
        return self.v.shape[-1]

    @property
    def degree(self) -> torch.Tensor:
        """(targets,) the number of edges of every target."""
        return self.rows.diff()

    @property
    def isolated(self) -> int:
        """The number of targets without any edge: what a convolution gives there is its bias."""
        return int((self.degree == 0).sum())

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Σ over the edges of every target: (E, …) -> (targets, …)."""
        return values.new_zeros(self.targets, *values.shape[1:]).index_add(0, self.target, values)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Neighbours:
        """The edges on a device, with v, weight and g of a dtype."""
        index = {name: getattr(self, name).to(device) for name in ("target", "source", "rows")}
        return replace(
            self,
            v=self.v.to(device, dtype),
            weight=self.weight.to(device, dtype),
            g=None if self.g is None else self.g.to(device, dtype),
            **index,
        )

    def like(self, x: torch.Tensor) -> Neighbours:
        """The edges on the device and in the dtype of a tensor, cast once; these if they are so already."""
        if self.v.dtype == x.dtype and self.v.device == x.device:
            return self
        parts = [part for part in (self.v, self.weight, self.g) if part is not None]
        moving = any(part.requires_grad or part.is_inference() for part in parts)
        if moving or torch.compiler.is_compiling():
            return self.to(x.device, x.dtype)
        key, versions = (x.device, x.dtype), [part._version for part in parts]
        if key not in self._cast or self._cast[key][0] != versions:
            with torch.inference_mode(False), torch.no_grad():
                self._cast[key] = versions, self.to(*key)
        return self._cast[key][1]

    def __len__(self) -> int:
        return len(self.target)

    def __repr__(self) -> str:
        return f"Neighbours({len(self)} edges, {self.sources} -> {self.targets} points of R^{self.dim})"


def offsets(target: torch.Tensor, targets: int) -> torch.Tensor:
    """(targets + 1,) where the edges of every target begin, of sorted targets."""
    counts = torch.bincount(target, minlength=targets)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def by_target(target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """The permutation that sorts edges by target, then source."""
    order = source.argsort(stable=True)
    return order[target[order].argsort(stable=True)]


_LEAVES = ("target", "source", "v", "weight", "rows", "g")


def _parts(x: Neighbours) -> list[tuple[str, torch.Tensor]]:
    return [(name, getattr(x, name)) for name in _LEAVES if getattr(x, name) is not None]


def _flatten(x: Neighbours) -> tuple[list[Any], tuple[Any, ...]]:
    return [value for _, value in _parts(x)], (x.targets, x.sources, x.g is not None)


def _flatten_with_keys(x: Neighbours) -> tuple[list[Any], tuple[Any, ...]]:
    return [(_pytree.GetAttrKey(name), value) for name, value in _parts(x)], _flatten(x)[1]


def _unflatten(children: Any, context: tuple[Any, ...]) -> Neighbours:
    target, source, v, weight, rows, *g = children
    return Neighbours(target, source, v, weight, context[0], context[1], rows, *g)


_pytree.register_pytree_node(
    Neighbours,
    _flatten,
    _unflatten,
    serialized_type_name="torsor.Neighbours",
    to_dumpable_context=list,
    from_dumpable_context=tuple,
    flatten_with_keys_fn=_flatten_with_keys,
)
