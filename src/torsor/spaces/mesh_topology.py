"""The topology of a triangle mesh: half-edges, ordered one-rings, boundary, components, orientation, and repair.

Half-edge 3f + k runs along side k of face f, from faces[f, k] to faces[f, k + 1]. Every boundary side has one more
half-edge, its twin outside, with no face: they are numbered from 3F on. So ``twin`` is an involution without
exceptions, and every edge at a vertex has exactly one half-edge that leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torsor.errors import SpaceError
from torsor.spaces.search import Cloud, within

REMEDY = "call repaired(vertices, faces)"


@dataclass(frozen=True, eq=False, repr=False)
class Triangulation:
    """An oriented triangulated surface, with or without boundary, of one or more components; made by `triangulate`.

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
        return torch.unique(connected(self.tail, self.head, self.vertices), return_inverse=True)[1]

    @property
    def boundary_loops(self) -> list[torch.Tensor]:
        """The vertices of every boundary component, in order, with the surface on the right of the walk."""
        start, end = self.tail[self.inner :], self.head[self.inner :]
        index = torch.arange(len(start), device=start.device)
        following = index.new_zeros(self.vertices).index_put((start,), index)[end]
        label = connected(index, following, len(start))
        order = (label * len(start) + _steps(following, label)).argsort()
        counts = torch.unique(label, return_counts=True)[1].tolist()
        return list(start[order].split(counts)) if counts else []

    def __repr__(self) -> str:
        return f"Triangulation({self.vertices} vertices, {len(self.faces)} faces, Euler characteristic {self.euler})"


def triangulate(faces: torch.Tensor, vertices: int) -> Triangulation:
    """The oriented surface that faces make of n vertices.

    Args:
        faces: (F, 3) integers, the vertices of every face, all faces in the same sense.
        vertices: n, the number of vertices.

    Raises:
        SpaceError: no surface: a wrong shape or index, a face that repeats a vertex, faces with the same vertices, an
            edge of three or more faces, faces in opposite senses, a surface that has no orientation, a vertex where
            surfaces touch in a point, or a vertex of no face. The message names faces or vertices, and the remedy.
    """
    faces = _checked(faces, vertices)
    sides = _sides(faces)
    _check_edges(faces, sides, vertices)
    tail, twin = _twins(sides, vertices)
    _check_orientation(faces, tail, twin, vertices)
    return Triangulation(faces, vertices, tail, twin, *_rings(tail, twin, len(sides), vertices))


def after(h: torch.Tensor) -> torch.Tensor:
    """The half-edge that follows h in its face."""
    return h + 1 - 3 * (h % 3 == 2)


def before(h: torch.Tensor) -> torch.Tensor:
    """The half-edge that precedes h in its face."""
    return h - 1 + 3 * (h % 3 == 0)


def connected(a: torch.Tensor, b: torch.Tensor, n: int) -> torch.Tensor:
    """(n,) the lowest member of the connected component of each of n nodes, of a graph with edges a - b."""
    label = torch.arange(n, device=a.device)
    while True:
        ends = (label[a], label[b], a, b)
        low, new = torch.minimum(ends[0], ends[1]), label.clone()
        for end in ends:
            new.scatter_reduce_(0, end, low, "amin")
        new = new[new]
        if torch.equal(new, label):
            return label
        label = new


def _checked(faces: torch.Tensor, vertices: int) -> torch.Tensor:
    whole = not (faces.is_floating_point() or faces.is_complex() or faces.dtype == torch.bool)
    if faces.ndim != 2 or faces.shape[1] != 3 or not whole or not len(faces):
        raise SpaceError(f"expected faces (F, 3) of integers, F ≥ 1, got {tuple(faces.shape)} of {faces.dtype}")
    faces = faces.long()
    if not 0 <= int(faces.min()) <= int(faces.max()) < vertices:
        raise SpaceError(f"expected vertex indices 0 … {vertices - 1}, got {int(faces.min())} … {int(faces.max())}")
    return faces


def _sides(faces: torch.Tensor) -> torch.Tensor:
    """(3F, 2) the ends of the sides of all faces."""
    return torch.stack([faces, faces.roll(-1, 1)], -1).view(-1, 2)


def _check_edges(faces: torch.Tensor, sides: torch.Tensor, vertices: int) -> None:
    repeats = (sides[:, 0] == sides[:, 1]).view(-1, 3).any(1)
    _refuse(repeats, "face", "that repeat a vertex", REMEDY)
    _refuse(_counts(_same_vertices(faces)) > 1, "face", "that have the three vertices of another", REMEDY)
    crowded = (_counts(_undirected(sides, vertices)) > 2).view(-1, 3).any(1)
    _refuse(crowded, "face", "at an edge of more than two faces", "cut the mesh open there, or drop the surplus faces")
    unused = torch.bincount(faces.flatten(), minlength=vertices) == 0
    _refuse(unused, "vertex", "that belong to no face", REMEDY)


