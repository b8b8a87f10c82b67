"""Convolution with transport on a mesh-like graph, forward and backward: fused, and edge by edge with all matrices.

``python -m benchmarks.transport``. The graph joins random points of the plane to all within a radius, 32 on average,
with random angles as transporters; features are 16 channels of each frequency 0, 1, 2 of SO(2). The literal way forms
K(v) and ρ(g) of all edges, as `SteerableKernel.apply_to` does (of depthwise kernels they take ten times as much memory:
fewer points). The results are compared, number by number. Graphs that are four and sixteen times as large show how the
time grows.
"""

import json
import math
import statistics
import sys
from dataclasses import asdict, dataclass
from functools import partial

import torch

from benchmarks.layers import resident
from benchmarks.timing import in_process, interleaved, ratio, write
from torsor import groups, kernels, reps, spaces
from torsor.spaces import Neighbours


@dataclass(frozen=True)
class Case:
    """So many points, neighbours and channels of each frequency."""

    points: int = 3452
    depthwise: bool = False
    neighbours: int = 32
    channels: int = 16
    band: int = 2

    def inputs(self) -> tuple[kernels.SteerableKernel, torch.Tensor, Neighbours]:
        """The kernel, features and the graph."""
        torch.manual_seed(0)
        group, radius = groups.SO(2), math.sqrt(self.neighbours / (math.pi * self.points))
        frequencies = [reps.irrep(group, k) for k in range(1, self.band + 1)]
        rep = reps.direct_sum([(self.channels, sigma) for sigma in (reps.trivial(group), *frequencies)])
        flat = spaces.Points(torch.rand(self.points, 2)).neighbours(radius)
        graph = Neighbours(
            flat.target,
            flat.source,
            flat.v,
            flat.weight,
            self.points,
            self.points,
            g=group.sample(len(flat)).to(flat.v),
        )
        kernel = kernels.Harmonic(radius=radius, spacing=self.points**-0.5, depthwise=self.depthwise)(rep, rep)
        return kernel, torch.randn(self.points, rep.dim, requires_grad=True), graph


def step(case: Case, which: str):
    """One forward and backward pass as a function without arguments; it returns the output and all gradients."""
    kernel, x, graph = case.inputs()
    apply_to = kernel.apply_to if which == "fused" else partial(kernels.SteerableKernel.apply_to, kernel)
    slope, wanted = torch.randn(case.points, kernel.out_rep.dim), [x, *kernel.parameters()]

    def run() -> tuple[torch.Tensor, ...]:
        y = apply_to(x, graph)
        return y.detach(), *torch.autograd.grad(y, wanted, slope)

    return run


def peak(case: Case, which: str) -> float:
    """Peak resident memory of a step, above that with the inputs, in MiB."""
    run = step(case, which)
    before = resident()
    run()
    return resident() - before


def peaks(case: Case, which: str) -> list[float]:
    """Peak memory in fresh processes: one for the literal way, which varies little for its size, else three."""
    arguments = "benchmarks.transport", json.dumps(asdict(case)), which
    return [in_process(*arguments)["MiB"] for _ in range(1 if which == "literal" else 3)]


def measure(case: Case, with_literal: bool) -> dict:
    """All numbers of a case."""
    ways = ("fused", "literal") if with_literal else ("fused",)
    runs = {which: step(case, which) for which in ways}
    times = interleaved(runs, 3 if with_literal else 9)
    memory = {which: statistics.median(peaks(case, which)) for which in ways}
    row = {"points": case.points, "edges": len(case.inputs()[2]), "depthwise": case.depthwise}
    for which in ("fused", "literal"):
        row[f"{which}_ms"] = round(1e3 * statistics.median(times[which])) if which in ways else ""
        row[f"{which}_MiB"] = round(memory[which]) if which in ways else ""
    row["speedup"] = round(ratio(times, "literal", "fused"), 1) if with_literal else ""
    row["difference"] = f"{difference(runs['fused'](), runs['literal']()):.1e}" if with_literal else ""
    return row


def difference(one: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...]) -> float:
    """The largest difference of outputs and gradients, each relative to its largest entry."""
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(one, other, strict=True))


def main() -> None:
    """Measure all cases."""
    literal = [measure(Case(3452), True), measure(Case(400, depthwise=True), True)]
    larger = [Case(4 * 3452), Case(16 * 3452), Case(3452, depthwise=True), Case(4 * 3452, depthwise=True)]
    write("transport", literal + [measure(case, False) for case in larger])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps({"MiB": peak(Case(**json.loads(sys.argv[1])), sys.argv[2])}))
    else:
        main()
