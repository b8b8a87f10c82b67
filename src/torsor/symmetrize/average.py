"""Averages over a group, and over frames: exact symmetry at the price of several evaluations."""

from __future__ import annotations

from typing import Any

import torch

from torsor.errors import ConfigError, FieldTypeError
from torsor.fields import Field
from torsor.reps import Representation
from torsor.symmetrize.action import elements_of
from torsor.symmetrize.frames import FrameSource
from torsor.symmetrize.wrapper import Wrapper, weighted_sum


class GroupAverage(Wrapper):
    """x ↦ ∫_G g⁻¹ f(g x) dg, the projection of f onto the equivariant maps (the Reynolds operator).

    Exact for finite groups. Of a Lie group it averages over `elements_of`: exact under those that form a subgroup.

    Args:
        module: f, evaluated once for each element.
        in_rep: ρ_in.
        out_rep: ρ_out.
        samples: how fine the average over a Lie group is, see `elements_of`.
        reduce: "mean", or "max" for invariant outputs: the maximum over the elements.
        grid: `mode`, `disk`, `space`, see `Wrapper`.

    Raises:
        GroupError: no mean exists, or the group is too large.
        ConfigError: another reduction, or a maximum of outputs that are not invariant.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        in_rep: Representation,
        out_rep: Representation,
        *,
        samples: int | None = None,
        reduce: str = "mean",
        **grid: Any,
    ) -> None:
        super().__init__(module, in_rep, out_rep, **grid)
        if reduce not in ("mean", "max"):
            raise ConfigError(f'expected reduce="mean" or "max", got {reduce!r}')
        if reduce == "max" and not out_rep.is_trivial:
            raise ConfigError(f"a maximum commutes with invariant outputs only, got {out_rep}; take the mean")
        self.reduce = reduce
        self.elements, self.weights = elements_of(in_rep.group, samples)

    def evaluate(self, x: Any) -> Any:
        """The average."""
        outputs = [self.back(self.module(self.moved(x, g)), g) for g in self.elements]
        if self.reduce == "mean":
            return weighted_sum(outputs, list(self.weights))
        tensors = torch.stack([y.tensor if isinstance(y, Field) else y for y in outputs]).amax(0)
        return Field(tensors, self.out_rep, outputs[0].space) if isinstance(outputs[0], Field) else tensors

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {len(self.elements)} elements"


class FrameAverage(Wrapper):
    """x ↦ Σ_i w_i g_i f(g_i⁻¹ x) over frames g_i(x) ∈ G that follow the input, {g_i(h x)} = {h g_i(x)}.

    As exact as `GroupAverage`, with a few frames in place of the group. Where the frames jump, between inputs of higher
    symmetry, so does the output (see `jumps`). Gradients run through the frames, where they are differentiable.

    Args:
        module: f.
        in_rep: ρ_in.
        out_rep: ρ_out.
        frames: `PrincipalFrames` of SO(d) and O(d), or `ScoredFrames` of finite groups.
        grid: `mode`, `disk`, `space`, see `Wrapper`.

    Raises:
        FieldTypeError: frames of another group.

    Source: Puny et al., Frame averaging for invariant and equivariant network design, 2022.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        in_rep: Representation,
        out_rep: Representation,
        frames: FrameSource,
        **grid: Any,
    ) -> None:
        super().__init__(module, in_rep, out_rep, **grid)
        if frames.group != in_rep.group:
            raise FieldTypeError(f"expected frames of {in_rep.group}, got frames of {frames.group}")
        self.frames = frames

    def evaluate(self, x: Any) -> Any:
        """The average over the frames of every sample."""
        g, weights = self.frames(x)
        used = [k for k in range(g.shape[1]) if bool((weights[:, k] != 0).any())]
        outputs = []
        for k in used:
            inverse = self.in_rep.group.inverse(g[:, k])
            outputs.append(self.back(self.module(self.moved(x, inverse)), inverse))
        return weighted_sum(outputs, [weights[:, k] for k in used])
