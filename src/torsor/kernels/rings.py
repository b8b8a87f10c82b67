"""The scalar functions of harmonic kernels, φ_j(|v|) Y_l(u), and their samples on a lattice.

In the continuum the integral of a function of degree l against a polynomial |v|^{2k} Y_{l'}(v) vanishes for l' ≠ l.
Its plain samples on a lattice do not have this property: cos 4φ on a few square pixels has a mean, and a kernel that
answers to constants, but not in every orientation, breaks all rotations that the lattice does not have.
`moment_matched` changes the samples as little as possible so that the sums over the lattice equal the integrals, up to
a degree: the response to smooth inputs is then that of the continuous kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import gamma, pi
from typing import Protocol

import numpy as np

from torsor.linalg import harmonics


class ScalarFunctions(Protocol):
    """Profiles times harmonics, f_j(|v|) Y_l(v), that vanish beyond a radius: what `moment_matched` works on."""

    @property
    def end(self) -> float:
        """The radius of the support."""
        ...

    def of_degree(self, degree: int) -> np.ndarray:
        """The indices j of the profiles that carry a degree."""
        ...

    def window(self, r: np.ndarray) -> np.ndarray:
        """A weight that vanishes at the end: where samples may change."""
        ...

    def functions(self, v: np.ndarray) -> list[np.ndarray]:
        """The functions at points (n, d): for each degree (profiles, n, harmonics)."""
        ...

    def moments(self, degree: int, power: int, d: int) -> np.ndarray:
        """∫ f_j |v|^{2 power} Y_l(v) dv of each profile of the degree."""
        ...


@dataclass(frozen=True)
class Rings:
    """Gaussian rings with a taper, in physical units.

    φ_j(r) = [exp(-(r-r_j)²/2w²) + exp(-(r+r_j)²/2w²)] taper(r), u = s(r) v/r, s(r)² = 1 - exp(-4 r²/pixel²).

    Attributes:
        radii: r_j.
        limits: the highest degree on each ring.
        width: w.
        pixel: the unit of length; the taper falls from 1 to 0 over the last pixel.
        end: where the taper ends.
    """

    radii: np.ndarray
    limits: tuple[int, ...]
    width: float
    pixel: float
    end: float

    def of_degree(self, degree: int) -> np.ndarray:
        """The places of the rings that carry a degree."""
        return np.flatnonzero(np.array(self.limits) >= degree)

    def profiles(self, r: np.ndarray) -> np.ndarray:
        """φ_j(r): (n,) -> (rings, n)."""
        radii, spread = self.radii[:, None], 2 * self.width**2
        return (np.exp(-((r - radii) ** 2) / spread) + np.exp(-((r + radii) ** 2) / spread)) * self.window(r)

    def window(self, r: np.ndarray) -> np.ndarray:
        """The taper, a smooth step from 1 to 0: 10 t³ - 15 t⁴ + 6 t⁵ of the depth t below the end."""
        t = np.clip((self.end - r) / self.pixel, 0.0, 1.0)
        return t**3 * (10 - 15 * t + 6 * t**2)

    def functions(self, v: np.ndarray) -> list[np.ndarray]:
        """φ_j(|v|) Y_l(u) at points (n, d): for each degree (rings that carry it, n, harmonics)."""
        r = np.linalg.norm(v, axis=-1)
        u = v * (self._stretch(r) / np.where(r > 0, r, 1.0))[:, None]
        profiles = self.profiles(r)
        return [
            profiles[self.of_degree(degree)][:, :, None] * unit_harmonics(u, degree)
            for degree in range(max(self.limits) + 1)
        ]

    def moments(self, degree: int, power: int, d: int) -> np.ndarray:
        """∫ φ_j Y_l(u) |v|^{2 power} Y_l(v) dv of each ring that carries the degree; zero against other harmonics."""
        nodes, weights = gauss()
        pieces = np.array([0.0, self.end - self.pixel, self.end])
        half, middle = np.diff(pieces)[:, None] / 2, (pieces[1:] + pieces[:-1])[:, None] / 2
        r, weight = (middle + half * nodes).ravel(), (half * weights).ravel()
        integrand = self.profiles(r)[self.of_degree(degree)] * self._stretch(r) ** degree
        sphere = 2 * pi ** (d / 2) / gamma(d / 2) / unit_harmonics(np.ones((1, d)), degree).shape[-1]
        return sphere * (integrand * r ** (2 * power + degree + d - 1)) @ weight

    def _stretch(self, r: np.ndarray) -> np.ndarray:
        return np.sqrt(-np.expm1(-4 * (r / self.pixel) ** 2))


@cache
def gauss() -> tuple[np.ndarray, np.ndarray]:
    """48 nodes and weights on [-1, 1], the eigenvectors of the Jacobi matrix (Golub and Welsch, 1969)."""
    k = np.arange(1, 48)
    nodes, vectors = np.linalg.eigh(np.diag(k / np.sqrt(4.0 * k**2 - 1), 1), UPLO="U")
    return nodes, 2 * vectors[0] ** 2


def moment_matched(rings: ScalarFunctions, lattice: np.ndarray, cell: float, order: int) -> list[np.ndarray]:
    """`Rings.functions` on a lattice, with Σ_v f(v) p(v) · cell = ∫ f p for all polynomials p up to a degree.

    The smallest change in the norm Σ δ(v)² / window(v): it stays inside the support and commutes with the symmetries of
    the lattice.

    Args:
        rings: the functions.
        lattice: the points (n, d).
        cell: the volume of a lattice cell.
        order: the highest degree of the polynomials; -1 leaves the samples alone.
    """
    sampled, d = rings.functions(lattice), lattice.shape[-1]
    kinds = [(power, degree) for degree in range(order + 1) for power in range((order - degree) // 2 + 1)]
    if not kinds:
        return sampled
    x, r = lattice / rings.end, np.linalg.norm(lattice, axis=-1)
    blocks = [(r / rings.end)[:, None] ** (2 * power) * unit_harmonics(x, degree) for power, degree in kinds]
    polynomials = np.concatenate(blocks, axis=1).T
    weighted = polynomials * rings.window(r)
    solve = weighted.T @ np.linalg.pinv(weighted @ polynomials.T, rcond=1e-10)
    matched = []
    for degree, values in enumerate(sampled):
        wanted = _wanted(rings, kinds, [b.shape[1] for b in blocks], degree, values.shape[2], d) / cell
        found = np.tensordot(values, polynomials, axes=(1, 1))
        matched.append(values + np.swapaxes(np.tensordot(wanted - found, solve, axes=(2, 1)), 1, 2))
    return matched


def _wanted(
    rings: ScalarFunctions, kinds: list[tuple[int, int]], sizes: list[int], degree: int, number: int, d: int
) -> np.ndarray:
    """The integrals of φ_j Y_{l m} against every polynomial: (rings, m, polynomials)."""
    wanted = np.zeros((len(rings.of_degree(degree)), number, sum(sizes)))
    start = 0
    for (power, l), size in zip(kinds, sizes, strict=True):
        if l == degree:
            scale = rings.end ** (2 * power + degree)
            moments = rings.moments(degree, power, d) / scale
            wanted[:, np.arange(size), start + np.arange(size)] = moments[:, None]
        start += size
    return wanted


def unit_harmonics(v: np.ndarray, degree: int) -> np.ndarray:
    """Y_l scaled to Σ Y² = 1 on the unit sphere; `torsor.linalg.harmonics` fall as 2^(-l/2)."""
    length = np.linalg.norm(harmonics(np.eye(v.shape[-1])[:1], degree))
    return harmonics(v, degree) / (length or 1.0)
