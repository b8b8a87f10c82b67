"""Gaussians times polynomials, in polar form: the scalar functions of kernels that are dilated.

    f_{nlm}(v) = L_n^{(l+d/2-1)}(r²/σ²) Y_{lm}(v/σ) exp(-r²/2σ²) (1 - r²/R²)²,    r = |v| < R, and 0 beyond

with l + 2n up to an order: the Hermite–Gaussian functions up to that degree, sorted by their angular degree l (the
eigenfunctions of the harmonic oscillator; without the last factor those of one degree are orthogonal). The last factor
gives them compact support.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma, pi

import numpy as np

from torsor.kernels.rings import gauss, unit_harmonics


@dataclass(frozen=True)
class Oscillator:
    """The functions f_{nlm} in d dimensions; `moment_matched` treats them as it treats `Rings`.

    Attributes:
        d: the dimension.
        order: the highest degree l + 2n.
        sigma: σ.
        end: R.
    """

    d: int
    order: int
    sigma: float
    end: float

    @property
    def degrees(self) -> range:
        """The degrees l: in one dimension there are two, even and odd functions."""
        return range(min(self.order, 1 if self.d == 1 else self.order) + 1)

    def of_degree(self, degree: int) -> np.ndarray:
        """The radial indices n that carry a degree."""
        return np.arange((self.order - degree) // 2 + 1)

    def window(self, r: np.ndarray) -> np.ndarray:
        """exp(-r²/2σ²) (1 - r²/R²)²."""
        return np.exp(-(r**2) / (2 * self.sigma**2)) * np.clip(1 - (r / self.end) ** 2, 0.0, None) ** 2

    def profiles(self, r: np.ndarray, degree: int) -> np.ndarray:
        """L_n(r²/σ²) times the window: (points,) -> (radial indices, points)."""
        alpha, x = degree + self.d / 2 - 1, (r / self.sigma) ** 2
        values = [np.ones_like(x), 1 + alpha - x]
        for n in range(1, len(self.of_degree(degree)) - 1):
            values.append(((2 * n + 1 + alpha - x) * values[n] - (n + alpha) * values[n - 1]) / (n + 1))
        return np.stack(values[: len(self.of_degree(degree))]) * self.window(r)

    def functions(self, v: np.ndarray) -> list[np.ndarray]:
        """f_{nlm} at points (points, d): for each degree (radial indices, points, harmonics)."""
        r = np.linalg.norm(v, axis=-1)
        return [self.profiles(r, l)[:, :, None] * unit_harmonics(v / self.sigma, l) for l in self.degrees]

    def moments(self, degree: int, power: int, d: int) -> np.ndarray:
        """∫ f_{nlm} |v|^{2 power} Y_{lm}(v) dv for each n; zero against other harmonics."""
        return self._integral(degree, lambda p, r: p * r ** (2 * power + degree) * (r / self.sigma) ** degree)

    def squares(self, degree: int) -> np.ndarray:
        """∫ f_{nlm}² dv for each n."""
        return self._integral(degree, lambda p, r: p**2 * (r / self.sigma) ** (2 * degree))

    def _integral(self, degree: int, integrand) -> np.ndarray:  # noqa: ANN001
        """The mean of Y² over the sphere, times its area, times the radial integral of a function of (profiles, r)."""
        nodes, weights = gauss()
        r = ((np.arange(3)[:, None] + (nodes + 1) / 2) * self.end / 3).ravel()
        weight = np.tile(weights, 3) * self.end / 6
        mean = 1 / unit_harmonics(np.ones((1, self.d)), degree).shape[-1]
        area = 2 * pi ** (self.d / 2) / gamma(self.d / 2)
        return area * mean * (integrand(self.profiles(r, degree), r) * r ** (self.d - 1)) @ weight


def normalised(oscillator: Oscillator, covariants: list[np.ndarray]) -> list[np.ndarray]:
    """Covariants C (number, dim τ, dim σ, harmonics) over |C f_n|: by degree (n, number, dim τ, dim σ, harmonics)."""
    found = []
    for degree, maps in zip(oscillator.degrees, covariants, strict=True):
        squares = oscillator.squares(degree)[:, None] * np.square(maps).sum((1, 2, 3))
        found.append(maps / np.sqrt(squares)[..., None, None, None])
    return found


def contracted(maps: list[np.ndarray], functions: list[np.ndarray]) -> np.ndarray:
    """Σ_m C_m f_{nlm}: (number, dim τ, dim σ, points), by degree, then radial index, then covariant."""
    parts = [
        np.einsum("ncabm,npm->ncabp", c, f, optimize=True).reshape(-1, *c.shape[2:4], f.shape[1])
        for c, f in zip(maps, functions, strict=True)
    ]
    return np.concatenate(parts)
