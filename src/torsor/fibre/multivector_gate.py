"""Nonlinearities of multivectors: every grade is multiplied by a function of invariants.

The invariants of a field are its scalar x_0 and, of every other grade, q_k / (1 + q_k²)^{1/4} with q_k = (x_k, x_k): of
either sign, smooth, and growing as x does.
"""

from __future__ import annotations

from abc import abstractmethod

import torch

from torsor.fibre.clifford import MultivectorLayer
from torsor.fibre.multivector_norm import everywhere, fourth_root
from torsor.reps import Representation


class _Gates(MultivectorLayer):
    def invariants(self, parts: torch.Tensor) -> torch.Tensor:
        """(batch, fields, 2^n, *space) -> (batch, fields, n + 1, *space)."""
        squares = self.squares(parts)
        compressed = squares / fourth_root(squares.square(), 1.0)
        return torch.cat([parts[:, :, :1], compressed[:, :, 1:]], 2)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.multivectors(x)
        return (parts * self.spread(self.gates(self.invariants(parts)).sigmoid()).to(parts)).flatten(1, 2)

    @abstractmethod
    def gates(self, invariants: torch.Tensor) -> torch.Tensor:
        """The arguments of the sigmoids, of the shape of the invariants."""


class MultivectorActivation(_Gates):
    """y_k = σ(a_k f_k + b_k) x_k with the invariant f_k of the same field and grade; x_0 σ(x_0), SiLU, of scalars.

    a starts at 1, b at 0; one of each for every field and grade.

    Args:
        rep: n * multivector.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        FieldTypeError: another type.
    """

    def __init__(
        self, rep: Representation, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(rep)
        shape = (self.count, self.algebra.n + 1)
        self.weight = torch.nn.Parameter(torch.ones(shape, device=device, dtype=dtype))
        self.bias = torch.nn.Parameter(torch.zeros(shape, device=device, dtype=dtype))
        self.derive(device, dtype)

    def gates(self, invariants: torch.Tensor) -> torch.Tensor:
        return invariants * everywhere(self.weight, invariants) + everywhere(self.bias, invariants)


class MultivectorGate(_Gates):
    """y_k = σ((W f + b)_k) x_k: every field and grade is gated by a learnt mixture of the invariants of all fields.

    Args:
        rep: n * multivector.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        FieldTypeError: another type.
    """

    def __init__(
        self, rep: Representation, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(rep)
        size = self.count * (self.algebra.n + 1)
        self.linear = torch.nn.Linear(size, size, device=device, dtype=dtype)
        self.derive(device, dtype)

    def gates(self, invariants: torch.Tensor) -> torch.Tensor:
        flat = invariants.flatten(1, 2).movedim(1, -1)
        return self.linear(flat).movedim(-1, 1).view(invariants.shape)
