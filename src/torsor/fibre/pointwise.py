"""Nonlinearities that act component by component: equivariant where the group permutes the components."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer
from torsor.reps import Representation

ODD = (
    torch.nn.Tanh,
    torch.nn.Softsign,
    torch.nn.Hardtanh,
    torch.nn.Tanhshrink,
    torch.nn.Softshrink,
    torch.nn.Hardshrink,
    torch.nn.Identity,
)
"""Functions of torch.nn with f(-x) = -f(x)."""


class Pointwise(Layer):
    """y_i = f(x_i) of a type whose components the group permutes (trivial, regular, quotient and their sums).

    An odd f also suits types whose components are permuted up to sign.

    Args:
        rep: the type.
        function: f, a module or a function of tensors.
        odd: that f(-x) = -f(x); known for those of torch.nn.

    Raises:
        FieldTypeError: the group mixes the components; the message names the alternatives.
    """

    def __init__(
        self, rep: Representation, function: Callable[[torch.Tensor], torch.Tensor], odd: bool | None = None
    ) -> None:
        super().__init__(rep, rep)
        odd = isinstance(function, ODD) if odd is None else odd
        for _, term in rep.terms:
            if not (term.is_permutation or (odd and term.is_signed_permutation)):
                raise FieldTypeError(
                    f"a pointwise nonlinearity needs components that the group permutes, {term} mixes them or flips "
                    "their signs; take nn.Norm, nn.Gated, nn.Squash, nn.Fourier, or an odd function if only signs flip"
                )
        self.function = function

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)

    def freeze(self) -> torch.nn.Module:
        return deepcopy(self.function).eval() if isinstance(self.function, torch.nn.Module) else deepcopy(self).eval()


class ReLU(Pointwise):
    """max(x, 0) component by component."""

    def __init__(self, rep: Representation, inplace: bool = False) -> None:
        super().__init__(rep, torch.nn.ReLU(inplace=inplace))


class ELU(Pointwise):
    """x for x > 0, α (exp(x) - 1) otherwise, component by component."""

    def __init__(self, rep: Representation, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(rep, torch.nn.ELU(alpha, inplace=inplace))


class GELU(Pointwise):
    """x Φ(x) component by component."""

    def __init__(self, rep: Representation, approximate: str = "none") -> None:
        super().__init__(rep, torch.nn.GELU(approximate))


class SiLU(Pointwise):
    """x sigmoid(x) component by component."""

    def __init__(self, rep: Representation, inplace: bool = False) -> None:
        super().__init__(rep, torch.nn.SiLU(inplace=inplace))


class Tanh(Pointwise):
    """tanh x component by component; odd, so it suits sign-flip fields too."""

    def __init__(self, rep: Representation) -> None:
        super().__init__(rep, torch.nn.Tanh())
