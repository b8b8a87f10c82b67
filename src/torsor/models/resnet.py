"""The ordinary residual network on grids, to compare with."""

from __future__ import annotations

import torch

from torsor.errors import ConfigError


class ResNet(torch.nn.Module):
    """Plain convolutions with residual blocks: (batch, in_channels, *space) -> (batch, out_channels, *space).

    Blocks are x + f(f(x)), f = conv(gelu(batch norm)), the plan of `SpacetimeResNet`; `nn.match_parameters` finds the
    width of equal size.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        width: channels of the hidden layers, rounded.
        layers: number of convolutions, even.
        size: of the kernels, odd.
        d: the dimension of the grid, 1, 2 or 3.
        padding_mode: of the convolutions.

    Raises:
        ConfigError: an odd number of layers, or fewer than two; another dimension.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: float = 32,
        layers: int = 6,
        size: int = 5,
        d: int = 3,
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__()
        if layers < 2 or layers % 2 or d not in (1, 2, 3):
            raise ConfigError(f"expected an even number of layers and a dimension 1, 2 or 3, got {layers} and {d}")
        channels = max(1, round(width))
        conv, norm = getattr(torch.nn, f"Conv{d}d"), getattr(torch.nn, f"BatchNorm{d}d")

        def layer(a: int, b: int) -> torch.nn.Module:
            return conv(a, b, size, padding=size // 2, padding_mode=padding_mode)

        def half(out: int) -> tuple[torch.nn.Module, ...]:
            return norm(channels), torch.nn.GELU(), layer(channels, out)

        self.blocks = torch.nn.ModuleList(
            torch.nn.Sequential(*half(channels), *half(channels)) for _ in range(layers // 2 - 1)
        )
        self.first = layer(in_channels, channels)
        self.last = torch.nn.Sequential(*half(out_channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The channels that the network predicts."""
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.last(x)
