"""Residual networks of multivector fields on R^{p,q}."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from torsor import kernels, nn, reps
from torsor.errors import BottleneckWarning, ConfigError
from torsor.kernels import KernelSpec
from torsor.reps import Representation
from torsor.reps.multivector import Multivector


class SpacetimeBlock(nn.Sequential):
    """x ↦ x + conv(prod(gate(norm(conv(gate(norm(x))))))): two convolutions, and a geometric product at every point."""

    def __init__(self, rep: Representation, kernel: KernelSpec, product: bool, **options: Any) -> None:
        kind: dict[str, Any] = {name: options[name] for name in ("device", "dtype")}
        layers: list[torch.nn.Module] = [nn.MultivectorNorm(rep, **kind), nn.MultivectorGate(rep, **kind)]
        layers += [nn.Conv(rep, rep, kernel, **options)]
        layers += [nn.MultivectorNorm(rep, **kind), nn.MultivectorGate(rep, **kind)]
        layers += [nn.GeometricProduct(rep, **kind)] if product else []
        super().__init__(*layers, nn.Conv(rep, rep, kernel, **options))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block, from fields to fields of one type."""
        return x + super().forward(x)


class SpacetimeResNet(torch.nn.Module):
    """Fields (batch, in_rep.dim, *space) -> (batch, out_rep.dim, *space) on a grid of R^{p,q}, time axes first.

    A convolution to `fields` multivectors, residual blocks of two convolutions, and a last convolution.
    Types other than n * multivector are taken to multivectors, and back, by pointwise linear maps. Commutes with the
    symmetries of the grid exactly, with boosts up to the truncation of the stencils.

    Args:
        in_rep: type of the input, of a subgroup of O(p, q).
        out_rep: type of the output.
        fields: multivectors in the hidden layers.
        layers: number of convolutions, even.
        kernel: `kernels.PseudoRiemannian` (the default), `kernels.Clifford`, or another family that serves the group.
        product: a geometric product in every block.
        padding_mode: of the convolutions, "zeros" or "circular".
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        ConfigError: an odd number of layers, or fewer than two.
        KernelError: the kernel family does not serve the group.
    """

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation,
        fields: int = 4,
        layers: int = 6,
        kernel: KernelSpec | None = None,
        *,
        product: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if layers < 2 or layers % 2 or fields < 1:
            raise ConfigError(f"expected an even number of layers and at least one field, got {layers} and {fields}")
        self.in_rep, self.out_rep = in_rep, out_rep
        family = kernels.PseudoRiemannian(size=5) if kernel is None else kernel
        hidden = fields * reps.multivector(in_rep.group)
        first, last = (rep if _is_multivector(rep) else hidden for rep in (in_rep, out_rep))
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        options: dict[str, Any] = kind | {"padding_mode": padding_mode}
        self.blocks = torch.nn.Sequential(
            *(SpacetimeBlock(hidden, family, product, **options) for _ in range(layers // 2 - 1))
        )
        tail = nn.MultivectorNorm(hidden, **kind), nn.MultivectorGate(hidden, **kind)
        self.last = nn.Sequential(*tail, nn.Conv(hidden, last, family, **options))
        self.first = nn.Conv(first, hidden, family, **options)
        self.lift = None if first == in_rep else _linear(in_rep, first, **kind)
        self.project = None if last == out_rep else _linear(last, out_rep, **kind)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The fields that the network predicts."""
        x = x if self.lift is None else self.lift(x)
        y = self.last(self.blocks(self.first(x)))
        return y if self.project is None else self.project(y)


def _is_multivector(rep: Representation) -> bool:
    return len(rep.terms) == 1 and isinstance(rep.terms[0][1], Multivector)


def _linear(in_rep: Representation, out_rep: Representation, **kind: Any) -> nn.Linear:
    """`nn.Linear` between some grades and all, without the warning that the others stay apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BottleneckWarning)
        return nn.Linear(in_rep, out_rep, **kind)
