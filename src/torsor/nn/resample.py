"""Up-sampling and masks."""

from __future__ import annotations

from typing import Any

import torch

from torsor.errors import FieldTypeError
from torsor.nn.grid import GridLayer, Size, per_axis
from torsor.reps import Representation
from torsor.spaces import Grid

MODES = {
    1: {"nearest": "nearest", "linear": "linear"},
    2: {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"},
}
MODES[3] = {"nearest": "nearest", "linear": "trilinear"}


class Upsample(GridLayer):
    """Interpolation to a grid that is finer by a factor, symmetric about the centre at every size.

    "linear" is zero-stuffing followed by a triangle filter, which suppresses the images of the spectrum (antialiased);
    "cubic" (two dimensions) suppresses them further; "nearest" repeats pixels.

    Args:
        rep: any type.
        factor: one number or one an axis.
        mode: "linear", "cubic" or "nearest".

    Raises:
        FieldTypeError: a mode that the dimension does not have.
    """

    def __init__(self, rep: Representation, factor: Size = 2, mode: str = "linear") -> None:
        super().__init__(rep, rep)
        self.factor = per_axis(factor, self.d, "factor", 1)
        if mode not in MODES[self.d]:
            raise FieldTypeError(f"expected a mode among {tuple(MODES[self.d])} in {self.d} dimensions, got {mode!r}")
        self.mode = mode

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        return self.freeze()(x)

    def freeze(self) -> torch.nn.Module:
        mode = MODES[self.d][self.mode]
        factor = tuple(float(f) for f in self.factor)
        return torch.nn.Upsample(scale_factor=factor, mode=mode, align_corners=None if mode == "nearest" else False)

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError("Upsample has no refinement: its filter is bound to the grid")

    def space_out(self, space: Any) -> Any:
        return space.coarsened(tuple(1 / f for f in self.factor)) if isinstance(space, Grid) else space


class DiscMask(GridLayer):
    """Multiply by a disc (ball) around the centre, so that rotations never move content across the border.

    The mask is 1 inside the largest disc that fits and falls smoothly to 0 over `margin` pixels at its edge.

    Args:
        rep: any type.
        margin: width of the edge, in pixels.

    Raises:
        FieldTypeError: a margin that is not positive.
    """

    def __init__(self, rep: Representation, margin: float = 1.0) -> None:
        super().__init__(rep, rep)
        if margin <= 0:
            raise FieldTypeError(f"expected a positive margin, got {margin}")
        self.margin = margin

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        return x * self.mask(x)

    def mask(self, x: torch.Tensor) -> torch.Tensor:
        """The mask of the sizes of x, (*space)."""
        squares = x.new_zeros(())
        for n in x.shape[2:]:
            axis = torch.arange(n, device=x.device, dtype=x.dtype) - (n - 1) / 2
            squares = squares.unsqueeze(-1) + axis.square()
        depth = (min(x.shape[2:]) / 2 - squares.sqrt()) / self.margin
        t = depth.clamp(0, 1)
        return t * t * (3 - 2 * t)

    def refined(self, factor: int) -> torch.nn.Module:
        return DiscMask(self.in_rep, self.margin * factor)
