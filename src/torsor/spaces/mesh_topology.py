"""The topology of a triangle mesh: half-edges, ordered one-rings, boundary, components, orientation, and repair.

Half-edge 3f + k runs along side k of face f, from faces[f, k] to faces[f, k + 1]. Every boundary side has one more
half-edge, its twin outside, with no face: they are numbered from 3F on. So ``twin`` is an involution without
exceptions, and every edge at a vertex has exactly one half-edge that leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torsor.errors import SpaceError
from torsor.spaces.mesh_repair import components, named, orientation, sides


@dataclass(frozen=True, eq=False, repr=False)
class Triangulation:
    """An oriented triangulated surface, with or without boundary, of one or more components.

    Attributes:
        faces: (F, 3) int64, counter-clockwise seen from outside.
        vertices: n, the number of vertices.
        tail: (H,) the vertex where a half-edge begins; H = 2E.
        twin: (H,) the half-edge of the same edge in the other direction; from 3F on the twin is outside.
        ring: (H,) the half-edges that leave vertex 0, then those of vertex 1, …, counter-clockwise. At an inner vertex
            the one of lowest index comes first; at a boundary vertex the one with the outside on its right, and last
            the one with the outside on its left.
        rows: (n + 1,) ring[rows[i] : rows[i + 1]] leave vertex i.
    """

    faces: torch.Tensor
    vertices: int
    tail: torch.Tensor
    twin: torch.Tensor
    ring: torch.Tensor
    rows: torch.Tensor

    @property
    def head(self) -> torch.Tensor:
        """(H,) the vertex where a half-edge ends."""
        return self.tail[self.twin]

    @property
    def inner(self) -> int:
        """3F, the number of half-edges that lie in a face."""
        return 3 * len(self.faces)

    @property
    def boundary(self) -> torch.Tensor:
        """(n,) which vertices lie on the boundary."""
        on = torch.zeros(self.vertices, dtype=torch.bool, device=self.tail.device)
        on[self.tail[self.inner :]] = True
        return on

    @property
    def edges(self) -> torch.Tensor:
        """(E,) one half-edge of every edge, the lower of the two."""
        return (self.twin > torch.arange(len(self.twin), device=self.twin.device)).nonzero()[:, 0]

    @property
    def euler(self) -> int:
        """χ = V - E + F."""
        return self.vertices - len(self.twin) // 2 + len(self.faces)

    @property
    def component(self) -> torch.Tensor:
        """(n,) the number of the connected component of every vertex, in the order of their lowest vertices."""
        label = components(self.tail, self.head, self.vertices)
        return torch.unique(label, return_inverse=True)[1]

    @property
    def boundary_loops(self) -> list[torch.Tensor]:
        """The vertices of every boundary component, in order, with the surface on the right of the walk."""
        start, count = self.tail[self.inner :], len(self.tail) - self.inner
        if not count:
            return []
        index = torch.arange(count, device=start.device)
        outgoing = index.new_zeros(self.vertices).index_put((start,), index)
        after = outgoing[self.head[self.inner :]]
        label = components(index, after, count)
        order = (label * count + _rank(after, label)).argsort()
        return list(start[order].split(torch.unique(label, return_counts=True)[1].tolist()))

    def __repr__(self) -> str:
        return f"Triangulation({self.vertices} vertices, {len(self.faces)} faces, Euler characteristic {self.euler})"


def triangulate(faces: torch.Tensor, vertices: int) -> Triangulation:
    """The oriented surface of these faces.

    Args:
        faces: (F, 3) integers, the vertices of every face, all faces in the same sense.
        vertices: n, the number of vertices.

    Raises:
        SpaceError: no surface: wrong shape or index, a face that repeats a vertex, two faces with the same vertices, an
            edge of three or more faces, faces in opposite senses, a surface without orientation, a vertex where
            surfaces touch in a point, or a vertex of no face. The message names the faces or vertices.
    """
    faces = _faces(faces, vertices)
    directed = sides(faces)
    _check_edges(faces, directed, vertices)
    twin, outside = _twins(directed, vertices)
    tail = torch.cat([directed[:, 0], directed[outside, 1]])
    ring, rows = _rings(tail, twin, vertices)
    return Triangulation(faces, vertices, tail, twin, ring, rows)


def after(h: torch.Tensor) -> torch.Tensor:
    """The half-edge that follows h in its face."""
    return h + 1 - 3 * (h % 3 == 2)


def before(h: torch.Tensor) -> torch.Tensor:
    """The half-edge that precedes h in its face."""
    return h - 1 + 3 * (h % 3 == 0)


def _faces(faces: torch.Tensor, vertices: int) -> torch.Tensor:
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.is_floating_point() or not len(faces):
        raise SpaceError(f"expected faces (F, 3) of integers, F > 0, got {tuple(faces.shape)} of {faces.dtype}")
    faces = faces.long()
    if not 0 <= int(faces.min()) <= int(faces.max()) < vertices:
        raise SpaceError(f"expected vertex indices 0 … {vertices - 1}, got {int(faces.min())} … {int(faces.max())}")
    return faces


REPAIR = "S.repaired(vertices, faces)"


def _check_edges(faces: torch.Tensor, directed: torch.Tensor, vertices: int) -> None:
    repeats = (directed[:, 0] == directed[:, 1]).view(-1, 3).any(1)
    _refuse(repeats, "face", "repeat a vertex", f"drop them, or call {REPAIR}")
    _, inverse, count = torch.unique(faces.sort(1).values, dim=0, return_inverse=True, return_counts=True)
    _refuse(count[inverse] > 1, "face", "have the same three vertices as another face", f"call {REPAIR}")
    low, high = directed.amin(1), directed.amax(1)
    _, inverse, count = torch.unique(low * vertices + high, return_inverse=True, return_counts=True)
    crowded = (count[inverse] > 2).view(-1, 3).any(1)
    _refuse(crowded, "face", "meet in an edge of more than two faces", "no surface has such an edge; cut it open there")
    _, inverse, count = torch.unique(
        directed[:, 0] * vertices + directed[:, 1], return_inverse=True, return_counts=True
    )
    twice = (count[inverse] > 1).view(-1, 3).any(1)
    if bool(twice.any()):
        _, orientable = orientation(faces, vertices)
        _refuse(
            ~orientable,
            "face",
            "belong to a surface that has no orientation, such as the Möbius strip",
            "cut it open, or use S.Mobius or S.Klein with a structure group that contains reflections",
        )
        _refuse(twice, "face", "run around in the opposite sense to a neighbour", f"call {REPAIR}")
    used = torch.bincount(faces.flatten(), minlength=vertices) > 0
    _refuse(~used, "vertex", "belong to no face", f"drop them, or call {REPAIR}")


def _refuse(bad: torch.Tensor, noun: str, what: str, remedy: str) -> None:
    """Raise a SpaceError that names the bad faces or vertices, if there are any."""
    if bool(bad.any()):
        raise SpaceError(f"expected an oriented surface, but {named(noun, bad)} {what}; {remedy}")


def _twins(directed: torch.Tensor, vertices: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The twin of every half-edge, those outside included, and the half-edges whose twin is outside."""
    key, reverse = (directed * torch.tensor(m, device=directed.device) for m in ([vertices, 1], [1, vertices]))
    key, order = key.sum(1).sort()
    place = torch.searchsorted(key, reverse.sum(1)).clamp(max=len(key) - 1)
    found = key[place] == reverse.sum(1)
    outside = (~found).nonzero()[:, 0]
    twin = order[place]
    twin[outside] = len(key) + torch.arange(len(outside), device=twin.device)
    return torch.cat([twin, outside]), outside


def _rings(tail: torch.Tensor, twin: torch.Tensor, vertices: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Half-edges by tail, counter-clockwise: the one after h is the twin of the one before h in its face."""
    inner = 3 * (len(twin) // 3) if int(twin[-1]) < len(twin) else 0
    inner = int((twin >= len(twin)).sum()) or inner
    raise NotImplementedError


def _rank(after: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """How many steps along a permutation lead from the lowest element of its cycle to each element: pointer doubling."""
    index = torch.arange(len(after), device=after.device)
    back = index.clone().index_put((after,), index)
    leader = label == index
    rank, pointer = (~leader).long(), torch.where(leader, index, back)
    for _ in range(len(after).bit_length()):
        rank, pointer = rank + rank[pointer], pointer[pointer]
    return rank
