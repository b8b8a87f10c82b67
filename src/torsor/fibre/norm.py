"""Batch, instance and layer normalisation of fields, by invariant quantities only.

Of every field the mean of its invariant part is subtracted and its norm is scaled to unit mean square per component:

    y = γ (x - T μ) / sqrt(σ² + ε) + T β,   μ = T⁺ E[x],   σ² = E|x - T μ|² / dim,

with T the invariant vectors of the type (the constant vector of a regular field, nothing of an irrep). The three layers
differ in what E averages over.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer, as_field, check_channels, join_fields, split_fields
from torsor.fibre.frozen import ChannelAffine
from torsor.fibre.invariants import invariant_vectors, is_uniform
from torsor.fibre.nonlinear import require_orthogonal
from torsor.reps import Representation


class FieldNorm(Layer):
    """Base of the normalisations: the affine parameters and the equation; subclasses say what is averaged."""

    def __init__(
        self,
        rep: Representation,
        eps: float,
        affine: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__(rep, rep)
        require_orthogonal(rep, type(self).__name__)
        self.eps = eps
        self.sizes = tuple((m, m * len(invariant_vectors(term))) for m, term in rep.terms)
        fields, invariants = (sum(column) for column in zip(*self.sizes, strict=True))
        self.weight = torch.nn.Parameter(torch.ones(fields, device=device, dtype=dtype)) if affine else None
        self.bias = torch.nn.Parameter(torch.zeros(invariants, device=device, dtype=dtype)) if affine else None

    def constants(self) -> dict[str, np.ndarray]:
        return {f"vectors_{k}": invariant_vectors(term) for k, (_, term) in enumerate(self.in_rep.terms)}

    def _slices(self, k: int) -> tuple[slice, slice]:
        """Where term k has its fields and its invariants in the flat parameters."""
        fields, invariants = sum(m for m, _ in self.sizes[:k]), sum(t for _, t in self.sizes[:k])
        return slice(fields, fields + self.sizes[k][0]), slice(invariants, invariants + self.sizes[k][1])

    def _normalise(self, part: torch.Tensor, k: int) -> torch.Tensor:
        """One term (batch, m, dim, *space)."""
        return self._with_mean(part, k, lambda values: values.mean(self._axes(values), keepdim=True))

    def _with_mean(self, part: torch.Tensor, k: int, mean: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The equation with E as given, a map that keeps the axes."""
        vectors = getattr(self, f"vectors_{k}").to(part.dtype)
        invariant = mean(torch.einsum("td,bmd...->bmt...", _dual(vectors), part))
        centred = part - torch.einsum("td,bmt...->bmd...", vectors, invariant)
        variance = mean(centred.square().mean(2, keepdim=True))
        return self._affine(centred * (variance + self.eps).rsqrt(), k)

    def _affine(self, y: torch.Tensor, k: int) -> torch.Tensor:
        if self.weight is None or self.bias is None:
            return y
        fields, invariants = self._slices(k)
        vectors, shape = getattr(self, f"vectors_{k}"), [1] * (y.ndim - 3)
        y = y * self.weight[fields].view(-1, 1, *shape)
        if len(vectors):
            shift = self.bias[invariants].view(-1, len(vectors)) @ vectors
            y = y + shift.view(*shift.shape, *shape)
        return y

    @abstractmethod
    def _axes(self, part: torch.Tensor) -> tuple[int, ...]:
        """The axes of (batch, m, dim, *space) that are averaged over, without the components."""

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = split_fields(x, self.in_rep)
        return join_fields([self._normalise(part, k) for k, part in enumerate(parts)])

    def on_field(self, field: Any) -> Any:
        """The field on the same space; pixels of an atlas that are masked count for nothing, and are zero."""
        x, space = field.tensor, field.space
        if not getattr(space, "masked", ()):
            return replace(field, tensor=self(x))
        return replace(field, tensor=space.spread(self(space.unmasked(x))))


