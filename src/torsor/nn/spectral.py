"""Changes of the points of the sphere at which a field is given: other grids, and any points."""

from __future__ import annotations

from typing import Any

import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.fibre.base import Layer
from torsor.reps import Representation, trivial
from torsor.spaces.atlas import Atlas
from torsor.spaces.harmonics import InverseSphericalTransform, PointSynthesis, SphericalTransform, resolved
from torsor.spaces.icosahedron import sphere_positions
from torsor.spaces.latlon import LatLon
from torsor.spaces.sphere import Sphere


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


class SphericalSample(Layer):
    """The values Σ a_lm Y_lm(p) of a field at any points of the sphere, exact for band-limited fields.

    (batch, rep.dim, rows, columns) -> (batch, rep.dim, …) for points (…, 3). Vectors and tensors are given in the
    frames (east, north) at the points, as those of `spaces.Sphere` are; at a pole, as meridian 0 brings it. Given an
    atlas with an embedding, such as ``spaces.Icosahedron(r)``, a field of scalars becomes one on the atlas.

    The tables hold (lmax+1)² numbers a point and frequency, twice that for k > 0.

    Args:
        rep: a sum of irreps of SO(2) or O(2).
        grid: the grid of the input.
        points: (…, 3) vectors of any length but zero, a `spaces.Sphere`, or an atlas that encloses the origin.
        lmax: the highest degree; by default all that the grid resolves.
        device: of the tables.
        dtype: of the tables.

    Raises:
        FieldTypeError: another type, a degree that the grid does not resolve, other types than scalars for an atlas.
        SpaceError: points that are no vectors (…, 3), or have no direction.
    """

    def __init__(
        self,
        rep: Representation,
        grid: LatLon,
        points: torch.Tensor | Sphere | Atlas,
        *,
        lmax: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        atlas = points if isinstance(points, Atlas) else None
        x = sphere_positions(points) if isinstance(points, Atlas) else getattr(points, "positions", points)
        x = torch.as_tensor(x, dtype=torch.float64)
        size = x.abs().amax(-1, keepdim=True) if x.numel() else x
        if x.ndim < 2 or x.shape[-1] != 3 or not x.numel() or not bool(((size > 0) & size.isfinite()).all()):
            raise SpaceError(f"expected points (…, 3), neither zero nor infinite, got shape {tuple(x.shape)}")
        if atlas is not None and any(not term.is_trivial for _, term in rep.terms):
            raise FieldTypeError(
                f"expected scalars to sample on {atlas!r}, whose frames are those of its charts, got {rep}; at points "
                "all types are known in the frames (east, north)"
            )
        super().__init__(rep, rep)
        if atlas is not None:
            self.out_rep = rep.dim * trivial(atlas.group)
        self.grid, self.atlas, self.shape = grid, atlas, tuple(x.shape[:-1])
        self.analysis = SphericalTransform(rep, grid, lmax, device=device, dtype=dtype)
        unit = torch.nn.functional.normalize(x / size, dim=-1).flatten(0, -2)
        self.synthesis = PointSynthesis(rep, grid, unit, self.analysis.lmax, device=device, dtype=dtype)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        y = self.synthesis.unpacked(self.analysis.packed(x)).unflatten(-1, self.shape).to(x.dtype)
        return y if self.atlas is None else self.atlas.masking(y)

    def space_out(self, space: object) -> object:
        require_grid(self, space)
        if self.atlas is None:
            raise FieldTypeError("points make no space: sample a tensor, layer(field.tensor), or give an atlas")
        return self.atlas

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError("SphericalSample needs no refinement: it is exact for band-limited fields")


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
