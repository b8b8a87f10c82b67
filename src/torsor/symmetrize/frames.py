"""Frames that follow the input: the principal axes of a cloud of points or of an image, all signs of them."""

from __future__ import annotations

from abc import abstractmethod
from itertools import product
from typing import Any

import torch

from torsor.errors import ConfigError, FieldTypeError, GroupError
from torsor.fields import Field
from torsor.groups import SO, Group, O
from torsor.reps import Representation, regular
from torsor.spaces import Points

TIE = 1e-5
"""Scores that differ by less, relative to the largest, are equal."""


class FrameSource(torch.nn.Module):
    """x ↦ frames (batch, F, d, d) in G and their weights (batch, F), which sum to 1: {g(h x)} = {h g(x)}."""

    group: Group

    @abstractmethod
    def forward(self, x: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The frames of every sample."""


class PrincipalFrames(FrameSource):
    """The eigenvectors of the second moments ∫ m(p) (p - c)(p - c)ᵀ dp, in ascending order, with all signs.

    2^d frames for O(d), those of determinant 1 for SO(d). The mass m(p) is 1 at the points of a cloud, and |f(p)|² at
    the pixels of an image of orthogonal fields; c is the centre of mass (of an image its middle, about which it turns).
    Two equal eigenvalues, as of a round shape, have no such frames: nearby inputs get very different ones.

    Args:
        group: SO(d) or O(d).

    Raises:
        GroupError: another group.
    """

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = require_isometries(group)

    def forward(self, x: Any) -> tuple[torch.Tensor, torch.Tensor]:
        axes = torch.linalg.eigh(moments(x, 2, self.group.dim)).eigenvectors
        signs = axes.new_tensor(list(product((1.0, -1.0), repeat=self.group.dim)))
        frames = axes[:, None] * signs[:, None, :]
        if isinstance(self.group, SO):
            proper = (torch.linalg.det(axes)[:, None] * signs.prod(1)) > 0
            frames = frames[proper].view(len(axes), -1, *axes.shape[1:])
        return frames, frames.new_full(frames.shape[:2], 1 / frames.shape[1])


class ScoredFrames(FrameSource):
    """All elements h of a finite group, weighted by the regular field f(h) that an equivariant network gives, pooled.

    w(h) = softmax(f / temperature)(h), or equal weights on the largest values for temperature 0, whose ties are all
    taken: so that symmetric inputs are exact too. Positive temperatures make the average continuous and trainable; all
    temperatures cost one evaluation for each element that has weight.

    Args:
        network: an equivariant module whose `out_rep` is the regular representation of a finite group.
        temperature: at least 0.

    Raises:
        FieldTypeError: another output.
        ConfigError: a negative temperature.

    Source: Dym et al., Equivariant frames and the impossibility of continuous canonicalization, 2024.
    """

    def __init__(self, network: torch.nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        if not temperature >= 0:
            raise ConfigError(f"expected a temperature of at least 0, got {temperature}")
        self.network, self.group, self.temperature = network, scored_group(network), temperature

    def forward(self, x: Any) -> tuple[torch.Tensor, torch.Tensor]:
        scores = pooled(self.network(x))
        elements = self.group.elements().to(scores.device).expand(len(scores), -1, -1, -1)
        if self.temperature:
            return elements, (scores / self.temperature).softmax(1)
        best = scores.amax(1, keepdim=True)
        tied = (best - scores <= TIE * scores.abs().amax(1, keepdim=True)).to(scores)
        return elements, tied / tied.sum(1, keepdim=True)


def require_isometries(group: Group) -> SO | O:
    """The group, if it is all of SO(d) or O(d).

    Raises:
        GroupError: another group.
    """
    if not isinstance(group, (SO, O)) or not group.is_compact:
        raise GroupError(
            f"principal axes are frames of SO(d) and O(d), got {group}; ScoredFrames and Argmax take finite groups"
        )
    return group


def scored_group(network: torch.nn.Module) -> Group:
    """The finite group of which the network gives one regular field.

    Raises:
        FieldTypeError: another output.
    """
    out: Any = getattr(network, "out_rep", None)
    if not isinstance(out, Representation) or not out.group.is_finite or out != regular(out.group):
        raise FieldTypeError(f"expected a network whose output is one regular field of a finite group, got {out}")
    return out.group


def moments(x: Any, order: int, d: int) -> torch.Tensor:
    """∫ m(p) (p - c)^{⊗ order} dp / ∫ m(p) dp of every sample, order 2 or 3: (batch, d, d) or (batch, d, d, d).

    Raises:
        FieldTypeError: vectors without a space.
    """
    tensor = x.tensor if isinstance(x, Field) else x
    letters = "ijk"[:order]
    powers = ",".join(f"n{letter}" for letter in letters)
    if isinstance(x, Field) and isinstance(x.space, Points):
        offsets = x.space.positions - x.space.centroids()[x.space.index]
        each = torch.einsum(f"{powers}->n{letters}", *[offsets] * order)
        total = each.new_zeros(x.space.elements, *each.shape[1:]).index_add(0, x.space.index, each)
        return total / x.space.sizes.view(-1, *[1] * order).to(total)
    if tensor.ndim != d + 2:
        raise FieldTypeError(
            f"expected an image (batch, channels, *{d} axes) or a Field on points: vectors have no axes"
        )
    axes = [torch.arange(n, dtype=tensor.dtype, device=tensor.device) - (n - 1) / 2 for n in tensor.shape[2:]]
    p = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)
    mass = tensor.square().sum(1).flatten(1)
    total = torch.einsum(f"bn,{powers}->b{letters}", mass, *[p] * order)
    return total / mass.sum(1).clamp(min=1e-300).view(-1, *[1] * order)


def pooled(y: Any) -> torch.Tensor:
    """The mean over space, or over the points of each cloud: (batch, channels)."""
    if isinstance(y, Field) and isinstance(y.space, Points):
        total = y.tensor.new_zeros(y.space.elements, y.tensor.shape[1]).index_add(0, y.space.index, y.tensor)
        return total / y.space.sizes[:, None].to(total)
    tensor = y.tensor if isinstance(y, Field) else y
    return tensor.flatten(2).mean(2) if tensor.ndim > 2 else tensor
