"""The plane and space without the origin, with frames that look at it: polar, radial, both logarithmic, cubed-sphere.

    kind            frames                      metric                 structure group      commutes with
    polar           r̂, φ̂                        Euclidean              {e} · reflection     SO(2) · O(2)
    log-polar       r r̂, r φ̂                    dr²/r² + dφ²           {e} · reflection     SO(2) × scalings · O(2) × …
    radial          tangential (twice), r̂       Euclidean              Axial SO(2) · O(2)   SO(3) · O(3)
    log-radial      the same times r            dr²/r² + that of S²    Axial SO(2) · O(2)   SO(3) × scalings · O(3) × …
    cubed-sphere    two of the face, r̂          Euclidean              {e}                  nothing

A vector is carried by the rotation q̂ → p̂, which maps radius to radius, so that transporters lie in the structure group.

Source: Weiler, Forré, Verlinde and Welling, Coordinate independent convolutional networks, 2021, the punctured
Euclidean spaces. Log-polar: Esteves, Allen-Blanchette, Zhou and Daniilidis, Polar transformer networks, 2018.
Cubed sphere × radius: Boomsma and Frellsen, Spherical convolutions and their application in molecular modelling, 2017.
"""

from __future__ import annotations

from math import pi
from typing import Any

import torch

from torsor.errors import SpaceError, is_count
from torsor.groups import SO, Axial, Group, O, Reflection, Trivial
from torsor.spaces.cubed_sphere import cubed_sphere_frames, radial_frames
from torsor.spaces.edges import Edges
from torsor.spaces.manifold import Manifold
from torsor.spaces.search import Cloud, within
from torsor.spaces.sphere import logarithm
from torsor.spaces.structure import check_group

KINDS = {2: ("polar", "log-polar"), 3: ("radial", "log-radial", "cubed-sphere")}
"""The kinds of frames in E² and E³."""

ANTIPODAL = 1e-6
"""|p̂ + q̂| below which two directions are opposite, and no rotation between them is the least."""


