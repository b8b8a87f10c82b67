"""Data augmentation: the symmetry is shown to the module, and may be learnt."""

from __future__ import annotations

from typing import Any

import torch

from torsor.reps import Representation
from torsor.symmetrize.action import act, batch_size
from torsor.symmetrize.wrapper import Wrapper


class Augment(Wrapper):
    """In training x ↦ g⁻¹ f(g x) with a uniform random g ∈ G for every sample; in evaluation f itself.

    Its expectation over g is the average over the group, so the expected loss bounds that of `GroupAverage`; f itself
    is equivariant only as far as it learns to be.

    Args:
        module: f.
        in_rep: ρ_in.
        out_rep: ρ_out.
        generator: the source of randomness.
        mode: of the interpolation on grids.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        in_rep: Representation,
        out_rep: Representation,
        *,
        generator: torch.Generator | None = None,
        mode: str = "bilinear",
    ) -> None:
        super().__init__(module, in_rep, out_rep, mode=mode)
        self.generator = generator

    def draw(self, x: Any) -> torch.Tensor:
        """Random elements, one a sample: (batch, d, d)."""
        return self.in_rep.group.sample(batch_size(x), self.generator)

    def augment(self, x: Any, y: Any) -> tuple[Any, Any]:
        """(g x, g y) for pairs of inputs and targets, with a random g for every sample."""
        g = self.draw(x)
        return self.moved(x, g), act(self.out_rep, g, y, self.mode)

    def forward(self, x: Any) -> Any:
        """g⁻¹ f(g x) in training, f(x) in evaluation."""
        if not self.training:
            return self.module(x)
        g = self.draw(x)
        return self.back(self.module(self.moved(x, g)), g)
