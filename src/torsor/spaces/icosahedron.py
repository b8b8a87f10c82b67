"""The icosahedron as five charts of the hexagonal lattice."""

from __future__ import annotations

from itertools import pairwise
from math import pi

import torch

from torsor.errors import SpaceError, is_count
from torsor.groups import Cyclic, Group, Trivial
from torsor.spaces.atlas import Atlas
from torsor.spaces.gluing import HEXAGONAL, Gluing, Seam
from torsor.spaces.structure import check_group

Corner = tuple[str, int]
"""("north", 0), ("upper", 0 … 4), ("lower", 0 … 4) or ("south", 0)."""


def Icosahedron(r: int, group: Group | None = None) -> Atlas:
    """Five charts of 2^r × 2^(r+1) vertices of the hexagonal lattice on the faces of an icosahedron.

    Every chart is a strip of four faces from the north pole to the south pole. Of the 10·4^r + 2 vertices the ten
    corners between the poles are pixels that are masked, zero in and out; the poles belong to no chart. At the corners
    only five faces meet: a frame carried around one comes back turned by 60°. No homomorphism C_5 → C_6 but the
    trivial one exists, so a C_6-structure does not extend there, and no kernel could be applied; the structure
    lives on the surface without its twelve corners. Geodesics end at them: offsets of larger kernels that point
    straight through a corner see nothing, those that pass beside it are carried along their own side. With that, layers
    commute to rounding with all 60 rotations (`Atlas.act`), for D_6 with all 120 isometries.

    Kernels are ``kernels.Stencil(3, gluing.HEXAGONAL)``: the seven points of a hexagon.

    Args:
        r: the resolution; each edge of the icosahedron is divided into 2^r.
        group: C_6 (default), or D_6 for the reflections too. {e}: frames along the lattice of each chart, transported
            by the identity, symmetric under the five rotations about the poles only.

    Raises:
        SpaceError: r below 1, or a group that does not contain the rotations by 60°.
    """
    if not is_count(r):
        raise SpaceError(f"expected a whole-numbered resolution of at least 1 (at 0 every vertex is a corner), got {r}")
    group = Cyclic(6) if group is None else group
    check_group(group)
    n, singular = 2**r, "allow" if group == Trivial(2) else None
    corners = [corner for chart in range(5) for corner in (2 * chart * n * n, 2 * chart * n * n + n)]
    return Atlas(_gluing(n), group, tuple(corners), singular, _positions(n))


def sphere_positions(atlas: Atlas) -> torch.Tensor:
    """The pixels of an icosahedron projected to the unit sphere, (charts, H, W, 3): where to sample functions on S².

    Raises:
        SpaceError: an atlas without an embedding.
    """
    if atlas.embedding is None:
        raise SpaceError(f"expected an atlas with an embedding, such as Icosahedron(r), got {atlas!r}")
    return torch.nn.functional.normalize(atlas.embedding.double(), dim=-1)


def _corner(chart: int, row: int, column: int) -> Corner:
    """The corner of the icosahedron at corner coordinates (row n, column n) of a chart."""
    first, second = ("upper", chart), ("upper", (chart + 1) % 5)
    third, fourth = ("lower", chart), ("lower", (chart + 1) % 5)
    return ((first, third, ("south", 0)), (("north", 0), second, fourth))[row][column]


def _gluing(n: int) -> Gluing:
    """Sides are cut at the corners; what lies between the same two corners is glued."""
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0), (0, 0))
    open_edges: dict[frozenset[Corner], tuple[int, tuple[int, int], tuple[int, int], Corner]] = {}
    seams = []
    for chart in range(5):
        for a, b in pairwise(around):
            start, stop = (a[0] * n, a[1] * n), (b[0] * n, b[1] * n)
            name = frozenset((_corner(chart, *a), _corner(chart, *b)))
            if name not in open_edges:
                open_edges[name] = (chart, start, stop, _corner(chart, *a))
                continue
            other, begin, end, first = open_edges[name]
            begin, end = (begin, end) if first == _corner(chart, *a) else (end, begin)
            seams.append(Seam(chart, start, stop, other, begin, end))
    return Gluing(5, (n, 2 * n), tuple(seams), HEXAGONAL, (0.0, 0.0))


def _vertex(corner: Corner) -> torch.Tensor:
    """A corner of the icosahedron of circumradius 1; charts follow each other westward, so that B keeps orientation."""
    kind, k = corner
    if kind in ("north", "south"):
        return torch.tensor([0.0, 0.0, 1.0 if kind == "north" else -1.0], dtype=torch.float64)
    azimuth = torch.tensor(-2 * pi * k / 5 - (0 if kind == "upper" else pi / 5), dtype=torch.float64)
    height, radius = 0.2**0.5, 0.8**0.5
    height = height if kind == "upper" else -height
    return torch.stack([radius * azimuth.cos(), radius * azimuth.sin(), torch.full_like(azimuth, height)])


def _positions(n: int) -> torch.Tensor:
    """(5, n, 2n, 3) points on the flat faces: affine in each of the four triangles of a chart; poles on axis 1."""
    step = torch.arange(n, dtype=torch.float64) / n
    a, b = step[:, None, None], step[None, :, None]
    charts = []
    for chart in range(5):
        halves = []
        for column in range(2):
            x, up, along, far = (
                _vertex(_corner(chart, row, column + more)) for row, more in ((0, 0), (1, 0), (0, 1), (1, 1))
            )
            first, second = x + a * (up - x) + b * (far - up), x + b * (along - x) + a * (far - along)
            halves.append(torch.where(a >= b, first, second))
        charts.append(torch.cat(halves, dim=1))
    return torch.stack(charts).roll(-1, -1)  # the poles on axis 1, as those of `Sphere`
