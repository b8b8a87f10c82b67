"""How groups act on fields of a grid, pixel by pixel, and whether a layer commutes with it; no layer of torsor."""

from collections.abc import Callable, Iterable
from itertools import permutations, product

import numpy as np
import torch

from torsor import groups as G
from torsor import reps as R

C4, C8, D4, D8 = G.Cyclic(4), G.Cyclic(8), G.Dihedral(4), G.Dihedral(8)
SO2, O2, SO3 = G.SO(2), G.O(2), G.SO(3)
LINE, MIRROR, ALONE = G.Reflection(1), G.Reflection(2), G.Trivial(2)
TURNS = (
    np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
)
CUBE = G.MatrixGroup([], TURNS, label="octahedral rotations")
GROUPS = (C4, D4, C8, D8, SO2, O2, LINE, MIRROR, ALONE)
SUBGROUPS = {
    C4: G.Cyclic(2),
    C8: C4,
    D4: MIRROR,
    D8: G.Dihedral(2),
    SO2: G.Cyclic(2),
    O2: MIRROR,
    LINE: G.Trivial(1),
    MIRROR: ALONE,
    ALONE: ALONE,
}


def types(group: G.Group) -> dict[str, R.Representation]:
    """Types of every kind that a planar group has."""
    band = None if group.is_finite else 2
    found = {
        "trivial": 2 * R.trivial(group),
        "sign": R.sign(group),
        "standard": R.standard(group),
        "regular": R.regular(group, band),
        "quotient": 2 * R.quotient(group, SUBGROUPS[group], band),
        "irreps": R.direct_sum([(1, rho) for rho in R.irreps(group, 2)]),
        "induced": R.induced(group, R.standard(G.SO(2) if group == O2 else SUBGROUPS[group]))
        if group != SO2
        else R.tensor(SO2, 2),
    }
    found["mixed"] = R.trivial(group) + 2 * R.standard(group) + found["quotient"] + R.sign(group) + R.trivial(group)
    return found


CASES = [(group, name) for group in GROUPS for name in types(group)]
IDS = [f"{group}-{name}" for group, name in CASES]


def lattice(group: G.Group) -> list[torch.Tensor]:
    """The elements that are signed permutation matrices, from all 2^d d! of these."""
    found = []
    for order in permutations(range(group.dim)):
        for signs in product((1.0, -1.0), repeat=group.dim):
            g = torch.tensor(np.diag(signs) @ np.eye(group.dim)[list(order)])
            if bool(group.contains(g)):
                found.append(g)
    return found


def move(x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """(gx)(p) = x(g⁻¹p) about the centre, for a signed permutation g: looked up pixel by pixel."""
    g = np.rint(g.numpy()).astype(int)
    sizes = np.array(x.shape[2:])
    moved = np.abs(g) @ sizes
    index = np.stack(np.meshgrid(*(np.arange(n) for n in moved), indexing="ij"), -1).reshape(-1, len(sizes))
    source = ((2 * index - (moved - 1)) @ g + sizes - 1) // 2  # row vectors: (g⁻¹p)ᵀ = pᵀg
    flat = np.ravel_multi_index(tuple(source.T), tuple(sizes))
    return x.flatten(2)[..., torch.tensor(flat)].unflatten(2, tuple(int(n) for n in moved))


def act(x: torch.Tensor, rep: R.Representation, g: torch.Tensor, grid: bool = True, dual: bool = False) -> torch.Tensor:
    """ρ(g) x(g⁻¹p), or ρ(g)⁻ᵀ x(g⁻¹p); on features without a grid ρ(g) x."""
    matrix = rep.rho(g)
    matrix = (torch.linalg.inv(matrix).T if dual else matrix).to(x)
    return torch.einsum("ij,bj...->bi...", matrix, move(x, g) if grid and x.ndim > 2 else x)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max().clamp(min=1e-3))


def errors(
    layer: torch.nn.Module,
    x: torch.Tensor,
    g: torch.Tensor,
    in_rep: R.Representation | None = None,
    out_rep: R.Representation | None = None,
    grid: bool = True,
) -> tuple[float, float, float]:
    """Relative errors of the output, of the gradient by the input, of the gradients by all parameters."""
    in_rep = layer.in_rep if in_rep is None else in_rep
    out_rep = layer.out_rep if out_rep is None else out_rep
    weights = [p for p in layer.parameters() if p.requires_grad]

    def run(x, probe):
        x = x.detach().clone().requires_grad_()
        y = layer(x)
        probe = torch.randn(y.shape, dtype=y.dtype) if probe is None else probe
        into, *slopes = torch.autograd.grad((y * probe).sum(), [x, *weights], allow_unused=True, materialize_grads=True)
        return y.detach(), probe, into, torch.cat([s.flatten() for s in slopes] or [torch.zeros(1, dtype=x.dtype)])

    y, probe, into, slopes = run(x, None)
    moved = run(act(x, in_rep, g, grid), act(probe, out_rep, g, grid, dual=True))
    assert y.isfinite().all() and into.isfinite().all() and slopes.isfinite().all()
    return (
        relative(moved[0], act(y, out_rep, g, grid)),
        relative(moved[2], act(into, in_rep, g, grid, dual=True)),
        relative(moved[3], slopes),
    )


def worst(
    layer: torch.nn.Module,
    sizes: tuple[int, ...],
    elements: Iterable[torch.Tensor] | None = None,
    grid: bool = True,
    batch: int = 2,
    change: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> float:
    """The largest of all errors in float64 on a random input, under all lattice elements or the given ones."""
    x = torch.randn(batch, layer.in_rep.dim, *sizes, dtype=torch.float64)
    x = x if change is None else change(x)
    elements = lattice(layer.in_rep.group) if elements is None else elements
    return max(e for g in elements for e in errors(layer, x, g, grid=grid))


def randomise(module: torch.nn.Module) -> torch.nn.Module:
    """Random parameters and running statistics everywhere: nothing hides behind zeros and ones."""
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif name.endswith(("running_mean", "bias")):
                value.normal_()
            elif name.endswith("weight") and value.ndim == 1 and "kernel" not in name:
                value.uniform_(0.5, 2.0)
    return module
