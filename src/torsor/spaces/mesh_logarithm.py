"""Logarithms on triangle meshes: all pairs (p, q) of vertices within a geodesic distance, u = log_p(q), and transport.

The method "exact" follows all straight geodesics that leave the targets, all targets at once. A *window* is the part of
an edge that a target p sees through a strip of faces, unfolded in the tangent plane of p. It grows by one face at a
time: the vertex opposite to the edge is placed in the plane, and where p sees it, it splits the window in two. Shortest
paths bend only at vertices with more than the full angle, and at the boundary; from there light is sent on into their
shadow. So distances are those of the polyhedral surface, and everything is exact on flat meshes. Towards a smooth
surface distances converge with order two, directions and transport with order one at a fixed radius, and all of them
with order two at a fixed number of rings (tested on the sphere).
"""

from __future__ import annotations

from math import inf, pi
from typing import NamedTuple, TypeVar

import torch

from torsor.errors import SpaceError, require
from torsor.spaces.mesh_frames import Metric, tangent_bases, wrapped
from torsor.spaces.mesh_topology import after, before

METHODS = ("exact", "heat")
"""See `logarithms`."""

ROUNDING = 1e-9
"""Angles and relative lengths that differ by less are the same: rays through vertices, geodesics of equal length."""

CHUNK = 1 << 17
"""About how many pairs (p, q) are found at a time; bounds the memory."""


class Logarithms(NamedTuple):
    """E pairs (p, q), sorted by p, then q, p = q included.

    Attributes:
        p, q: (E,) int64 indices of vertices.
        u: (E, 2) log_p(q) in the reference basis at p; |u| is the geodesic distance.
        angle: (E,) parallel transport from q to p along the geodesic turns coordinates by this angle, in (-π, π].
    """

    p: torch.Tensor
    q: torch.Tensor
    u: torch.Tensor
    angle: torch.Tensor


