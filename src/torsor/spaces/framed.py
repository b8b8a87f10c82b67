"""Points with a frame of a G-structure at each: a space before anything is known of the geometry between its points."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from copy import copy
from typing import Any, Self
from uuid import uuid4

import torch

from torsor.errors import SpaceError
from torsor.groups import Group
from torsor.spaces.structure import check_group
from torsor.spaces.trees import applied, register

Place = torch.device | str | torch.dtype | None
"""Where `to` moves a space: a device; a dtype leaves it where and as it is."""


class FramedPoints(ABC):
    """n points of a manifold with a frame of a G-structure at each; features are (n, channels).

    Attributes:
        positions: (n, D) coordinates, of a chart or of the surrounding space, float64.
        frames: (n, m, d), frame vectors in columns, in the basis of the space at the point: that of the coordinates,
            or on a mesh one of the tangent plane.
        cells: (n,) the volume for which each point stands, in coordinates or in the metric, as the space says.
        group: the structure group G: frames that differ by its elements are equally good.

    Raises:
        SpaceError: shapes that do not fit, values that are not finite, or frames of linearly dependent vectors.
    """

    positions: torch.Tensor
    frames: torch.Tensor
    cells: torch.Tensor
    group: Group

    def __init__(self, positions: torch.Tensor, frames: torch.Tensor, cells: torch.Tensor, group: Group) -> None:
        check_group(group)
        positions, frames, cells = (torch.as_tensor(x).detach().double() for x in (positions, frames, cells))
        n, d = len(positions), group.dim
        if positions.ndim != 2 or not n:
            raise SpaceError(
                f"expected positions (points, coordinates) of one point or more, got {tuple(positions.shape)}"
            )
        if frames.ndim != 3 or frames.shape[0] != n or frames.shape[2] != d:
            raise SpaceError(f"expected frames of shape ({n}, m, {d}) for {group}, got {tuple(frames.shape)}")
        if cells.shape != (n,):
            raise SpaceError(f"expected cells of shape ({n},), got {tuple(cells.shape)}")
        for name, value in (("positions", positions), ("cells", cells)):
            if not bool(value.isfinite().all()):
                raise SpaceError(f"expected finite {name}, got NaN or infinity at {_places(~value.isfinite())}")
        if bool((cells < 0).any()):
            raise SpaceError(f"expected cells that are not negative, those of {_places(cells < 0)} are")
        with torch.inference_mode(False):  # copies: who writes to the arguments later does not change the space
            self.positions, self.frames, self.cells = positions.clone(), frames.clone(), cells.clone()
        self.group, self._kin = group, uuid4().hex
        self._geometry: dict[Any, Any] = {}
        self._cache: dict[Any, Any] = {}
        self._check_frames()

    def _check_frames(self) -> None:
        """Raise unless the frames are bases; spaces that know a metric also ask that they are orthonormal."""
        if not bool(self.frames.isfinite().all()):
            raise SpaceError(f"expected finite frames, got NaN or infinity at {_places(~self.frames.isfinite())}")
        unit = self.frames / self.frames.abs().amax(1, keepdim=True).clamp(min=1e-300)
        flat = torch.linalg.svdvals(torch.nn.functional.normalize(unit, dim=1))[:, -1] < 1e-14
        if bool(flat.any()):
            raise SpaceError(f"expected frames of linearly independent vectors, those of {_places(flat)} are not")

    def same(self, other: object) -> bool:
        """Whether another space is this one, or a copy of it (pickled, say): the same points in the same frames."""
        if other is self:
            return True
        if not isinstance(other, FramedPoints) or (self._kin, self.group) != (other._kin, other.group):
            return False
        if self.frames.device != other.frames.device:
            return False
        return torch.equal(self.frames, other.frames) and torch.equal(self.positions, other.positions)

    # -------------------------------------------------------------------------------------------------- what it is

    @property
    def dim(self) -> int:
        """d, the dimension of the manifold."""
        return self.group.dim

    @property
    def elements(self) -> int:
        """The number of spaces in the batch."""
        return 1

    @property
    def index(self) -> torch.Tensor:
        """(n,) the batch element of every point."""
        return torch.zeros(len(self), dtype=torch.int64, device=self.positions.device)

    @property
    def unit_volumes(self) -> torch.Tensor:
        """(n,) in the metric of the frames the volume of a cell of size 1."""
        return torch.ones_like(self.cells)

    @property
    def volumes(self) -> torch.Tensor:
        """(n,) the volume for which each point stands, in the metric of the frames; `cells` may have other units."""
        return self.cells * self.unit_volumes

    def centroids(self) -> torch.Tensor:
        """(elements, D) the mean position of every batch element, weighted by volume."""
        volumes = self.volumes
        weighted = self.positions * volumes[:, None]
        total = weighted.new_zeros(self.elements, weighted.shape[1]).index_add(0, self.index, weighted)
        return total / volumes.new_zeros(self.elements).index_add(0, self.index, volumes)[:, None]

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} points, {self.group})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_geometry": {}, "_cache": {}}

    # ------------------------------------------------------------------------------------- vectors in coordinates

    @property
    def ambient_frames(self) -> torch.Tensor:
        """(n, D, d) the frame vectors in the coordinates of `positions`, in columns."""
        return self.frames

    def to_ambient(self, vectors: torch.Tensor) -> torch.Tensor:
        """Coefficients (n, …, d) of tangent vectors in the frames, as vectors (n, …, D) in the coordinates."""
        vectors, e = self._vectors(vectors, self.dim), self.ambient_frames
        return torch.einsum("nxd,n...d->n...x", e, vectors.to(e)).to(vectors)

    def from_ambient(self, vectors: torch.Tensor) -> torch.Tensor:
        """The coefficients (n, …, d) in the frames of the tangent part of vectors (n, …, D)."""
        e = self.ambient_frames
        vectors = self._vectors(vectors, e.shape[1])
        return torch.einsum("ndx,n...x->n...d", torch.linalg.pinv(e), vectors.to(e)).to(vectors)

    def _vectors(self, vectors: torch.Tensor, size: int) -> torch.Tensor:
        if hasattr(vectors, "rep"):
            raise SpaceError(f"expected coefficients, field.tensor.unflatten(1, (-1, {self.dim})), got a field")
        vectors = torch.as_tensor(vectors)
        if vectors.ndim < 2 or len(vectors) != len(self) or vectors.shape[-1] != size:
            raise SpaceError(f"expected vectors ({len(self)}, …, {size}), got shape {tuple(vectors.shape)}")
        return vectors if vectors.is_floating_point() else vectors.double()

    # ----------------------------------------------------------------------------------------------- other frames

    def with_frames(self, frames: torch.Tensor, group: Group | None = None) -> Self:
        """The same points with other frames, of the same or another structure group; the geometry is shared.

        Raises:
            SpaceError: another shape, or frames that the space does not take.
        """
        frames = torch.as_tensor(frames).detach().to(self.frames, copy=True)
        if frames.shape != self.frames.shape:
            raise SpaceError(f"expected frames of shape {tuple(self.frames.shape)}, got {tuple(frames.shape)}")
        other = copy(self)
        other.frames, other.group = frames, self.group if group is None else group
        other._geometry, other._cache = self._geometry, {}
        check_group(other.group)
        other._check_frames()
        return other

    def regauge(self, g: torch.Tensor) -> Self:
        """The same space in the frames e_p g_p⁻¹, for elements g (n, d, d) of the structure group, one a point.

        Coefficients of a field become ρ(g_p) f(p), see `Field.gauged`.

        Raises:
            SpaceError: shapes that do not fit, or elements outside the group.
        """
        g = torch.as_tensor(g)
        if g.shape[:1] != self.positions.shape[:1]:
            raise SpaceError(f"expected {len(self)} elements of {self.group}, one a point, got shape {tuple(g.shape)}")
        outside = ~self.group.contains(g)
        if bool(outside.any()):
            raise SpaceError(
                f"expected elements of the structure group {self.group}, one a point; {int(outside.sum())} of "
                f"{len(self)} lie outside, and would give frames of another structure"
            )
        return self.with_frames(self.frames @ torch.linalg.inv(self.group.action(g.double())))

    def restrict(self, group: Group, frames: torch.Tensor | None = None) -> Self:
        """The same space with a smaller structure group H ≤ G, of all frames those that H relates to the present.

        `Field.restrict` takes a field along. Spaces that choose frames for H, such as meshes, say so.

        Args:
            group: H.
            frames: others from which to start, related to the present ones by G; their shape is that of `frames`.

        Raises:
            SpaceError: H is not a subgroup of G, or G does not relate the frames.
        """
        check_group(group)
        if not group <= self.group:
            raise SpaceError(f"expected a subgroup of the structure group {self.group}, got {group}")
        if frames is None:
            return self.with_frames(self.frames, group)
        other = self.with_frames(frames, group)
        g = torch.linalg.pinv(self.frames) @ other.frames
        size = other.frames.abs().amax((1, 2))
        apart = ~self.group.contains(g) | ((self.frames @ g - other.frames).abs().amax((1, 2)) > 1e-6 * size)
        if bool(apart.any()):
            raise SpaceError(
                f"expected frames that {self.group} relates to the present ones, not so those of {_places(apart)}"
            )
        return other

    # ------------------------------------------------------------------------------------------------------- devices

    def to(self, device: Place = None, dtype: torch.dtype | None = None) -> Self:
        """The space on a device. Its geometry stays in float64; kernels cast the edges to the dtype of the features."""
        if self._is_on(device):
            return self
        return self._mapped(lambda x: x.to(device))

    def _is_on(self, device: Place) -> bool:
        if device is None or isinstance(device, torch.dtype):
            return True
        return torch.empty(0, device=device).device == self.positions.device

    def _mapped(self, f: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        other = copy(self)
        for name, value in self.__dict__.items():
            setattr(other, name, applied(f, value))
        other._geometry, other._cache = {}, {}
        return other

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(cls)


def _places(wrong: torch.Tensor) -> str:
    rows = wrong.flatten(1).any(1).nonzero()[:, 0] if wrong.ndim > 1 else wrong.nonzero()[:, 0]
    return f"points {rows[:5].tolist()}{' …' if len(rows) > 5 else ''}"