class Punctured(Manifold):
    """Points of E²∖0 or E³∖0, with frames from the origin and neighbours q = exp_p(v).

        v = e_p⁻¹ (x_q - x_p)                                  Euclidean
        v = (log r_q - log r_p, φ_q - φ_p)                     log-polar: the flat cylinder, angles the short way round
        v = (log_p̂(q̂), log r_q - log r_p)                      log-radial: the cylinder over S²
        g_{p←q} = e_p⁻¹ R e_q,   R the rotation q̂ → p̂          (logarithmic: times r_p/r_q)

    Component 0 of v is radial and 1 azimuthal in the plane, component 2 radial in space. Angles grow from axis 0 to
    axis 1. A point at half a turn in the log-polar metric is a neighbour both ways round, with half its weight each.

    Args:
        positions: (n, 2) or (n, 3), none of them 0.
        group: the structure group, of those that the frames allow (see the module).
        kind: of frames, "polar" or "log-polar" in the plane, "radial", "log-radial" or "cubed-sphere" in space; by
            default the first that the group allows.
        cells: (n,) the volume for which each point stands, in the metric of the frames: areas and volumes, but
            ∫ dr dφ / r of log-polar frames and ∫ dr dΩ / r of log-radial ones; None is 1.
        antipodes: what becomes of neighbours p, q in opposite directions from 0, between which radial frames have no
            transport: "error", or "skip" to leave such pairs out.

    Raises:
        SpaceError: shapes that do not fit, a point at 0, an unknown kind, or a group that its frames do not allow.
    """

    def __init__(
        self,
        positions: torch.Tensor,
        group: Group,
        kind: str | None = None,
        cells: torch.Tensor | None = None,
        *,
        antipodes: str = "error",
    ) -> None:
        positions = torch.as_tensor(positions)
        if positions.ndim != 2 or positions.shape[1] not in KINDS:
            raise SpaceError(f"expected points (n, 2) of the plane or (n, 3) of space, got {tuple(positions.shape)}")
        if antipodes not in ("error", "skip"):
            raise SpaceError(f'expected antipodes="error" or "skip", got {antipodes!r}')
        x, r = positions.double(), positions.double().norm(dim=1)
        origin = (r <= 1e-12 * r.amax()).nonzero()[:, 0] if len(r) else r
        if len(origin):
            raise SpaceError(
                f"expected points of E^{x.shape[1]} without 0, where no direction is radial; points "
                f"{origin[:5].tolist()} lie there: leave them out"
            )
        self.kind, self.antipodes = _kind(x.shape[1], group, kind), antipodes
        super().__init__(x, canonical_frames(self.kind, x), torch.ones_like(r) if cells is None else cells, group)

    @staticmethod
    def polar_grid(
        n_r: int,
        n_phi: int,
        r_min: float,
        r_max: float,
        group: Group | None = None,
        *,
        kind: str = "polar",
        spacing: str | None = None,
    ) -> Punctured:
        """The centres of the cells of a ring r_min … r_max: n_r radii, the slow axis, times the angles 2πj/n_phi.

        Args:
            n_r: number of radii.
            n_phi: number of angles.
            r_min: the inner radius of the innermost cells.
            r_max: the outer radius of the outermost.
            group: {e} by default.
            kind: "polar" or "log-polar".
            spacing: of the radii, "linear" or "log"; by default as the metric has it.

        Raises:
            SpaceError: numbers below 1, radii that do not fit, or an unknown spacing.
        """
        spacing = ("log" if kind == "log-polar" else "linear") if spacing is None else spacing
        bounds, r = _radii(n_r, r_min, r_max, spacing)
        if not is_count(n_phi):
            raise SpaceError(f"expected at least one angle, got n_phi={n_phi}")
        phi = torch.arange(n_phi, dtype=torch.float64) * (2 * pi / n_phi)
        x = r[:, None, None] * torch.stack([phi.cos(), phi.sin()], 1)
        ring = bounds.log().diff() if kind == "log-polar" else bounds.square().diff() / 2
        cells = (ring * (2 * pi / n_phi)).repeat_interleave(n_phi)
        return Punctured(x.flatten(0, 1), Trivial(2) if group is None else group, kind, cells)

    @staticmethod
    def shells(
        directions: int | torch.Tensor,
        n_r: int,
        r_min: float,
        r_max: float,
        group: Group,
        kind: str | None = None,
        *,
        spacing: str | None = None,
        solid_angles: torch.Tensor | None = None,
        antipodes: str = "error",
    ) -> Punctured:
        """Directions on n_r spheres, the slow axis, at the centres of the cells of the shell r_min … r_max.

        Args:
            directions: (m, 3), of any length but 0, or their number: these lie on a Fibonacci spiral.
            n_r: number of spheres.
            r_min: the inner radius of the innermost cells.
            r_max: the outer radius of the outermost.
            group: the structure group.
            kind: of frames.
            spacing: of the radii, "linear" or "log"; by default as the metric has it.
            solid_angles: (m,) of the directions, with sum 4π; by default all equal.
            antipodes: "error" or "skip", see the class.

        Raises:
            SpaceError: shapes and numbers that do not fit.
        """
        logarithmic = kind == "log-radial"
        bounds, r = _radii(n_r, r_min, r_max, spacing or ("log" if logarithmic else "linear"))
        u = fibonacci(max(directions, 0)) if isinstance(directions, int) else torch.as_tensor(directions).double()
        if u.ndim != 2 or u.shape[1] != 3 or not len(u):
            raise SpaceError(f"expected directions (m, 3), or their number, got shape {tuple(u.shape)}")
        omega = (
            u.new_full((len(u),), 4 * pi / len(u)) if solid_angles is None else torch.as_tensor(solid_angles).double()
        )
        if omega.shape != u.shape[:1]:
            raise SpaceError(f"expected {len(u)} solid angles, one a direction, got shape {tuple(omega.shape)}")
        x = r.to(u)[:, None, None] * torch.nn.functional.normalize(u, dim=1)
        shell = bounds.log().diff() if logarithmic else bounds.pow(3).diff() / 3
        cells = shell.to(u)[:, None] * omega
        return Punctured(x.flatten(0, 1), group, kind, cells.flatten(), antipodes=antipodes)

    def __repr__(self) -> str:
        return f"Punctured({len(self)} points, {self.kind}, {self.group})"

    @property
    def logarithmic(self) -> bool:
        """Whether lengths are relative to the radius."""
        return self.kind.startswith("log-")

    def moved(self, matrix: Any) -> tuple[Punctured, torch.Tensor]:
        """The points A x, with the frames that the kind of frames has there, and the volumes of the moved cells.

        The field moved along has the coefficients (A f)(A p) = ρ(g_p) f(p), g_p = e'⁻¹ A e with the frames e' at the
        moved points. These lie in the structure group where A keeps the structure: rotations do and, with
        logarithmic frames, scalings.

        Raises:
            SpaceError: A is no invertible matrix (d, d).
        """
        if isinstance(matrix, tuple) and torch.as_tensor(matrix[0]).ndim == 2:
            raise SpaceError(f"expected a matrix {(self.dim,) * 2}: no translation keeps the origin of {self}")
        a = torch.as_tensor(matrix, dtype=torch.float64, device=self.positions.device)
        if a.shape != (self.dim,) * 2 or float(torch.linalg.det(a)) == 0:
            raise SpaceError(f"expected an invertible matrix {(self.dim,) * 2} to move {self}, got {a}")
        x = self.positions @ a.T
        cells = self.cells * torch.linalg.det(a).abs()
        if self.logarithmic:
            cells = cells * (self.positions.norm(dim=1) / x.norm(dim=1)).pow(self.dim)
        other = Punctured(x, self.group, self.kind, cells, antipodes=self.antipodes)
        return other, torch.linalg.inv(other.frames) @ a @ self.frames

    def _squares(self, edges: Edges) -> torch.Tensor:
        """In the metric of the frames."""
        square = super()._squares(edges)
        return square / self.positions[edges.p].square().sum(1) if self.logarithmic else square

    def restrict(self, group: Group, frames: torch.Tensor | None = None) -> Punctured:
        """The same points with a smaller structure group, of those that the frames allow."""
        check_group(group)
        if group not in allowed_groups(self.kind):
            _kind(self.dim, group, self.kind)  # raises, with what they allow
        return super().restrict(group, frames)

    def connect(
        self, radius: float | None, targets: torch.Tensor | None = None, sources: torch.Tensor | None = None
    ) -> Edges:
        """All pairs within the radius. With antipodes="error" those in opposite directions are refused when chosen.

        Raises:
            SpaceError: no radius.
        """
        if radius is None:
            raise SpaceError(f"expected a radius or k for the neighbours of {self}")
        reach = radius * (1 + 1e-9)
        p, q = within(self._cloud(targets), self._cloud(sources), reach)
        p, q = p if targets is None else targets[p], q if sources is None else sources[q]
        if self.kind == "log-polar":
            return self._round(p, q, reach)
        if self.antipodes == "skip":
            keep = ~self._opposite(p, q)
            p, q = p[keep], q[keep]
        if self.kind == "log-radial":
            return self._over_sphere(p, q, reach)
        u = self.positions[q] - self.positions[p]
        return Edges(p, q, u, torch.ones_like(u[:, 0]), self._transport(p, q))

    def _cloud(self, index: torch.Tensor | None) -> Cloud:
        """Points among which to search: of logarithmic metrics the cylinder over S¹ or S², whose chords are shorter."""
        x = self.positions if index is None else self.positions[index]
        if self.logarithmic:
            r = x.norm(dim=1, keepdim=True)
            x = torch.cat([x / r, r.log()], 1)
        return Cloud(x, torch.zeros(len(x), dtype=torch.int64, device=x.device), 1)

    def _opposite(self, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """(E,) which pairs have no transport."""
        if not self.kind.endswith("radial"):
            return torch.zeros_like(p, dtype=torch.bool)
        return _halfway(self.positions, p, q).norm(dim=1) < ANTIPODAL

    def chosen(self, edges: Edges) -> Edges:
        opposite = self._opposite(edges.p, edges.q)
        if bool(opposite.any()):
            a, b = (int(i[opposite][0]) for i in (edges.p, edges.q))
            raise SpaceError(
                f"{int(opposite.sum())} pairs of neighbours lie in opposite directions from 0, such as points {a} and "
                f"{b}, and no rotation about 0 between them is the least; take a radius of less than "
                f'{"π" if self.logarithmic else "twice the smallest |x|"}, or antipodes="skip" to leave the pairs out'
            )
        return edges

    def _transport(self, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor | None:
        """(E, d, d) the rotation q̂ → p̂: in space the half turn about q̂, then that about p̂ + q̂."""
        if self.kind == "cubed-sphere":
            return None
        if self.kind.endswith("radial"):
            turn = _half_turn(_halfway(self.positions, p, q)) @ _half_turn(self.positions[q])
            r = self.positions.norm(dim=1)
            return (r[p] / r[q])[:, None, None] * turn if self.logarithmic else turn
        e = canonical_frames(self.kind, self.positions)
        return e[p] @ torch.linalg.inv(e)[q]

    def _round(self, p: torch.Tensor, q: torch.Tensor, reach: float) -> Edges:
        """Edges of the log-polar metric: u = e_p (Δ log r, Δφ), |det ∂u/∂q| = r_p²."""
        w = self._cylinder(p, q)
        near = w.norm(dim=1) <= reach
        p, q, w = p[near], q[near], w[near]
        tie = w[:, 1].abs() > pi - 1e-9
        share = torch.where(tie, 0.5, 1.0).to(w)
        p, q, share = (torch.cat([x, x[tie]]) for x in (p, q, share))
        w = torch.cat([w, w[tie] * w.new_tensor([1.0, -1.0])])
        u = (canonical_frames(self.kind, self.positions)[p] @ w[:, :, None])[:, :, 0]
        return Edges(p, q, u, share * self.positions[p].square().sum(1), self._transport(p, q))

    def _over_sphere(self, p: torch.Tensor, q: torch.Tensor, reach: float) -> Edges:
        """Edges of the log-radial metric: u = r_p (log_p̂(q̂) + p̂ Δ log r), |det ∂u/∂q| = r_p³ θ / sin θ."""
        r = self.positions.norm(dim=1)
        unit, log_r = self.positions / r[:, None], r.log()
        step, stretch = logarithm(unit[p], unit[q])
        u = r[p, None] * (step + (log_r[q] - log_r[p])[:, None] * unit[p])
        angle = 2 * torch.atan2((unit[p] - unit[q]).norm(dim=1), (unit[p] + unit[q]).norm(dim=1))
        near = (torch.hypot(angle, log_r[q] - log_r[p]) <= reach).nonzero()[:, 0]
        return Edges(p, q, u, r[p].pow(3) * stretch, self._transport(p, q)).at(near)

    def _cylinder(self, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """(E, 2) log r_q - log r_p and φ_q - φ_p in [-π, π]."""
        (a, b), (c, d) = self.positions[p].T, self.positions[q].T
        log_r = self.positions.norm(dim=1).log()
        return torch.stack([log_r[q] - log_r[p], torch.atan2(a * d - b * c, a * c + b * d)], 1)


def canonical_frames(kind: str, x: torch.Tensor) -> torch.Tensor:
    """The frames of a kind at points x: (n, d) -> (n, d, d), vectors in columns."""
    if kind.endswith("radial"):
        return radial_frames(x) * (x.norm(dim=1)[:, None, None] if kind == "log-radial" else 1)
    if kind == "cubed-sphere":
        return cubed_sphere_frames(x)
    frames = torch.stack([x, torch.stack([-x[:, 1], x[:, 0]], 1)], -1)
    return frames if kind == "log-polar" else frames / x.norm(dim=1)[:, None, None]


def allowed_groups(kind: str) -> tuple[Group, ...]:
    """The structure groups with which frames of a kind can be had."""
    if kind.endswith("radial"):
        return Axial(O(2)), Axial(SO(2))
    return (Trivial(3),) if kind == "cubed-sphere" else (Trivial(2), Reflection(2))


def _kind(d: int, group: Group, kind: str | None) -> str:
    """The kind of frames, the first that the group allows if none is named."""
    if kind is not None and kind not in KINDS[d]:
        raise SpaceError(f"expected a kind of frames of E^{d} among {KINDS[d]}, got {kind!r}")
    found = [k for k in KINDS[d] if group in allowed_groups(k) and kind in (None, k)]
    if not found:
        fitting = "; ".join(f"{k}: {', '.join(map(str, allowed_groups(k)))}" for k in KINDS[d] if kind in (None, k))
        raise SpaceError(
            f"expected a structure group that the frames of E^{d} without 0 allow ({fitting}), got {group}"
        )
    return found[0]


def _radii(n: int, r_min: float, r_max: float, spacing: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The n + 1 bounds of cells between two radii, and their n centres, arithmetic or geometric."""
    if not is_count(n) or not 0 < r_min < r_max or spacing not in ("linear", "log"):
        raise SpaceError(
            f'expected at least one radius, 0 < r_min < r_max, and the spacing "linear" or "log", got {n}, {r_min}, '
            f"{r_max}, {spacing!r}"
        )
    steps = torch.arange(2 * n + 1, dtype=torch.float64) / (2 * n)
    r = r_min * (r_max / r_min) ** steps if spacing == "log" else r_min + (r_max - r_min) * steps
    return r[::2], r[1::2]


def fibonacci(n: int) -> torch.Tensor:
    """n directions on a spiral that cover the sphere evenly, (n, 3): z_i = 1 - (2i + 1)/n, φ_i = 2πi/golden ratio."""
    i = torch.arange(n, dtype=torch.float64)
    z, phi = 1 - (2 * i + 1) / n, i * (4 * pi / (1 + 5**0.5))
    s = (1 - z * z).sqrt()
    return torch.stack([s * phi.cos(), s * phi.sin(), z], 1)


def _halfway(x: torch.Tensor, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """p̂ + q̂."""
    unit = torch.nn.functional.normalize(x, dim=1)
    return unit[p] + unit[q]


def _half_turn(axis: torch.Tensor) -> torch.Tensor:
    """2 a aᵀ/|a|² - 1: (n, 3) -> (n, 3, 3)."""
    a = torch.nn.functional.normalize(axis, dim=1)
    return 2 * a[:, :, None] * a[:, None, :] - torch.eye(3, dtype=a.dtype, device=a.device)