def logarithms(
    metric: Metric,
    radius: float,
    targets: torch.Tensor | None = None,
    sources: torch.Tensor | None = None,
    method: str = "exact",
    positions: torch.Tensor | None = None,
) -> Logarithms:
    """u = log_p(q) and the transport from q to p, for all pairs within geodesic distance ≤ radius.

    The direction of u is that in which the shortest geodesic leaves p, |u| its length. The angle of transport is
    φ_p - φ_q - π with the directions φ_p at p towards q and φ_q at q towards p, so that it keeps the angle to the
    geodesic; along an edge it is that of `Metric.transport`. Of geodesics of equal length, such as those around both
    sides of a cone, directions and angles are those in the middle: results do not depend on the numbering of vertices.

    Args:
        metric: the geometry of the mesh.
        radius: the largest distance, up to a relative 1e-9; the cost of each target grows with radius³.
        targets: the vertices p, all by default; int64 indices.
        sources: the vertices q, all by default.
        method: "exact", or "heat": the vector heat method of potpourri3d (extra "mesh"), vertex by vertex.
        positions: (n, 3) of the vertices; needed by "heat" only.

    Raises:
        SpaceError: a radius that is not positive and finite, indices out of range, or an unknown method.
        MissingExtraError: "heat" without potpourri3d.

    Source: Mitchell, Mount and Papadimitriou, The discrete geodesic problem, 1987; Chen and Han, Shortest paths on a
        polyhedron, 1990 (windows); Knöppel et al., Globally optimal direction fields, 2013 (transport); Sharp, Soliman
        and Crane, The vector heat method, 2019.
    """
    if not 0 < radius < inf:
        raise SpaceError(f"expected a finite radius > 0, got {radius}")
    n = metric.triangulation.vertices
    targets, wanted = _index(metric, targets, "targets"), _index(metric, sources, "sources")
    if method not in METHODS:
        raise SpaceError(f'expected the method "exact" or "heat", got {method!r}')
    keep = torch.zeros(n, dtype=torch.bool, device=targets.device)
    keep[wanted] = True
    if method == "heat":
        return _heat(metric, radius, targets, keep, positions)
    cells = float(metric.faces.sum()) / n
    size = max(16, int(min(CHUNK * cells / max(pi * radius**2, 1e-300), len(targets))))
    parts = [_exact(metric, radius, part, keep) for part in targets.split(size)]
    return Logarithms(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _index(metric: Metric, index: torch.Tensor | None, name: str) -> torch.Tensor:
    n = metric.triangulation.vertices
    if index is None:
        return torch.arange(n, device=metric.lengths.device)
    if index.ndim != 1 or (len(index) and not 0 <= int(index.min()) <= int(index.max()) < n):
        raise SpaceError(f"expected {name} (m,) of vertex indices 0 … {n - 1}, got {tuple(index.shape)}")
    return torch.unique(index.long())


class Paths(NamedTuple):
    """Geodesics from p to q.

    For each: its distance, the direction phi in which it leaves p, the angle of transport from q to p, and back, the
    turn at q (not rescaled) of the direction back to p. Where p = q, phi and back are any.
    """

    p: torch.Tensor
    q: torch.Tensor
    distance: torch.Tensor
    phi: torch.Tensor
    angle: torch.Tensor
    back: torch.Tensor


class Windows(NamedTuple):
    """Parts of edges that a lamp shines on, unfolded around the lamp at the origin.

    A lamp is the end of a path: a target, or a vertex where geodesics bend. For each window: the number of the lamp,
    the half-edge fan of the lamp to which the direction (1, 0) belongs, the half-edge from a to b with the lamp on its
    left, and unit vectors right and left that bound the light.
    """

    lamp: torch.Tensor
    fan: torch.Tensor
    edge: torch.Tensor
    a: torch.Tensor
    b: torch.Tensor
    right: torch.Tensor
    left: torch.Tensor


T = TypeVar("T", Paths, Windows)


def _cat(*parts: T) -> T:
    return type(parts[0])(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _at(parts: T, index: torch.Tensor) -> T:
    return type(parts)(*(value[index] for value in parts))


def _exact(metric: Metric, radius: float, targets: torch.Tensor, keep: torch.Tensor) -> Logarithms:
    """Straight geodesics from the targets; then, bend by bend, from the vertices where shortest paths turn a corner."""
    radius = radius * (1 + ROUNDING)
    zero = torch.zeros(len(targets), dtype=torch.float64, device=targets.device)
    best = lamps = Paths(targets, targets, zero, zero, zero, zero)
    while len(lamps.p):
        found = _straight(metric, radius, lamps)
        best, new = _shortest(best, found, metric.triangulation.vertices)
        lamps = _at(best, (new & (metric.defect < -6 * ROUNDING)[best.q] & (best.distance < radius)).nonzero()[:, 0])
    best = _at(best, keep[best.q].nonzero()[:, 0])
    first, pair = _groups(best.p * metric.triangulation.vertices + best.q)
    u = best.distance[first, None] * _unit(_middle(best.phi, first, pair))
    return Logarithms(best.p[first], best.q[first], u, wrapped(_middle(best.angle, first, pair)))


def _straight(metric: Metric, radius: float, lamps: Paths) -> Paths:
    """The paths that lead straight on from lamps: windows grow until none is within the radius."""
    light = _light(metric, lamps)
    found = [_along(metric, radius, lamps, *light)]
    windows = _near(radius, lamps, _fans(metric, lamps, *light))
    while len(windows.lamp):
        paths, windows = _grown(metric, radius, lamps, windows)
        windows = _near(radius, lamps, windows)
        found.append(paths)
    return _cat(*found)


Light = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Half-edges that leave lamps: (k,) the number of the lamp, the half-edge h, and the light in the corner to its left,
from the angle low to high, counted from h; low = 0 iff h itself is lit, low ≥ high iff the corner is dark."""


def _light(metric: Metric, lamps: Paths) -> Light:
    """Where lamps shine: targets all around, others into their shadow.

    A path that arrives from the direction back can go on straight in any direction that makes angles of at least π with
    it on both sides; at the boundary the outside counts as a corner of 2π.
    """
    mesh = metric.triangulation
    degree = mesh.rows.diff()[lamps.q]
    lamp = torch.repeat_interleave(torch.arange(len(degree), device=degree.device), degree)
    place = torch.arange(len(lamp), device=degree.device) - (degree.cumsum(0) - degree)[lamp]
    q = lamps.q[lamp]
    h = mesh.ring[mesh.rows[q] + place]
    corner = torch.cat([metric.corner, metric.corner.new_zeros(len(mesh.tail) - mesh.inner)])[h]
    around = metric.total[q] + 2 * pi * mesh.boundary[q]
    start = torch.remainder(metric.turn[h] - lamps.back[lamp] - pi - 3 * ROUNDING, around)
    shadow = around - 2 * pi - 6 * ROUNDING  # without its edges, which are seen straight
    lit = (start <= shadow) | (lamps.p[lamp] == q)
    low = (around - start) * ~lit
    high = torch.where(lamps.p[lamp] == q, corner, torch.minimum(corner, shadow - start + around * ~lit))
    some = lit | (low < high)
    return lamp[some], h[some], low[some], high[some]


def _along(
    metric: Metric,
    radius: float,
    lamps: Paths,
    lamp: torch.Tensor,
    h: torch.Tensor,
    low: torch.Tensor,
    high: torch.Tensor,
) -> Paths:
    """The paths that go on from a lamp along a lit edge."""
    distance = lamps.distance[lamp] + metric.lengths[h]
    some = ((low == 0) & (distance <= radius)).nonzero()[:, 0]
    lamp, h = lamp[some], h[some]
    twin = metric.triangulation.twin[h]
    end, back = metric.triangulation.tail[twin], metric.turn[twin]
    return _continued(metric, lamps, lamp, end, distance[some], metric.turn[h], back)


def _continued(
    metric: Metric,
    lamps: Paths,
    lamp: torch.Tensor,
    end: torch.Tensor,
    distance: torch.Tensor,
    turn: torch.Tensor,
    back: torch.Tensor,
) -> Paths:
    """Paths through a lamp, which they leave with the given turn: transport along both parts is composed."""
    path, scale = _at(lamps, lamp), metric.scale
    out = turn * scale[path.q]
    phi = torch.where(path.p == path.q, out, path.phi)
    return Paths(path.p, end, distance, phi, path.angle + out - back * scale[end] - pi, back)


def _fans(
    metric: Metric, lamps: Paths, lamp: torch.Tensor, h: torch.Tensor, low: torch.Tensor, high: torch.Tensor
) -> Windows:
    """The sides opposite to a lamp in the faces around it."""
    some = (low < high).nonzero()[:, 0]
    lamp, h, low, high = lamp[some], h[some], low[some], high[some]
    b = metric.lengths[before(h), None] * _unit(metric.corner[h])
    a = torch.stack([metric.lengths[h], torch.zeros_like(low)], 1)
    return Windows(lamp, h, after(h), a, b, _unit(low), _unit(high))


def _unit(angle: torch.Tensor) -> torch.Tensor:
    return torch.stack([angle.cos(), angle.sin()], 1)


def _cross(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]


def _dot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x[:, 0] * y[:, 0] + x[:, 1] * y[:, 1]


def _grown(metric: Metric, radius: float, lamps: Paths, windows: Windows) -> tuple[Paths, Windows]:
    """The faces behind windows, unfolded: paths to their vertices c that are lit, and windows on their other two sides.

    With e = b - a and a rotation J by -90°, c = a + s e + t J e; s and t are those of the face, whatever its place.
    """
    mesh = metric.triangulation
    windows = _at(windows, (mesh.twin[windows.edge] < mesh.inner).nonzero()[:, 0])
    lamp, fan, edge, a, b, right, left = windows
    h = mesh.twin[edge]
    s, t = _apex(metric, h)
    e = b - a
    c = a + s[:, None] * e + t[:, None] * torch.stack([e[:, 1], -e[:, 0]], 1)
    distance = c.norm(dim=1)
    unit = c / distance[:, None]
    from_right, from_left = _cross(right, unit), _cross(unit, left)
    lit = (torch.minimum(from_right, from_left) >= -ROUNDING) & (distance + lamps.distance[lamp] <= radius)
    paths = _seen(metric, lamps, lit.nonzero()[:, 0], windows, h, c, distance)
    i, j = ((side > ROUNDING).nonzero()[:, 0] for side in (from_right, from_left))
    one = Windows(
        lamp[i], fan[i], after(h[i]), a[i], c[i], right[i], torch.where(from_left[i, None] > 0, unit[i], left[i])
    )
    two = Windows(
        lamp[j], fan[j], before(h[j]), c[j], b[j], torch.where(from_right[j, None] > 0, unit[j], right[j]), left[j]
    )
    return paths, _cat(one, two)


def _apex(metric: Metric, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The coordinates of the vertex opposite to h, along h reversed and across, in units of its length."""
    ratio = metric.lengths[after(h)] / metric.lengths[h]
    corner = metric.corner[after(h)]
    return ratio * corner.cos(), ratio * corner.sin()


def _seen(
    metric: Metric,
    lamps: Paths,
    some: torch.Tensor,
    windows: Windows,
    h: torch.Tensor,
    c: torch.Tensor,
    distance: torch.Tensor,
) -> Paths:
    """The paths from lamps straight to the vertices c opposite to h, for some of the windows."""
    lamp, fan, c, side = windows.lamp[some], windows.fan[some], c[some], before(h[some])
    to_b = windows.b[some] - c
    back = metric.turn[side] + torch.atan2(_cross(to_b, -c), _dot(to_b, -c))
    turn = metric.turn[fan] + torch.atan2(c[:, 1], c[:, 0])
    end = metric.triangulation.tail[side]
    return _continued(metric, lamps, lamp, end, distance[some] + lamps.distance[lamp], turn, back)


def _near(radius: float, lamps: Paths, windows: Windows) -> Windows:
    """The windows of which some point is within the radius: the lit part of a - b runs from low to high."""
    _, _, _, a, b, right, left = windows
    e = b - a
    low, high = ((_cross(a, ray) / -_cross(e, ray)).nan_to_num(0.0).clamp(0, 1) for ray in (right, left))
    foot = torch.minimum(torch.maximum(-_dot(a, e) / _dot(e, e), low), high)
    near = (a + foot[:, None] * e).norm(dim=1) <= radius - lamps.distance[windows.lamp]
    return _at(windows, near.nonzero()[:, 0])


def _shortest(best: Paths, found: Paths, n: int) -> tuple[Paths, torch.Tensor]:
    """The shortest paths of every pair, sorted, and which of them are new; of several the outermost two."""
    paths = _cat(best, found)
    key, order = (paths.p * n + paths.q).sort(stable=True)
    paths, new = _at(paths, order), order >= len(best.p)
    first, pair = _groups(key)
    least = torch.full_like(paths.distance[first], torch.inf).scatter_reduce(0, pair, paths.distance, "amin")
    tied = (paths.distance <= least[pair] * (1 + ROUNDING)).nonzero()[:, 0]
    paths, new = _at(paths, tied), new[tied]
    first, pair = _groups(key[tied])
    ends = _extent(paths.phi, first, pair)
    index = torch.arange(len(pair), device=pair.device)
    offset = wrapped(paths.phi - paths.phi[first[pair]])
    chosen = [
        torch.full_like(first, len(pair)).scatter_reduce(
            0, pair, index.where((offset - end[pair]).abs() <= ROUNDING, len(pair)), "amin"
        )
        for end in ends
    ]
    some = torch.unique(torch.cat(chosen))
    return _at(paths, some), new[some]


def _groups(key: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of sorted keys the index where each new key begins, and for every element the number of its key."""
    begins = torch.ones_like(key, dtype=torch.bool)
    begins[1:] = key[1:] != key[:-1]
    return begins.nonzero()[:, 0], begins.cumsum(0) - 1


def _extent(angle: torch.Tensor, first: torch.Tensor, group: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The least and the greatest angle of each group, relative to its first, modulo 2π."""
    offset = wrapped(angle - angle[first[group]])
    zero = torch.zeros_like(angle[first])
    return zero.scatter_reduce(0, group, offset, "amin"), zero.scatter_reduce(0, group, offset, "amax")


def _middle(angle: torch.Tensor, first: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
    """The middle of the angles of each group, modulo 2π."""
    low, high = _extent(angle, first, group)
    return angle[first] + (low + high) / 2


def _heat(
    metric: Metric, radius: float, targets: torch.Tensor, keep: torch.Tensor, positions: torch.Tensor | None
) -> Logarithms:
    """The vector heat method, target by target: log_p and the transport of a vector from p, in the bases of the solver.

    The solver's basis (X, Y) at a vertex and ours B differ by a rotation: B^T (X x + Y y) are coordinates in ours.
    """
    if positions is None:
        raise SpaceError('expected the positions (n, 3) of the vertices for the method "heat", got None')
    mesh = metric.triangulation
    tool = require("potpourri3d", "mesh")
    solver = tool.MeshVectorHeatSolver(positions.cpu().double().numpy(), mesh.faces.cpu().numpy())
    x, y, _ = (torch.from_numpy(axis).to(metric.lengths) for axis in solver.get_tangent_frames())
    turned = tangent_bases(metric, positions).mT @ torch.stack([x, y], 2)
    offset = torch.atan2(turned[:, 1, 0] - turned[:, 0, 1], turned[:, 0, 0] + turned[:, 1, 1])
    parts = []
    for p in targets.tolist():
        u = torch.from_numpy(solver.compute_log_map(p)).to(metric.lengths)
        moved = torch.from_numpy(solver.transport_tangent_vector(p, [1.0, 0.0])).to(metric.lengths)
        length, chord = u.norm(dim=1), (positions - positions[p]).norm(dim=1)
        # beyond the cut locus the solver answers with vectors that are shorter than any path: these are left out
        q = (keep & (length <= radius) & (chord <= 1.2 * length)).nonzero()[:, 0]
        there = torch.atan2(moved[q, 1], moved[q, 0]) + offset[q]
        parts.append((torch.full_like(q, p), q, u[q] @ _rotation(offset[p]).mT, wrapped(offset[p] - there)))
    return Logarithms(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _rotation(angle: torch.Tensor) -> torch.Tensor:
    c, s = angle.cos(), angle.sin()
    return torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
