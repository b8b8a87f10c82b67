"""Pooling over the fibre: from fields to invariants or vectors, point by point."""

from __future__ import annotations

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer, join_fields, split_fields
from torsor.fibre.nonlinear import field_norms, require_orthogonal
from torsor.fibre.sampling import POLE_VECTOR, Samples, sample
from torsor.reps import Representation, Spherical, direct_sum, standard, trivial
from torsor.reps.bandlimited import fixed_vectors


class GroupPool(Layer):
    """The largest (or mean) component of every field: regular and quotient fields become scalars.

    Args:
        rep: permutation representations, band-limited functions on G/H or the sphere, or scalars.
        mode: "max" or "mean".
        samples: where band-limited functions are sampled; see `Fourier`.
        device: of the matrices of the sampling.
        dtype: of the matrices of the sampling.

    Raises:
        FieldTypeError: the group does not permute the components of a term, or an unknown mode.
    """

    def __init__(
        self,
        rep: Representation,
        mode: str = "max",
        samples: int | torch.Tensor | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if mode not in ("max", "mean"):
            raise FieldTypeError(f'expected the mode "max" or "mean", got {mode!r}')
        super().__init__(rep, direct_sum([(m, trivial(rep.group)) for m, _ in rep.terms]))
        self.mode, self.samples = mode, samples
        self.derive(device, dtype)

    def constants(self) -> dict[str, np.ndarray]:
        return {
            f"evaluate_{k}": self._evaluation(sample(term, self.samples))
            for k, (_, term) in enumerate(self.in_rep.terms)
            if not term.is_permutation
        }

    def _evaluation(self, samples: Samples) -> np.ndarray:
        return samples.matrix if self.mode == "max" else samples.weights[None] @ samples.matrix / len(samples.weights)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = []
        for k, part in enumerate(split_fields(x, self.in_rep)):
            if f"evaluate_{k}" in self._buffers:
                part = torch.einsum("nd,bmd...->bmn...", getattr(self, f"evaluate_{k}"), part)
            parts.append(part.amax(2) if self.mode == "max" else part.mean(2))
        return torch.cat(parts, dim=1)


class NormPool(Layer):
    """|x| of every field: any orthogonal field becomes a scalar.

    Raises:
        FieldTypeError: a term is not orthogonal.
    """

    def __init__(self, rep: Representation) -> None:
        require_orthogonal(rep, "nn.NormPool")
        super().__init__(rep, direct_sum([(m, trivial(rep.group)) for m, _ in rep.terms]))

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([field_norms(part).squeeze(2) for part in split_fields(x, self.in_rep)], dim=1)


class VectorPool(Layer):
    """The largest response of a regular field and where it points: y = max(0, f(c)) c·e at c = argmax f.

    e is the first unit vector that the subgroup H of a quotient fixes (the first axis for regular fields), so that the
    result is a tangent vector. Where two responses tie, the first counts; exact ties are not equivariant.

    Args:
        rep: regular or quotient representations.
        samples: where band-limited functions are sampled; see `Fourier`.
        device: of the matrices of the sampling.
        dtype: of the matrices of the sampling.

    Raises:
        FieldTypeError: a term is no function on G/H, or H fixes no vector.
    """

    def __init__(
        self,
        rep: Representation,
        samples: int | torch.Tensor | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, direct_sum([(m, standard(rep.group)) for m, _ in rep.terms]))
        self.samples = samples
        self.derive(device, dtype)

    def constants(self) -> dict[str, np.ndarray]:
        found = {}
        for k, (_, term) in enumerate(self.in_rep.terms):
            samples = sample(term, self.samples)
            found[f"evaluate_{k}"] = samples.matrix
            found[f"directions_{k}"] = term.group.action(samples.elements) @ _direction(term)
        return found

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = []
        for k, part in enumerate(split_fields(x, self.in_rep)):
            values = torch.einsum("nd,bmd...->bmn...", getattr(self, f"evaluate_{k}"), part)
            largest, place = values.max(2)
            directions = getattr(self, f"directions_{k}")[place].movedim(-1, 2)
            parts.append(largest.clamp(min=0).unsqueeze(2) * directions)
        return join_fields(parts)


def _direction(term: Representation) -> np.ndarray:
    if isinstance(term, Spherical):
        return POLE_VECTOR
    subgroup = term.rep.group if hasattr(term, "rep") else term.subgroup  # type: ignore[attr-defined]
    vectors = fixed_vectors(standard(term.group), subgroup)
    if not len(vectors):
        raise FieldTypeError(f"{subgroup} fixes no vector: the largest response of {term} points nowhere")
    return vectors[0]
