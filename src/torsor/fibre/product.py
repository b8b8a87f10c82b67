"""Products of fields, channel by channel: what brings a vector to degree 2, and an attribute into a kernel."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from torsor.fibre.base import Layer
from torsor.fibre.bilinear import bilinear_maps
from torsor.fibre.nonlinear import require_orthogonal
from torsor.reps import Representation, direct_sum


class FieldProduct(Layer):
    """z_c = Σ_p w_{pc} C_p(x_c, y_c / √(1 + |y_c|²/dim)) with all C_p ∈ Hom_G(σ_i ⊗ σ_j, τ_k): (x, y) ↦ z.

    x and y are `copies` fields of every σ, z of every τ; the input holds the channels of x, then those of y. The second
    factor is bounded, so that z grows no faster than its input. Unlike in `TensorProduct` the products are summed
    within a channel at once and never stored one by one: a layer for large numbers of points.

    Args:
        factors: the orthogonal representations σ, no two of them equivalent.
        products: the orthogonal representations τ, no two of them equivalent.
        copies: the number of channels c.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        FieldTypeError: a representation is not orthogonal.
    """

    maps: torch.Tensor

    def __init__(
        self,
        factors: tuple[Representation, ...],
        products: tuple[Representation, ...],
        copies: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        factor = direct_sum([(copies, rep) for rep in factors])
        super().__init__(direct_sum([*factor.terms, *factor.terms]), direct_sum([(copies, rep) for rep in products]))
        require_orthogonal(direct_sum([*self.in_rep.terms, *self.out_rep.terms]), "FieldProduct")
        self.factors, self.products, self.copies = factors, products, copies
        self.dims_in, self.dims_out = (tuple(rep.dim for rep in reps) for reps in (factors, products))
        self.weight = torch.nn.Parameter(torch.empty(copies, len(self._maps()), device=device, dtype=dtype))
        self.derive(device, dtype)
        self.reset_parameters()

    def _maps(self) -> np.ndarray:
        return product_maps(self.factors, self.products)

    def constants(self) -> dict[str, np.ndarray]:
        return {"maps": self._maps().reshape(self.weight.shape[1], -1)}

    @torch.no_grad()
    def reset_parameters(self, gain: float = 1.0) -> None:
        """Gaussian weights: white x and y give z of variance gain², up to the bound on y."""
        if self.weight.is_meta:
            return
        reached = np.einsum("pijk->pk", np.abs(self._maps())) > 0
        fans = (reached / reached.sum(0).clip(min=1)).max(1)
        deviations = torch.as_tensor(gain * np.sqrt(fans)).to(self.weight)
        self.weight.normal_().mul_(deviations)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, in_rep.dim, …) -> (batch, out_rep.dim, …); inside, the points are the last axis, side by side."""
        channels = x.movedim(1, 0)
        left, right = (self._channels(part) for part in channels.flatten(1).contiguous().chunk(2))
        a, b = _joined(left), _joined([_bounded(y) for y in right])
        outer = (a[:, :, None] * b[:, None]).flatten(1, 2)
        weighted = (self.weight @ self.maps).view(self.copies, outer.shape[1], sum(self.dims_out))
        parts = (weighted.mT @ outer).split(self.dims_out, 1)
        return torch.cat([part.flatten(0, 1) for part in parts]).unflatten(1, channels.shape[1:]).movedim(0, 1)

    def _channels(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The factors of every type, each (copies, dim, points)."""
        parts = x.split([self.copies * n for n in self.dims_in])
        return [part.unflatten(0, (self.copies, n)) for part, n in zip(parts, self.dims_in, strict=True)]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.weight.shape[1]} products a channel"


@lru_cache(maxsize=64)
def product_maps(factors: tuple[Representation, ...], products: tuple[Representation, ...]) -> np.ndarray:
    """All equivariant Σ ⊗ Σ → T, Σ = ⊕ σ, T = ⊕ τ: (paths, dim Σ, dim Σ, dim T), each of squared norm dim τ."""
    places, ends = _places(factors), _places(products)
    size, width = sum(rep.dim for rep in factors), sum(rep.dim for rep in products)
    found = [np.zeros((0, size, size, width))]
    for out, end in zip(products, ends, strict=True):
        for left, i in zip(factors, places, strict=True):
            for right, j in zip(factors, places, strict=True):
                maps = bilinear_maps(left, right, out)
                full = np.zeros((len(maps), size, size, width))
                full[:, i, j, end] = maps.transpose(0, 2, 3, 1)
                found.append(full)
    return np.concatenate(found)


def _places(reps: tuple[Representation, ...]) -> list[slice]:
    ends = np.cumsum([rep.dim for rep in reps])
    return [slice(int(end) - rep.dim, int(end)) for end, rep in zip(ends, reps, strict=True)]


def _bounded(y: torch.Tensor) -> torch.Tensor:
    return y * (1 + y.square().mean(1, keepdim=True)).rsqrt()


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)
