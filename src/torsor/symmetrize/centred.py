"""Translations of clouds: the module sees positions relative to the mean of their cloud."""

from __future__ import annotations

from typing import Any

import torch

from torsor.errors import FieldTypeError
from torsor.fields import Field
from torsor.spaces import Points


class Centred(torch.nn.Module):
    """f ↦ the map on positions x - c, c the mean of each cloud; output points are moved back by c.

    Around a wrapper of O(d) or SO(d) it gives maps that commute with all isometries of R^d.

    Args:
        module: a module with `in_rep` and `out_rep`, such as a wrapper.

    Raises:
        FieldTypeError: no types, or an input that is no field on points.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        if not hasattr(module, "in_rep") or not hasattr(module, "out_rep"):
            raise FieldTypeError(f"expected a module with in_rep and out_rep, got {type(module).__name__}")
        self.module, self.in_rep, self.out_rep = module, module.in_rep, module.out_rep

    def forward(self, x: Any) -> Any:
        """Fields on points to fields on points, or to tensors (batch, channels)."""
        if not isinstance(x, Field) or not isinstance(x.space, Points):
            raise FieldTypeError(f"expected a Field on points, got {type(x).__name__}")
        centre = x.space.centroids()
        y = self.module(_shifted(x, -centre))
        return _shifted(y, centre) if isinstance(y, Field) else y


def _shifted(field: Field, t: torch.Tensor) -> Field:
    space = field.space
    return Field(field.tensor, field.rep, Points(space.positions + t[space.index], space.batch))
