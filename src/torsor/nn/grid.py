"""What layers on grids share: sizes, strides, and when these keep the symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, SymmetryWarning
from torsor.fibre import Layer
from torsor.groups import Group
from torsor.nn.spacetime import conv4d
from torsor.reps import Representation
from torsor.spaces import Grid
from torsor.warn import warn

Size = int | Sequence[int]


def per_axis(value: Size, d: int, what: str, least: int = 0) -> tuple[int, ...]:
    """One number, or one an axis, as d numbers.

    Raises:
        FieldTypeError: another number of axes, or values below the least.
    """
    values = tuple(value) if isinstance(value, Sequence) else (value,) * d
    if len(values) != d or any(not isinstance(v, int) or v < least for v in values):
        raise FieldTypeError(f"expected a {what} of at least {least}, one number or {d} of them, got {value}")
    return values


def moved_axes(group: Group) -> tuple[bool, ...]:
    """Which axes of R^d the group moves: on these the sampling of a stride must be symmetric."""
    moves = np.concatenate([group.action(group.algebra_array), group.action(group.generator_array) - np.eye(group.dim)])
    return tuple(bool(np.abs(moves[:, :, axis]).max(initial=0.0) > 1e-9) for axis in range(group.dim))


class GridLayer(Layer):
    """Base of layers on grids (batch, channels, *space) of as many axes as the group's dimension.

    A window of size k, dilation δ, stride s and padding p on N pixels samples symmetrically iff
    (N + 2p - δ(k-1) - 1) mod s = 0; where it does not, the layer warns and names the sizes that do.
    """

    most_axes = 3

    def __init__(self, in_rep: Representation, out_rep: Representation) -> None:
        super().__init__(in_rep, out_rep)
        self.d = in_rep.group.dim
        if self.d > self.most_axes:
            axes = "1, 2 or 3" if self.most_axes == 3 else "1, 2, 3 or 4"
            raise FieldTypeError(f"grids have {axes} axes, {in_rep.group} acts on {self.d} dimensions")
        self.moved = moved_axes(in_rep.group)
        self.stride: tuple[int, ...] = (1,) * self.d

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """(sizes, paddings, dilations) of the window, for the arithmetic of sizes and receptive fields."""
        return (1,) * self.d, (0,) * self.d, (1,) * self.d

    def remainders(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """(N + 2p - δ(k-1) - 1) mod s of every axis: zero iff the sampling is symmetric."""
        kernel, padding, dilation = self.window()
        rows = zip(sizes, kernel, padding, dilation, self.stride, strict=True)
        return tuple((n + 2 * p - e * (k - 1) - 1) % s for n, k, p, e, s in rows)

    def is_exact(self, sizes: Sequence[int]) -> bool:
        """Whether the layer samples an input of these sizes symmetrically on every axis that the group moves."""
        return not any(r for r, moved in zip(self.remainders(sizes), self.moved, strict=True) if moved)

    def check_grid(self, x: torch.Tensor) -> None:
        """Raise unless x is a batch on the grid; warn if the stride breaks the symmetry at its size.

        Raises:
            FieldTypeError: another number of axes, or an input smaller than the window.

        Warns:
            SymmetryWarning: with the arithmetic and the nearest sizes that are exact.
        """
        if x.ndim != self.d + 2:
            raise FieldTypeError(
                f"{type(self).__name__} of {self.in_rep.group} expects (batch, channels, *{self.d} axes), "
                f"got shape {tuple(x.shape)}"
                + "; on points and surfaces it takes Field(x, type, space)"
                * (x.ndim == 2)
            )
        kernel, padding, dilation = self.window()
        for n, k, p, e in zip(x.shape[2:], kernel, padding, dilation, strict=True):
            if n + 2 * p < e * (k - 1) + 1:
                raise FieldTypeError(
                    f"{type(self).__name__}: the input of sizes {tuple(x.shape[2:])} is smaller than its window "
                    f"{kernel}; take a larger input or more padding"
                )
        if max(self.stride) > 1 and not torch.compiler.is_compiling() and not self.is_exact(x.shape[2:]):
            self._warn(tuple(x.shape[2:]))

    def _warn(self, sizes: tuple[int, ...]) -> None:
        kernel, padding, _ = self.window()
        rests = self.remainders(sizes)
        nearest = tuple(n - r if m else n for n, r, m in zip(sizes, rests, self.moved, strict=True))
        larger = tuple(
            n + (-r) % s if m else n for n, r, s, m in zip(sizes, rests, self.stride, self.moved, strict=True)
        )
        warn(
            f"{type(self).__name__} with window {kernel}, padding {padding}, stride {self.stride} breaks the symmetry "
            f"at input sizes {sizes}: (N + 2·padding - dilation·(window - 1) - 1) mod stride = {rests}, expected 0; "
            f"sizes {nearest} or {larger} are exact",
            SymmetryWarning,
        )

    def space_out(self, space: Any) -> Any:
        if not isinstance(space, Grid):
            raise FieldTypeError(
                f"{type(self).__name__} acts on grids, got a field on {space!r}; points and manifolds have "
                "nn.PointPool, nn.GlobalPool and nn.PointInterpolate, atlases nn.AtlasPool"
            )
        return space.coarsened(self.stride) if max(self.stride) > 1 else space


def functional(name: str, d: int) -> Any:
    """The d-dimensional variant of a function or module of torch.nn, such as conv2d for ("conv", 2), and conv4d."""
    if (name, d) == ("conv", 4):
        return conv4d
    library = torch.nn if name[0].isupper() else torch.nn.functional
    return getattr(library, f"{name}{d}d")
