"""Kernels that a box of a grid truncates: on R^{p,q} orbits are unbounded, so no kernel ends by itself."""

from __future__ import annotations

from abc import ABC
from dataclasses import replace
from typing import Self

import numpy as np

from torsor.errors import KernelError
from torsor.groups import Group
from torsor.kernels.base import KernelSpec
from torsor.kernels.lattice import box, check_sizes


class BoxSpec(KernelSpec, ABC):
    """A family that is sampled on a box of a grid, as a dataclass with these fields.

    Attributes:
        size: number of pixels along every axis, or one number an axis.
        spacing: the distance of pixels: one number, or one an axis.
        window: if given, the samples carry the envelope exp(-|v|²/2 window²), in physical units.
        oversampling: the factor by which `refined` made the grid finer.
    """

    size: int | tuple[int, ...]
    spacing: float | tuple[float, ...]
    window: float | None
    oversampling: int

    def check_box(self) -> None:
        """Lists become tuples; constructors call it first.

        Raises:
            KernelError: sizes, spacings, a window or an oversampling that is not positive.
        """
        for name in ("size", "spacing"):
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        check_sizes(self.size)
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,)
        numbers = [self.oversampling, *spacings, *([] if self.window is None else [self.window])]
        if not min(numbers) > 0:
            raise KernelError(f"expected a positive spacing, window and oversampling, got {self!r}")

    def base_sizes(self, d: int) -> tuple[int, ...]:
        """The sizes of the grid without oversampling."""
        sizes = (self.size,) * d if isinstance(self.size, int) else self.size
        if len(sizes) != d:
            raise KernelError(f"expected {d} kernel sizes, one for each axis, got {sizes}")
        return sizes

    def spacings(self, d: int) -> np.ndarray:
        """The distances of pixels without oversampling, (d,)."""
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,) * d
        if len(spacings) != d:
            raise KernelError(f"expected {d} spacings, one for each axis, got {self.spacing}")
        return np.array(spacings, dtype=float)

    def sizes(self, d: int) -> tuple[int, ...]:
        """With oversampling the pixels fill the same box; odd sizes stay odd."""
        factor = self.oversampling
        return tuple(size * factor + (size % 2 and 1 - factor % 2) for size in self.base_sizes(d))

    def offsets(self, d: int) -> np.ndarray:
        return box(self.sizes(d)) * self.spacings(d) / self.oversampling

    def half_widths(self, d: int) -> np.ndarray:
        """Half the extents of the box, which ends half a pixel beyond the last sample."""
        return np.array(self.base_sizes(d)) / 2 * self.spacings(d)

    def reach(self, group: Group) -> float:
        """The radius of the ball inside the box: on scattered points the kernel is truncated there."""
        return float(self.half_widths(group.dim).min())

    def is_sampled_plainly(self, d: int) -> bool:
        return self.window is None and self.oversampling == 1

    def weights(self, d: int) -> np.ndarray:
        """The envelope times the volume of each sample in the box in units of a pixel, half on a face: (samples,)."""
        offsets, ends = self.offsets(d), self.half_widths(d)
        inside = np.where(np.abs(offsets) > ends * (1 - 1e-9), 0.5, 1.0).prod(-1) * float(self.oversampling) ** -d
        return inside if self.window is None else inside * np.exp(-(offsets**2).sum(-1) / (2 * self.window**2))

    def refined(self, factor: int) -> Self:
        """The same functions on a grid that is finer by a factor; weights keep their meaning."""
        return replace(self, oversampling=self.oversampling * factor)  # type: ignore[type-var]
