"""The intrinsic geometry of a triangle mesh: angles, a reference basis at every vertex, transport, curvature, areas.

All of it follows from the lengths of the edges. The tangent plane at an inner vertex is the cone of its corners, whose
angles are rescaled to sum up to 2π; at the boundary they stay. The first half-edge of a vertex has the direction 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch

from torsor.errors import SpaceError
from torsor.spaces.mesh_topology import Triangulation, after, before, check_finite, face_areas


@dataclass(frozen=True, eq=False, repr=False)
class Metric:
    """A triangulation with the lengths of its edges, and what follows from them; made by `measured`.

    Attributes:
        triangulation: the surface.
        lengths: (H,) the length of the edge of every half-edge.
        faces: (F,) areas of the faces.
        corner: (3F,) the angle at the tail of a half-edge between it and the previous side of its face.
        turn: (H,) the sum of the corners at the tail from its first half-edge to this one, counter-clockwise.
        total: (n,) the sum of all corners at a vertex.
        angle: (H,) the direction of a half-edge in the reference basis of its tail: turn × 2π / total at inner
            vertices, turn at the boundary.
        transport: (H,) the angle by which parallel transport along a half-edge turns coordinates: the vector with
            coordinates u at the tail has R(transport) u at the head; θ_twin + π - θ_h, in (-π, π].
    """

    triangulation: Triangulation
    lengths: torch.Tensor
    faces: torch.Tensor
    corner: torch.Tensor
    turn: torch.Tensor
    total: torch.Tensor
    angle: torch.Tensor
    transport: torch.Tensor

    @property
    def scale(self) -> torch.Tensor:
        """(n,) angle / turn: 2π / total at inner vertices, 1 at the boundary."""
        return (2 * pi / self.total).where(~self.triangulation.boundary, 1.0)

    @property
    def full(self) -> torch.Tensor:
        """(n,) the total of a flat mesh: 2π at inner vertices, π at the boundary."""
        return 2 * pi - pi * self.triangulation.boundary.double()

    @property
    def defect(self) -> torch.Tensor:
        """(n,) the curvature of a vertex: 2π - total, at the boundary π - total; the sum is 2πχ (Gauss–Bonnet)."""
        return self.full - self.total

    @property
    def holonomy(self) -> torch.Tensor:
        """(F,) the angle by which transport around a face turns a vector: the sum of its rescaled corners - π.

        That is the curvature of the face, to which each inner vertex gives its defect in proportion to its corners.
        """
        scaled = self.corner * self.scale[self.triangulation.faces.flatten()]
        return scaled.view(-1, 3).sum(1) - pi

    @property
    def barycentric(self) -> torch.Tensor:
        """(n,) a third of the area of the faces around each vertex."""
        return self._at_vertices(self.faces.repeat_interleave(3) / 3)

    @property
    def voronoi(self) -> torch.Tensor:
        """(n,) mixed Voronoi areas: of an obtuse face half to that corner, a quarter to the others; never negative.

        Source: Meyer et al., Discrete differential-geometry operators for triangulated 2-manifolds, 2003.
        """
        h = torch.arange(self.triangulation.inner, device=self.lengths.device)
        cot, square = 1 / self.corner.tan(), self.lengths.square()
        cells = (square[h] * cot[before(h)] + square[before(h)] * cot[after(h)]) / 8
        obtuse = self.corner > pi / 2
        area = self.faces.repeat_interleave(3)
        some = obtuse.view(-1, 3).any(1).repeat_interleave(3)
        return self._at_vertices(torch.where(some, area * (0.25 + 0.25 * obtuse), cells))

    def _at_vertices(self, corners: torch.Tensor) -> torch.Tensor:
        """The sum over the corners of every vertex."""
        tail = self.triangulation.tail[: self.triangulation.inner]
        return corners.new_zeros(self.triangulation.vertices).index_add(0, tail, corners)


def measured(triangulation: Triangulation, lengths: torch.Tensor) -> Metric:
    """The geometry that the lengths (H,) of half-edges give to a triangulation, equal on twins.

    Raises:
        SpaceError: a face of area zero, or whose sides do not satisfy the triangle inequality; the message names it.
    """
    mesh, lengths = triangulation, lengths.double()
    if lengths.shape != mesh.tail.shape or not torch.allclose(lengths, lengths[mesh.twin], rtol=1e-9, atol=0.0):
        raise SpaceError(
            f"expected a length for each of {len(mesh.tail)} half-edges, the same for twins, got {tuple(lengths.shape)}"
        )
    lengths = (lengths + lengths[mesh.twin]) / 2
    areas = face_areas(lengths[: mesh.inner].view(-1, 3))
    corner = _corners(lengths[: mesh.inner], areas)
    turn, total = _turns(mesh, corner)
    angle = turn * (2 * pi / total).where(~mesh.boundary, 1.0)[mesh.tail]
    transport = wrapped(angle[mesh.twin] + pi - angle)
    return Metric(mesh, lengths, areas, corner, turn, total, angle, transport)


def embedded(triangulation: Triangulation, positions: torch.Tensor) -> Metric:
    """The geometry of a mesh with flat faces: |h| = |x_head - x_tail|, of positions (n, D) for any D ≥ 2.

    Raises:
        SpaceError: positions of a wrong shape or not finite, or a face of area zero; the message names them.
    """
    check_finite(positions)
    if len(positions) != triangulation.vertices:
        raise SpaceError(f"expected positions of {triangulation.vertices} vertices, got {len(positions)}")
    return measured(triangulation, _vectors(triangulation, positions.double()).norm(dim=1))


def wrapped(angle: torch.Tensor) -> torch.Tensor:
    """The angle modulo 2π in (-π, π]."""
    return pi - torch.remainder(pi - angle, 2 * pi)


def vertex_normals(triangulation: Triangulation, positions: torch.Tensor) -> torch.Tensor:
    """(n, 3) unit normals of vertices in R³: the mean over the faces around them, weighted by area.

    Raises:
        SpaceError: positions that are not in R³.
    """
    if positions.shape[-1] != 3:
        raise SpaceError(f"expected positions in R³, where surfaces have normals, got R^{positions.shape[-1]}")
    a, b, c = positions.double()[triangulation.faces].unbind(1)
    face = torch.linalg.cross(b - a, c - a).repeat_interleave(3, 0)
    normal = torch.zeros_like(positions, dtype=torch.float64).index_add(0, triangulation.faces.flatten(), face)
    return torch.nn.functional.normalize(normal, dim=1, eps=1e-300)


def tangent_bases(metric: Metric, positions: torch.Tensor) -> torch.Tensor:
    """(n, D, 2) the reference basis of every vertex as orthonormal vectors of R^D: u ↦ B u.

    B minimises Σ_h |x_head - x_tail - |h| B (cos θ_h, sin θ_h)|² / |h|; in R³ it is orthogonal to the vertex normal,
    and (B_1, B_2, normal) is right-handed.
    """
    mesh = metric.triangulation
    ambient, plane = _vectors(mesh, positions.double()), torch.stack([metric.angle.cos(), metric.angle.sin()], 1)
    moment = ambient.new_zeros(mesh.vertices, ambient.shape[1], 2)
    moment = moment.index_add(0, mesh.tail, ambient[:, :, None] * plane[:, None, :])
    if ambient.shape[1] != 3:
        return _orthonormal(moment)
    normal = vertex_normals(mesh, positions)
    x, y = (moment - normal[:, :, None] * (normal[:, None] @ moment)).unbind(2)
    first = torch.nn.functional.normalize(x + torch.linalg.cross(y, normal), dim=1, eps=1e-300)
    return torch.stack([first, torch.linalg.cross(normal, first)], 2)


def _orthonormal(m: torch.Tensor) -> torch.Tensor:
    """The orthogonal polar factor M (MᵀM)^(-1/2) of (n, D, 2), by √S = (S + √det S) / √(tr S + 2 √det S)."""
    gram = m.mT @ m
    root = torch.linalg.det(gram).clamp(min=0).sqrt()[:, None, None] * torch.eye(2).to(m)
    trace = gram.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] + 2 * root[:, :1, :1]
    return m @ torch.linalg.inv_ex((gram + root) / trace.sqrt()).inverse


def _vectors(triangulation: Triangulation, positions: torch.Tensor) -> torch.Tensor:
    """(H, D) x_head - x_tail."""
    return positions[triangulation.head] - positions[triangulation.tail]


def _corners(lengths: torch.Tensor, areas: torch.Tensor) -> torch.Tensor:
    """(3F,) the angle at the tail of each side: tan = 4 area / (b² + c² - a²), with a the side opposite."""
    h = torch.arange(len(lengths), device=lengths.device)
    a, b, c = lengths[after(h)], lengths[h], lengths[before(h)]
    return torch.atan2(4 * areas.repeat_interleave(3), (b - a) * (b + a) + c * c)


def _turns(mesh: Triangulation, corner: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of the corners before each half-edge around its tail, and all around: (H,), (n,); outside they are 0."""
    corner = torch.cat([corner, corner.new_zeros(len(mesh.tail) - mesh.inner)])
    turn, total = torch.zeros_like(corner), corner.new_zeros(mesh.vertices)
    degree, at = mesh.rows.diff(), torch.arange(mesh.vertices, device=corner.device)
    for step in range(int(degree.max())):
        at = at[degree[at] > step]
        h = mesh.ring[mesh.rows[at] + step]
        turn[h] = total[at]
        total[at] = total[at] + corner[h]
    return turn, total
