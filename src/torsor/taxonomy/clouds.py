"""The probe of networks on scattered points: G, translations and permutations, all exact."""

from __future__ import annotations

from typing import Any

import torch

from torsor.errors import TorsorError
from torsor.fields import Field
from torsor.spaces import Points
from torsor.taxonomy.certificate import Probe
from torsor.taxonomy.grids import FIELDS, stretch

POINTS = 16
"""Points of each cloud."""


class Clouds(Probe):
    """Random clouds with random features; (g, t, π) f = Σ_n ρ(g) f_n δ(x - g x_n - t), in another order."""

    def __init__(self, net: Any, seed: int = 0, clouds: int = FIELDS) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.d = net.in_rep, net.out_rep, net.in_rep.group.dim
        self.space, self.seed, self.clouds = f"points of R{'¹²³'[self.d - 1]}", seed, clouds
        self.generator = torch.Generator().manual_seed(seed)
        kind: Any = {"generator": self.generator, "dtype": torch.float64}
        side = 1.7 * radius_of(net)
        self.positions = side * torch.rand(clouds * POINTS, self.d, **kind)
        self.features = torch.randn(clouds * POINTS, self.in_rep.dim, **kind)
        self.batch = torch.arange(clouds).repeat_interleave(POINTS)

    def elements(self, number: int) -> list[Any]:
        turns = self.in_rep.group.sample(number, self.generator)
        shifts = 10 * torch.randn(number, self.d, generator=self.generator, dtype=torch.float64)
        return [(g, t, self._order()) for g, t in zip(turns, shifts, strict=True)]

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        return self._run(net, self.positions, self.features)

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        turn, t, order = g
        moved = self.positions @ self.in_rep.group.action(turn).T + t
        turned = self.features @ self.in_rep.rho(turn).T
        expected = self.output(net) @ self.out_rep.rho(turn).T
        return self._split(self._run(net, moved[order], turned[order])), self._split(expected[order])

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        many = Clouds(net, self.seed, 4 + self.out_rep.dim)
        moved = many._run(net, many.positions @ stretch(self.d).T, many.features)
        return many._split(moved), many._split(many.output(net))

    def _order(self) -> torch.Tensor:
        orders = [torch.randperm(POINTS, generator=self.generator) + c * POINTS for c in range(self.clouds)]
        return torch.cat(orders)

    def _run(self, net: torch.nn.Module, positions: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        return net(Field(features, self.in_rep, Points(positions, self.batch))).tensor

    def _split(self, y: torch.Tensor) -> torch.Tensor:
        return y.unflatten(0, (self.clouds, -1))


def radius_of(net: torch.nn.Module) -> float:
    """The largest radius of the kernels of a network.

    Raises:
        TorsorError: no kernel has a radius.
    """
    specs = [getattr(getattr(module, "kernel", None), "spec", None) for module in net.modules()]
    radii = [radius for radius in (getattr(spec, "radius", None) for spec in specs) if radius]
    if not radii:
        raise TorsorError("expected a network on points, whose kernels have a radius; got none with a radius")
    return max(radii)
