"""Training step, frozen inference and peak memory of steerable convolutions, against ConvNd of the same shape."""

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
    dim: int = 2

    def rep(self) -> reps.Representation:
        """The type of input and output."""
        if self.representation == "scales":
            return self.fields * reps.regular(groups.Scaling(self.dim, 2**0.5), window=4)
        group = groups.from_name(self.group, dim=self.dim)
        if self.representation.startswith("multivector"):
            return self.fields * reps.multivector(group)
        if self.representation == "regular":
            return self.fields * reps.regular(group)
        return reps.direct_sum([(self.fields, rho) for rho in reps.irreps(group, 3 if self.dim == 2 else 2)])

    def layers(self) -> tuple[torch.nn.Module, torch.nn.Module, torch.Tensor]:
        """The steerable layer, the plain one, and an input."""
        torch.manual_seed(0)
        return nn.Conv(self.rep(), self.rep(), self.family(), bias=False), *self.plain()

    def family(self) -> kernels.KernelSpec:
        """How the kernel is solved."""
        families = {
            "multivector": kernels.PseudoRiemannian,
            "multivector, Clifford": kernels.Clifford,
            "scales": kernels.Scaled,
        }
        return families.get(self.representation, kernels.Harmonic)(self.kernel)

    def plain(self) -> tuple[torch.nn.Module, torch.Tensor]:
        """The plain layer, and an input."""
        c, size = self.rep().dim, 17 if self.representation == "scales" else self.kernel  # that of the largest scale
        kind = torch.nn.Conv2d if self.dim == 2 else torch.nn.Conv3d
        plain = kind(c, c, size, padding=size // 2, bias=False)
        return plain, torch.randn(self.batch, c, *[self.size] * self.dim, requires_grad=True)


CASES = [
    Case("C8", "regular", 8, 5, 16, 32),
    Case("D8", "regular", 8, 5, 16, 32),
    Case("SO2", "irreps", 8, 5, 16, 32),
    Case("O", "regular", 4, 5, 4, 16, 3),
    Case("I", "regular", 2, 5, 2, 16, 3),
    Case("SO3", "irreps", 4, 5, 4, 16, 3),
    Case("O(1,2)", "multivector", 4, 5, 4, 16, 3),
    Case("O(1,2)", "multivector, Clifford", 4, 5, 4, 16, 3),
    Case("scalings", "scales", 4, 5, 8, 32),
]


def drawn(number: int = 3, seed: int = 2026) -> list[Case]:
    """Cases drawn at random."""
    rng = random.Random(seed)
    found = []
    for dim, names in ((2, ["C4", "C8", "C12", "C16", "D4", "D6", "D8"]), (3, ["T", "O", "Td", "Th", "I", "D4h"])):
        for _ in range(number):
            name = rng.choice(names)
            fields = (
                rng.randint(4, 12)
                if dim == 2
                else max(1, round(rng.uniform(60, 140) / (groups.from_name(name, dim=3).order or 1)))
            )
            batch, size = (
                (rng.randint(8, 24), rng.randint(20, 40)) if dim == 2 else (rng.randint(2, 4), rng.randint(12, 18))
            )
            found.append(Case(name, "regular", fields, rng.choice([3, 5, 7] if dim == 2 else [3, 5]), batch, size, dim))
    return found


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
    steerable, plain, x = case.layers() if which == "steerable" else (None, *case.plain())
    run = step(steerable if which == "steerable" else plain, x)
    for _ in range(3):
        run()
    return resident() - before


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
