"""The sphere S² with frames (east, north): analytic logarithm, parallel transport along great circles, quadrature.

Of unit vectors p, q at the angle θ, with h = p + q:

    log_p(q) = θ/sin θ · (q - cos θ p),   P_{p←q} = 1 + 2 p qᵀ - 2 h hᵀ/|h|²,   |det ∂u/∂q| = θ/sin θ

No frame field is continuous on all of S², since its Euler characteristic is 2. SO(2) and O(2) need none. For {e} and
other finite groups the structure is that of the frames along the meridians, which lives on S² without the poles, where
it turns once about each (indices 1 + 1 = 2).
"""

from __future__ import annotations

from math import pi, sin

import torch

from torsor.errors import SpaceError
from torsor.groups import SO, Group
from torsor.spaces import sphere_grids
from torsor.spaces.edges import Edges
from torsor.spaces.manifold import Manifold
from torsor.spaces.search import Cloud, within
from torsor.spaces.structure import check_group

ROTATIONS = SO(2)
"""The structure group by default."""

POLE = 1e-8
"""The distance from the axis, on the unit sphere, below which a point is a pole."""

ANTIPODAL = 1e-6
"""Pairs whose angle is within this of π have no logarithm."""


class Sphere(Manifold):
    """Points of the sphere of a radius R about the origin of R³, with a frame at each.

    The pole is axis 1, and longitude runs from axis 2 towards axis 0, as on `spaces.LatLon` and in the spherical
    harmonics of `torsor.linalg`. The vectors e = (east, north) point along the circle of latitude and the meridian:
    component 0 of a vector is its part to the east. With the normal that points outwards they are right-handed. At the
    poles, allowed for SO(2) and O(2) only, they are those at longitude 0, continued.

    Transporters are those of Levi-Civita for SO(2) and O(2), of them the nearest elements for finite groups, and the
    identity for {e}. Networks on an SO(2)-structure commute with all rotations of the sphere, on an O(2)-structure with
    reflections too, on {e} and C_N along the meridians with rotations about the axis. A field moves with `act` where
    the points are mapped to each other, with `moved` where they move along.

    `latlon`, `icosphere`, `fibonacci` and `points` choose points and their areas.

    Args:
        positions: (n, 3) with |x| = R.
        group: the structure group, SO(2), O(2) or a finite subgroup of O(2).
        cells: (n,) areas; None estimates them, for points all over the sphere, see `sphere_grids.areas`.
        frames: (n, 3, 2) orthonormal tangent vectors in columns; None is (east, north).
        radius: R.
        shape: (latitudes, longitudes) of a grid, see `image`.

    Raises:
        SpaceError: points that do not lie on the sphere, a group that is not a subgroup of O(2), frames that are not
            orthonormal and tangent, or poles under a finite group.
    """

    def __init__(
        self,
        positions: torch.Tensor,
        group: Group = ROTATIONS,
        cells: torch.Tensor | None = None,
        frames: torch.Tensor | None = None,
        radius: float = 1.0,
        shape: tuple[int, int] | None = None,
    ) -> None:
        _check_group(group)
        self.radius, self.shape = float(radius), shape
        unit = _on_sphere(positions, self.radius)
        if frames is None:
            _check_poles(unit, group)
        if cells is None:
            cells = self.radius**2 * sphere_grids.areas(unit)
        super().__init__(self.radius * unit, meridian_frames(unit) if frames is None else frames, cells, group)

    def _check_frames(self) -> None:
        super()._check_frames()
        e, unit = self.frames, self.positions / self.radius
        if e.shape[1:] != (3, 2):
            raise SpaceError(f"expected frames (n, 3, 2) of tangent vectors in R³, got {tuple(e.shape)}")
        error = max(_largest(e.mT @ e - torch.eye(2).to(e)), _largest(e.mT @ unit[:, :, None]))
        if error > 1e-6:
            raise SpaceError(f"expected frames of orthonormal tangent vectors, got an error of {error:.1e}")
        outward = torch.linalg.det(torch.cat([e, unit[:, :, None]], 2)) > 0
        if bool((torch.linalg.det(self.group.generators) > 0).all()) and outward.any() and not outward.all():
            raise SpaceError(
                f"expected frames of one orientation for {self.group}, which has no reflection: {int(outward.sum())} "
                f"of {len(self)} are right-handed"
            )

    # ---------------------------------------------------------------------------------------------- choices of points

    @staticmethod
    def latlon(
        n_lat: int, n_lon: int | None = None, kind: str = "gauss", group: Group = ROTATIONS, *, radius: float = 1.0
    ) -> Sphere:
        """A grid of latitudes from south to north × longitudes 2πj/n_lon, without the poles.

        Args:
            n_lat: latitudes.
            n_lon: longitudes, by default 2 n_lat.
            kind: "gauss", areas exact for harmonics of degree l ≤ 2 n_lat - 1; "equiangular", for l < n_lat.
            group: the structure group.
            radius: of the sphere.

        Raises:
            SpaceError: an unknown kind, or numbers below 1.
        """
        n_lon = 2 * n_lat if n_lon is None else n_lon
        x, cells = sphere_grids.latlon(n_lat, n_lon, kind)
        return Sphere(radius * x, group, radius**2 * cells, radius=radius, shape=(n_lat, n_lon))

    @staticmethod
    def icosphere(subdivisions: int, group: Group = ROTATIONS, *, radius: float = 1.0) -> Sphere:
        """The 10·4^s + 2 vertices of a subdivided icosahedron, whose 60 rotations (120 symmetries) permute them."""
        x, cells = sphere_grids.icosphere(subdivisions)
        return Sphere(radius * x, group, radius**2 * cells, radius=radius)

    @staticmethod
    def fibonacci(n: int, group: Group = ROTATIONS, *, radius: float = 1.0) -> Sphere:
        """n points of nearly equal areas on a spiral."""
        x, cells = sphere_grids.fibonacci(n)
        return Sphere(radius * x, group, radius**2 * cells, radius=radius)

    @staticmethod
    def points(
        directions: torch.Tensor,
        group: Group = ROTATIONS,
        cells: torch.Tensor | None = None,
        *,
        radius: float = 1.0,
    ) -> Sphere:
        """The points in any directions (n, 3), vectors of any length but zero, with estimated areas unless given."""
        directions = torch.as_tensor(directions).double()
        lengths = directions.norm(dim=-1)
        bad = (~((lengths > 0) & lengths.isfinite())).nonzero()[:, 0] if directions.ndim == 2 else lengths
        if directions.ndim != 2 or len(bad):
            raise SpaceError(
                f"expected directions (n, 3), vectors that are neither zero nor infinite, got shape "
                f"{tuple(directions.shape)}" + f", where points {bad[:5].tolist()} are" * (directions.ndim == 2)
            )
        return Sphere(radius * directions / directions.norm(dim=-1, keepdim=True), group, cells, radius=radius)

    def __repr__(self) -> str:
        grid = "" if self.shape is None else f" ({self.shape[0]} × {self.shape[1]})"
        return f"Sphere({len(self)} points{grid}, {self.group})"

    # ---------------------------------------------------------------------------------------------------- the geometry

    def connect(
        self, radius: float | None, targets: torch.Tensor | None = None, sources: torch.Tensor | None = None
    ) -> Edges:
        """All pairs at most a radius apart along a great circle, in the basis of R³; never a point and its antipode."""
        if radius is None or not radius >= 0:
            raise SpaceError(f"expected a radius of at least 0, or k, for the neighbours of {self}, got {radius}")
        angle = min(radius / self.radius * (1 + 1e-9), pi - ANTIPODAL)
        p, q = within(self._cloud(targets), self._cloud(sources), 2 * sin(angle / 2))
        p, q = p if targets is None else targets[p], q if sources is None else sources[q]
        x, y = self.positions[p] / self.radius, self.positions[q] / self.radius
        u, stretch = logarithm(x, y)
        return Edges(p, q, self.radius * u, stretch, transport(x, y))

    def _cloud(self, index: torch.Tensor | None) -> Cloud:
        x = (self.positions if index is None else self.positions[index]) / self.radius
        return Cloud(x, torch.zeros(len(x), dtype=torch.int64, device=x.device), 1)

    @property
    def reach(self) -> float:
        """πR, the distance of a point from its antipode."""
        return pi * self.radius

    def restrict(self, group: Group, frames: torch.Tensor | None = None) -> Sphere:
        """The same points with a smaller structure group; poles have none that is finite, unless frames are given."""
        if frames is None:
            check_group(group)
            _check_poles(self.positions / self.radius, group)
        return super().restrict(group, frames)

    def moved(self, isometry: torch.Tensor) -> tuple[Sphere, torch.Tensor]:
        """The points φp of a rotation or reflection φ, with frames (east, north) of their own, and what this does.

        The field moved along has the coefficients (φf)(φp) = ρ(g_p) f(p), g_p = e_{φp}⁺ φ e_p.

        Args:
            isometry: an orthogonal matrix (3, 3).

        Returns:
            The sphere, and g (n, 2, 2).

        Raises:
            SpaceError: a matrix that is not orthogonal, or one that does not keep the structure.
        """
        matrix = torch.as_tensor(isometry, dtype=torch.float64, device=self.positions.device)
        if matrix.shape != (3, 3) or _largest(matrix @ matrix.T - torch.eye(3).to(matrix)) > 1e-8:
            raise SpaceError(f"expected an orthogonal matrix (3, 3) to move {self}, got {matrix.tolist()}")
        other = Sphere(self.positions @ matrix.T, self.group, self.cells, radius=self.radius)
        g = other.frames.mT @ matrix @ self.frames
        outside = int((~self.group.contains(g)).sum())
        if outside:
            raise SpaceError(
                f"the isometry does not keep the {self.group}-structure of the frames (east, north): at {outside} of "
                f"{len(self)} points it turns them by something else than an element of the group"
            )
        return other, g

    # ----------------------------------------------------------------------------------------------------------- grids

    def image(self, x: torch.Tensor) -> torch.Tensor:
        """Features of a grid as an image: (n, c) -> (c, latitudes, longitudes), row 0 in the south.

        Vector components keep their order (east, north), although east is the last axis of the image.

        Raises:
            SpaceError: the points are no grid, or other than the rows of x.
        """
        lat, lon = self._grid()
        if x.ndim != 2 or len(x) != len(self):
            raise SpaceError(f"expected features ({len(self)}, channels), got shape {tuple(x.shape)}")
        return x.T.unflatten(1, (lat, lon))

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """The inverse of `image`: (c, latitudes, longitudes) -> (n, c).

        Raises:
            SpaceError: the points are no grid, or one of another shape.
        """
        if image.ndim != 3 or tuple(image.shape[1:]) != self._grid():
            raise SpaceError(f"expected an image (channels, {self._grid()}), got shape {tuple(image.shape)}")
        return image.flatten(1).T

    def _grid(self) -> tuple[int, int]:
        if self.shape is None:
            raise SpaceError(f"expected a grid of latitudes and longitudes, Sphere.latlon, got {self}")
        return self.shape


