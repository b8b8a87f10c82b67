"""Normalisation of multivectors grade by grade, by invariant squares of either sign.

    y_k = x_k / (ε² + E[(x_k, x_k)²])^{1/4}

is smooth everywhere, null vectors and zero included: no root of the indefinite square itself is taken. Of a definite
metric it is the norm. Components of null fields are not bounded by any invariant; ε limits how much small squares are
amplified.
"""

from __future__ import annotations

import torch

from torsor.errors import FieldTypeError
from torsor.fibre.clifford import MultivectorLayer
from torsor.reps import Representation


class GradeNorm(MultivectorLayer):
    """y_k = γ_k x_k / (1 + σ(a_k) (‖x_k‖ - 1)), ‖x_k‖ = (ε² + (x_k, x_k)²)^{1/4}, of every field and grade at a point.

    σ(a), a learnt number in (0, 1), says how far towards unit norm to go. With `fields` the mean of (x_k, x_k)² over
    the fields of a point takes the place of each one's own: that keeps their ratios, and serves fields of which some
    are null. Source: that of D. Ruhe et al., Clifford group equivariant neural networks, 2023, made smooth.

    Args:
        rep: n * multivector.
        fields: average over the fields of a point.
        eps: ε, in the unit of the squares of white noise of unit variance.
        affine: learn a and γ, for each field and grade; else go to unit norm.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        FieldTypeError: another type.
    """

    def __init__(
        self,
        rep: Representation,
        *,
        fields: bool = False,
        eps: float = 1e-2,
        affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep)
        self.fields, self.eps = fields, eps
        shape = (self.count, self.algebra.n + 1)
        self.strength = torch.nn.Parameter(torch.zeros(shape, device=device, dtype=dtype)) if affine else None
        self.weight = torch.nn.Parameter(torch.ones(shape, device=device, dtype=dtype)) if affine else None
        self.derive(device, dtype)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.multivectors(x)
        squares = self.squares(parts).square()
        norm = fourth_root(squares.mean(1, keepdim=True) if self.fields else squares, self.eps)
        if self.strength is None or self.weight is None:
            scale = norm.reciprocal()
        else:
            strength = everywhere(self.strength.sigmoid(), parts)
            scale = everywhere(self.weight, parts) / (1 + strength * (norm - 1))
        return (parts * self.spread(scale).to(parts)).flatten(1, 2)


class MultivectorNorm(MultivectorLayer):
    """y_k = γ_k x_k / (ε² + E[(x_k, x_k)²])^{1/4}, E over batch and space: batch normalisation of multivectors.

    No mean is subtracted but that of grade 0, the one grade with an invariant mean. In evaluation running averages are
    used: ``running_mean`` (one a field) and ``running_square`` (one for each field and grade). White noise of unit
    variance keeps it.

    Args:
        rep: n * multivector.
        eps: ε, in the unit of the squares of white noise of unit variance.
        momentum: of the running averages.
        affine: learn γ for each field and grade, and a shift of grade 0.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        FieldTypeError: another type; in training, a single value a field.
    """

    running_mean: torch.Tensor
    running_square: torch.Tensor
    num_batches_tracked: torch.Tensor

    def __init__(
        self,
        rep: Representation,
        *,
        eps: float = 1e-2,
        momentum: float = 0.1,
        affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep)
        self.eps, self.momentum = eps, momentum
        shape = (self.count, self.algebra.n + 1)
        self.weight = torch.nn.Parameter(torch.ones(shape, device=device, dtype=dtype)) if affine else None
        self.bias = torch.nn.Parameter(torch.zeros(self.count, device=device, dtype=dtype)) if affine else None
        self.register_buffer("running_mean", torch.zeros(self.count, device=device, dtype=dtype))
        self.register_buffer("running_square", torch.ones(shape, device=device, dtype=dtype))
        self.register_buffer("num_batches_tracked", torch.tensor(0, device=device, dtype=torch.long))
        self.derive(device, dtype)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.multivectors(x)
        centred = parts - self._scalars(self._mean(parts[:, :, 0]), parts)
        scale = fourth_root(self._square(centred), self.eps).reciprocal()
        scale = scale if self.weight is None else scale * self.weight
        y = centred * everywhere(self.spread(scale, -1), parts).to(parts)
        return (y if self.bias is None else y + self._scalars(self.bias, parts)).flatten(1, 2)

    def _scalars(self, values: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
        """Numbers of fields (m,) as multivectors of grade 0."""
        return everywhere(torch.nn.functional.pad(values[:, None], (0, self.algebra.dim - 1)), parts).to(parts)

    def _mean(self, scalars: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return self.running_mean
        if scalars.shape[0] * scalars.shape[2:].numel() < 2:
            raise FieldTypeError(
                f"MultivectorNorm needs several values a field in training, got {tuple(scalars.shape)}"
            )
        mean = scalars.mean((0, *range(2, scalars.ndim)))
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        return mean

    def _square(self, parts: torch.Tensor) -> torch.Tensor:
        """E[(x_k, x_k)²], (fields, n + 1)."""
        if not self.training:
            return self.running_square
        squares = self.squares(parts).square().mean((0, *range(3, parts.ndim)))
        with torch.no_grad():
            self.running_square.lerp_(squares.to(self.running_square), self.momentum)
        return squares


def fourth_root(squares: torch.Tensor, eps: float) -> torch.Tensor:
    """(ε² + s)^{1/4}, whose gradient is finite at s = 0."""
    return (squares + eps**2).sqrt().sqrt()


def everywhere(values: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """Values (fields, components) at every point of (batch, fields, components, *space)."""
    return values.view(*values.shape, *[1] * (parts.ndim - 3))
