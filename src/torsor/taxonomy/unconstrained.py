"""The first negative control: the same architecture, its kernels without the constraint."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch

from torsor.fibre import Expansion
from torsor.fibre.steered import Steered
from torsor.fields import Field
from torsor.kernels import SteerableKernel


def unconstrained(net: torch.nn.Module, seed: int) -> torch.nn.Module:
    """A copy in which the entries of every expanded kernel are permuted at random: equal shapes, no constraint.

    For G = {e} the constraint is empty, and what is left is that all points share one kernel: then every output point
    scales its kernel by a random factor of its own.
    """
    if isinstance(net, SteerableKernel):
        return Bent(net)
    plain, generator = deepcopy(net), torch.Generator().manual_seed(seed + 2)
    for module in plain.modules():
        if isinstance(module, Expansion):
            _shuffle(module, generator)
        if isinstance(module, Steered) and module.in_rep.group.order == 1:
            module.register_forward_hook(_unshared)
    return plain


def _shuffle(kernel: Expansion, generator: torch.Generator) -> None:
    with torch.no_grad():
        expanded = kernel.expand()
    order = torch.randperm(expanded.numel(), generator=generator)
    shuffled = expanded.flatten()[order].view_as(expanded)
    kernel.expand = lambda: shuffled  # type: ignore[method-assign]
    vars(kernel)["parts"] = ()  # no part of it is zero any more


def _unshared(module: torch.nn.Module, inputs: Any, y: Any) -> Any:
    if isinstance(y, Field):
        return Field(_unshared(module, inputs, y.tensor) if y.tensor.ndim > 2 else _by_place(y), y.rep, y.space)
    noise = torch.randn(y.shape[2:], generator=torch.Generator().manual_seed(0), dtype=y.dtype)
    return y * (1 + noise)


def _by_place(y: Field) -> torch.Tensor:
    """Rows of points, each times a number that depends on where it lies."""
    place = y.space.positions.to(y.tensor)
    return y.tensor * (1 + (2 * place + torch.arange(place.shape[1]).to(place)).sin().sum(1, keepdim=True))


class Bent(torch.nn.Module):
    """A kernel that is read at a v for a generic matrix a: the same functions, which no longer fit the group."""

    def __init__(self, kernel: SteerableKernel) -> None:
        super().__init__()
        self.kernel, self.in_rep, self.out_rep = kernel, kernel.in_rep, kernel.out_rep

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """K(a v)."""
        generator = torch.Generator().manual_seed(0)
        a = torch.eye(v.shape[-1]) + 0.5 * torch.randn(v.shape[-1], v.shape[-1], generator=generator)
        return self.kernel(v @ a.to(v).T)
