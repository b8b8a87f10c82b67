"""Changes of the grid of latitudes and longitudes on which a field is given."""

from __future__ import annotations

from typing import Any

import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer
from torsor.reps import Representation
from torsor.spaces.harmonics import InverseSphericalTransform, SphericalTransform, resolved
from torsor.spaces.latlon import LatLon


class SphericalResample(Layer):
    """The same field on another grid of the sphere: its harmonics up to degree lmax, sampled anew.

    To a coarser grid this is pooling with the ideal filter, to a finer one interpolation. Commutes with rotations up to
    rounding.

    Args:
        rep: a sum of irreps of SO(2) or O(2).
        grid: the grid of the input.
        out_grid: the grid of the output.
        lmax: the highest degree; by default all that both grids resolve.
        device: of the tables.
        dtype: of the tables.

    Raises:
        FieldTypeError: another type, or a degree that a grid does not resolve.
    """

    def __init__(
        self,
        rep: Representation,
        grid: LatLon,
        out_grid: LatLon,
        *,
        lmax: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, rep)
        self.grid, self.out_grid, self.lmax = grid, out_grid, resolved(lmax, grid, out_grid)
        self.analysis = SphericalTransform(rep, grid, self.lmax, device=device, dtype=dtype)
        self.synthesis = InverseSphericalTransform(rep, out_grid, self.lmax, device=device, dtype=dtype)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        return self.synthesis.unpacked(self.analysis.packed(x))

    def space_out(self, space: object) -> object:
        require_grid(self, space)
        return self.out_grid

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError("SphericalResample needs no refinement: it is exact for band-limited fields")


def require_grid(layer: Any, space: object) -> None:
    """Raise unless a field lives on the grid of a layer.

    Raises:
        FieldTypeError: it lives elsewhere.
    """
    if space != layer.grid:
        raise FieldTypeError(
            f"{type(layer).__name__} was made for fields on {layer.grid!r}, got one on {space!r}; Field(x, rep, grid) "
            "says where x lives, nn.SphericalResample changes the grid"
        )
