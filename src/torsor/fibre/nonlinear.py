"""Nonlinearities of whole fields, for orthogonal types: by their norm, by gates, by squashing."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer, join_fields, split_fields
from torsor.reps import Representation, direct_sum, trivial

EPSILON = 1e-12
"""Added to squared norms under a root, so that gradients are finite at zero."""


def require_orthogonal(rep: Representation, what: str) -> None:
    """Raise unless every term is orthogonal, so that the norm of a field is invariant.

    Raises:
        FieldTypeError: naming the term.
    """
    for _, term in rep.terms:
        if not term.is_orthogonal:
            raise FieldTypeError(f"{what} needs orthogonal types, whose norm is invariant; {term} is not orthogonal")


def field_norms(part: torch.Tensor) -> torch.Tensor:
    """|x| of fields (batch, n, dim, …): (batch, n, 1, …); smooth, with finite gradients at zero."""
    epsilon = max(EPSILON, torch.finfo(part.dtype).tiny)
    return (part.square().sum(2, keepdim=True) + epsilon).sqrt()


class Norm(Layer):
    """y = f(|x| + b) x/|x| of every field, with a learnt b for each field.

    Args:
        rep: the type; orthogonal.
        function: f, by default ReLU.
        bias: learn b; it starts at zero.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        FieldTypeError: a term is not orthogonal.
    """

    def __init__(
        self,
        rep: Representation,
        function: Callable[[torch.Tensor], torch.Tensor] | None = None,
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, rep)
        require_orthogonal(rep, "nn.Norm")
        self.function = torch.nn.ReLU() if function is None else function
        number = sum(m for m, _ in rep.terms)
        self.bias = torch.nn.Parameter(torch.zeros(number, device=device, dtype=dtype)) if bias else None

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts, start = [], 0
        for part in split_fields(x, self.in_rep):
            norms = field_norms(part)
            shifted = norms
            if self.bias is not None:
                bias = self.bias[start : start + part.shape[1]]
                shifted = norms + bias.view(-1, *[1] * (part.ndim - 2))
            parts.append(part * (self.function(shifted) / norms))
            start += part.shape[1]
        return join_fields(parts)


class Squash(Layer):
    """y = |x|² / (1 + |x|²) · x/|x| of every field: the norm goes into [0, 1).

    Raises:
        FieldTypeError: a term is not orthogonal.
    """

    def __init__(self, rep: Representation) -> None:
        super().__init__(rep, rep)
        require_orthogonal(rep, "nn.Squash")

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = []
        for part in split_fields(x, self.in_rep):
            norms = field_norms(part)
            parts.append(part * (norms / (1 + norms.square())))
        return join_fields(parts)


class Gated(Layer):
    """y = gate(s) x of every field that is not a scalar, each with a scalar s of its own; f(x) of scalars.

    The input carries the gates behind the fields: ``in_rep = rep + n * trivial``, n the number of fields that are
    gated. Build the layer first and give its `in_rep` to the convolution before it.

    Args:
        rep: the type of the output.
        gate: by default the sigmoid.
        function: f, by default ReLU.
    """

    def __init__(
        self,
        rep: Representation,
        gate: Callable[[torch.Tensor], torch.Tensor] | None = None,
        function: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        gates = sum(m for m, term in rep.terms if not term.is_trivial)
        super().__init__(direct_sum([*rep.terms, (gates, trivial(rep.group))]) if gates else rep, rep)
        self.gates = gates
        self.gate = torch.nn.Sigmoid() if gate is None else gate
        self.function = torch.nn.ReLU() if function is None else function

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        fields, gates = x.split([self.out_rep.dim, self.gates], dim=1)
        gates, parts, start = self.gate(gates), [], 0
        for part, (m, term) in zip(split_fields(fields, self.out_rep), self.out_rep.terms, strict=True):
            if term.is_trivial:
                parts.append(self.function(part))
            else:
                parts.append(part * gates[:, start : start + m].unsqueeze(2))
                start += m
        return join_fields(parts)