def _check_orientation(faces: torch.Tensor, tail: torch.Tensor, twin: torch.Tensor, vertices: int) -> None:
    """Two half-edges with the same ends in the same direction: one of the faces is turned over, or none can be."""
    same = (tail[: 3 * len(faces)] == tail[twin[: 3 * len(faces)]]).view(-1, 3).any(1)
    if bool(same.any()):
        _, orientable = oriented(faces, vertices)
        remedy = "cut the mesh open, or use a space with a structure group that contains reflections, as S.Mobius"
        _refuse(~orientable, "face", "of a surface that has no orientation, like a Möbius strip", remedy)
        _refuse(same, "face", "that run around in the sense opposite to a neighbour's", REMEDY)


def _refuse(bad: torch.Tensor, noun: str, what: str, remedy: str) -> None:
    """Raise a SpaceError that names the bad faces or vertices, if there are any."""
    index = bad.nonzero()[:, 0].tolist()
    if index:
        names = ", ".join(map(str, index[:5])) + (", …" if len(index) > 5 else "")
        plural = {"face": "faces", "vertex": "vertices"}[noun]
        raise SpaceError(f"expected an oriented surface, got {len(index)} {plural} {what}: {names}; {remedy}")


def _counts(label: torch.Tensor) -> torch.Tensor:
    """How often the label of each element occurs."""
    _, inverse, count = torch.unique(label, return_inverse=True, return_counts=True)
    return count[inverse]


def _same_vertices(faces: torch.Tensor) -> torch.Tensor:
    """(F,) a number for each set of three vertices."""
    return torch.unique(faces.sort(1).values, dim=0, return_inverse=True)[1]


def _undirected(sides: torch.Tensor, vertices: int) -> torch.Tensor:
    return sides.amin(1) * vertices + sides.amax(1)


