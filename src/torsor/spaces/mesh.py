"""Triangle meshes as manifolds: frames, geodesics and transport from the lengths of their edges alone."""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Any, Self

import torch

from torsor.errors import SpaceError, is_count, require
from torsor.groups import Group
from torsor.spaces.edges import Edges
from torsor.spaces.manifold import Manifold
from torsor.spaces.mesh_crosses import indices, rotations, smoothest
from torsor.spaces.mesh_frames import Metric, embedded, tangent_bases, vertex_normals, wrapped
from torsor.spaces.mesh_logarithm import METHODS, logarithms
from torsor.spaces.mesh_topology import Triangulation, repaired, triangulate
from torsor.spaces.sphere_grids import icosphere_mesh
from torsor.spaces.structure import check_group

RINGS = 2
"""The curvature that the volume element takes is the mean over so many rings of neighbours."""


class Mesh(Manifold):
    """An oriented triangle mesh; features live at the vertices, (vertices, channels).

    Directions at a vertex are measured with its corners rescaled to a full turn; log_p(q) has the length and the
    direction of the shortest geodesic, and transport follows it (Levi-Civita). All of it depends on the lengths of
    edges only: bending the surface changes nothing. The weights are Voronoi areas divided by the Jacobian of exp,
    sin(√K r)/(√K r) with the Gaussian curvature K around the two points.

    Frames of SO(2) and O(2) may be any, and the reference bases are taken. Smaller groups need a field of frames:
    for C_N and D_N the smoothest N-fold cross field, for {e} and reflections the smoothest vector field. Closed
    surfaces other than the torus have none without singular points (Poincaré and Hopf): their indices add up to χ.

    Args:
        vertices: (n, 3) positions, or (n, D).
        faces: (F, 3) vertices of every face, counter-clockwise seen from outside.
        group: the structure group, of R².
        frames: (n, 2, 2) vectors in columns, in the reference bases; None chooses as told above.
        singular: "raise", if the field of frames that is chosen has singular faces; "allow" keeps it: the structure
            lives on the surface without them. They are listed in `singularities`.
        method: how logarithms are found, see `torsor.spaces.mesh_logarithm.logarithms`.

    Attributes:
        triangulation: half-edges, boundary, components, Euler characteristic.
        metric: lengths, angles, areas, curvature.

    Raises:
        SpaceError: no surface (the message names faces, and what to do), a group of another dimension, or a structure
            that the topology does not allow.

    Source: de Haan et al., Gauge equivariant mesh CNNs, 2020; Weiler et al., Coordinate independent CNNs, 2021.
    """

    def __init__(
        self,
        vertices: torch.Tensor,
        faces: torch.Tensor,
        group: Group,
        *,
        frames: torch.Tensor | None = None,
        singular: str = "raise",
        method: str = "exact",
    ) -> None:
        check_group(group)
        if group.dim != 2 or group.algebra_array.shape[-1] != 2:
            raise SpaceError(f"expected a structure group of R² for a surface, got {group}")
        if singular not in ("raise", "allow"):
            raise SpaceError(f'expected singular="raise" or "allow", got {singular!r}')
        if method not in METHODS:
            raise SpaceError(f'expected the method "exact" or "heat", got {method!r}')
        vertices, faces = torch.as_tensor(vertices), torch.as_tensor(faces)
        if vertices.is_complex():
            raise SpaceError(f"expected vertices with real coordinates, got {vertices.dtype}")
        vertices = vertices.detach().double()
        self.triangulation: Triangulation = triangulate(faces, len(vertices))
        self.metric: Metric = embedded(self.triangulation, vertices)
        self.method, self.singular = method, singular
        identity = torch.eye(2, dtype=torch.float64, device=vertices.device).expand(len(vertices), 2, 2)
        super().__init__(vertices, identity if frames is None else frames, self.metric.voronoi, group)
        if frames is None and group.is_finite:
            self.frames = self._crossed(group)
        self._check_singularities(singular)

    def _check_frames(self) -> None:
        if self.frames.shape[1:] != (2, 2):
            raise SpaceError(f"expected frames (vertices, 2, 2) in the reference bases, got {tuple(self.frames.shape)}")
        super()._check_frames()
        gram, determinant = self.frames.mT @ self.frames, torch.linalg.det(self.frames)
        if self.group.is_orthogonal and float((gram - torch.eye(2).to(gram)).abs().max()) > 1e-6:
            raise SpaceError(f"expected orthonormal frames for {self.group}, in the reference bases of the vertices")
        proper = bool((torch.linalg.det(self.group.generators.double()) > 0).all())
        if proper and not bool((determinant > 0).all()):
            raise SpaceError(f"expected frames with the orientation of the surface: {self.group} has no reflections")

    @staticmethod
    def load(path: str | Path, group: Group, *, repair: bool = True, **options: Any) -> Mesh:
        """A mesh from an OBJ, PLY, OFF or STL file.

        Args:
            path: of the file.
            group: the structure group.
            repair: merge coincident vertices, drop unused ones and degenerate faces, orient faces; see `repaired`.
            options: as of `Mesh`.

        Raises:
            SpaceError: the file holds no triangle mesh, or one that is no surface.
            MissingExtraError: trimesh is not installed.
        """
        trimesh = require("trimesh", "mesh")
        if not Path(path).is_file():
            raise SpaceError(f"expected a mesh file at {path}, there is none")
        try:
            read = trimesh.load(str(path), force="mesh", process=False)
        except (ValueError, IndexError, KeyError, AttributeError, TypeError, NotImplementedError) as error:
            # the last one is how trimesh refuses a format that it does not know
            raise SpaceError(f"expected a mesh that can be read in {path}: {error}") from error
        if not len(getattr(read, "faces", ())):
            raise SpaceError(f"expected a triangle mesh in {path}, found no faces")
        vertices, faces = torch.tensor(read.vertices, dtype=torch.float64), torch.tensor(read.faces, dtype=torch.int64)
        if repair:
            vertices, faces, _ = repaired(vertices, faces)
        return Mesh(vertices, faces, group, **options)

    @staticmethod
    def icosphere(subdivisions: int, group: Group, **options: Any) -> Mesh:
        """The unit sphere by 20·4^k triangles with flat faces, k times divided from the icosahedron."""
        return Mesh(*icosphere_mesh(subdivisions), group, **options)

    @staticmethod
    def torus(n: int, m: int, group: Group, *, outer: float = 1.0, inner: float = 0.4, **options: Any) -> Mesh:
        """The torus of revolution about axis 2 by n × m vertices: n around the axis, m around the tube."""
        if not (is_count(n, 3) and is_count(m, 3) and 0 < inner < outer):
            raise SpaceError(
                f"expected whole numbers n, m of at least 3 and 0 < inner < outer, got {n}, {m}, {inner}, {outer}"
            )
        u, v = (2 * pi * torch.arange(k, dtype=torch.float64) / k for k in (n, m))
        u, v = (w.flatten() for w in torch.meshgrid(u, v, indexing="ij"))
        r = outer + inner * v.cos()
        i, j = torch.arange(n).repeat_interleave(m), torch.arange(m).repeat(n)
        a, b, c, d = (((i + s) % n) * m + (j + t) % m for s, t in ((0, 0), (1, 0), (1, 1), (0, 1)))
        faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
        return Mesh(torch.stack([r * u.cos(), r * u.sin(), inner * v.sin()], 1), faces, group, **options)

    # -------------------------------------------------------------------------------------------------- what it is

    @property
    def faces(self) -> torch.Tensor:
        """(F, 3) the vertices of every face."""
        return self.triangulation.faces

    @property
    def vertices(self) -> torch.Tensor:
        """(n, D) the positions."""
        return self.positions

    @property
    def tangents(self) -> torch.Tensor:
        """(n, D, 2) the reference basis of every tangent plane as vectors of the surrounding space."""
        return tangent_bases(self.metric, self.positions)

    @property
    def normals(self) -> torch.Tensor:
        """(n, 3) the unit normals at the vertices."""
        return vertex_normals(self.triangulation, self.positions)

    @property
    def singularities(self) -> dict[int, float]:
        """The faces in which the field of frames is singular, with the index; empty for SO(2) and O(2)."""
        if not self.group.is_finite:
            return {}
        axis = self.frames @ mirror_axis(self.group).to(self.frames)
        found = indices(self.metric, torch.atan2(axis[:, 1], axis[:, 0]), directions(self.group))
        return {int(f): float(found[f]) for f in found.nonzero()[:, 0]}

    @property
    def pieces(self) -> torch.Tensor:
        """(n,) the connected component of every vertex."""
        return self.triangulation.component

    @property
    def _from_one(self) -> float:
        """The longest of the shortest paths of edges from one vertex of each component."""
        if "from one" not in self._geometry:
            label, index = self.pieces, torch.arange(len(self), device=self.cells.device)
            first = torch.full_like(index, len(self)).scatter_reduce(0, label, index, "amin")
            self._geometry["from one"] = self._longest((first[label] == index)[None])
        return self._geometry["from one"]

    def _extent(self, index: torch.Tensor | None) -> float:
        """A distance that no geodesic from some vertices exceeds: the longest of the shortest paths of edges."""
        every = torch.arange(len(self), device=self.cells.device)
        start = every if index is None else index
        return max(self._longest(part[:, None] == every) for part in start.split(256))

    def _longest(self, start: torch.Tensor) -> float:
        """The longest of the shortest paths of edges from sets of vertices (m, n) to those that they reach."""
        mesh, far = self.triangulation, torch.where(start, 0.0, torch.inf).to(self.cells)
        while True:
            longer = far[:, mesh.tail] + self.metric.lengths
            near = far.scatter_reduce(1, mesh.head.expand(len(start), -1), longer, "amin")
            if torch.equal(near, far):
                return float(far[far.isfinite()].max())
            far = near

    @property
    def ambient_frames(self) -> torch.Tensor:
        return self.tangents @ self.frames

    def __repr__(self) -> str:
        return f"Mesh({len(self)} vertices, {len(self.faces)} faces, {self.group})"

    # --------------------------------------------------------------------------------------------------- structures

    def restrict(self, group: Group, frames: torch.Tensor | None = None, *, singular: str | None = None) -> Self:
        """The same mesh with a smaller structure group; a finite one gets the smoothest field of frames.

        Where the present group is finite already its frames stay. `Field.restrict` takes a field along.

        Args:
            group: a subgroup.
            frames: (n, 2, 2) frames to take instead, in the reference bases.
            singular: "raise" or "allow"; by default as the mesh was made.

        Raises:
            SpaceError: no subgroup, or a field with singular faces, unless singular="allow".
        """
        check_group(group)
        if frames is None and group <= self.group and group.is_finite and not self.group.is_finite:
            crossed = self._crossed(group)
            frames = crossed if bool(self.group.contains(torch.linalg.inv(self.frames) @ crossed).all()) else None
        other = super().restrict(group, frames)
        if frames is not None:
            other._check_singularities(singular or self.singular)
        return other

    def _crossed(self, group: Group) -> torch.Tensor:
        return rotations(smoothest(self.metric, directions(group)))

    def _check_singularities(self, singular: str) -> None:
        wrong = self.singularities if singular == "raise" else {}
        if not wrong:
            return
        euler, closed = self.triangulation.euler, not bool(self.triangulation.boundary.any())
        why = f"the Euler characteristic is {euler}, so every such field has singular points" * bool(closed and euler)
        some = ", ".join(f"{f} ({index:+.3g})" for f, index in list(wrong.items())[:6])
        raise SpaceError(
            f"the frames of the {self.group}-structure of {self!r} are singular in {len(wrong)} faces: {some}"
            f'{" …" if len(wrong) > 6 else ""}; {why or "other frames may be regular"}. singular="allow", '
            "of Mesh and of restrict, takes the surface without these points; SO(2) and O(2) need no field of frames"
        )

    # ----------------------------------------------------------------------------------------------------- geometry

    def connect(
        self, radius: float | None, targets: torch.Tensor | None = None, sources: torch.Tensor | None = None
    ) -> Edges:
        """All pairs of vertices within geodesic distance."""
        if radius is None:
            raise SpaceError(f"expected a radius or k for the neighbours of {self!r}")
        few = sources is not None and len(sources) < (len(self) if targets is None else len(targets))
        if radius > self._from_one:
            radius = min(radius, self._extent(sources if few else targets))  # all of a component
        if few:  # geodesics start at the sources: log_p(q) = -P log_q(p)
            q, p, u, angle = logarithms(self.metric, radius, sources, targets, self.method, self.positions)
            u, angle = -torch.einsum("eij,ej->ei", rotations(-angle), u), -angle
        else:
            p, q, u, angle = logarithms(self.metric, radius, targets, sources, self.method, self.positions)
        return Edges(p, q, u, self._jacobian(p, q, u), rotations(angle))

    def _jacobian(self, p: torch.Tensor, q: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        """(E,) √K r / sin(√K r) with the mean K of the curvatures around p and q; sinh where K < 0."""
        curvature = self._curvature()
        curvature = (curvature[p] + curvature[q]) / 2
        phase = (curvature.abs() * u.square().sum(1)).sqrt().clamp(max=3.0)
        ratio = torch.where(curvature > 0, torch.sinc(phase / pi), phase.sinh() / phase.where(phase > 0, 1.0))
        return torch.where(phase > 1e-8, 1 / ratio, 1.0)

    def _curvature(self) -> torch.Tensor:
        """(n,) the curvature of two rings around each vertex over their area, the boundary left out."""
        mesh = self.triangulation
        inner = (~mesh.boundary).double()
        sums = torch.stack([self.metric.defect * inner, self.metric.voronoi * inner], 1)
        for _ in range(RINGS):
            sums = sums.index_add(0, mesh.head, sums[mesh.tail])
        return sums[:, 0] / sums[:, 1].where(sums[:, 1] > 0, 1.0)

    def _moved(self, isometry: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """What the base takes, a matrix or a pair (A, t), or the index (n,) of the image of every vertex."""
        rigid = isinstance(isometry, tuple)
        image = torch.zeros(0) if rigid else torch.as_tensor(isometry, device=self.positions.device)
        if rigid or image.ndim == 2:
            source = super()._moved(isometry)[0]
            image = torch.empty_like(source).index_copy(0, source, torch.arange(len(source), device=source.device))
        elif not torch.equal(image.sort().values, torch.arange(len(self), device=image.device)):
            raise SpaceError(f"expected a permutation of {len(self)} vertices, or a matrix, got {tuple(image.shape)}")
        source = image.argsort()
        return source, self._push(image)[source]

    def _push(self, image: torch.Tensor) -> torch.Tensor:
        """(n, 2, 2) what an automorphism does to directions, from the basis at each vertex to that at its image."""
        mesh, metric = self.triangulation, self.metric
        keys = mesh.tail * len(self) + mesh.head
        order = keys.argsort()
        wanted = image[mesh.tail] * len(self) + image[mesh.head]
        place = order[torch.searchsorted(keys[order], wanted).clamp(max=len(keys) - 1)]
        if not torch.equal(keys[place], wanted):
            raise SpaceError("expected an automorphism of the mesh: it maps edges to pairs that are no edges")
        if float((metric.lengths[place] / metric.lengths - 1).abs().max()) > 1e-6:
            raise SpaceError("expected an isometry: it changes the lengths of edges")
        first, second = mesh.ring[mesh.rows[:-1]], mesh.ring[mesh.rows[:-1] + 1]
        start, turn = metric.angle[place[first]], metric.angle[second]
        turned = wrapped(metric.angle[place[second]] - start)
        mirrors = (wrapped(turned - turn).abs() > wrapped(turned + turn).abs()).long()
        piece = mesh.component
        mirrors = mirrors.new_zeros(int(piece.max()) + 1).scatter_reduce(0, piece, mirrors, "amax")[piece]
        flip = torch.diag_embed(torch.stack([torch.ones_like(start), 1.0 - 2.0 * mirrors], 1))
        return rotations(start) @ flip


def directions(group: Group) -> int:
    """N, the number of rotations of a finite planar group."""
    elements = group.elements()
    return int((torch.linalg.det(elements) > 0).sum())


def mirror_axis(group: Group) -> torch.Tensor:
    """(2,) the direction that a reflection of a planar group keeps; the first axis if it has none."""
    elements = group.elements()
    flips = elements[torch.linalg.det(elements) < 0]
    if not len(flips):
        return torch.tensor([1.0, 0.0], dtype=torch.float64)
    kept = flips[0] + torch.eye(2, dtype=torch.float64)
    return torch.nn.functional.normalize(kept[:, int(kept.norm(dim=0).argmax())], dim=0)
