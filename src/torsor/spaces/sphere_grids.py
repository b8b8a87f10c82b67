"""Samples of the unit sphere and the area for which each stands: latitudes × longitudes, icospheres, spirals, any.

Positions are (n, 3) unit vectors in the convention of `spaces.LatLon` and of `torsor.linalg.spherical`: the pole is
axis 1, longitude φ runs from axis 2 towards axis 0, x = (cos λ sin φ, sin λ, cos λ cos φ) at latitude λ. Areas are (n,)
and sum to 4π.
"""

from __future__ import annotations

from math import isqrt, pi, sqrt

import numpy as np
import torch

from torsor.errors import SpaceError, is_count
from torsor.linalg import spherical_harmonics
from torsor.linalg.spin_harmonics import latitude_rule
from torsor.spaces.search import Cloud, nearest

KINDS = ("gauss", "equiangular")
NEAREST = 12
"""The neighbours from whose distances a density of points is estimated."""

Samples = tuple[torch.Tensor, torch.Tensor]
"""Positions (n, 3) and areas (n,), float64."""


def latlon(n_lat: int, n_lon: int, kind: str = "gauss") -> Samples:
    """Latitudes from south to north × longitudes 2πj/n_lon, longitude running fastest; no point is a pole.

    "gauss": Gauss–Legendre latitudes. "equiangular": the centres of n_lat bands of width π/n_lat. The areas integrate
    spherical harmonics of degree l exactly for l ≤ 2 n_lat - 1 ("gauss") or l < n_lat ("equiangular"), if |m| < n_lon.

    Raises:
        SpaceError: an unknown kind, or numbers below 1.
    """
    if kind not in KINDS or not (is_count(n_lat) and is_count(n_lon)):
        raise SpaceError(
            f"expected latitudes and longitudes, at least 1 of each, of a kind among {', '.join(KINDS)}, got {n_lat} × "
            f"{n_lon} of {kind!r}"
        )
    theta, weights = latitude_rule(kind, n_lat)
    longitude = 2 * pi * np.arange(n_lon) / n_lon
    x = _around(np.cos(theta)[:, None], np.sin(theta)[:, None], longitude[None]).reshape(-1, 3)
    return torch.from_numpy(x), torch.from_numpy(np.repeat(weights, n_lon) * 2 * pi / n_lon)


def fibonacci(n: int) -> Samples:
    """n points on a spiral from south to north, heights (2i + 1)/n - 1, turning by the golden angle; equal areas 4π/n.

    Every point lies in a zone of its own of area 4π/n.

    Raises:
        SpaceError: n below 1.

    Source: González, Measurement of areas on a sphere using Fibonacci and latitude–longitude lattices, 2010.
    """
    if not is_count(n):
        raise SpaceError(f"expected at least 1 point, got {n}")
    i = np.arange(n)
    height = (2 * i + 1) / n - 1
    x = _around(height, np.sqrt((1 - height) * (1 + height)), i * pi * (3 - sqrt(5)))
    return torch.from_numpy(x), torch.full((n,), 4 * pi / n, dtype=torch.float64)


