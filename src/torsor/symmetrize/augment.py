"""Data augmentation: the symmetry is shown to the module, and may be learnt."""

from __future__ import annotations

from typing import Any

import torch

from torsor.reps import Representation
from torsor.spaces import Grid
from torsor.symmetrize.action import act, batch_size
from torsor.symmetrize.wrapper import Wrapper


class Augment(Wrapper):
    """In training x ↦ g⁻¹ f(g x) with a uniform random g ∈ G for every sample; in evaluation f itself.

    Its expectation over g is the average over the group, so the expected loss bounds that of `GroupAverage` for convex
    losses; f itself is equivariant only as far as it learns to be.

    Args:
        module: f.
        in_rep: ρ_in.
        out_rep: ρ_out.
        generator: the source of randomness.
        grid: `mode`, `disk`, `space`, see `Wrapper`.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        in_rep: Representation,
        out_rep: Representation,
        *,
        generator: torch.Generator | None = None,
        **grid: Any,
    ) -> None:
        super().__init__(module, in_rep, out_rep, **grid)
        self.generator = generator

    def draw(self, x: Any) -> torch.Tensor:
        """Random elements, one a sample: (batch, d, d)."""
        return self.in_rep.group.sample(batch_size(x), self.generator)

    def augment(self, x: Any, y: Any) -> tuple[Any, Any]:
        """(g x, g y) for pairs of inputs and targets, with a random g for every sample.

        Targets of integers are classes: (batch,) stays as it is, and (batch, *space), a segmentation, turns by the
        nearest pixel.
        """
        g = self.draw(x)
        return self.moved(x, g), self._target(y, g)

    def _target(self, y: Any, g: torch.Tensor) -> Any:
        group = self.in_rep.group
        if not isinstance(y, torch.Tensor) or y.is_floating_point() or y.ndim not in (1, group.dim + 1):
            return act(self.out_rep, g, y, self.mode, self.space)
        if y.ndim == 1:
            return y
        grid = self.space or Grid(group.dim)
        return grid.move(y[:, None].double(), group.action(g), "nearest")[:, 0].round().to(y.dtype)

    def evaluate(self, x: Any) -> Any:
        """g⁻¹ f(g x) in training, f(x) in evaluation."""
        if not self.training:
            return self.module(x)
        g = self.draw(x)
        return self.back(self.module(self.moved(x, g)), g)
