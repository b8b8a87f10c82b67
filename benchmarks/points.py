"""Depthwise products on a graph, forward and backward, against e3nn's `TensorProduct` and scatter for the same map.

``python -m benchmarks.points`` needs e3nn 0.6, in an environment of its own if need be. Both sum, at 1000 points, the
products of features of degrees 0 … L (each ``channels`` times) with the harmonics of 20 000 edges, with a weight for
every edge, path and channel: "uvu" with external weights. The results are compared, number by number.
"""

import json
import statistics
import sys
from dataclasses import asdict, dataclass
from types import SimpleNamespace

import torch

from benchmarks.layers import resident
from benchmarks.timing import in_process, interleaved, ratio, write
from torsor.kernels.edges import Block, edge_products
from torsor.linalg import clebsch_gordan


@dataclass(frozen=True)
class Case:
    """Degrees 0 … degree of features and harmonics, so many channels each."""

    degree: int
    channels: int
    edges: int = 20_000
    points: int = 1_000

    @property
    def paths(self) -> list[tuple[int, int, int]]:
        """(degree of the feature, of the harmonic, of the product) with parities that agree, those e3nn has too."""
        top = range(self.degree + 1)
        return [(a, b, c) for a in top for c in top for b in top if abs(a - b) <= c <= a + b and (a + b + c) % 2 == 0]

    def inputs(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, SimpleNamespace]:
        """Features (points, degree after degree, channel by channel), harmonics and weights of the edges, the graph."""
        torch.manual_seed(0)
        n, size = self.channels, (self.degree + 1) ** 2
        target = torch.randint(self.points, (self.edges,)).sort().values
        source = torch.randint(self.points, (self.edges,))
        x = torch.randn(self.points, size * n, requires_grad=True)
        y = torch.randn(self.edges, size, requires_grad=True)
        w = torch.randn(self.edges, len(self.paths) * n, requires_grad=True)
        return x, y, w, SimpleNamespace(target=target, source=source, targets=self.points)


def torsor(case: Case, x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, graph: SimpleNamespace):
    """The product as a function without arguments; its output runs over paths, then components, then channels."""
    blocks, maps = [], []
    for a in range(case.degree + 1):
        paths = [p for p in case.paths if p[0] == a]
        blocks.append(Block(2 * a + 1, case.channels, tuple(2 * c + 1 for _, _, c in paths)))
        rows = torch.zeros((case.degree + 1) ** 2, blocks[-1].height, 2 * a + 1)
        start = 0
        for _, b, c in paths:
            place = slice(b * b, (b + 1) ** 2)
            coefficients = torch.tensor(clebsch_gordan(a, b, c), dtype=torch.float32)
            rows[place, start : start + 2 * c + 1] = coefficients.permute(2, 0, 1)
            start += 2 * c + 1
        maps.append(rows.flatten(1))

    def run() -> torch.Tensor:
        parts = x.split([(2 * a + 1) * case.channels for a in range(case.degree + 1)], 1)
        last = [p.unflatten(1, (case.channels, -1)).mT.flatten(1) for p in parts]
        return edge_products(torch.cat(last, 1), y, w, maps, tuple(blocks), graph)

    return run


def e3nn(case: Case, x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, graph: SimpleNamespace):
    """The same with e3nn; its output runs over paths, then channels, then components."""
    from e3nn import o3

    into = o3.Irreps([(case.channels, (l, (-1) ** l)) for l in range(case.degree + 1)])
    edge = o3.Irreps.spherical_harmonics(case.degree)
    out = [(case.channels, (c, (-1) ** c)) for _, _, c in case.paths]
    wiring = [(a, b, k, "uvu", True) for k, (a, b, _) in enumerate(case.paths)]
    product = o3.TensorProduct(into, edge, out, wiring, shared_weights=False, internal_weights=False)

    def run() -> torch.Tensor:
        messages = product(x[graph.source], y, w)
        return messages.new_zeros(graph.targets, messages.shape[1]).index_add(0, graph.target, messages)

    return run


def difference(case: Case, ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference relative to the largest entry; each path may have another sign and scale."""
    worst, a, b = 0.0, 0, 0
    for _, _, c in case.paths:
        size = (2 * c + 1) * case.channels
        one = ours[:, a : a + size].unflatten(1, (2 * c + 1, case.channels)).mT
        other = theirs[:, b : b + size].unflatten(1, (case.channels, 2 * c + 1))
        factor = (one * other).sum() / (one * one).sum()
        worst = max(worst, float((factor * one - other).abs().max() / other.abs().max()))
        a, b = a + size, b + size
    return worst


def step(run, inputs: tuple):
    """Forward and backward."""
    slope = torch.randn_like(run())

    def both() -> None:
        torch.autograd.grad(run(), inputs[:3], slope)

    return both


def peak(case: Case, which: str) -> float:
    """Peak resident memory of three steps, above that with the inputs, in MiB."""
    inputs = case.inputs()
    run = (torsor if which == "torsor" else e3nn)(case, *inputs)
    before = resident()
    both = step(run, inputs)
    for _ in range(3):
        both()
    return resident() - before


def measure(case: Case) -> dict:
    """All numbers of a case."""
    inputs = case.inputs()
    ours, theirs = torsor(case, *inputs), e3nn(case, *inputs)
    times = interleaved({"torsor": step(ours, inputs), "e3nn": step(theirs, inputs)})
    memory = {
        which: statistics.median(
            in_process("benchmarks.points", json.dumps(asdict(case)), which)["MiB"] for _ in range(5)
        )
        for which in ("torsor", "e3nn")
    }
    return {
        **asdict(case),
        "paths": len(case.paths),
        "difference": f"{difference(case, ours().detach(), theirs().detach()):.1e}",
        "torsor_ms": round(1e3 * statistics.median(times["torsor"]), 1),
        "e3nn_ms": round(1e3 * statistics.median(times["e3nn"]), 1),
        "speedup": round(ratio(times, "e3nn", "torsor"), 2),
        "torsor_MiB": round(memory["torsor"]),
        "e3nn_MiB": round(memory["e3nn"]),
    }


def main() -> None:
    """Measure all cases."""
    write("points", [measure(Case(1, 32)), measure(Case(2, 32)), measure(Case(3, 16)), measure(Case(4, 8, 10_000))])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps({"MiB": peak(Case(**json.loads(sys.argv[1])), sys.argv[2])}))
    else:
        main()
