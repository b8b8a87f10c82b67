"""Probes without a space: equivariant maps between representations, and kernels, which are such maps of v."""

from __future__ import annotations

from typing import Any

import torch

from torsor.taxonomy.certificate import Probe
from torsor.taxonomy.grids import stretch

VECTORS = 64
"""Random vectors of the input."""


class Vectors(Probe):
    """Maps f of feature vectors: f(ρ_in(g) x) = ρ_out(g) f(x), for any matrix group."""

    def __init__(self, net: Any, seed: int = 0) -> None:
        super().__init__()
        self.in_rep, self.out_rep = net.in_rep, net.out_rep
        self.space = "feature vectors"
        self.generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(VECTORS, self.in_rep.dim, generator=self.generator, dtype=torch.float64)

    def elements(self, number: int) -> list[Any]:
        group = self.in_rep.group
        return list(group.sample(number, self.generator, None if group.is_compact else 0.5))

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        return net(self.x)

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        moved = net(self.x @ self.in_rep.rho(g).T)
        return moved[:, None], (self.output(net) @ self.out_rep.rho(g).T)[:, None]

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """Every vector of the input is moved by the matrix of a generic element of GL(d), or of GL(dim ρ_in)."""
        n = self.in_rep.dim
        generic = torch.eye(n, dtype=torch.float64) + torch.randn(n, n, generator=self.generator).double() / n**0.5
        x = self.x.repeat(8, 1) + torch.randn(8 * VECTORS, n, generator=self.generator).double()
        return net(x @ generic.T)[:, None], net(x)[:, None]


class Kernels(Probe):
    """A kernel K: R^d → Hom(ρ_in, ρ_out) is itself an equivariant map, K(g v) = |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹."""

    def __init__(self, kernel: Any, seed: int = 0) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.group = kernel.in_rep, kernel.out_rep, kernel.in_rep.group
        self.space = f"kernel on R{'¹²³'[self.group.dim - 1]}"
        self.generator = torch.Generator().manual_seed(seed)
        reach = kernel.spec.reach(self.group)
        direction = torch.randn(VECTORS, self.group.dim, generator=self.generator, dtype=torch.float64)
        length = 0.8 * reach * torch.rand(VECTORS, 1, generator=self.generator, dtype=torch.float64)
        self.v = torch.nn.functional.normalize(direction, dim=-1) * length

    def elements(self, number: int) -> list[Any]:
        return list(self.group.sample(number, self.generator))

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        return net(self.v)

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        move = self.group.action(g)
        moved = net(self.v @ move.T)
        into, det = torch.linalg.inv(self.in_rep.rho(g)), torch.linalg.det(move).abs()
        return moved.flatten(1)[:, None], (self.out_rep.rho(g) @ self.output(net) @ into / det).flatten(1)[:, None]

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        return net(self.v @ stretch(self.group.dim).T).flatten(1)[:, None], self.output(net).flatten(1)[:, None]
