"""Dropout of whole fields: a mask that is the same for all components of a field commutes with the group."""

from __future__ import annotations

import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer, join_fields, split_fields
from torsor.reps import Representation


class FieldDropout(Layer):
    """In training, set every field at every point to zero with probability p, and scale the others by 1/(1-p).

    Raises:
        FieldTypeError: p outside [0, 1).
    """

    everywhere = False

    def __init__(self, rep: Representation, p: float = 0.5) -> None:
        super().__init__(rep, rep)
        if not 0 <= p < 1:
            raise FieldTypeError(f"expected a probability in [0, 1), got {p}")
        self.p = p

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return x
        return join_fields([part * self._mask(part) for part in split_fields(x, self.in_rep)])

    def _mask(self, part: torch.Tensor) -> torch.Tensor:
        space = [1] * (part.ndim - 3) if self.everywhere else part.shape[3:]
        mask = part.new_empty(part.shape[0], part.shape[1], 1, *space)
        return mask.bernoulli_(1 - self.p).div_(1 - self.p)

    def freeze(self) -> torch.nn.Module:
        return torch.nn.Identity()


class ChannelDropout(FieldDropout):
    """In training, set whole fields, at all points at once, to zero with probability p."""

    everywhere = True
