"""Two small networks in place of torsor.models, for tests of the recipe."""

import torch
from torch import nn


class Plain(nn.Module):
    """A CNN of few parameters."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(9 * width, 10)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


class Averaged(Plain):
    """The mean over four quarter turns: exactly invariant to them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sum(self.body(torch.rot90(x, k, (-2, -1))) for k in range(4)) / 4

    def freeze(self) -> nn.Module:
        return self


def digits_net(group: str = "C8", representation: str = "regular", width: float = 1.0) -> nn.Module:
    return Averaged(round(8 * width))


def plain_net(parameters: int) -> nn.Module:
    return Plain(8)


ARCHITECTURES = {"digits_net": digits_net, "plain_net": plain_net}