class InstanceNorm(FieldNorm):
    """Normalisation of every field by its average over space, sample by sample.

    ``norm(x)`` takes (batch, channels, *space); ``norm(x, batch)`` takes (points, channels) and the batch element of
    every point. On manifolds points weigh as much as their volume.

    Args:
        rep: the type; orthogonal.
        eps: ε.
        affine: learn γ for each field and β for each of its invariants.
        device: of the parameters.
        dtype: of the parameters.
    """

    def __init__(
        self,
        rep: Representation,
        *,
        eps: float = 1e-5,
        affine: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, eps, affine, device, dtype)
        self.derive(device, dtype)

    def forward(
        self,
        x: Any,
        batch: torch.Tensor | None = None,
        elements: int | None = None,
        weight: torch.Tensor | None = None,
    ) -> Any:
        """Apply the layer to a tensor (batch, channels, *space), to points (points, channels), or to a `Field`.

        Args:
            x: the features.
            batch: (points,) the batch element of every point.
            elements: their number, which compiled code has to be told; by default it is read from the batch.
            weight: (points,) the volume for which every point stands; None is 1.
        """
        if not isinstance(x, torch.Tensor):
            return as_field(self, x).through(self)
        if batch is None:
            return super().forward(x)
        check_channels(self, x, self.in_rep)
        if x.ndim != 2 or batch.shape != x.shape[:1]:
            raise FieldTypeError(
                f"expected points (n, {self.in_rep.dim}) and their batch elements (n,), got {tuple(x.shape)} and "
                f"{tuple(batch.shape)}"
            )
        batch = batch.to(x.device)
        digits = torch.float32 if x.device.type == "mps" else torch.float64  # sums over many points need them
        weight = torch.ones(len(x), dtype=digits, device=x.device) if weight is None else weight.to(x.device, digits)
        volume = weight.new_zeros(int(batch.max()) + 1 if elements is None else elements).index_add(0, batch, weight)
        share = weight / volume.where(volume > 0, 1.0)[batch]

        def mean(values: torch.Tensor) -> torch.Tensor:
            """Of every batch element, at each of its points."""
            total = share.new_zeros(len(volume), *values.shape[1:])
            total = total.index_add(0, batch, share.view(-1, *[1] * (values.ndim - 1)) * values)
            return total.to(values.dtype)[batch]

        parts = split_fields(x.to(torch.promote_types(x.dtype, torch.float32)), self.in_rep)
        return join_fields([self._with_mean(part, k, mean) for k, part in enumerate(parts)]).to(x.dtype)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim < 3 or x.shape[2:].numel() < 2:
            raise FieldTypeError(
                f"InstanceNorm averages over space: expected several points (batch, channels, *space), or points "
                f"(n, channels) and their batch elements, got shape {tuple(x.shape)}"
            )
        return super().compute(x)

    def on_field(self, field: Any) -> Any:
        """The field on the same space."""
        space = field.space
        if field.tensor.ndim > 2 or not hasattr(space, "index"):
            return super().on_field(field)
        return replace(field, tensor=self(field.tensor, space.index, space.elements, getattr(space, "volumes", None)))

    def _axes(self, part: torch.Tensor) -> tuple[int, ...]:
        return tuple(range(3, part.ndim))


class LayerNorm(FieldNorm):
    """Normalisation by the average over all fields of a term, point by point.

    Args:
        rep: the type; orthogonal.
        eps: ε.
        affine: learn γ for each field and β for each of its invariants.
        device: of the parameters.
        dtype: of the parameters.
    """

    def __init__(
        self,
        rep: Representation,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, eps, affine, device, dtype)
        self.derive(device, dtype)

    def _axes(self, part: torch.Tensor) -> tuple[int, ...]:
        return (1,)


