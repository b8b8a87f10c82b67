"""A tangent vector carried around a vertex of a surface: it comes back turned by the curvature inside the loop."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from torsor.errors import SpaceError
from torsor.plot.surface_geometry import (
    angle_defects,
    edge_length,
    face_normals,
    positions,
    triangles,
    unit,
    vertex_normals,
)
from torsor.plot.surface_output import shown
from torsor.plot.surface_picture import Arrows, Curve, Skin, View, Words
from torsor.spaces import Manifold

START, CARRIED, END, ANGLE = "#2166ac", "#8c8c8c", "#b2182b", "#7b3294"
ARROWS = 16


@dataclass(frozen=True, eq=False)
class Holonomy:
    """A vector carried once around, counter-clockwise seen from outside, from face to face.

    Attributes:
        inside: (n,) which vertices lie inside the loop.
        faces: (K,) the faces along the loop, in order.
        crossings: (K, 3) where the loop enters each of them, on an edge.
        places: (K + 1, 3) the middle of the loop in each face; the last is the first.
        vectors: (K + 1, 3) the vector there, tangent to the face; the last is what comes back.
        angle: from the first to the last vector, in (-π, π].
        defect: the sum of the angle defects inside; equals the angle up to 2π.
    """

    inside: np.ndarray
    faces: np.ndarray
    crossings: np.ndarray
    places: np.ndarray
    vectors: np.ndarray
    angle: float
    defect: float


def holonomy(
    space: Manifold,
    vertex: int,
    radius: float | None = None,
    *,
    title: str = "",
    backend: str = "pyvista",
    path: str | PathLike[str] | None = None,
) -> Any:
    r"""Draw a vector that is carried around a vertex from face to face, and comes back turned.

    Across an edge a vector turns about that edge, as if the two faces were unfolded into a plane. The angle from start
    (blue) to end (red) is the sum of the angle defects 2π - Σ (corner angles) inside the loop: where it is not zero,
    what comes from one point to another depends on the way, whatever the frames.

    Args:
        space: a mesh, or points of a sphere, whose convex hull is taken.
        vertex: the index of a vertex.
        radius: of the loop, in R³; None goes around this one vertex.
        title: of the picture; the default says both angles.
        backend: "pyvista" or "plotly".
        path: a file that is written, PNG of pyvista and HTML of plotly.

    Returns:
        pyvista: an image (height, width, 3) of 8 bits; plotly: a `plotly.graph_objects.Figure`.

    Raises:
        SpaceError: no surface in R³, no such vertex, a loop that meets the boundary, or no single loop.
        FieldTypeError: an unknown backend.
        MissingExtraError: the backend, or scipy for a sphere, is not installed.
    """
    x, faces = positions(space), triangles(space)
    return shown([_view(x, faces, vertex, carried_around(x, faces, vertex, radius), title)], backend, path)


def carried_around(x: np.ndarray, faces: np.ndarray, vertex: int, radius: float | None = None) -> Holonomy:
    """The transport of a vector, which begins along the loop, around a vertex.

    Raises:
        SpaceError: no such vertex, a loop that meets the boundary, or no single loop.
    """
    if not 0 <= vertex < len(x):
        raise SpaceError(f"expected a vertex 0 … {len(x) - 1}, got {vertex}")
    far = np.linalg.norm(x - x[vertex], axis=1)
    near = far < radius if radius is not None else np.arange(len(x)) == vertex
    inside = _connected(faces, near | (np.arange(len(x)) == vertex), vertex)
    strip, enter = _strip(faces, inside)
    a, b = enter.T
    t = np.full(len(a), 0.5) if radius is None else np.clip((radius - far[a]) / (far[b] - far[a]), 0.05, 0.95)
    crossings = x[a] + t[:, None] * (x[b] - x[a])
    after = np.roll(crossings, -1, 0)
    normals = unit(face_normals(x, faces[strip]))
    vectors = [unit(after[0] - crossings[0])]
    for here, there in zip(normals, np.roll(normals, -1, 0), strict=True):
        vectors.append(_rotation(here, there) @ vectors[-1])
    start, end, up = vectors[0], vectors[-1], normals[0]
    places = (crossings + after) / 2
    return Holonomy(
        inside,
        strip,
        crossings,
        np.concatenate([places, places[:1]]),
        np.stack(vectors),
        float(np.arctan2(np.cross(start, end) @ up, start @ end)),
        float(angle_defects(x, faces)[inside].sum()),
    )


def _connected(faces: np.ndarray, near: np.ndarray, vertex: int) -> np.ndarray:
    """The vertices that edges between vertices nearby connect to one of them."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    sides = sides[near[sides].all(1)]
    reached = np.arange(len(near)) == vertex
    while True:
        wider = reached.copy()
        wider[sides[reached[sides].any(1)]] = True
        if (wider == reached).all():
            return reached
        reached = wider


