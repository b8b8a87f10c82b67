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


class SpacetimeBlock(torch.nn.Module):
    """x ↦ x + conv(f(z + z·Lz)), z = norm(x): the geometric product is optional, f gates every grade."""

    def __init__(self, rep: Representation, kernel: KernelSpec, product: bool, **options: Any) -> None:
        super().__init__()
        kind: dict[str, Any] = {name: options[name] for name in ("device", "dtype")}
        self.norm, self.activation = nn.MultivectorNorm(rep, **kind), nn.MultivectorActivation(rep, **kind)
        self.product = nn.GeometricProduct(rep, **kind) if product else None
        self.conv = nn.Conv(rep, rep, kernel, **options)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block, from fields to fields of one type."""
        z = self.norm(x)
        z = z if self.product is None else z + self.product(z)
        return x + self.conv(self.activation(z))


class SpacetimeResNet(torch.nn.Module):
    """Fields (batch, in_rep.dim, *space) -> (batch, out_rep.dim, *space) on a grid of R^{p,q}, time axes first.

    A convolution to `fields` multivectors, residual blocks with one convolution each, and a last convolution.
    Types other than n * multivector are taken to multivectors, and back, by pointwise linear maps. Commutes with the
    symmetries of the grid exactly, with boosts up to the truncation of the stencils.

    Args:
        in_rep: type of the input, of a subgroup of O(p, q).
        out_rep: type of the output.
        fields: multivectors in the hidden layers.
        layers: number of convolutions.
        kernel: `kernels.PseudoRiemannian` (the default), `kernels.Clifford`, or another family that serves the group.
        product: a geometric product in every block.
        padding_mode: of the convolutions, "zeros" or "circular".
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        ConfigError: fewer than two layers.
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
        if layers < 2 or fields < 1:
            raise ConfigError(f"expected at least two layers and one field, got {layers} and {fields}")
        self.in_rep, self.out_rep = in_rep, out_rep
        family = kernels.PseudoRiemannian(size=5) if kernel is None else kernel
        hidden = fields * reps.multivector(in_rep.group)
        first, last = (rep if _is_multivector(rep) else hidden for rep in (in_rep, out_rep))
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        options: dict[str, Any] = kind | {"padding_mode": padding_mode}
        self.lift = None if first == in_rep else _linear(in_rep, first, **kind)
        self.first = nn.Conv(first, hidden, family, **options)
        self.blocks = torch.nn.Sequential(
            *(SpacetimeBlock(hidden, family, product, **options) for _ in range(layers - 2))
        )
        self.tail = torch.nn.Sequential(nn.MultivectorNorm(hidden, **kind), nn.MultivectorActivation(hidden, **kind))
        self.last = nn.Conv(hidden, last, family, **options)
        self.project = None if last == out_rep else _linear(last, out_rep, **kind)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The fields that the network predicts."""
        x = x if self.lift is None else self.lift(x)
        y = self.last(self.tail(self.blocks(self.first(x))))
        return y if self.project is None else self.project(y)


def _is_multivector(rep: Representation) -> bool:
    return len(rep.terms) == 1 and isinstance(rep.terms[0][1], Multivector)


def _linear(in_rep: Representation, out_rep: Representation, **kind: Any) -> nn.Linear:
    """`nn.Linear` between some grades and all, without the warning that the others stay apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BottleneckWarning)
        return nn.Linear(in_rep, out_rep, **kind)