def _around(height: np.ndarray, distance: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """The points at a height along the axis, a distance from it, and a longitude: (...) -> (..., 3)."""
    x, z = distance * np.sin(longitude), distance * np.cos(longitude)
    return np.stack([x, height + 0 * longitude, z], -1)


# ------------------------------------------------------------------------------------------------------------ icosphere


def icosphere(subdivisions: int) -> Samples:
    """The 10·4^s + 2 vertices of an icosahedron whose faces were divided into four, s times; see `icosphere_mesh`.

    A point stands for a third of the spherical triangles around it. Points and areas keep the 120 symmetries of the
    icosahedron, so that harmonics up to degree 5, and all odd ones, are integrated exactly.

    Raises:
        SpaceError: a negative number of subdivisions.
    """
    x, faces = icosphere_mesh(subdivisions)
    third = triangle_areas(*x[faces].unbind(1))[:, None].expand(-1, 3) / 3
    return x, x.new_zeros(len(x)).index_add(0, faces.flatten(), third.flatten())


def icosphere_mesh(subdivisions: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (n, 3) and triangles (20·4^s, 3), counter-clockwise seen from outside.

    The icosahedron is that of `groups.Icosahedral`: vertices (0, ±1, ±golden ratio) and their cyclic permutations. From
    the first subdivision on both poles are vertices.

    Raises:
        SpaceError: a negative number of subdivisions.
    """
    if not is_count(subdivisions, 0):
        raise SpaceError(f"expected 0 or more subdivisions, got {subdivisions}")
    x, faces = _icosahedron()
    for _ in range(subdivisions):
        x, faces = _subdivided(x, faces)
    return x, faces


def _icosahedron() -> tuple[torch.Tensor, torch.Tensor]:
    one, golden = (1.0, -1.0), (1 + sqrt(5)) / 2
    x = torch.tensor([(0.0, a, b * golden) for a in one for b in one], dtype=torch.float64)
    x = torch.cat([x, x.roll(1, 1), x.roll(2, 1)])
    triples = torch.combinations(torch.arange(12), 3)
    sides = torch.stack([x[triples[:, i]] - x[triples[:, i - 1]] for i in range(3)])
    faces = triples[(sides.square().sum(2) < 4.1).all(0)]  # edges are of length 2
    inward = torch.linalg.det(x[faces]) < 0
    return _unit(x), torch.where(inward[:, None], faces.flip(1), faces)


def _subdivided(x: torch.Tensor, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Every triangle divided by the midpoints of its sides, which are moved to the sphere."""
    sides = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(1).values
    pairs, place = sides.unique(dim=0, return_inverse=True)
    a, b, c = faces.unbind(1)
    ab, bc, ca = (len(x) + place).view(3, -1)
    corners = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    middle = _unit(x[pairs].sum(1))
    return torch.cat([x, middle]), torch.cat([torch.stack(corner, 1) for corner in corners])


def triangle_areas(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """The signed areas E of triangles of unit vectors (..., 3), tan(E/2) = a·(b × c) / (1 + a·b + b·c + c·a): (...).

    Source: Van Oosterom and Strackee, The solid angle of a plane triangle, 1983.
    """
    triple = (a * torch.linalg.cross(b, c)).sum(-1)
    return 2 * torch.atan2(triple, 1 + (a * b).sum(-1) + (b * c).sum(-1) + (c * a).sum(-1))


def _unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=-1, keepdim=True)


# ------------------------------------------------------------------------------------------------------- any directions


def areas(x: torch.Tensor, degree: int = 8) -> torch.Tensor:
    """The areas for which unit vectors (n, 3) that cover the whole sphere stand: (n,), not negative, sum 4π.

    Of the weights with Σ w Y_lm(x) = ∫ Y_lm up to a degree those that minimise Σ (w - w⁰)²/w⁰, with w⁰ from the local
    density; the degree is the largest, at most the given one, with at least three points a harmonic and w ≥ 0.

    Raises:
        SpaceError: all points coincide.
    """
    rough, l = _density(x), min(degree, isqrt(len(x) // 3) - 1)
    while l > 0:
        weights = _exact(rough, x, l)
        if bool((weights >= 0).all()):
            return weights
        l -= 1
    return rough


def _density(x: torch.Tensor) -> torch.Tensor:
    """Weights that are proportional to Σ |x_q - x|² over the nearest k points; they sum to 4π."""
    n = len(x)
    if n < 4:
        return torch.full_like(x[:, 0], 4 * pi / n)
    cloud = Cloud(x, torch.zeros(n, dtype=torch.int64, device=x.device), 1)
    p, q = nearest(cloud, cloud, min(NEAREST, n - 1), loops=False)
    rough = x.new_zeros(n).index_add(0, p, (x[q] - x[p]).square().sum(1))
    if not float(rough.sum()) > 0:
        raise SpaceError("expected points all over the sphere, they coincide; give their cells")
    return rough * (4 * pi / rough.sum())


def _exact(rough: torch.Tensor, x: torch.Tensor, degree: int) -> torch.Tensor:
    """w = w⁰ (1 + Yλ) with λ such that Yᵀ w = ∫ Y; NaN where no such weights exist."""
    y = spherical_harmonics(x, range(degree + 1), "integral")
    miss = -y.T @ rough  # type: ignore[union-attr]
    miss[0] += sqrt(4 * pi)
    solution = torch.linalg.solve_ex(y.T @ (rough[:, None] * y), miss[:, None])  # type: ignore[union-attr]
    weights = rough * (1 + (y @ solution.result)[:, 0])
    return weights if int(solution.info) == 0 else torch.full_like(weights, torch.nan)
