"""Equivariant linear maps of the features at a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torsor.fibre.expansion import Bases, BasisSource, Expansion
from torsor.fibre.frozen import ChannelLinear
from torsor.fibre.steered import Steered
from torsor.reps import Representation
from torsor.reps.hom import hom_array


@dataclass(frozen=True, eq=False, repr=False)
class Intertwiners(BasisSource):
    """All of Hom_G(σ, τ): the maps of features at one point."""

    def samples(self, d: int) -> int:
        return 1

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        return [[np.sqrt(tau.dim) * hom_array(sigma, tau)[..., None] for sigma in sigmas] for tau in taus]


class Linear(Steered):
    """y = W x + b with W ρ_in(g) = ρ_out(g) W and an invariant b, at every point of a tensor (batch, channels, …).

    By Schur's lemma W has one weight for each pair of equal irreps (times 1, 2 or 4 by their type).

    Args:
        in_rep: type of the input.
        out_rep: type of the output.
        bias: add a learnt invariant vector.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        KernelError: no equivariant map exists between the types.
    """

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation,
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_rep, out_rep)
        kernel = Expansion(Intertwiners(), in_rep, out_rep, device=device, dtype=dtype)
        self.steer(kernel, bias, device, dtype)

    def matrix(self) -> torch.Tensor:
        """W, (out_rep.dim, in_rep.dim)."""
        return self.kernel.expand()[..., 0]

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x.movedim(1, -1), self.matrix(), self.expanded_bias()).movedim(-1, 1)

    @torch.no_grad()
    def freeze(self) -> torch.nn.Module:
        return ChannelLinear.of(self.matrix(), self.expanded_bias()).eval()
