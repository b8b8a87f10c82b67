"""Plain torch modules that frozen layers become where torch.nn has no ready-made one."""

from __future__ import annotations

import torch


class ChannelLinear(torch.nn.Linear):
    """`torch.nn.Linear` on axis 1 of a tensor (batch, channels, …)."""

    @staticmethod
    def of(matrix: torch.Tensor, bias: torch.Tensor | None) -> ChannelLinear:
        """The module with a given matrix (out, in) and bias (out)."""
        out, into = matrix.shape
        module = ChannelLinear(into, out, bias=bias is not None, device=matrix.device, dtype=matrix.dtype)
        module.weight.data.copy_(matrix)
        if bias is not None:
            module.bias.data.copy_(bias)
        return module

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Apply the map to the channels at every point."""
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


class ChannelAffine(torch.nn.Module):
    """y = scale · x + shift, one number for each channel of a tensor (batch, channels, …)."""

    def __init__(self, scale: torch.Tensor, shift: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.clone())
        self.register_buffer("shift", shift.clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale and shift every channel."""
        shape = (1, -1, *[1] * (x.ndim - 2))
        return x * self.scale.view(shape) + self.shift.view(shape)  # type: ignore[operator]
