"""Convolution with a stencil that is mostly zero: part by part, the large parts by Fourier transforms."""

from __future__ import annotations

import torch

from torsor.kernels import SteerableKernel
from torsor.nn.grid import functional

LARGE = 150
"""Stencils of more pixels are applied by Fourier transforms."""


def convolve(
    x: torch.Tensor,
    kernel: SteerableKernel,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> torch.Tensor:
    """``conv_nd(x, kernel.stencil())``, with the channels and pixels of its parts only.

    Args:
        x: (batch, c_in, *space).
        kernel: with `parts`.
        stride: one number an axis, as all that follow.
        padding: zeros on both sides.
        dilation: between the pixels of the stencil.
    """
    found = []
    for k, (_, into, margin) in enumerate(kernel.parts):
        inner, stencil = x.index_select(1, into.to(x.device)), kernel.part_stencil(k)
        inside = tuple(p - e * margin for p, e in zip(padding, dilation, strict=True))
        found.append(_convolve(inner, stencil, stride, inside, dilation))
    order = torch.cat([out for out, _, _ in kernel.parts]).argsort().to(x.device)
    return torch.cat(found, dim=1).index_select(1, order)


def _convolve(
    x: torch.Tensor,
    stencil: torch.Tensor,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> torch.Tensor:
    """One convolution; negative paddings cut the input."""
    if stencil.shape[2:].numel() > LARGE and max(dilation) == 1:
        if not torch.is_autocast_enabled(x.device.type):
            return fourier_convolve(x, stencil, stride, padding)
        y = fourier_convolve(x.float(), stencil.float(), stride, padding)  # transforms need single precision
        return y.to(torch.get_autocast_dtype(x.device.type))
    for axis, p in enumerate(padding, start=2):
        x = x.narrow(axis, -p, x.shape[axis] + 2 * p) if p < 0 else x
    return functional("conv", x.ndim - 2)(x, stencil, None, stride, tuple(max(p, 0) for p in padding), dilation)


def fourier_convolve(
    x: torch.Tensor, kernel: torch.Tensor, stride: tuple[int, ...], padding: tuple[int, ...]
) -> torch.Tensor:
    """``conv_nd(x, kernel)`` by the convolution theorem: F y = F x · conj(F k), on a grid that holds all of y.

    Pixels of the kernel that meet zeros only are cut off first. Negative paddings cut the output.
    """
    axes, sizes, inside = tuple(range(2, x.ndim)), [], []
    for axis, p in zip(axes, padding, strict=True):
        n, k = x.shape[axis], kernel.shape[axis]
        cut = max(0, k - n - p)  # pixels beyond the input, wherever the kernel stands
        kernel, k, p = kernel.narrow(axis, cut, k - 2 * cut) if cut else kernel, k - 2 * cut, p - cut
        sizes.append(max(p, k - 1) + max(n, n + p - k + 1))
        inside.append(p)
    product = torch.einsum(
        "bi...,oi...->bo...", torch.fft.rfftn(x, sizes, axes), torch.fft.rfftn(kernel, sizes, axes).conj()
    )
    y = torch.fft.irfftn(product, sizes, axes)
    for axis, p, s in zip(axes, inside, stride, strict=True):
        number = x.shape[axis] + 2 * p - kernel.shape[axis] + 1
        place = (torch.arange(0, number, s, device=x.device) - p) % y.shape[axis]
        y = y.index_select(axis, place)
    return y
