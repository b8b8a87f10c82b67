"""Manifolds with a G-structure: points, a frame at each, and the geometry between them that no gauge enters.

    f_out(p) = Σ_q K(v) ρ(g_{p←q}) f(q) w,   v = e_p⁺ log_p(q),   g_{p←q} = e_p⁺ P_{p←q} e_q,   w ≈ dv

A space says how its points are connected (`Manifold.connect`), in bases of its own; everything that depends on the
frames follows here: the edges of a convolution, isometries, coarser points.
"""

from __future__ import annotations

from abc import abstractmethod
from math import ceil, inf
from typing import Any
from weakref import WeakKeyDictionary

import torch

from torsor.errors import SpaceError, SparsityWarning, as_number, is_count
from torsor.groups import Group
from torsor.reps import Representation
from torsor.spaces.edges import Edges, Motion, checked
from torsor.spaces.farthest import farthest
from torsor.spaces.framed import FramedPoints
from torsor.spaces.graph import NORMS
from torsor.spaces.nearest import in_root, nearest_sources, nearest_target
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.search import Cloud, nearest
from torsor.spaces.structure import compatible, volume
from torsor.warn import warn

MATCH = 1e-6
"""The distance, relative to the extent of a space, at which a moved point counts as another one."""


class Manifold(FramedPoints):
    """Framed points and the geometry between them; features are (n, channels).

    `positions`, `frames`, `cells` and `group` are those of `FramedPoints`. A new space says `connect`.
    """

    @abstractmethod
    def connect(
        self, radius: float | None, targets: torch.Tensor | None = None, sources: torch.Tensor | None = None
    ) -> Edges:
        """All pairs of a target and a source within a distance, p = q included, as indices of points.

        Args:
            radius: the greatest distance, in the metric that makes the frames orthonormal.
            targets: indices of points; None is all of them.
            sources: likewise.
        """

    @property
    def reach(self) -> float:
        """Below this distance any two points are joined by one shortest geodesic, as far as is known."""
        return inf

    @property
    def horizon(self) -> float:
        """The largest radius of which all neighbours can be found."""
        return 0.999999 * self.reach

    def squares(self, edges: Edges) -> torch.Tensor:
        """(E,) squared distances, to nine digits, so that rounding does not choose between equally near points."""
        square = self._squares(edges)
        unit = 10.0 ** (square.clamp(min=1e-300).log10().floor() - 9)
        return (square / unit).round() * unit

    def _squares(self, edges: Edges) -> torch.Tensor:
        return edges.u.square().sum(1)

    @property
    def root(self) -> Manifold:
        """The space whose points these are; itself, unless it is a `Subset`."""
        return self

    @property
    def pieces(self) -> torch.Tensor:
        """(n,) the number of the connected piece in which each point lies; between pieces there are no geodesics."""
        return torch.zeros(len(self), dtype=torch.int64, device=self.positions.device)

    # -------------------------------------------------------------------------------------------------- neighbours

    def neighbours(
        self,
        radius: float | None = None,
        *,
        k: int | None = None,
        target: Manifold | None = None,
        norm: str = "mean",
        fewer: bool = False,
    ) -> Neighbours:
        """The edges q → p of all pairs within geodesic distance, with v, transporters and weights; computed once.

        Args:
            radius: of the neighbourhood, in the metric that makes the frames orthonormal.
            k: only the nearest k of every target besides itself; without a radius as many as it takes. Of equally near
                points the first are taken, so that on symmetric samples isometries may be lost.
            target: the points p, of the same space, when they are others than these.
            norm: "mean", weights proportional to dv whose sum is 1; "sum" or "density", they approximate dv, so that
                Σ w f ≈ ∫ f dv; "one", all are 1.
            fewer: whether all that there are will do, instead of an error, where a piece, or a window of a chart, has
                fewer than k points, or antipodes are left out.

        Raises:
            SpaceError: targets of another space, an unknown norm, or transporters outside the structure group.

        Warns:
            SparsityWarning: a radius in which every point sees itself only.
        """
        if norm not in NORMS:
            raise SpaceError(f'expected the norm "sum" (weights approximate dv), "mean" or "one", got {norm!r}')
        if radius is not None and not 0 < (as_number(radius) or 0.0) < inf:
            raise SpaceError(f"expected a positive finite radius, got {radius}")
        if k is not None and not self.group.is_orthogonal:
            raise SpaceError(
                f"expected a radius or a window: frames of {self.group} know no distance, and no nearest k"
            )
        there = self if target is None else target
        if not isinstance(there, Manifold) or there.root is not self.root and not self._shares(there):
            raise SpaceError(
                f"expected targets among the points of {self.root}, got {there!r}; a space that was made apart is "
                "another one, however alike"
            )
        norm, radius = "sum" if norm == "density" else norm, None if radius is None else float(radius)
        key, kept = (radius, k, norm, fewer), graphs_between(self, there)
        if key not in kept:
            with torch.inference_mode(False), torch.no_grad():
                kept[key] = self._graph(radius, k, norm, there, fewer)
        return kept[key]

    def _shares(self, other: Manifold) -> bool:
        """Whether another space has the same points and geometry: it differs by its frames at most."""
        return self.root._kin == other.root._kin

    def _graph(self, radius: float | None, k: int | None, norm: str, there: Manifold, fewer: bool) -> Neighbours:
        edges = self.pairs(radius, there) if k is None else nearest_sources(self, there, k, radius, fewer)
        if there is self and len(self) > 1 and len(edges.p) == len(self):
            warn(
                f"no point of {self} has a neighbour within the radius {radius}: each sees itself only; take a larger "
                "radius, or k=",
                SparsityWarning,
            )
        weight = edges.jacobian * self.cells[edges.q] / volume(there.frames)[edges.p]
        if norm == "one":
            weight = torch.ones_like(weight)
        if norm == "mean":
            total = weight.new_zeros(len(there)).index_add(0, edges.p, weight)[edges.p]
            weight = weight / total.where(total > 0, 1.0)
        return self._framed(edges, weight, there)

    def chosen(self, edges: Edges) -> Edges:
        """Edges of this space, the root, that were chosen; spaces raise where there is no transport along them."""
        return edges

    def _framed(self, edges: Edges, weight: torch.Tensor, there: Manifold) -> Neighbours:
        """Edges from these points to others in the frames of both."""
        self.root.chosen(in_root(self, there, edges))
        coframe = torch.linalg.pinv(there.frames)
        v = torch.einsum("edm,em->ed", coframe[edges.p], edges.u)
        g = compatible(self.group, coframe, self.frames, edges.p, edges.q, edges.transport)
        return Neighbours.from_edges(edges.p, edges.q, v, weight, targets=len(there), sources=len(self), g=g)

    def pairs(self, radius: float | None, there: Manifold) -> Edges:
        """The edges within a radius; those of a space with itself are found once for all gauges."""
        if radius is not None and radius >= self.root.reach:
            raise SpaceError(
                f"expected a radius below {self.root.reach:.6g}, where two points of {self.root} have more than one "
                f"shortest geodesic between them, got {radius:g}"
            )
        if there is not self:
            return self.between(radius, there)
        if radius not in self._geometry:
            self._geometry[radius] = self.between(radius, self)
        return self._geometry[radius]

    def between(self, radius: float | None, there: Manifold) -> Edges:
        """The edges from these points to others of one root, as indices of the two.

        Raises:
            SpaceError: `connect` gives something else than edges.
        """
        edges = self.root.connect(radius, there.inside(), self.inside())
        edges = checked(self.root, edges)
        return edges._replace(p=there.outside(edges.p), q=self.outside(edges.q))

    def inside(self) -> torch.Tensor | None:
        """The points as indices of the root's; None for all."""
        return None

    def outside(self, index: torch.Tensor) -> torch.Tensor:
        """Indices of the root's points as indices of these, -1 where they are not among these."""
        return index

    # ----------------------------------------------------------------------------------------------- coarser points

    def subset(self, index: torch.Tensor, cells: torch.Tensor | None = None) -> Subset:
        """Some of the points, with their frames, and volumes of their own if given."""
        return Subset(self, index, cells)

    def coarsened(self, n: int | None = None, *, ratio: float | None = None) -> tuple[Subset, Neighbours]:
        """Farthest points, and the edges to each from the points that are nearest to it, with transporters.

        Samples are far from each other in the coordinates of `positions`, clusters in the geometry of the space.

        Args:
            n: the number of samples.
            ratio: or the part of the points, in (0, 1], rounded up.

        Raises:
            SpaceError: neither or both, or more samples than points.
        """
        key = "coarsened", n, ratio
        if key not in self._cache:
            if not self.group.is_orthogonal:
                raise SpaceError(f"frames of {self.group} know no distance, and no nearest samples")
            with torch.inference_mode(False), torch.no_grad():
                self._cache[key] = self._coarsened(_count(len(self), n, ratio))
        return self._cache[key]

    def _coarsened(self, count: int) -> tuple[Subset, Neighbours]:
        cloud = Cloud(self.positions, torch.zeros(len(self), dtype=torch.int64, device=self.positions.device), 1)
        samples = self.subset(farthest(cloud.x, cloud.batch, [len(self)], [count]))
        edges = nearest_target(self, samples)
        volumes = self.volumes[edges.q]
        total = volumes.new_zeros(count).index_add(0, edges.p, volumes)
        samples.cells = total / samples.unit_volumes
        return samples, self._framed(edges, volumes / total.where(total > 0, 1.0)[edges.p], samples)

    # --------------------------------------------------------------------------------------------------- isometries

    def act(self, isometry: Any) -> Motion:
        """What an isometry φ of the space does to fields: (φ f)(p) = ρ(g_p) f(φ⁻¹ p).

        Args:
            isometry: a matrix A (D, D), or a pair (A, t) with a vector t (D,), so that x ↦ A x + t maps the positions
                onto each other.

        Raises:
            SpaceError: it maps points between the points, or frames to frames outside the structure.
        """
        source, push = self._moved(isometry)
        g = torch.linalg.pinv(self.frames) @ push @ self.frames[source]
        inside = self.group.contains(g)
        if not bool(inside.all()):
            raise SpaceError(
                f"the isometry keeps the points, but not the {self.group}-structure: at {int((~inside).sum())} of "
                f"{len(self)} points it maps frames to frames that no element relates to the one there"
            )
        return Motion(source, g)

    def move(self, x: torch.Tensor, rep: Representation, motion: Motion) -> torch.Tensor:
        """(φ f)(p) = ρ(g_p) f(source_p) of features (n, rep.dim).

        Raises:
            SpaceError: a motion of other points.
        """
        if len(motion.source) != len(self):
            raise SpaceError(f"expected a motion of {self!r}, got one of {len(motion.source)} points")
        return torch.einsum("nij,nj->ni", rep.rho(motion.g).to(x), x[motion.source])

    def _moved(self, isometry: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """(n,) φ⁻¹(p), and (n, m, m) what φ does to vectors, from the basis at φ⁻¹(p) to that at p."""
        d = self.positions.shape[1]
        matrix, shift = isometry if isinstance(isometry, tuple) else (isometry, torch.zeros(d))
        matrix, shift = (torch.as_tensor(x, dtype=torch.float64, device=self.positions.device) for x in (matrix, shift))
        if matrix.shape != (d, d) or shift.shape != (d,):
            raise SpaceError(
                f"expected a matrix ({d}, {d}) that moves the points of {self}, or a pair of one and a vector ({d},), "
                f"got {tuple(matrix.shape)} and {tuple(shift.shape)}"
            )
        if not bool(matrix.isfinite().all() & shift.isfinite().all()) or float(torch.linalg.det(matrix)) == 0:
            raise SpaceError(f"expected a finite invertible matrix that moves {self}, got {matrix.tolist()}")
        source = self._preimages((self.positions - shift) @ torch.linalg.inv(matrix).T)
        return source, matrix.expand(len(source), d, d)

    def _preimages(self, moved: torch.Tensor) -> torch.Tensor:
        source, miss = self._matched(moved)
        extent = float((self.positions.amax(0) - self.positions.amin(0)).max())
        if miss > MATCH * extent:
            raise SpaceError(
                f"the isometry maps points of {self} to places up to {miss:.3g} from the nearest point; only "
                "symmetries of the samples act on fields, others need a space with samples that they keep"
            )
        if len(source.unique()) < len(source):
            raise SpaceError(f"expected different points to move to different points; do some of {self} coincide?")
        return source

    def _matched(self, moved: torch.Tensor) -> tuple[torch.Tensor, float]:
        """The nearest points, and the greatest distance to them."""
        zeros = torch.zeros(len(moved), dtype=torch.int64, device=moved.device)
        source = nearest(Cloud(moved, zeros, 1), Cloud(self.positions, zeros, 1), 1)[1]
        return source, float((self.positions[source] - moved).norm(dim=1).max())


def graphs_between(source: Manifold, target: Manifold) -> dict[Any, Neighbours]:
    """What is known of the edges from a space to another, or itself; forgotten when either of them is gone."""
    if source is target:
        return source._cache
    return target._cache.setdefault("graphs", WeakKeyDictionary()).setdefault(source, {})


def _count(points: int, n: int | None, ratio: float | None) -> int:
    if (n is None) == (ratio is None) or (ratio is not None and not 0 < ratio <= 1):
        raise SpaceError(f"expected either n or a ratio in (0, 1], got n={n}, ratio={ratio}")
    count = n if n is not None else max(1, ceil((ratio or 1) * points - 1e-9))
    if not is_count(count) or count > points:
        raise SpaceError(f"expected 1 … {points} samples, got {count}")
    return count


def _span(index: torch.Tensor) -> str:
    return f"{int(index.min())} … {int(index.max())}" if len(index) else "none"


class Subset(Manifold):
    """Some points of a space, whose geometry is that of the whole.

    Args:
        whole: the space.
        members: (n,) indices of its points.
        cells: (n,) volumes of the points; by default what they are in the whole.

    Raises:
        SpaceError: indices out of range.
    """

    def __init__(self, whole: Manifold, members: torch.Tensor, cells: torch.Tensor | None = None) -> None:
        members = torch.as_tensor(members, device=whole.positions.device)
        if members.dtype == torch.bool:
            if members.shape != (len(whole),):
                raise SpaceError(f"expected a mask of {len(whole)} points, got one of shape {tuple(members.shape)}")
            members = members.nonzero()[:, 0]
        if members.ndim != 1 or members.is_floating_point():
            raise SpaceError(f"expected indices (n,) of points, got {members.dtype} of shape {tuple(members.shape)}")
        if len(members) == 0 or not 0 <= int(members.min()) <= int(members.max()) < len(whole):
            raise SpaceError(f"expected indices 0 … {len(whole) - 1} of points of {whole}, got {_span(members)}")
        cells = whole.cells[members] if cells is None else cells
        super().__init__(whole.positions[members], whole.frames[members], cells, whole.group)
        inside = whole.inside()
        self.members = members if inside is None else inside[members]
        self.whole = whole.root
        if len(self.members.unique()) < len(members):
            raise SpaceError("expected indices of different points, some are repeated")

    @property
    def root(self) -> Manifold:
        return self.whole

    @property
    def ambient_frames(self) -> torch.Tensor:
        whole = self.whole
        return (whole.ambient_frames @ torch.linalg.pinv(whole.frames))[self.members] @ self.frames

    @property
    def unit_volumes(self) -> torch.Tensor:
        return self.whole.unit_volumes[self.members]

    def restrict(self, group: Group, frames: torch.Tensor | None = None) -> Subset:
        """The same points of the whole space with a smaller structure group, in the frames that they have.

        Where the whole space chooses other frames for the group, as meshes do, these have them too.
        """
        if frames is not None:
            return super().restrict(group, frames)
        whole = self.whole.restrict(group)
        other = Subset(whole, self.members, self.cells)
        return other.with_frames(self.frames) if torch.equal(whole.frames, self.whole.frames) else other

    def inside(self) -> torch.Tensor | None:
        return self.members

    def outside(self, index: torch.Tensor) -> torch.Tensor:
        place = torch.full((len(self.whole),), -1, dtype=torch.int64, device=index.device)
        place[self.members] = torch.arange(len(self), device=index.device)
        return place[index]

    def connect(
        self, radius: float | None, targets: torch.Tensor | None = None, sources: torch.Tensor | None = None
    ) -> Edges:
        return self.whole.connect(radius, targets, sources)

    def _moved(self, isometry: Any) -> tuple[torch.Tensor, torch.Tensor]:
        source, push = self.whole._moved(isometry)
        members = self.outside(source[self.members])
        if bool((members < 0).any()):
            raise SpaceError(f"the isometry maps points of {self} to others of {self.whole}")
        return members, push[self.members]
