"""What the wrappers share: a module of any kind, the types of its input and output, and the actions on both."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch

from torsor.errors import FieldTypeError, GroupError
from torsor.fields import Field
from torsor.reps import Representation
from torsor.spaces import Grid
from torsor.symmetrize.action import act


class Wrapper(torch.nn.Module):
    """A module f, any `torch.nn.Module`, as a map from fields of type ρ_in to fields of type ρ_out.

    Its input is a tensor on a grid, a tensor (batch, channels), or a `Field` on points, which turn about the origin
    (see `Centred`); its output, of any of these kinds, is transformed back in space (where it has one) and in its
    channels.

    Args:
        module: f.
        in_rep: ρ_in.
        out_rep: ρ_out, of the same compact group.
        mode: of the interpolation on grids, for elements that do not keep the lattice: "bilinear" or "bicubic".
        disk: set what lies outside the inscribed disk (ball) to zero, at the input and the output: what turns out of
            the image is lost, and an equivariant map must not see it.
        space: the grid, for spacings other than 1.

    Raises:
        FieldTypeError: two groups, or no module.
        GroupError: the group is not compact.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        in_rep: Representation,
        out_rep: Representation,
        *,
        mode: str = "bilinear",
        disk: bool = False,
        space: Grid | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(module, torch.nn.Module):
            raise FieldTypeError(f"expected a torch.nn.Module to wrap, got {type(module).__name__}")
        if in_rep.group != out_rep.group:
            raise FieldTypeError(f"expected two types of one group, got {in_rep} and {out_rep}")
        if not in_rep.group.is_compact:
            raise GroupError(
                f"{type(self).__name__} needs a compact group, got {in_rep.group}: it has no uniform random "
                "element and no mean; take a compact subgroup, or equivariant layers"
            )
        self.module, self.in_rep, self.out_rep, self.mode = module, in_rep, out_rep, mode
        self.disk, self.space = disk, space

    def forward(self, x: Any) -> Any:
        """The output of the type ρ_out; of a `Field` on a grid a `Field`, unless it has no space."""
        if isinstance(x, Field):
            x.require(self)
            if isinstance(x.space, Grid):
                y = self(x.tensor)
                return Field(y, self.out_rep, x.space) if y.ndim > 2 else y
        return self._masked(self.evaluate(self._masked(x)))

    @abstractmethod
    def evaluate(self, x: Any) -> Any:
        """The output for tensors and for fields on points."""

    def moved(self, x: Any, g: torch.Tensor) -> Any:
        """g x, for one element or one a sample."""
        return act(self.in_rep, g, x, self.mode, self.space)

    def back(self, y: Any, g: torch.Tensor) -> Any:
        """g⁻¹ y of an output."""
        return act(self.out_rep, self.in_rep.group.inverse(g), y, self.mode, self.space)

    def _masked(self, x: Any) -> Any:
        if not self.disk or isinstance(x, Field) or x.ndim == 2:
            return x
        return x * inscribed(x.shape[2:], self.space).to(x)

    def extra_repr(self) -> str:
        return f"{self.in_rep.name} -> {self.out_rep.name}, {self.in_rep.group}"


def inscribed(sizes: tuple[int, ...], space: Grid | None = None) -> torch.Tensor:
    """1 in the disk (ball) that touches the edges of the grid, 0 outside, linear over one pixel: (*sizes) float64."""
    spacings = space.spacings if space else (1.0,) * len(sizes)
    axes = [(torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * s for n, s in zip(sizes, spacings, strict=True)]
    radius = torch.stack(torch.meshgrid(*axes, indexing="ij")).norm(dim=0)
    edge = min(n * s / 2 for n, s in zip(sizes, spacings, strict=True))
    return ((edge - radius) / max(spacings)).clamp(0, 1)


def weighted_sum(outputs: list[Any], weights: list[torch.Tensor]) -> Any:
    """Σ w_i y_i of tensors, or of fields on one space; weights are numbers, or one a sample."""
    tensors = [y.tensor if isinstance(y, Field) else y for y in outputs]
    first = outputs[0]
    total = sum(_scaled(y, w, first) for y, w in zip(tensors, weights, strict=True))
    return Field(total, first.rep, first.space) if isinstance(first, Field) else total  # type: ignore[arg-type]


def _scaled(y: torch.Tensor, w: torch.Tensor, like: Any) -> torch.Tensor:
    if w.ndim and isinstance(like, Field) and hasattr(like.space, "index"):
        w = w[like.space.index]
    return y * w.to(y).view(-1, *[1] * (y.ndim - 1)) if w.ndim else y * w.to(y)
