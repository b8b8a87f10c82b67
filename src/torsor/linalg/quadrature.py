"""Quadrature on the sphere S² and on the rotations SO(3): Gauss–Legendre latitudes times equispaced angles."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre

POLE = np.array([0.0, 1.0, 0.0])
"""The unit vector of axis 1."""


def sphere_rotations(n: int, pole: np.ndarray = POLE) -> tuple[np.ndarray, np.ndarray]:
    """Rotations g_i and weights with Σ w_i f(g_i p) = mean of f over S² for f up to degree n - 1, p the pole.

    ⌈n/2⌉ Gauss–Legendre latitudes times n equispaced longitudes; the points g_i p are mapped to each other by turns by
    2π/n about p, and by the inversion where n is even.

    Returns:
        (n ⌈n/2⌉, 3, 3) and (n ⌈n/2⌉,), the weights sum to 1.
    """
    cosines, w = legendre.leggauss((n + 1) // 2)
    tilts = _turns(np.arccos(cosines), axis=2)
    turns = _turns(2 * np.pi * np.arange(n) / n, axis=1)
    g = (turns[None] @ tilts[:, None]).reshape(-1, 3, 3)
    frame = rotation_from_pole(pole)
    return frame @ g @ frame.T, np.repeat(w / 2, n) / n


def rotation_quadrature(n: int, pole: np.ndarray = POLE) -> tuple[np.ndarray, np.ndarray]:
    """Rotations g_i and weights with Σ w_i f(g_i) = mean of f over SO(3) for matrix entries of D^l, l < n.

    `sphere_rotations` times n equispaced turns about the pole.

    Returns:
        (n² ⌈n/2⌉, 3, 3) and (n² ⌈n/2⌉,), the weights sum to 1.
    """
    g, w = sphere_rotations(n, pole)
    frame = rotation_from_pole(pole)
    turns = frame @ _turns(2 * np.pi * np.arange(n) / n, axis=1) @ frame.T
    return (g[:, None] @ turns[None]).reshape(-1, 3, 3), np.repeat(w, n) / n


def rotation_from_pole(p: np.ndarray) -> np.ndarray:
    """A rotation that maps the unit vector of axis 1 to p/|p|: the product of two reflections. (3, 3)."""
    p = np.asarray(p, dtype=float) / np.linalg.norm(p)
    if p @ POLE < 0:
        return rotation_from_pole(-p) @ np.diag([1.0, -1.0, -1.0])
    half = p + POLE
    return (2 * np.outer(half, half) / (half @ half) - np.eye(3)) @ np.diag([-1.0, 1.0, -1.0])


def _turns(angles: np.ndarray, axis: int) -> np.ndarray:
    """Rotations by angles about a coordinate axis, (n, 3, 3)."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    g = np.broadcast_to(np.eye(3), (len(angles), 3, 3)).copy()
    g[:, i, i] = g[:, j, j] = np.cos(angles)
    g[:, j, i] = np.sin(angles)
    g[:, i, j] = -g[:, j, i]
    return g