def meridian_frames(x: torch.Tensor) -> torch.Tensor:
    """(east, north) at unit vectors, (n, 3) -> (n, 3, 2); at the poles (axis 0, ∓ axis 2), as on the meridian 0."""
    axis = torch.zeros_like(x)
    axis[:, 1] = 1
    east = torch.linalg.cross(axis, x)
    length = east.norm(dim=1, keepdim=True)
    east = torch.where(length < POLE, axis.roll(-1, 1), east / length.clamp(min=POLE))
    return torch.stack([east, torch.linalg.cross(x, east)], 2)


def exponential(p: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """exp_p(u) = cos |u| p + sin |u| u/|u| for unit vectors p and tangent vectors u: (..., 3)."""
    length = u.norm(dim=-1, keepdim=True)
    return length.cos() * p + torch.sinc(length / pi) * u


def logarithm(p: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """log_p(q) (..., 3) and θ/sin θ (...) for unit vectors at an angle θ < π.

    q - cos θ p = d + |d|²/2 p with d = q - p, which keeps its digits where θ is small.
    """
    d = q - p
    half = d.square().sum(-1, keepdim=True) / 2
    across = d + half * p
    sine = across.norm(dim=-1, keepdim=True)
    stretch = torch.where(sine > 0, torch.atan2(sine, 1 - half) / sine.where(sine > 0, 1.0), 1.0)
    return stretch * across, stretch[..., 0]


def transport(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """P_{p←q} = 1 + 2 p qᵀ - 2 h hᵀ/|h|², h = p + q, the rotation in the plane of p and q that takes q to p.

    It is the product of the half turns about q and about the middle h: (..., 3) -> (..., 3, 3).
    """
    h = p + q
    h = h / h.norm(dim=-1, keepdim=True)
    one = torch.eye(3, dtype=p.dtype, device=p.device)
    return one + 2 * (p[..., :, None] * q[..., None, :] - h[..., :, None] * h[..., None, :])


def _on_sphere(positions: torch.Tensor, radius: float) -> torch.Tensor:
    """Unit vectors: x/|x|, where |x| is the radius up to rounding."""
    positions = torch.as_tensor(positions)
    if positions.ndim != 2 or positions.shape[1] != 3 or len(positions) == 0 or not radius > 0:
        raise SpaceError(
            f"expected points (n, 3) of a sphere of positive radius, got {tuple(positions.shape)}, {radius}"
        )
    lengths = positions.double().norm(dim=1, keepdim=True)
    miss = float((lengths / radius - 1).abs().max())
    if not miss < 1e-6:
        raise SpaceError(
            f"expected points at the distance {radius:g} from the origin, they are off by up to {miss:.1e} of it, or "
            "not finite; say the radius, or take Sphere.points, which looks at directions only"
        )
    return positions.double() / lengths


def _check_group(group: Group) -> None:
    check_group(group)
    if group.dim != 2 or group.algebra_array.shape[-1] != 2 or not group.is_orthogonal:
        raise SpaceError(f"expected a structure group of rotations and reflections of the plane, got {group}")


def _check_poles(unit: torch.Tensor, group: Group) -> None:
    """The frames along the meridians turn once about a pole: a finite group does not relate them."""
    poles = unit[:, [0, 2]].norm(dim=1) < POLE
    if group.is_finite and bool(poles.any()):
        raise SpaceError(
            f"no {group}-structure exists on all of S², whose Euler characteristic is 2: that of the frames (east, "
            f"north) leaves out the poles, but points {poles.nonzero()[:, 0].tolist()[:5]} are poles; drop these, turn "
            "the sphere, take Sphere.latlon, or SO(2)"
        )


def _largest(x: torch.Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0
