"""A kernel carried over a surface: K(v) painted around several points, turned as their frames are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.kernels import SteerableKernel
from torsor.plot.canvas import Scale, matplotlib
from torsor.plot.glyphs import is_vector
from torsor.plot.surface_geometry import (
    ambient_frames,
    as_numpy,
    copied,
    edge_length,
    positions,
    spread,
    triangles,
    unit,
    vertex_normals,
)
from torsor.plot.surface_output import shown
from torsor.plot.surface_picture import AXES, PAPER, Arrows, Part, Skin, View
from torsor.plot.surface_values import colours
from torsor.plot.surfaces import LIFT, camera, extent
from torsor.spaces import Manifold
from torsor.spaces.edges import Edges
from torsor.spaces.structure import compatible

FINENESS, FINEST, PATCH_ARROWS = 14, 16, 80
CARRIED = "#08306b"

Kernel = SteerableKernel | Callable[[torch.Tensor], torch.Tensor]


def carried_kernel(
    space: Manifold,
    kernel: Kernel,
    points: Sequence[int],
    *,
    radius: float | None = None,
    gauges: int = 2,
    seed: int = 0,
    title: str = "",
    look: tuple[float, float, float] | None = None,
    backend: str = "pyvista",
    path: str | PathLike[str] | None = None,
) -> Any:
    r"""Draw K(v), v = e_p⁺ log_p(q), around several points p, in the frames of the space and in others.

    One panel a gauge: the first has the frames of the space, the others e_p g_p⁻¹ with random g_p in the structure
    group. The first frame vector is black, the second orange. A kernel that is not steerable turns with the frames:
    its response depends on them, and nothing on the surface says which to take. A steerable kernel of scalars to
    scalars is painted alike in all gauges, and one of scalars to vectors has the same vectors, drawn at q as
    e_q g_{p←q}⁻¹ K(v), though their coefficients differ.

    Args:
        space: a mesh, or points of a sphere.
        kernel: a steerable kernel, or a layer that has one, between scalars or between a scalar and a vector; or any
            function of v (k, 2) to scalars (k,) or to vectors (k, 2).
        points: indices of points p; where the neighbourhoods of two meet, the nearer one is painted.
        radius: beyond which K vanishes; known for steerable kernels.
        gauges: the number of panels.
        seed: of the random frames.
        title: of the first panel.
        look: the direction towards the eye.
        backend: "pyvista" or "plotly".
        path: a file that is written, PNG of pyvista and HTML of plotly.

    Returns:
        pyvista: an image (height, width, 3) of 8 bits; plotly: a `plotly.graph_objects.Figure`.

    Raises:
        SpaceError: no surface in R³, or no such points.
        FieldTypeError: a kernel between other types or of another group, a function without a radius, or an unknown
            backend.
        MissingExtraError: the backend, or scipy for a sphere, is not installed.
    """
    space, kernel = space.to("cpu"), getattr(kernel, "kernel", kernel)
    reach = _reach(kernel, space, radius)
    centres = torch.as_tensor(list(points), dtype=torch.int64)
    if not len(centres) or not 0 <= int(centres.min()) <= int(centres.max()) < len(space) or gauges < 1:
        raise SpaceError(f"expected indices 0 … {len(space) - 1} of points and at least 1 gauge, got {list(points)}")
    generator = torch.Generator().manual_seed(seed)
    others = [space.regauge(space.group.sample(len(space), generator=generator)) for _ in range(gauges - 1)]
    views = carried_views([space, *others], kernel, centres, reach, title, look)
    return shown(views, backend, path)


def carried_views(
    spaces: Sequence[Manifold],
    kernel: Kernel,
    centres: torch.Tensor,
    reach: float,
    title: str = "",
    look: tuple[float, float, float] | None = None,
) -> list[View]:
    """One view for each of the spaces, which differ by their frames."""
    x, faces = positions(spaces[0]), triangles(spaces[0])
    edges = spaces[0].connect(reach + edge_length(x, faces), targets=centres)
    ground = _ground(spaces[0], centres, edges, reach)
    painted = [_values(space, kernel, ground, spaces[0]) for space in spaces]
    vectorial = painted[0].shape[1] == 2
    values = [np.linalg.norm(k, axis=1) if vectorial else k[:, 0] for k in painted]
    scale = _norms(values) if vectorial else colours(values)
    views = []
    for number, (space, value) in enumerate(zip(spaces, values, strict=True)):
        label = ("norm of K" if vectorial else "K") if number == len(spaces) - 1 else ""
        parts: list[Part] = [Skin(ground.points, ground.faces, ground.normals, value, scale, label)]
        parts += _frames(space, centres, reach, x, faces)
        if vectorial:
            parts.append(_arrows(space, kernel, edges, reach, x, faces, scale.largest))
        words = [title if number == 0 else "", f"gauge {number + 1}" if len(spaces) > 1 else ""]
        views.append(View(tuple(parts), x, **camera(spaces[0], look), title=", ".join(filter(None, words))))
    return views


@dataclass(frozen=True, eq=False)
class Ground:
    """A surface whose triangles are cut finely where a kernel is painted.

    Attributes:
        points: (k, 3).
        faces: (F, 3).
        normals: (k, 3).
        owner: (k,) the point p whose kernel is painted, an index of the space; -1 where there is none.
        v: (k, 2) log_p, in the frame at p.
    """

    points: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    owner: np.ndarray
    v: np.ndarray


def _ground(space: Manifold, centres: torch.Tensor, edges: Edges, reach: float) -> Ground:
    """Every triangle with all corners near a point p, cut into small ones; v is interpolated inside them."""
    x, faces = positions(space), triangles(space)
    coordinates = np.full((len(centres), len(x), 2), np.nan)
    found = _coordinates(space, edges)
    for v, p in zip(coordinates, centres, strict=True):
        here = (edges.p == p).numpy()
        v[edges.q.numpy()[here]] = found[here]
    square = np.nan_to_num((coordinates**2).sum(-1), nan=np.inf)[:, faces].sum(-1)
    nearest, chosen = square.argmin(0), square.min(0) < np.inf
    weights, small = cut(int(np.clip(np.ceil(FINENESS * edge_length(x, faces) / reach), 1, FINEST)))
    fine, normals = faces[chosen], vertex_normals(x, faces)
    owner = np.repeat(centres.numpy()[nearest[chosen]], len(weights))
    corners = coordinates[nearest[chosen, None], fine]
    parts = [np.einsum("pk,fkj->fpj", weights, y).reshape(-1, y.shape[-1]) for y in (x[fine], normals[fine], corners)]
    return Ground(
        np.concatenate([x, parts[0]]),
        np.concatenate([faces[~chosen], len(x) + copied(small, len(fine), len(weights))]),
        np.concatenate([normals, unit(parts[1])]),
        np.concatenate([np.full(len(x), -1), owner]),
        np.concatenate([np.zeros((len(x), 2)), parts[2]]),
    )


def cut(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A triangle cut into n² equal ones: weights (points, 3) of its corners, and triangles, in the same sense."""
    i, j = np.array([(i, j) for i in range(n + 1) for j in range(n + 1 - i)]).T
    number = {pair: k for k, pair in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
    small = [
        tuple(number[i + a, j + b] for a, b in corners)
        for corners in (((0, 0), (1, 0), (0, 1)), ((1, 0), (1, 1), (0, 1)))
        for i, j in number
        if all((i + a, j + b) in number for a, b in corners)
    ]
    return np.stack([n - i - j, i, j], axis=1) / n, np.array(small)


def _coordinates(space: Manifold, edges: Edges) -> np.ndarray:
    """(E, 2) v = e_p⁺ log_p(q)."""
    return as_numpy(torch.einsum("edm,em->ed", torch.linalg.pinv(space.frames[edges.p]), edges.u))


def _values(space: Manifold, kernel: Kernel, ground: Ground, first: Manifold) -> np.ndarray:
    """(k, 1) or (k, 2) K(v) on the ground, zero away from all points; v was in the frames of the first space."""
    turn = as_numpy(torch.linalg.pinv(space.frames) @ first.frames)
    seen = ground.owner >= 0
    v = np.einsum("kij,kj->ki", turn[ground.owner[seen]], ground.v[seen])
    found = evaluated(kernel, v)
    values = np.zeros((len(seen), found.shape[1]))
    values[seen] = found
    return values


def evaluated(kernel: Kernel, v: np.ndarray) -> np.ndarray:
    """K(v), (k, 1) or (k, 2), of v (k, 2).

    Raises:
        FieldTypeError: other shapes, or values that are not finite.
    """
    like = next(kernel.parameters(), None) if isinstance(kernel, torch.nn.Module) else None
    points = torch.from_numpy(v)
    with torch.no_grad():
        found = as_numpy(kernel(points if like is None else points.to(like))).reshape(len(v), -1)
    if found.shape[1] not in (1, 2) or not np.isfinite(found).all():
        raise FieldTypeError(f"expected a finite scalar or vector K(v) at each of {len(v)} v, got shape {found.shape}")
    return found


def _arrows(
    space: Manifold, kernel: Kernel, edges: Edges, reach: float, x: np.ndarray, faces: np.ndarray, largest: float
) -> Arrows:
    """e_q g_{p←q}⁻¹ K(v) at the neighbours q of every point p, as long as the distance of arrows at most."""
    v = _coordinates(space, edges)
    within = np.linalg.norm(v, axis=1) <= reach
    sources = edges.q.numpy()
    groups = [_rows(edges, p, within) for p in edges.p.unique()]
    chosen = np.concatenate([rows[spread(x[sources[rows]], PATCH_ARROWS)] for rows in groups])
    kept = edges.at(torch.from_numpy(chosen))
    g = compatible(space.group, torch.linalg.pinv(space.frames), space.frames, kept.p, kept.q, kept.transport)
    vectors = evaluated(kernel, v[chosen])
    if g is not None:
        vectors = np.linalg.solve(as_numpy(g), vectors[..., None])[..., 0]
    q = kept.q.numpy()
    drawn = np.einsum("nij,nj->ni", ambient_frames(space)[q], vectors)
    seen = np.linalg.norm(drawn, axis=1) > 0.04 * largest
    length = reach * np.sqrt(np.pi / PATCH_ARROWS) / largest
    normals = vertex_normals(x, faces)[q]
    tails = x[q] + LIFT * extent(x) * normals
    return Arrows(tails[seen], length * drawn[seen], CARRIED, normals[seen])


def _rows(edges: Edges, p: torch.Tensor, within: np.ndarray) -> np.ndarray:
    """The edges of a target that are short enough."""
    return ((edges.p == p).numpy() & within).nonzero()[0]


def _frames(space: Manifold, centres: torch.Tensor, reach: float, x: np.ndarray, faces: np.ndarray) -> list[Part]:
    p = centres.numpy()
    normals = vertex_normals(x, faces)[p]
    e, tails = ambient_frames(space)[p], x[p] + LIFT * extent(x) * normals
    return [Arrows(tails, 0.6 * reach * e[:, :, k], AXES[k], normals) for k in range(2)]


def _norms(values: list[np.ndarray]) -> Scale:
    """White at zero, as the rest of the surface."""
    blue = matplotlib("colors").LinearSegmentedColormap.from_list("norm", [PAPER, "#5aa2cf"])
    return Scale.of(values, blue)


def _reach(kernel: Any, space: Manifold, radius: float | None) -> float:
    """The radius beyond which a kernel vanishes, once its types are known to be drawable."""
    if isinstance(kernel, SteerableKernel):
        in_rep, out_rep = kernel.in_rep, kernel.out_rep
        if min(in_rep.dim, out_rep.dim) > 1 or not all(r.dim == 1 or is_vector(r) for r in (in_rep, out_rep)):
            raise FieldTypeError(f"expected a kernel between a scalar and a scalar or vector, got {in_rep} → {out_rep}")
        if in_rep.group != space.group:
            raise FieldTypeError(f"expected a kernel of the structure group {space.group}, got one of {in_rep.group}")
        return radius or kernel.spec.reach(in_rep.group)
    if radius is None or not radius > 0:
        raise FieldTypeError(f"expected a positive radius beside a function of v, got {radius}")
    return radius
