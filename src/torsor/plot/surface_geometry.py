"""Surfaces in R³ as pictures need them: triangles, frames, normals and angle defects, and arrows as triangles."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torsor.errors import SpaceError, require
from torsor.spaces import Manifold
from torsor.spaces.farthest import farthest

SIDES = 12
PROFILE = np.array([[0.0, 0.0], [0.035, 0.0], [0.035, 0.66], [0.1, 0.66], [0.0, 1.0]])
"""(radius, height) of an arrow of length 1."""


def positions(space: Manifold) -> np.ndarray:
    """(n, 3) the points in R³.

    Raises:
        SpaceError: points of another space.
    """
    x = space.positions
    if x.ndim != 2 or x.shape[1] != 3 or space.dim != 2:
        raise SpaceError(f"surfaces in R³ are drawn, got {space!r} with positions in R^{x.shape[-1]}")
    return x.detach().cpu().double().numpy()


def triangles(space: Manifold) -> np.ndarray:
    """(F, 3) the faces of a mesh, or of the convex hull of points of a sphere; counter-clockwise seen from outside.

    Raises:
        SpaceError: points that are neither.
        MissingExtraError: scipy, which computes the hull, is not installed.
    """
    x = positions(space)
    faces = getattr(space, "faces", None)
    if faces is not None:
        return faces.detach().cpu().long().numpy()
    radii = np.linalg.norm(x, axis=1)
    if len(x) < 4 or np.ptp(radii) > 1e-6 * radii.max():
        raise SpaceError(f"expected a mesh, with faces, or points of a sphere about the origin, got {space!r}")
    hull = require("scipy.spatial", "mesh").ConvexHull(x).simplices
    outward = np.linalg.det(x[hull]) > 0
    return np.where(outward[:, None], hull, hull[:, ::-1]).astype(np.int64)


def ambient_frames(space: Any) -> np.ndarray:
    """(n, 3, 2) the frame vectors in R³, in columns.

    Raises:
        SpaceError: frames of another shape.
    """
    frames = space.ambient_frames
    if frames.shape[1:] != (3, 2):
        raise SpaceError(f"expected frames of two vectors in R³, got {space!r} with frames {tuple(frames.shape)}")
    return as_numpy(frames)


def face_normals(x: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3) the vectors normal to faces, twice their areas long."""
    a, b, c = np.moveaxis(x[faces], 1, 0)
    return np.cross(b - a, c - a)


def vertex_normals(x: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n, 3) unit vectors: the mean normals of the faces at a vertex, weighted by area."""
    total = np.zeros_like(x)
    np.add.at(total, faces, face_normals(x, faces)[:, None])
    return unit(total)


def angle_defects(x: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,) 2π - Σ (angles of the corners at a vertex), the curvature of a vertex that is not on a boundary."""
    ahead, behind = (unit(x[np.roll(faces, shift, 1)] - x[faces]) for shift in (-1, 1))
    corners = np.arctan2(np.linalg.norm(np.cross(ahead, behind), axis=-1), (ahead * behind).sum(-1))
    return 2 * np.pi - np.bincount(faces.ravel(), corners.ravel(), len(x))


def edge_length(x: np.ndarray, faces: np.ndarray) -> float:
    """The length of the longest edge."""
    return float(np.linalg.norm(x[faces] - x[np.roll(faces, 1, 1)], axis=-1).max())


def spread(x: np.ndarray, count: int) -> np.ndarray:
    """The indices of at most `count` points that cover all of them evenly."""
    points = torch.from_numpy(np.ascontiguousarray(x))
    return farthest(points, torch.zeros(len(x), dtype=torch.int64), [len(x)], [min(count, len(x))]).numpy()


def arrow_triangles(tails: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Arrows (k, 3) as points and triangles: surfaces of revolution about each vector, as thick as they are long."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    axis = unit(vectors)
    across = unit(np.cross(axis, np.eye(3)[np.abs(axis).argmin(1)]))
    frame = np.stack([across, np.cross(axis, across), axis], axis=-1) * lengths[:, None]
    turn = 2 * np.pi * np.arange(SIDES) / SIDES
    r, h = PROFILE[:, 0, None], PROFILE[:, 1, None]
    local = np.stack([r * np.cos(turn), r * np.sin(turn), h + 0 * turn], axis=-1).reshape(-1, 3)
    points = tails[:, None] + np.einsum("kij,pj->kpi", frame, local)
    return points.reshape(-1, 3), copied(_revolution(), len(tails), len(local))


def _revolution() -> np.ndarray:
    """The triangles between consecutive circles of points."""
    a = np.arange(SIDES)
    b = (a + 1) % SIDES
    band = np.concatenate([np.stack([a, b, b + SIDES], 1), np.stack([a, b + SIDES, a + SIDES], 1)])
    return np.concatenate([band + k * SIDES for k in range(len(PROFILE) - 1)])


def copied(faces: np.ndarray, copies: int, points: int) -> np.ndarray:
    """The triangles of so many copies of a thing of so many points."""
    return (faces + points * np.arange(copies)[:, None, None]).reshape(-1, 3)


def unit(x: np.ndarray) -> np.ndarray:
    """Vectors in the last axis, divided by their lengths; zero stays zero."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(length > 0, length, 1.0)


def as_numpy(x: Any) -> np.ndarray:
    """A tensor, or what can be one, in float64."""
    return torch.as_tensor(x).detach().cpu().double().numpy()
