"""Pointwise nonlinearities of band-limited functions on a group: sample, apply, transform back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer, join_fields, split_fields
from torsor.fibre.sampling import sample
from torsor.reps import Representation


class Fourier(Layer):
    """y = E⁺ f(E x): E samples functions on G/H at n group elements, E⁺ is its (weighted) pseudoinverse.

    For regular and quotient fields of finite groups, of SO(2), O(2), SO(3), O(3) and groups about an axis, and for
    functions on the sphere. Exactly equivariant under the elements that permute the samples (C_N for SO(2), D_N for
    O(2), turns by 2π/N about the pole in space), and under the whole group up to the aliasing of f, which falls as the
    number of samples grows.

    Args:
        rep: regular, quotient and spherical representations, band-limited or of finite groups, or scalars.
        function: f, by default ReLU.
        samples: N of C_N or D_N, of longitudes of the sphere, of angles of SO(3); by default 4 band + 4 (2 band + 4 on
            SO(3), which has N²⌈N/2⌉ samples); or the elements, a tensor (n, d, d).
        device: of the matrices E and E⁺.
        dtype: of the matrices E and E⁺.

    Raises:
        FieldTypeError: a term is no function on G/H, or there are fewer samples than components.
    """

    def __init__(
        self,
        rep: Representation,
        function: Callable[[torch.Tensor], torch.Tensor] | None = None,
        samples: int | torch.Tensor | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, rep)
        self.function = torch.nn.ReLU() if function is None else function
        self.samples = samples
        self.derive(device, dtype)

    def constants(self) -> dict[str, np.ndarray]:
        found = {}
        for k, (_, term) in enumerate(self.in_rep.terms):
            if term.is_trivial:
                continue
            samples = sample(term, self.samples)
            if np.linalg.matrix_rank(samples.matrix) < term.dim:
                raise FieldTypeError(
                    f"{len(samples.matrix)} samples do not determine the {term.dim} components of {term}: take more "
                    "samples"
                )
            found[f"evaluate_{k}"], found[f"transform_{k}"] = samples.matrix, samples.transform()
        return found

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = []
        for k, part in enumerate(split_fields(x, self.in_rep)):
            if f"evaluate_{k}" in self._buffers:
                values = self.function(torch.einsum("nd,bmd...->bmn...", getattr(self, f"evaluate_{k}"), part))
                parts.append(torch.einsum("dn,bmn...->bmd...", getattr(self, f"transform_{k}"), values))
            else:
                parts.append(self.function(part))
        return join_fields(parts)
