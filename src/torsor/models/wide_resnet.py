"""Equivariant wide residual networks: Zagoruyko and Komodakis, 2016; Weiler and Cesa, 2019."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from torsor import groups, kernels, nn, reps
from torsor.errors import ConfigError
from torsor.groups import Group
from torsor.reps import Representation


class ResidualBlock(torch.nn.Module):
    """x ↦ shortcut(x) + conv(drop(relu(bn(conv(relu(bn(x))))))), with regular fields."""

    def __init__(self, in_rep: Representation, out_rep: Representation, size: int, dropout: float) -> None:
        super().__init__()
        self.in_rep, self.out_rep = in_rep, out_rep
        self.before = nn.Sequential(nn.BatchNorm(in_rep), nn.ReLU(in_rep))
        self.body = nn.Sequential(
            nn.Conv(in_rep, out_rep, kernels.Harmonic(size), bias=False),
            nn.BatchNorm(out_rep),
            nn.ReLU(out_rep),
            *([nn.FieldDropout(out_rep, dropout)] if dropout else []),
            nn.Conv(out_rep, out_rep, kernels.Harmonic(size), bias=False),
        )
        self.shortcut = None if in_rep == out_rep else nn.Conv(in_rep, out_rep, kernels.Harmonic(1), bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block; a shortcut that changes the type sees the activated input."""
        active = self.before(x)
        return (x if self.shortcut is None else self.shortcut(active)) + self.body(active)


class WideResNet(torch.nn.Module):
    """Images (batch, channels, *space) -> scores (batch, classes), invariant under the group.

    A convolution, three stages of residual blocks of 16·width, 32·width, 64·width channels of the ordinary network,
    an antialiased down-sampling by 2 before the second and third stage (exact at sizes divisible by 4), a maximum
    over the group, the mean over space, and a linear layer. With |G| components a field, a layer of c channels
    becomes one of c/√|G| fields, which keeps the number of parameters.

    Args:
        group: a finite planar group or its name; or three of them, each a subgroup of the one before, for the
            three stages.
        depth: 6n + 4, with n blocks a stage.
        width: the widening factor.
        channels: of the images, scalars.
        classes: number of scores.
        size: of the kernels.
        dropout: probability inside blocks.

    Raises:
        ConfigError: another depth, or another number of groups.
    """

    def __init__(
        self,
        group: Group | str | Sequence[Group | str] = "D8",
        depth: int = 16,
        width: float = 8,
        channels: int = 3,
        classes: int = 10,
        size: int = 3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise ConfigError(f"expected a depth of 6n + 4 (10, 16, 22, 28, …), got {depth}")
        stages = (group,) * 3 if isinstance(group, (str, Group)) else tuple(group)
        if len(stages) != 3:
            raise ConfigError(f"expected one group or one for each of three stages, got {len(stages)}")
        chain = [groups.from_name(g) if isinstance(g, str) else g for g in stages]
        self.in_rep = channels * reps.trivial(chain[0])
        rep: Representation = _fields(chain[0], 16)
        layers: list[torch.nn.Module] = [nn.Conv(self.in_rep, rep, kernels.Harmonic(size), bias=False)]
        for k, stage in enumerate(chain):
            if stage != rep.group:
                layers.append(nn.Restrict(rep, stage))
                rep = rep.restrict(stage)
            if k:
                layers.append(nn.AntialiasedPool(rep))
            for _ in range((depth - 4) // 6):
                out_rep = _fields(stage, 2**k * 16 * width)
                layers.append(ResidualBlock(rep, out_rep, size, dropout))
                rep = out_rep
        pool = nn.GroupPool(rep)
        tail = [nn.BatchNorm(rep), nn.ReLU(rep), pool, nn.AdaptiveAvgPool(pool.out_rep)]
        self.body = nn.Sequential(*layers, *tail)
        self.head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(pool.out_rep.dim, classes))
        self.out_rep = reps.direct_sum([(classes, reps.trivial(chain[-1]))])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of a batch of images."""
        return self.head(self.body(x))


def _fields(group: Group, channels: float) -> Representation:
    """Regular fields, channels/√|G| of them."""
    return max(1, round(channels / (group.order or 1) ** 0.5)) * reps.regular(group)