def _pairs(sides: torch.Tensor, vertices: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The two sides of every edge that has exactly two."""
    key, order = _undirected(sides, vertices).sort(stable=True)
    first = ((key[1:] == key[:-1]) & (_counts(key)[1:] == 2)).nonzero()[:, 0]
    return order[first], order[first + 1]


def _twins(sides: torch.Tensor, vertices: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tails and twins of all half-edges, those outside appended."""
    a, b = _pairs(sides, vertices)
    twin = torch.full_like(sides[:, 0], -1)
    twin[a], twin[b] = b, a
    lone = (twin < 0).nonzero()[:, 0]
    twin[lone] = len(sides) + torch.arange(len(lone), device=lone.device)
    return torch.cat([sides[:, 0], sides[lone, 1]]), torch.cat([twin, lone])


def _rings(tail: torch.Tensor, twin: torch.Tensor, inner: int, vertices: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The half-edges by tail, counter-clockwise: after h comes the twin of the half-edge before h in its face."""
    index = torch.arange(inner, device=tail.device)
    rank = index + inner * (twin[:inner] < inner)  # those with the outside on their right come first
    start = torch.full((vertices,), 2 * inner, device=tail.device).scatter_reduce(0, tail[:inner], rank, "amin") % inner
    place, degree = torch.full_like(tail, -1), torch.bincount(tail, minlength=vertices)
    at = start
    for step in range(int(degree.max())):
        place[at] = step
        at = at[at < inner]  # the last half-edge at the boundary is outside
        at = twin[before(at)]
        at = at[at != start[tail[at]]]
    pinched = torch.bincount(tail[place < 0], minlength=vertices) > 0
    _refuse(pinched, "vertex", "where parts of the surface touch in one point", "give each part a copy of the vertex")
    rows = torch.cat([degree.new_zeros(1), degree.cumsum(0)])
    return (tail * len(tail) + place).argsort(), rows


def _steps(following: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """How many steps of a permutation lead from the lowest element of a cycle to each of its elements."""
    index = torch.arange(len(label), device=label.device)
    leader = label == index
    back = torch.where(leader, index, index.clone().index_put((following,), index))
    steps = (~leader).long()
    for _ in range(len(label).bit_length()):
        steps, back = steps + steps[back], back[back]
    return steps


def oriented(faces: torch.Tensor, vertices: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Faces turned over where that makes neighbours agree, and (F,) whether their component has an orientation.

    Nodes (f, ±) of the double cover are joined where two faces agree. A component has an orientation iff its two lifts
    are not connected. The face of lowest index of each component stays, and so does a component without orientation.
    """
    sides, count = _sides(faces), len(faces)
    a, b = _pairs(sides, vertices)
    against = (sides[a, 0] == sides[b, 0]).long()
    f, g = a // 3, b // 3
    lifts = [(f, g + count * against), (f + count, g + count * (1 - against))]
    start, end = (torch.cat(ends) for ends in zip(*lifts, strict=True))
    label = connected(start, end, 2 * count)
    orientable = label[:count] != label[count:]
    turned = label[count:] < label[:count]
    return torch.where(turned[:, None], faces.flip(1), faces), orientable


def repaired(
    vertices: torch.Tensor, faces: torch.Tensor, tolerance: float = 1e-9
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A mesh without coincident and unused vertices, degenerate and repeated faces, its faces in one sense if possible.

    Vertices within tolerance × the diagonal of the bounding box become the one of lowest index; then faces of area zero
    are dropped, and of faces with the same vertices all but the first, and that too if it is a fin: two triangles back
    to back on an edge that has its two faces, which decimation leaves behind. Other defects are left to `triangulate`.

    Args:
        vertices: (n, D) positions.
        faces: (F, 3) integers.
        tolerance: the distance, relative to the size of the mesh, within which vertices coincide.

    Returns:
        vertices (n', D), faces (F', 3), and (n,) the new index of every old vertex, -1 where it was dropped.

    Raises:
        SpaceError: wrong shapes or indices, or positions that are not finite.
    """
    vertices, faces = torch.as_tensor(vertices), _checked(torch.as_tensor(faces), len(vertices))
    check_finite(vertices)
    merged = _merged(vertices, tolerance)
    faces = merged[faces]
    faces = faces[~_degenerate(vertices, faces)]
    faces = oriented(_without_repeats(faces, len(vertices)), len(vertices))[0]
    used, compact = torch.unique(faces, return_inverse=True)
    index = torch.full_like(merged, -1).index_put((used,), torch.arange(len(used), device=used.device))
    return vertices[used], compact.view(-1, 3), index[merged]


def _without_repeats(faces: torch.Tensor, vertices: int) -> torch.Tensor:
    """The first of all faces with the same vertices; none of a fin.

    A fin has both senses, an edge that belongs to two more faces, and one that belongs to none.
    """
    label = _same_vertices(faces)
    index = torch.arange(len(faces), device=faces.device)
    first = torch.full_like(index, len(faces)).scatter_reduce(0, label, index, "amin")[label] == index
    ascends = (faces < faces.roll(-1, 1)).sum(1)  # 2 or 1: the sense, whichever vertex is named first
    senses = torch.zeros(len(faces), 2, dtype=torch.bool, device=faces.device)
    senses[label, ascends - 1] = True
    both, faces = senses.all(1)[label][first], faces[first]
    uses = _counts(_undirected(_sides(faces), vertices)).view(-1, 3)
    return faces[~(both & (uses > 2).any(1) & (uses == 1).any(1))]


def check_finite(vertices: torch.Tensor) -> None:
    """Raise a SpaceError that names the vertices whose position is not finite, if there are any."""
    if vertices.ndim != 2 or vertices.shape[1] < 2:
        raise SpaceError(f"expected vertices (n, D), D ≥ 2, got {tuple(vertices.shape)}")
    _refuse(~vertices.isfinite().all(1), "vertex", "whose position is not finite", "drop them and their faces")


def face_areas(lengths: torch.Tensor) -> torch.Tensor:
    """(F,) areas from the lengths (F, 3) of the sides, by Heron's formula in the order that loses no digits.

    Raises:
        SpaceError: an area is zero to rounding, or a side is longer than the two others together.

    Source: Kahan, Miscalculating area and angles of a needle-like triangle, 2014.
    """
    square, zero = _heron(lengths)
    _refuse(zero, "face", "of area zero", REMEDY)
    return square.sqrt() / 4


def _heron(lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(4 area)², and whether it is zero to the rounding of lengths in double precision."""
    a, b, c = lengths.sort(1, descending=True).values.unbind(1)
    square = (a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c))
    return square, ~(square > 1e-14 * a**4)


def _merged(vertices: torch.Tensor, tolerance: float) -> torch.Tensor:
    """(n,) the lowest of the vertices that coincide with each."""
    size = float((vertices.amax(0) - vertices.amin(0)).norm())
    cloud = Cloud(vertices.double(), torch.zeros(len(vertices), dtype=torch.int64, device=vertices.device), 1)
    return connected(*within(cloud, cloud, tolerance * size or 1.0), len(vertices))


def _degenerate(vertices: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Which faces have an area that is zero to rounding."""
    x = vertices.double()[faces]
    return _heron((x - x.roll(-1, 1)).norm(dim=-1))[1]
