"""Spaces of equivariant linear maps, R.hom, cold: seconds, number and residual, each in a fresh process, one thread."""

import json
import statistics
import sys
import time

import numpy as np
import torch

from benchmarks.timing import in_process, write
from torsor import groups, nn, reps
from torsor.reps import Representation


def tensors(group: groups.Group, into: int, out: int) -> tuple[Representation, Representation]:
    """Tensors of two orders."""
    return reps.tensor(group, into), reps.tensor(group, out)


def galilei() -> groups.Group:
    """Rotations of space and Galilean boosts, on spacetime."""
    algebra = np.zeros((6, 4, 4))
    algebra[:3, 1:, 1:] = groups.SO(3).algebra_array
    algebra[[3, 4, 5], [1, 2, 3], 0] = 1
    return groups.MatrixGroup(algebra, label="Galilei")


CASES = {
    "SO(4), T4 → T4": lambda: tensors(groups.SO(4), 4, 4),
    "SO(4), scalars → T8": lambda: tensors(groups.SO(4), 0, 8),
    "O(1,3), T4 → T4": lambda: tensors(groups.O(1, 3), 4, 4),
    "SO(1,3), T4 → T4": lambda: tensors(groups.SO(1, 3), 4, 4),
    "SO(3), T5 → T5": lambda: tensors(groups.SO(3), 5, 5),
    "SO(5), T3 → T4": lambda: tensors(groups.SO(5), 3, 4),
    "SL(2), T8 → T8": lambda: tensors(groups.SL(2), 8, 8),
    "Sp(4), T4 → T4": lambda: tensors(groups.Sp(4), 4, 4),
    "SU(3), T3 → T3": lambda: tensors(groups.SU(3), 3, 3),
    "icosahedral, T5 → T5": lambda: tensors(groups.Icosahedral(), 5, 5),
    "S5, T3 → T4": lambda: tensors(groups.Symmetric(5), 3, 4),
    "S17, T2 → T2": lambda: tensors(groups.Symmetric(17), 2, 2),
    "Galilei, T3 → T4": lambda: tensors(galilei(), 3, 4),
}


def residual(maps: torch.Tensor, rho: Representation, sigma: Representation) -> float:
    """|σ W - W ρ| of a random W of norm 1 in the span, the largest over the Lie algebra basis and generators."""
    mixture = torch.randn(len(maps), dtype=maps.dtype, generator=torch.Generator().manual_seed(0))
    w = torch.tensordot(mixture / mixture.norm(), maps, 1).numpy()
    images = [*zip(rho.algebra_images, sigma.algebra_images, strict=True)]
    images += [*zip(rho.generator_images, sigma.generator_images, strict=True)]
    return max(float(np.linalg.norm(b @ w - w @ a)) for a, b in images)


def solve(name: str) -> dict:
    """Build one case."""
    rho, sigma = CASES[name]()
    start = time.process_time()
    maps = reps.hom(rho, sigma)
    seconds = time.process_time() - start
    small = max(rho.dim, sigma.dim) < 4096  # the plain matrices of larger ones do not fit into memory
    return {
        "unknowns": rho.dim * sigma.dim,
        "maps": len(maps),
        "cpu_seconds": round(seconds, 3),
        "residual": f"{residual(maps, rho, sigma):.0e}" if small else "",
    }


def layer() -> dict:
    """A linear layer between sums of Lorentz tensors, cold."""
    start = time.process_time()
    group = groups.O(1, 3)
    rep = 8 * reps.trivial(group) + 8 * reps.standard(group) + 8 * reps.tensor(group, 2) + 2 * reps.tensor(group, 3)
    built = nn.Linear(rep, rep)
    seconds = round(time.process_time() - start, 3)
    return {"unknowns": rep.dim**2, "maps": built.kernel.weight.numel(), "cpu_seconds": seconds, "residual": ""}


def main(rounds: int = 3) -> None:
    """Measure all cases."""
    rows = []
    for name in [*CASES, "Linear"]:
        results = [in_process("benchmarks.intertwiners", name) for _ in range(rounds)]
        seconds = statistics.median(r["cpu_seconds"] for r in results)
        label = "nn.Linear of O(1,3), weights" if name == "Linear" else name
        rows.append({"case": label, **results[0], "cpu_seconds": seconds})
    write("intertwiners", rows)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 1:
        main()
    else:
        torch.linalg.eigh(torch.eye(2))
        print(json.dumps(layer() if sys.argv[1] == "Linear" else solve(sys.argv[1])))
