"""Small triangle meshes with known topology and geometry: (vertices (n, D) float64, faces (F, 3) int64)."""

from __future__ import annotations

from math import pi

import torch

F64 = torch.float64
Mesh = tuple[torch.Tensor, torch.Tensor]


def sphere(level: int) -> Mesh:
    """The icosahedron, every face divided into four `level` times, on the unit sphere: 10·4^level + 2 vertices."""
    golden = (1 + 5**0.5) / 2
    corners = [p for a in (-1.0, 1.0) for b in (-golden, golden) for p in ((0, a, b), (a, b, 0), (b, 0, a))]
    x = torch.nn.functional.normalize(torch.tensor(corners, dtype=F64), dim=1)
    near = torch.cdist(x, x).round(decimals=6) == round(float(torch.cdist(x, x)[0].sort().values[1]), 6)
    faces = [
        (i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] and near[j, k] and near[i, k]
    ]
    f = torch.tensor(faces)
    f = torch.where((torch.linalg.det(x[f]) < 0)[:, None], f.flip(1), f)
    for _ in range(level):
        x, f = divided(x, f)
        x = torch.nn.functional.normalize(x, dim=1)
    return x, f


def divided(x: torch.Tensor, f: torch.Tensor) -> Mesh:
    """Every face cut into four at the midpoints of its sides."""
    sides = torch.stack([f, f.roll(-1, 1)], -1).sort(-1).values.view(-1, 2)
    edges, inverse = torch.unique(sides, dim=0, return_inverse=True)
    a, b, c = f.unbind(1)
    ab, bc, ca = (inverse.view(-1, 3) + len(x)).unbind(1)
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return torch.cat([x, x[edges].mean(1)]), torch.cat([torch.stack(part, 1) for part in parts])


def grid(rows: int, columns: int, wrap: tuple[bool, bool] = (False, False)) -> torch.Tensor:
    """Faces of a grid of rows × columns vertices, number i·columns + j, glued along the axes that wrap."""
    i, j = torch.meshgrid(torch.arange(rows - (not wrap[0])), torch.arange(columns - (not wrap[1])), indexing="ij")
    i, j = i.flatten(), j.flatten()
    a, b, c, d = (((i + s) % rows) * columns + (j + t) % columns for s, t in ((0, 0), (1, 0), (1, 1), (0, 1)))
    return torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])


def plane(n: int, jitter: float = 0.25, seed: int = 0) -> Mesh:
    """The square [0, 1]² in R³ (z = 0) by n × n vertices; the inner ones are displaced by up to jitter / (n - 1)."""
    axis = torch.linspace(0, 1, n, dtype=F64)
    x = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)
    noise = torch.rand(n - 2, n - 2, 2, dtype=F64, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    x[1:-1, 1:-1] += noise * jitter / (n - 1)
    return torch.nn.functional.pad(x.view(-1, 2), (0, 1)), grid(n, n)


def flat_torus(n: int, m: int) -> Mesh:
    """(S¹ × S¹)/√2-like torus in R⁴, n × m vertices: all its angle sums are 2π."""
    u, v = (2 * pi * torch.arange(k, dtype=F64) / k for k in (n, m))
    u, v = (w.flatten() for w in torch.meshgrid(u, v, indexing="ij"))
    return torch.stack([u.cos(), u.sin(), v.cos(), v.sin()], 1), grid(n, m, (True, True))


def torus(n: int, m: int, outer: float = 1.0, inner: float = 0.4) -> Mesh:
    """The torus of revolution in R³."""
    u, v = (2 * pi * torch.arange(k, dtype=F64) / k for k in (n, m))
    u, v = (w.flatten() for w in torch.meshgrid(u, v, indexing="ij"))
    r = outer + inner * v.cos()
    return torch.stack([r * u.cos(), r * u.sin(), inner * v.sin()], 1), grid(n, m, (True, True))


def cylinder(n: int, m: int) -> Mesh:
    """n vertices around, m along, of a cylinder of radius 1 and height 1, open at both ends."""
    u, z = 2 * pi * torch.arange(n, dtype=F64) / n, torch.linspace(0, 1, m, dtype=F64)
    u, z = (w.flatten() for w in torch.meshgrid(u, z, indexing="ij"))
    return torch.stack([u.cos(), u.sin(), z], 1), grid(n, m, (True, False))


def moebius(n: int, m: int = 3) -> Mesh:
    """A Möbius strip: the last column of a band is glued to the first one upside down."""
    faces = grid(n + 1, m)
    last = faces >= n * m
    faces = torch.where(last, m - 1 - (faces - n * m), faces)
    u, z = 2 * pi * torch.arange(n, dtype=F64) / n, torch.linspace(-0.3, 0.3, m, dtype=F64)
    u, z = (w.flatten() for w in torch.meshgrid(u, z, indexing="ij"))
    r = 1 + z * (u / 2).cos()
    return torch.stack([r * u.cos(), r * u.sin(), z * (u / 2).sin()], 1), faces


def cube(n: int) -> Mesh:
    """The surface of [0, 1]³, every side an n × n grid of squares cut in two."""
    axis = torch.linspace(0, 1, n + 1, dtype=F64)
    u, v = (w.flatten() for w in torch.meshgrid(axis, axis, indexing="ij"))
    square, parts = torch.stack([u, v], 1), []
    for k in range(3):
        for end in (0.0, 1.0):
            side = torch.cat([square, torch.full_like(square[:, :1], end)], 1).roll(k, 1)
            parts.append((side, grid(n + 1, n + 1) if end else grid(n + 1, n + 1).flip(1)))
    x = torch.cat([side for side, _ in parts])
    f = torch.cat([faces + i * (n + 1) ** 2 for i, (_, faces) in enumerate(parts)])
    x, inverse = torch.unique(x.round(decimals=9), dim=0, return_inverse=True)
    return x, inverse[f]


def cone(sides: int, angle: float, rings: int = 3) -> Mesh:
    """A cone of total angle `angle` at vertex 0, as a development: (r, turn) of each vertex, unit slant height.

    The vertices are rows of polar coordinates (r, turn), not positions; lengths follow from the law of cosines.
    """
    r = torch.arange(1, rings + 1, dtype=F64).repeat_interleave(sides) / rings
    turn = (angle * torch.arange(sides, dtype=F64) / sides).repeat(rings)
    inner = torch.tensor([(0, 1 + i, 1 + (i + 1) % sides) for i in range(sides)])
    outer = grid(rings, sides, (False, True)) + 1
    x = torch.cat([torch.zeros(1, 2, dtype=F64), torch.stack([r, turn], 1)])
    return x, torch.cat([inner, outer])
