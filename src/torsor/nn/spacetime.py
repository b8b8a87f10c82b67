"""Convolution on grids of four axes, such as R^{1,3}: torch has it up to three."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def conv4d(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Sequence[int] = (1, 1, 1, 1),
    padding: Sequence[int] = (0, 0, 0, 0),
    dilation: Sequence[int] = (1, 1, 1, 1),
    groups: int = 1,
) -> torch.Tensor:
    """y(t, p) = b + Σ_τ (K_τ ∗ x(s t + δ τ))(p): a sum over the first axis of convolutions over the other three.

    Args:
        x: (batch, channels, T, *three axes).
        weight: (out, channels / groups, k, *three sizes).
        bias: (out,).
        stride: of every axis, as the next three arguments of `torch.nn.functional.conv3d`.
        padding: zeros on both sides.
        dilation: distance of the kernel's pixels.
        groups: of channels.
    """
    x = torch.nn.functional.pad(x, (0,) * 6 + (padding[0],) * 2)
    step, distance, k = stride[0], dilation[0], weight.shape[2]
    length = (x.shape[2] - distance * (k - 1) - 1) // step + 1
    rest: tuple[tuple[int, ...], ...] = tuple(stride[1:]), tuple(padding[1:]), tuple(dilation[1:])
    parts = []
    for tau in range(k):
        start = tau * distance
        slices = x[:, :, start : start + step * (length - 1) + 1 : step].transpose(1, 2).flatten(0, 1)
        offset = bias if tau == 0 else None
        parts.append(torch.nn.functional.conv3d(slices, weight[:, :, tau], offset, *rest, groups=groups))
    return sum(parts[1:], parts[0]).unflatten(0, (x.shape[0], length)).transpose(1, 2)
