"""A small classifier over scales, and the ordinary CNN of the same design."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch

from torsor import groups, kernels, nn, reps

FIELDS = (12, 20, 32)
"""Fields of the three convolutions at width 1."""


class ScaleNet(torch.nn.Module):
    """Images (batch, 1, h, w) -> scores (batch, classes): three convolutions over scales, then their maximum.

    Three 5×5 convolutions (at scale 1), the first of which lifts to the scales, have strides 2, 1, 2, each
    with batch norm and ReLU. The maximum over scales at the centre of the image is invariant under scalings about it,
    as far as the window reaches; a linear layer gives the scores. Sizes 4 n + 1 keep the centre on the grid.

    Args:
        window: the number of scales, or the (first, last) powers of the base.
        base: the ratio of neighbouring scales.
        scales: how many neighbouring scales the second convolution sees.
        width: multiplies the number of fields.
        classes: number of scores.
    """

    def __init__(
        self,
        window: int | tuple[int, int] = 4,
        base: float = 2**0.5,
        scales: int = 1,
        width: float = 1.0,
        classes: int = 10,
    ) -> None:
        super().__init__()
        group = groups.Scaling(2, base)
        types = [max(1, round(width * n)) * reps.regular(group, window=window) for n in FIELDS]
        specs = [kernels.Scaled(5), kernels.Scaled(5, scales=scales), kernels.Scaled(5)]
        pool = nn.ScalePool(types[-1])
        self.body = nn.Sequential(*_blocks(reps.trivial(group), types, specs), pool, nn.AdaptiveMaxPool(pool.out_rep))
        self.head = torch.nn.Linear(pool.out_rep.dim, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of a batch of images."""
        return self.head(centre(self.body(x)))

    def widened(self, below: int = 0, above: int = 0) -> torch.nn.Module:
        """The same weights over more scales: `below` at the lower end, `above` at the upper."""
        found = copy(self)
        found._modules = {"body": nn.widened(self.body, below, above), "head": self.head}
        return found


class Centre(torch.nn.Module):
    """`centre` as a module."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The features at the centre."""
        return centre(x)


def centre(x: torch.Tensor) -> torch.Tensor:
    """The features at the centre of the grid, about which images are scaled: (batch, c, h, w) -> (batch, c).

    Of axes of even length it is the mean of the two pixels in the middle.
    """
    h, w = ((n - 1) // 2 for n in x.shape[2:])
    return x[:, :, h : x.shape[2] - h, w : x.shape[3] - w].mean((2, 3))


def plain_features(width: float = 1.0) -> nn.Sequential:
    """The ordinary CNN of the design of `ScaleNet`: images to features (batch, features, h/4, w/4)."""
    group = groups.Trivial(2)
    types = [max(1, round(width * n)) * reps.trivial(group) for n in FIELDS]
    specs = [kernels.Stencil(7), kernels.Stencil(5), kernels.Stencil(5)]
    return nn.Sequential(*_blocks(reps.trivial(group), types, specs))


def _blocks(
    image: reps.Representation, types: list[reps.Representation], specs: Sequence[kernels.KernelSpec]
) -> list[torch.nn.Module]:
    layers: list[torch.nn.Module] = []
    for rep, spec, stride in zip(types, specs, (2, 1, 2), strict=True):
        layers += [nn.Conv(image, rep, spec, stride=stride, bias=False), nn.BatchNorm(rep), nn.ReLU(rep)]
        image = rep
    return layers
