"""Training step, frozen inference and peak memory of steerable convolutions, against Conv2d of the same shape."""

import json
import random
import resource
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.timing import in_process, interleaved, ratio, write
from torsor import groups, kernels, nn, reps


@dataclass(frozen=True)
class Case:
    """A convolution from `fields` fields to as many."""

    group: str
    representation: str
    fields: int
    kernel: int
    batch: int
    size: int

    def rep(self) -> reps.Representation:
        """The type of input and output."""
        group = groups.from_name(self.group)
        if self.representation == "regular":
            return self.fields * reps.regular(group)
        return reps.direct_sum([(self.fields, rho) for rho in reps.irreps(group, 3)])

    def layers(self) -> tuple[torch.nn.Module, torch.nn.Module, torch.Tensor]:
        """The steerable layer, the plain one, and an input."""
        rep = self.rep()
        torch.manual_seed(0)
        steerable = nn.Conv(rep, rep, kernels.Harmonic(self.kernel), bias=False)
        plain = torch.nn.Conv2d(rep.dim, rep.dim, self.kernel, padding=self.kernel // 2, bias=False)
        x = torch.randn(self.batch, rep.dim, self.size, self.size, requires_grad=True)
        return steerable, plain, x


CASES = [
    Case("C8", "regular", 8, 5, 16, 32),
    Case("D8", "regular", 8, 5, 16, 32),
    Case("SO2", "irreps", 8, 5, 16, 32),
]


def drawn(number: int = 3, seed: int = 2026) -> list[Case]:
    """Cases drawn at random."""
    rng = random.Random(seed)
    return [
        Case(
            rng.choice(["C4", "C8", "C12", "C16", "D4", "D6", "D8"]),
            "regular",
            rng.randint(4, 12),
            rng.choice([3, 5, 7]),
            rng.randint(8, 24),
            rng.randint(20, 40),
        )
        for _ in range(number)
    ]


def step(layer: torch.nn.Module, x: torch.Tensor):
    """One forward and backward pass."""

    def run() -> None:
        y = layer(x)
        y.backward(torch.ones_like(y))

    return run


def infer(layer: torch.nn.Module, x: torch.Tensor):
    """One forward pass without gradients."""

    def run() -> None:
        with torch.no_grad():
            layer(x)

    return run


def resident() -> float:
    """The largest resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: getrusage would count the parent's memory at the time of the fork
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def peak(case: Case, which: str) -> float:
    """Peak resident memory of training steps of one layer, above that before the layer was built, in MiB."""
    torch.nn.Conv2d(1, 1, 3, padding=1)(torch.randn(1, 1, 8, 8, requires_grad=True)).sum().backward()
    before = resident()
    steerable, plain, x = case.layers() if which == "steerable" else (None, *_plain(case))
    run = step(steerable if which == "steerable" else plain, x)
    for _ in range(3):
        run()
    return resident() - before


def _plain(case: Case) -> tuple[torch.nn.Module, torch.Tensor]:
    c = case.rep().dim
    plain = torch.nn.Conv2d(c, c, case.kernel, padding=case.kernel // 2, bias=False)
    return plain, torch.randn(case.batch, c, case.size, case.size, requires_grad=True)


def measure(case: Case) -> dict:
    """All numbers of a case."""
    steerable, plain, x = case.layers()
    frozen = steerable.freeze()
    train = interleaved({"plain": step(plain, x), "steerable": step(steerable, x)})
    evaluate = interleaved({"plain": infer(plain, x), "frozen": infer(frozen, x), "unfrozen": infer(steerable, x)})
    arguments = json.dumps(asdict(case))
    memory = {
        which: statistics.median(in_process("benchmarks.layers", arguments, which)["MiB"] for _ in range(7))
        for which in ("plain", "steerable")
    }
    return {
        **asdict(case),
        "parameters": nn.count_parameters(steerable),
        "plain_train_ms": round(1e3 * statistics.median(train["plain"]), 2),
        "train_ratio": round(ratio(train, "steerable", "plain"), 3),
        "frozen_ratio": round(ratio(evaluate, "frozen", "plain"), 3),
        "unfrozen_ratio": round(ratio(evaluate, "unfrozen", "plain"), 3),
        "plain_MiB": round(memory["plain"]),
        "memory_ratio": round(memory["steerable"] / memory["plain"], 2),
    }


def main() -> None:
    """Measure all cases."""
    write("layers", [measure(case) for case in CASES + drawn()])


if __name__ == "__main__":
    print(json.dumps({"MiB": peak(Case(**json.loads(sys.argv[1])), sys.argv[2])}))