class BatchNorm(FieldNorm):
    """Normalisation of every field by its average over batch and space; running averages in evaluation.

    The `state_dict` holds ``running_mean`` (one number for each invariant of each field) and ``running_var`` (one a
    field).

    Args:
        rep: the type; orthogonal.
        eps: ε.
        momentum: of the running averages.
        affine: learn γ for each field and β for each of its invariants.
        device: of the parameters.
        dtype: of the parameters.
    """

    def __init__(
        self,
        rep: Representation,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, eps, affine, device, dtype)
        self.momentum = momentum
        fields, invariants = (sum(column) for column in zip(*self.sizes, strict=True))
        self.running_mean: torch.Tensor
        self.running_var: torch.Tensor
        self.num_batches_tracked: torch.Tensor
        self.register_buffer("running_mean", torch.zeros(invariants, device=device, dtype=dtype))
        self.register_buffer("running_var", torch.ones(fields, device=device, dtype=dtype))
        self.register_buffer("num_batches_tracked", torch.tensor(0, device=device, dtype=torch.long))
        self.uniform = tuple(is_uniform(term) for _, term in rep.terms)
        self.derive(device, dtype)

    def _axes(self, part: torch.Tensor) -> tuple[int, ...]:
        return (0, *range(3, part.ndim))

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            if x.shape[0] * x.shape[2:].numel() < 2:
                raise FieldTypeError(f"BatchNorm needs several values a field in training, got shape {tuple(x.shape)}")
            self.num_batches_tracked.add_(1)
        return super().compute(x)

    def _normalise(self, part: torch.Tensor, k: int) -> torch.Tensor:
        return self._uniform(part, k) if self.uniform[k] else self._general(part, k)

    def _uniform(self, part: torch.Tensor, k: int) -> torch.Tensor:
        """Scalars and transitive permutations: the components of a field are further samples of one channel."""
        fields, invariants = self._slices(k)
        weight = None if self.weight is None else self.weight[fields]
        bias = None if self.bias is None else self.bias[invariants]
        # Autograd keeps the running averages it is given: copies, since other terms change their slices in place.
        mean, variance = self.running_mean[invariants].clone(), self.running_var[fields].clone()
        y = torch.nn.functional.batch_norm(
            part.flatten(2), mean, variance, weight, bias, self.training, self.momentum, self.eps
        )
        if self.training:
            self.running_mean[invariants] = mean
            self.running_var[fields] = variance
        return y.view(part.shape)

    def _general(self, part: torch.Tensor, k: int) -> torch.Tensor:
        fields, invariants = self._slices(k)
        vectors, axes, one = getattr(self, f"vectors_{k}").to(part.dtype), self._axes(part), [1] * (part.ndim - 3)
        if self.training:
            mean = torch.einsum("td,bmd...->bmt...", _dual(vectors), part).mean(axes)
            centred = part - (mean @ vectors).view(1, *part.shape[1:3], *one)
            variance = centred.square().mean((2, *axes))
            with torch.no_grad():
                number = part.shape[0] * part.shape[2:].numel()
                self.running_mean[invariants].lerp_(mean.flatten().to(self.running_mean), self.momentum)
                unbiased = variance * (number / (number - 1))
                self.running_var[fields].lerp_(unbiased.to(self.running_var), self.momentum)
        else:
            mean = self.running_mean[invariants].view(part.shape[1], len(vectors))
            centred = part - (mean @ vectors).view(1, *part.shape[1:3], *one)
            variance = self.running_var[fields]
        return self._affine(centred * (variance + self.eps).rsqrt().view(-1, 1, *one), k)

    @torch.no_grad()
    def freeze(self) -> torch.nn.Module:
        """`ChannelAffine` of the running averages."""
        scales, shifts = [], []
        for k, (m, term) in enumerate(self.in_rep.terms):
            fields, invariants = self._slices(k)
            vectors = getattr(self, f"vectors_{k}")
            scale = (self.running_var[fields] + self.eps).rsqrt()
            scale = scale if self.weight is None else scale * self.weight[fields]
            mean = self.running_mean[invariants].view(m, -1) @ vectors
            shift = -mean * scale[:, None]
            if self.bias is not None:
                shift = shift + self.bias[invariants].view(m, -1) @ vectors
            scales.append(scale[:, None].expand(m, term.dim).flatten())
            shifts.append(shift.flatten())
        return ChannelAffine(torch.cat(scales), torch.cat(shifts)).eval()


def _dual(vectors: torch.Tensor) -> torch.Tensor:
    """T⁺ for orthogonal rows T: the coordinates of the invariant part."""
    return vectors / vectors.square().sum(1, keepdim=True)
