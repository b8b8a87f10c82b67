"""Grids of latitudes and longitudes on the sphere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import pi

import numpy as np
import torch

from torsor.errors import SpaceError, is_count
from torsor.linalg.spin_harmonics import MAX_BAND, RULES, exact_degree, latitude_rule
from torsor.symbolic import Symbolic


@dataclass(frozen=True, eq=False, repr=False)
class LatLon(Symbolic):
    """The sphere S² sampled at rows of equal latitude; tensors are (batch, channels, rows, columns).

    Rows run from south to north, columns eastwards from longitude 0 in steps of 2π/columns; the frame at every point
    is (east, north), so that a turn by +90° takes east to north. The pole is axis 1 of R³ and longitude 0 is axis 2, as
    for the spherical harmonics: p = (cos λ sin φ, sin λ, cos λ cos φ) at latitude λ and longitude φ.

    Args:
        rows: number of latitudes.
        columns: number of longitudes.
        rule: "gauss" (Gauss–Legendre latitudes), "equiangular" (steps of π/rows, half a step away from the poles), or
            "poles" (steps of π/(rows-1), poles included: there each column has the frame that its meridian brings).

    Raises:
        SpaceError: an unknown rule, or too few rows or columns.
    """

    rows: int
    columns: int
    rule: str = "gauss"

    def __post_init__(self) -> None:
        least = 2 if self.rule == "poles" else 1
        if not (is_count(self.rows, least) and is_count(self.columns) and self.rule in RULES):
            raise SpaceError(
                f"expected a rule among {', '.join(RULES)}, at least {least} rows and 1 column, "
                f"got LatLon({self.rows}, {self.columns}, {self.rule!r})"
            )
        for name in ("rows", "columns"):
            object.__setattr__(self, name, int(getattr(self, name)))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    @property
    def lmax(self) -> int:
        """The highest degree that the grid resolves, 800 at most: transforms up to it are exact."""
        return min(exact_degree(self.rule, self.rows), (self.columns - 1) // 2, MAX_BAND)

    @cached_property
    def _rule(self) -> tuple[np.ndarray, np.ndarray]:
        return latitude_rule(self.rule, self.rows)

    @property
    def colatitudes(self) -> torch.Tensor:
        """Angles from the pole of axis 1, falling, in radians, (rows,) float64."""
        return torch.tensor(self._rule[0])

    @property
    def latitudes(self) -> torch.Tensor:
        """In radians, (rows,) float64."""
        return pi / 2 - self.colatitudes

    @property
    def longitudes(self) -> torch.Tensor:
        """In radians, (columns,) float64."""
        return 2 * pi / self.columns * torch.arange(self.columns, dtype=torch.float64)

    @property
    def areas(self) -> torch.Tensor:
        """Quadrature weights, (rows, 1) float64: Σ areas · f = ∫ f over the sphere; they sum to 4π over all points."""
        return torch.tensor(self._rule[1])[:, None] * (2 * pi / self.columns)

    @property
    def embedding(self) -> torch.Tensor:
        """The points on the unit sphere, (rows, columns, 3) float64."""
        lat, lon = torch.meshgrid(self.latitudes, self.longitudes, indexing="ij")
        return torch.stack([lat.cos() * lon.sin(), lat.sin(), lat.cos() * lon.cos()], dim=-1)

    @property
    def frames(self) -> torch.Tensor:
        """East and north as columns, (rows, columns, 3, 2) float64."""
        lat, lon = torch.meshgrid(self.latitudes, self.longitudes, indexing="ij")
        east = torch.stack([lon.cos(), torch.zeros_like(lon), -lon.sin()], dim=-1)
        north = torch.stack([-lat.sin() * lon.sin(), lat.cos(), -lat.sin() * lon.cos()], dim=-1)
        return torch.stack([east, north], dim=-1)
