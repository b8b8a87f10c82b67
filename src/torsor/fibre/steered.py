"""What layers with weights share: equivariant matrices that are expanded from a flat weight, and an invariant bias."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torsor.fibre.base import Layer
from torsor.fibre.invariants import invariant_map


class Steered(Layer):
    """A layer with a `kernel` and a `bias` on the invariants of its output; constructors call `steer` last."""

    kernel: Any
    bias: torch.nn.Parameter | None
    bias_map: torch.Tensor

    def steer(
        self, kernel: torch.nn.Module, bias: bool, device: torch.device | str | None, dtype: torch.dtype | None
    ) -> None:
        """Set the kernel, and a bias of zeros if the output has invariants."""
        self.kernel = kernel
        number = len(invariant_map(self.out_rep)) if bias else 0
        self.bias = torch.nn.Parameter(torch.zeros(number, device=device, dtype=dtype)) if number else None
        self.derive(device, dtype)

    def constants(self) -> dict[str, np.ndarray]:
        return {"bias_map": invariant_map(self.out_rep)} if self.bias is not None else {}

    @property
    def weight(self) -> torch.nn.Parameter:
        """The flat weight; `kernel.blocks()` names its parts."""
        return self.kernel.weight

    def expanded_bias(self) -> torch.Tensor | None:
        """The bias of every channel, (out_rep.dim,)."""
        return None if self.bias is None else self.bias @ self.bias_map

    def reset_parameters(self, gain: float = 1.0) -> None:
        """Gaussian weights that keep the variance times gain², zero bias."""
        self.kernel.reset_parameters(gain)
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)