def _strip(faces: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The faces with vertices on both sides, in order, and the edge (inside, outside) by which each is entered."""
    mixed = np.flatnonzero(inside[faces].any(1) & ~inside[faces].all(1))
    first, second = faces[mixed], np.roll(faces[mixed], -1, 1)
    rows = np.arange(len(mixed))
    into, out = (s.argmax(1) for s in (inside[first] & ~inside[second], ~inside[first] & inside[second]))
    enter = np.stack([first[rows, into], second[rows, into]], 1)
    leave = np.stack([second[rows, out], first[rows, out]], 1)
    places = {edge: k for k, edge in enumerate(map(tuple, enter.tolist()))}
    order, edge = [0], tuple(leave[0].tolist()) if len(leave) else None
    while edge is not None and (k := places.get(edge, -1)) > 0:
        order.append(k)
        edge = tuple(leave[k].tolist())
    if edge is None or edge not in places or len(order) < len(mixed) or (places[edge] != 0):
        raise SpaceError(
            f"no single loop of faces runs around the {int(inside.sum())} vertices inside: they reach the boundary, or "
            "all of the surface, or have a hole; choose another vertex or radius"
        )
    return mixed[order], enter[order]


def _rotation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation of a unit vector to another that fixes what is orthogonal to both."""
    w = np.cross(a, b)
    cross = np.array([[0, -w[2], w[1]], [w[2], 0, -w[0]], [-w[1], w[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + a @ b)


def _view(x: np.ndarray, faces: np.ndarray, vertex: int, found: Holonomy, title: str) -> View:
    loop = np.concatenate([found.crossings, found.crossings[:1]])
    radius = float(np.linalg.norm(found.crossings - x[vertex], axis=1).mean())
    normals = vertex_normals(x, faces)
    up = normals[found.inside].mean(0)
    lift = 0.03 * radius * unit(face_normals(x, faces[np.append(found.faces, found.faces[0])]))
    tails, length = found.places + lift, 0.5 * radius
    between = np.linspace(0, len(tails) - 1, min(ARROWS, len(tails) - 1), endpoint=False).astype(int)[1:]
    first, last = tails[0], tails[-1] + lift[-1]
    start, end = length * found.vectors[0], length * found.vectors[-1]
    fine = edge_length(x, faces) < 0.3 * radius
    ahead = unit(found.places[0] - x[vertex])
    parts = (
        Skin(x, faces, normals if fine else None, lines=True),
        Curve(loop + np.concatenate([lift[:-1], lift[:1]])),
        Arrows(tails[between], length * found.vectors[between], CARRIED),
        Arrows(first[None], start[None], START),
        Arrows(last[None], end[None], END),
        Curve(_arc(last, 0.7 * start, 0.7 * end), ANGLE, 5.0),
        Words(first + 1.05 * start + 0.25 * length * ahead, "start", START),
        Words(last + 1.15 * end, "end", END),
    )
    turns = round((found.defect - found.angle) / (2 * np.pi))
    words = f"angle {np.degrees(found.angle):.1f}°, sum of angle defects {np.degrees(found.defect):.1f}°"
    words += f" = {np.degrees(found.angle):.1f}° {turns * 360:+}°" * bool(turns)
    tips = np.concatenate([tails, tails + 1.3 * length * found.vectors, x[found.inside], loop])
    return View(parts, tips, unit(up) + 0.45 * ahead, -ahead, title or words)


def _arc(centre: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The shorter circular arc from centre + start to centre + end, two vectors of one length."""
    t = np.linspace(0, 1, 33)[:, None]
    angle = np.arctan2(np.linalg.norm(np.cross(start, end)), start @ end)
    if angle < 1e-6:
        return centre + start + t * (end - start)
    return centre + (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
