"""Pooling over space."""

from __future__ import annotations

from math import comb

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.fibre import join_fields, split_fields
from torsor.fibre.nonlinear import require_orthogonal
from torsor.nn.grid import GridLayer, Size, functional, per_axis
from torsor.reps import Representation


class _Pool(GridLayer):
    """Base of the pooling layers with a window."""

    def __init__(self, rep: Representation, size: Size, stride: Size | None, padding: Size) -> None:
        super().__init__(rep, rep)
        self.size = per_axis(size, self.d, "window", 1)
        self.stride = self.size if stride is None else per_axis(stride, self.d, "stride", 1)
        self.padding = per_axis(padding, self.d, "padding")

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self.size, self.padding, (1,) * self.d

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError(f"{type(self).__name__} has no refinement: its window is bound to the grid")

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, size={self.size}, stride={self.stride}, padding={self.padding}"


class MaxPool(_Pool):
    """The largest value of every component in a window; for types whose components the group permutes.

    Args:
        rep: the type.
        size: of the window, one number or one an axis.
        stride: by default the size.
        padding: pixels on both sides.

    Raises:
        FieldTypeError: the group mixes the components of a term.
    """

    def __init__(self, rep: Representation, size: Size = 2, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__(rep, size, stride, padding)
        for _, term in rep.terms:
            if not term.is_permutation:
                raise FieldTypeError(
                    f"the maximum of components needs a permutation representation, got {term}; take nn.AvgPool, or "
                    "nn.NormMaxPool, which selects by the norm"
                )

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        return functional("max_pool", self.d)(x, self.size, self.stride, self.padding)

    def freeze(self) -> torch.nn.Module:
        return functional("MaxPool", self.d)(self.size, self.stride, self.padding)


class NormMaxPool(_Pool):
    """Of every field the value at the point of the window where its norm is largest; for any orthogonal type.

    Args:
        rep: the type; orthogonal.
        size: of the window, one number or one an axis.
        stride: by default the size.
        padding: pixels on both sides.
    """

    def __init__(self, rep: Representation, size: Size = 2, stride: Size | None = None, padding: Size = 0) -> None:
        require_orthogonal(rep, "nn.NormMaxPool")
        super().__init__(rep, size, stride, padding)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        parts = []
        for part in split_fields(x, self.in_rep):
            norms = part.square().sum(2)
            pool = functional("max_pool", self.d)
            pooled, place = pool(norms, self.size, self.stride, self.padding, return_indices=True)
            index = place.flatten(2).unsqueeze(2).expand(-1, -1, part.shape[2], -1)
            parts.append(part.flatten(3).gather(3, index).unflatten(3, pooled.shape[2:]))
        return join_fields(parts)


class AvgPool(_Pool):
    """The mean of a window, for any type. Padding counts as zeros."""

    def __init__(self, rep: Representation, size: Size = 2, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__(rep, size, stride, padding)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        return functional("avg_pool", self.d)(x, self.size, self.stride, self.padding)

    def freeze(self) -> torch.nn.Module:
        return functional("AvgPool", self.d)(self.size, self.stride, self.padding)


class AdaptiveAvgPool(GridLayer):
    """The mean over windows that divide the grid into a given number of parts; windows are symmetric at every size.

    Args:
        rep: any type.
        output_size: number of windows, one number or one an axis; 1 is the mean over all of space.
    """

    name = "AvgPool"

    def __init__(self, rep: Representation, output_size: Size = 1) -> None:
        super().__init__(rep, rep)
        self.output_size = per_axis(output_size, self.d, "output size", 1)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        return self.freeze()(x)

    def freeze(self) -> torch.nn.Module:
        return functional(f"Adaptive{self.name}", self.d)(self.output_size)


class AdaptiveMaxPool(AdaptiveAvgPool):
    """The largest value of every component over windows; for types whose components the group permutes."""

    name = "MaxPool"

    def __init__(self, rep: Representation, output_size: Size = 1) -> None:
        MaxPool(rep)
        super().__init__(rep, output_size)


class AntialiasedPool(_Pool):
    """Low-pass filter, then stride: shift-robust pooling, for any type ("avg") or permutation types ("max").

    The filter is binomial, (1, 3, 3, 1)/8 for the default size 4, which is exact for even numbers of pixels; size 3
    or 5 is exact for odd numbers. In mode "max" a maximum over windows of 3 (odd sizes) pixels at stride 1 comes first.
    Source: Zhang, Making convolutional networks shift-invariant again, 2019.

    Args:
        rep: the type.
        stride: the factor of the down-sampling.
        size: of the filter.
        mode: "avg" or "max".
        device: of the filter.
        dtype: of the filter.

    Raises:
        FieldTypeError: unknown mode, or "max" with a type whose components are mixed.
    """

    filter: torch.Tensor

    def __init__(
        self,
        rep: Representation,
        stride: Size = 2,
        size: int = 4,
        mode: str = "avg",
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if size < 2:
            raise FieldTypeError(f"expected a filter of at least 2 pixels, got {size}")
        super().__init__(rep, size, stride, (size - 1) // 2)
        if mode not in ("avg", "max"):
            raise FieldTypeError(f'expected the mode "avg" or "max", got {mode!r}')
        if mode == "max":
            MaxPool(rep)
        self.mode = mode
        self.derive(device, dtype)

    def constants(self) -> dict[str, np.ndarray]:
        line = np.array([comb(self.size[0] - 1, i) for i in range(self.size[0])]) / 2.0 ** (self.size[0] - 1)
        kernel = line
        for _ in range(self.d - 1):
            kernel = kernel[..., None] * line
        return {"filter": kernel}

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        if self.mode == "max":
            x = functional("max_pool", self.d)(x, 3, 1, 1)
        return functional("conv", self.d)(x, self._filters(), None, self.stride, self.padding, 1, x.shape[1])

    def _filters(self) -> torch.Tensor:
        return self.filter.expand(self.in_rep.dim, 1, *self.filter.shape)

    @torch.no_grad()
    def freeze(self) -> torch.nn.Module:
        """A depthwise `torch.nn.Conv{d}d`, behind a `torch.nn.MaxPool{d}d` in mode "max"."""
        c, kind = self.in_rep.dim, {"device": self.filter.device, "dtype": self.filter.dtype}
        conv = functional("Conv", self.d)(c, c, self.size, self.stride, self.padding, groups=c, bias=False, **kind)
        conv.weight.copy_(self._filters())
        conv.requires_grad_(False)
        maximum = [functional("MaxPool", self.d)(3, 1, 1)] if self.mode == "max" else []
        return torch.nn.Sequential(*maximum, conv).eval()
