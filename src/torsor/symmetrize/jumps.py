"""How a module jumps along a path of inputs: continuous maps take small steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from torsor.fields import Field


@torch.no_grad()
def jumps(module: torch.nn.Module, path: Iterable[Any]) -> torch.Tensor:
    """‖y_{i+1} - y_i‖ / max ‖y‖ along a path of inputs x_i: (number - 1,).

    Of a continuous map the largest step falls as the path is refined; of a discontinuous one it does not.
    """
    outputs = [module(x) for x in path]
    flat = torch.stack([(y.tensor if isinstance(y, Field) else y).flatten() for y in outputs])
    return (flat[1:] - flat[:-1]).norm(dim=1) / flat.norm(dim=1).max()
