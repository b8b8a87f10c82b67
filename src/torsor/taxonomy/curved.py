# ruff: noqa: D103  the decorator says what a row is
"""The probe of networks on curved charts, whose symmetry is local: gauge transformations. Row S24."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor import spaces as S
from torsor.fields import Field
from torsor.taxonomy.certificate import Certificate, Probe, certify
from torsor.taxonomy.row import row

FIELDS = 4
"""Random fields on one chart."""


class Gauges(Probe):
    """Random fields on a chart; (g f)(p) = ρ(g_p) f(p) in the frames e_p g_p⁻¹, with an independent g_p at every p."""

    def __init__(self, net: Any, chart: S.Chart, seed: int = 0) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.chart, self.seed = net.in_rep, net.out_rep, chart, seed
        self.space = f"chart of {chart.metric}"
        self.generator = torch.Generator().manual_seed(seed)
        shape = FIELDS, len(chart), self.in_rep.dim
        self.x = torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def elements(self, number: int) -> list[Any]:
        compact = self.chart.group.is_compact
        return [
            self.chart.group.sample(len(self.chart), self.generator, scale=None if compact else 0.5)
            for _ in range(number)
        ]

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        return self._run(net, self.x, self.chart)

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        turned = torch.einsum("nij,bnj->bni", self.in_rep.rho(g), self.x)
        expected = torch.einsum("nij,bnj->bni", self.out_rep.rho(g), self.output(net))
        return self._run(net, turned, self.chart.regauge(g)), expected

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames that differ by a matrix outside the group, one for all points."""
        many = Gauges(net, self.chart, self.seed)
        shape = 4 + 4 * self.out_rep.dim, len(self.chart), self.in_rep.dim
        many.x = torch.randn(shape, generator=many.generator, dtype=torch.float64)
        return many._run(net, many.x, _Stretched(self.chart)), many.output(net)

    def _run(self, net: torch.nn.Module, x: torch.Tensor, space: Any) -> torch.Tensor:
        return torch.stack([net(Field(f, self.in_rep, space)).tensor for f in x])


class _Stretched:
    """The edges of a chart in frames that are no frames of its structure: v ↦ a v, transporters a g a⁻¹."""

    def __init__(self, chart: S.Chart) -> None:
        self.chart, d = chart, chart.dim
        self.a = torch.eye(d, dtype=torch.float64)
        self.a[0, 0], self.a[0, -1] = 2.0, 1.0

    def neighbours(self, *args: Any, **kwargs: Any) -> S.Neighbours:
        graph = self.chart.neighbours(*args, **kwargs)
        g = torch.eye(self.chart.dim, dtype=torch.float64) if graph.g is None else graph.g
        return replace(graph, v=graph.v @ self.a.T, g=self.a @ g @ torch.linalg.inv(self.a))


@dataclass(frozen=True, eq=False)
class OnChart:
    """A network and the chart on which it is certified."""

    net: Any
    chart: S.Chart

    def certificate(self) -> Certificate:
        """The certificate of the network under gauge transformations."""
        return certify(self.net, Gauges(self.net, self.chart))


@row("S24", "curved spacetime with local Lorentz transformations", "Lorentzian charts", "O(1,1)", "scalars and vectors")
def curved_spacetime():
    L = G.O(1, 1)
    wavy = S.ConformalMetric(1, 1, lambda x: 0.3 * (3 * x[..., 1]).sin() * x[..., 0].cos())
    fields, kernel = 2 * R.trivial(L) + 2 * R.standard(L), K.PseudoRiemannian(3, spacing=0.2)
    rows = []
    for metric in (S.DeSitterMetric(), wavy):
        gate = nn.Gated(fields)
        first, second = nn.Conv(fields, gate.in_rep, kernel), nn.Conv(fields, fields, kernel, bias=False)
        net = nn.Sequential(first, gate, second)
        rows.append(OnChart(net, S.Chart.grid(metric, L, (-0.5, 0), (0.5, 1), (5, 5), window=1)))
    return rows
