"""Denoise a field of diffusion tensors: a network steerable under SO(3) against ordinary CNNs, upright and turned.

    python experiments/brain_tensors.py --data FOLDER

needs brain_dti.npz in the folder: ``tensor`` (6, X, Y, Z) in 1e-3 mm²/s, components xx yy zz xy xz yz; ``mask``
(X, Y, Z); ``voxel_mm`` (3,). The networks learn on the slab of small axis 1 in one orientation and are tested on the
slab of large axis 1, turned by random rotations; their learning rates are chosen on the slab between. The folder
--out receives brain_tensors.csv, a row a measurement, the weights, and figures; runs that the table already holds
are not repeated.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R

SLABS = {"train": (0, 68), "validation": (68, 84), "test": (84, None)}  # voxels of axis 1
PATCH, BATCH, WARMUP = 12, 4, 50
CUBE, RADIUS, CENTRES, TURNS = 33, 12.0, 6, 8  # the cube is odd, so that "grid" needs no interpolation
MAP = 49  # voxels of the maps in the figure
SIGMA = 0.25  # of the noise, in 1e-3 mm²/s, of every component in the √2-weighted basis
RATES = {"steerable": (3e-3, 1e-2, 3e-2), "plain CNN": (3e-3, 1e-2, 3e-2)}
SMOOTH = {"steerable": 10.0, "plain CNN": 3.0}  # by how much the linear path learns faster
WIDTHS = (0.4, 0.5, 0.6, 0.7, 0.8, 1.0)  # of Gaussian smoothing, voxels
FA_MIN = 0.3
COLUMNS = "network trained_on seed parameters lr steps split orientation degrees rmse direction fa seconds".split()
ROTATIONS = G.SO(3)
TENSOR = R.symmetric(ROTATIONS, 2)


# ------------------------------------------------------------------------------------------------ data


def from_stored(t: torch.Tensor) -> torch.Tensor:
    """(xx, yy, zz, xy, xz, yz) -> (xx, √2xy, √2xz, yy, √2yz, zz), the type `symmetric(G, 2)`; components on axis 0."""
    xx, yy, zz, xy, xz, yz = t.unbind(0)
    root = 2**0.5
    return torch.stack([xx, root * xy, root * xz, yy, root * yz, zz])


def matrices(t: torch.Tensor) -> torch.Tensor:
    """`symmetric(G, 2)` on the last axis, (..., 6) -> symmetric matrices (..., 3, 3)."""
    a, b, c, d, e, f = (t * t.new_tensor([1, 0.5**0.5, 0.5**0.5, 1, 0.5**0.5, 1])).unbind(-1)
    return torch.stack([a, b, c, b, d, e, c, e, f], -1).unflatten(-1, (3, 3))


@dataclass(frozen=True)
class Brain:
    """Tensors and mask (7, X, Y, Z) of one slab, zero elsewhere, and the size of a voxel in mm."""

    values: torch.Tensor
    voxel: torch.Tensor

    def centres(self, n: int, generator: torch.Generator, shift: bool = True) -> torch.Tensor:
        """Random points of the mask in voxels (n, 3): on the grid, or shifted by up to half a voxel."""
        inside = self.values[6].nonzero()
        chosen = inside[torch.randint(len(inside), (n,), generator=generator)].float()
        return chosen + (torch.rand(n, 3, generator=generator) - 0.5 if shift else 0.0)

    def cubes(self, centres: torch.Tensor, g: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(g f)(p) = ρ(g) f(g⁻¹p) about each centre, p physical: tensors (n, 6, size³), inside (n, size³).

        Trilinear; a point is inside if all its eight neighbours are in the mask. g is (n, 3, 3).
        """
        p = offsets(size, self.voxel)
        source = centres[:, None] + torch.einsum("nji,pj->npi", g, p) / self.voxel  # g⁻¹ = gᵀ
        scaled = 2 * source / (torch.tensor(self.values.shape[1:]) - 1) - 1
        grid = scaled.flip(-1).unflatten(1, (size,) * 3).reshape(1, -1, size, size, 3)
        values = torch.nn.functional.grid_sample(self.values[None], grid, align_corners=True)
        values = values[0].unflatten(1, (len(g), size)).transpose(0, 1)
        rho = TENSOR.rho(g.double()).float()
        return torch.einsum("nij,nj...->ni...", rho, values[:, :6]), values[:, 6] > 0.999


def offsets(size: int, voxel: torch.Tensor) -> torch.Tensor:
    """The positions of the voxels of a cube about its centre, in mm: (size³, 3)."""
    axis = torch.arange(size) - (size - 1) / 2
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3) * voxel


def load(folder: Path) -> dict[str, Brain]:
    """The three slabs."""
    with np.load(folder / "brain_dti.npz") as file:
        stored, mask, voxel = (torch.from_numpy(file[k].astype(np.float32)) for k in ("tensor", "mask", "voxel_mm"))
    return slabs(from_stored(stored), mask, voxel)


def slabs(tensors: torch.Tensor, mask: torch.Tensor, voxel: torch.Tensor) -> dict[str, Brain]:
    """The field cut along axis 1; each slab is zero outside its own range, so that nothing leaks."""
    values, found = torch.cat([tensors * mask, mask[None]]), {}
    for name, (start, stop) in SLABS.items():
        part = torch.zeros_like(values)
        part[:, :, start:stop] = values[:, :, start:stop]
        found[name] = Brain(part, voxel)
    return found


def noisy(clean: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Gaussian noise, isotropic in the orthonormal basis and therefore invariant under rotations."""
    return clean + SIGMA * torch.randn(clean.shape, generator=generator)


# --------------------------------------------------------------------------------------------- networks


class Denoiser(torch.nn.Module):
    """x + smooth(x) + conv(act(conv(act(conv(act(conv(x))))))), for a group, a hidden type and a family of kernels.

    The convolution `smooth` and the last one begin at zero: the network begins as the identity.
    """

    def __init__(self, hidden: R.Representation, kernel: K.KernelSpec, layers: int = 3) -> None:
        super().__init__()
        self.factor = SMOOTH["plain CNN" if hidden.group.order == 1 else "steerable"]
        tensor, modules = R.symmetric(hidden.group, 2), []
        for k in range(layers):
            act = nn.Gated(hidden, function=torch.nn.SiLU())
            modules += [nn.Conv(hidden if k else tensor, act.in_rep, kernel), act]
        self.smooth, last = nn.Conv(tensor, tensor, kernel), nn.Conv(hidden, tensor, kernel)
        for conv in (self.smooth, last):
            torch.nn.init.zeros_(conv.weight)
        self.body = nn.Sequential(*modules, last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.smooth(x) + self.body(x)


class Gaussian(torch.nn.Module):
    """Smoothing of every component with a Gaussian of width σ voxels, cut off at two voxels."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        axis = torch.exp(-torch.arange(-2.0, 3.0).square() / (2 * sigma**2))
        self.weight = torch.einsum("i,j,k->ijk", axis, axis, axis)[None, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        average = torch.nn.functional.conv3d(x.flatten(0, 1)[:, None], self.weight, padding=2).view(x.shape)
        return average / torch.nn.functional.conv3d(torch.ones_like(x[:1, :1]), self.weight, padding=2)


def steerable(voxel: torch.Tensor) -> Denoiser:
    """Scalars, vectors and degree-2 fields of SO(3)."""
    hidden = 19 * R.trivial(ROTATIONS) + 13 * R.irrep(ROTATIONS, 1) + 10 * R.irrep(ROTATIONS, 2)
    return Denoiser(hidden, K.Harmonic(size=3, width=0.4, moments=-1, spacing=tuple(voxel.tolist())))


def plain(channels: int) -> Denoiser:
    """The same code for the trivial group: an ordinary CNN with ReLU."""
    return Denoiser(channels * R.trivial(G.Trivial(3)), K.Stencil(size=3))


NETWORKS = {
    "steerable": steerable,
    "plain CNN": lambda voxel: plain(10),
}
CASES = [  # network, what it learns from, and how many times the steps
    ("plain CNN", "one orientation", 1),
    ("plain CNN", "rotations", 1),
    ("steerable", "one orientation", 1),
    ("plain CNN", "one orientation", 3),
]


# ------------------------------------------------------------------------------------------ measurements


def anisotropy(eigenvalues: torch.Tensor) -> torch.Tensor:
    """FA = √(3/2) |λ - mean λ| / |λ|, within 0 … 1 for non-negative λ (..., 3)."""
    deviation = eigenvalues - eigenvalues.mean(-1, keepdim=True)
    return (1.5 * deviation.square().sum(-1) / eigenvalues.square().sum(-1).clamp(min=1e-12)).sqrt()


def errors(found: torch.Tensor, clean: torch.Tensor) -> dict[str, float]:
    """Of tensors (n, 6): √mean|ΔT|², mean|ΔFA|, and the mean angle of principal axes (degrees) where FA > 0.3.

    Negative eigenvalues of a prediction count as zero in its FA. All are infinite if a prediction is not finite.
    """
    if not found.isfinite().all():
        return dict.fromkeys(("rmse", "direction", "fa"), float("inf"))
    (lf, vf), (lc, vc) = (torch.linalg.eigh(matrices(t.double())) for t in (found, clean))
    fa = anisotropy(lc)
    cosine = (vf[..., -1] * vc[..., -1]).sum(-1).abs().clamp(max=1.0)
    return {
        "rmse": float((found - clean).square().sum(-1).mean().sqrt()),
        "direction": float(torch.rad2deg(torch.arccos(cosine))[fa > FA_MIN].mean()),
        "fa": float((anisotropy(lf.clamp(min=0.0)) - fa).abs().mean()),
    }


@dataclass(frozen=True)
class Test:
    """Noisy and clean cubes in one orientation, and which voxels count."""

    noisy: torch.Tensor
    clean: torch.Tensor
    counted: torch.Tensor
    degrees: float

    @torch.no_grad()
    def errors(self, net: torch.nn.Module) -> dict[str, float]:
        """Of the network; of the identity: how large the noise is."""
        found = torch.cat([net(x[None]) for x in self.noisy])
        return errors(found.movedim(1, -1)[self.counted], self.clean.movedim(1, -1)[self.counted])


def tests(brain: Brain, seed: int = 7) -> dict[str, Test]:
    """The same balls of the brain in every orientation: on the voxels ("grid"), and between them upright and turned.

    "upright k" and "turn k" interpolate about the same points, as training does: they differ by the turn alone. The
    noise is drawn after the turn. A ball is so far inside its cube that no network sees the cube's faces.
    """
    generator = torch.Generator().manual_seed(seed)
    centres = brain.centres(CENTRES, generator, shift=False)
    ball = (offsets(CUBE, brain.voxel).norm(dim=-1) < RADIUS * float(brain.voxel.min())).view(1, CUBE, CUBE, CUBE)
    cases = {"grid": (centres, torch.eye(3))}
    for k, g in enumerate(ROTATIONS.sample(TURNS, generator=generator).float(), 1):
        shifted = centres + torch.rand(centres.shape, generator=generator) - 0.5
        cases |= {f"upright {k}": (shifted, torch.eye(3)), f"turn {k}": (shifted, g)}
    found = {}
    for name, (points, g) in cases.items():
        clean, inside = brain.cubes(points, g.expand(len(points), 3, 3), CUBE)
        angle = float(torch.rad2deg(torch.arccos(((g.trace() - 1) / 2).clamp(-1, 1))))
        found[name] = Test(noisy(clean, generator), clean, inside & ball, angle)
    return found


# ---------------------------------------------------------------------------------------------- training


def batch(brain: Brain, turned: bool, generator: torch.Generator, n: int = BATCH) -> tuple[torch.Tensor, ...]:
    """Noisy patches, clean patches, and which voxels are inside the brain."""
    g = ROTATIONS.sample(n, generator=generator).float() if turned else torch.eye(3).expand(n, 3, 3)
    clean, inside = brain.cubes(brain.centres(n, generator), g, PATCH)
    return noisy(clean, generator), clean, inside


def loss(net: torch.nn.Module, x: torch.Tensor, clean: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Mean |ΔT|² inside the brain."""
    return ((net(x) - clean).square().sum(1) * inside).sum() / inside.sum().clamp(min=1)


def train(net: Denoiser, brain: Brain, lr: float, steps: int, turned: bool, seed: int) -> None:
    """Adam, a linear warm-up and a cosine to zero; fresh patches and noise in every step."""
    generator = torch.Generator().manual_seed(1000 + seed)
    parts = [{"params": net.body.parameters()}, {"params": net.smooth.parameters(), "factor": net.factor}]
    optimizer = torch.optim.Adam(parts, lr)
    for step in range(steps):
        rate = min(1.0, (step + 1) / WARMUP) * 0.5 * (1 + np.cos(np.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = lr * rate * group.get("factor", 1.0)
        value = loss(net, *batch(brain, turned, generator))
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()


@torch.no_grad()
def validate(net: torch.nn.Module, brain: Brain) -> dict[str, float]:
    """The errors on 48 upright patches of the validation slab."""
    x, clean, inside = batch(brain, False, torch.Generator().manual_seed(5), 48)
    return errors(net(x).movedim(1, -1)[inside], clean.movedim(1, -1)[inside])


def build(name: str, brain: Brain, seed: int) -> Denoiser:
    """A network with fresh weights, a function of the seed."""
    torch.manual_seed(seed)
    return NETWORKS[name](brain.voxel)


# ----------------------------------------------------------------------------------------------- the run


class Table:
    """The rows of a CSV file, written after every run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict] = list(csv.DictReader(path.open())) if path.exists() else []

    def matching(self, **wanted: object) -> list[dict]:
        """The rows with these values."""
        return [row for row in self.rows if all(str(row[k]) == str(v) for k, v in wanted.items())]

    def add(self, rows: list[dict]) -> None:
        """Append rows and write the file."""
        self.rows += [{k: _short(row.get(k, "")) for k in COLUMNS} for row in rows]
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def _short(value: object) -> object:
    return f"{value:.5g}" if isinstance(value, float) else value


def tune(table: Table, name: str, trained_on: str, brains: dict[str, Brain], steps: int) -> float:
    """The learning rate with the least validation error (RMSE, upright) of half the steps, seed 0."""
    short = max(1, steps // 2)
    for lr in RATES[name]:
        if not table.matching(network=name, trained_on=trained_on, split="validation", lr=_short(lr), steps=short):
            begin, net = time.monotonic(), build(name, brains["train"], 0)
            train(net, brains["train"], lr, short, trained_on == "rotations", 0)
            row = {"network": name, "trained_on": trained_on, "seed": 0, "lr": lr, "steps": short}
            row |= {"parameters": nn.count_parameters(net), "split": "validation", "orientation": "upright"}
            table.add([row | validate(net, brains["validation"]) | {"seconds": time.monotonic() - begin}])
            print(table.rows[-1], flush=True)
    rows = table.matching(network=name, trained_on=trained_on, split="validation", steps=short)
    return float(min(rows, key=lambda row: float(row["rmse"]))["lr"])


def baselines(table: Table, brains: dict[str, Brain]) -> None:
    """The noisy input itself, and Gaussian smoothing of the width with the least validation error."""
    if table.matching(network="Gaussian"):
        return
    best = min(WIDTHS, key=lambda sigma: validate(Gaussian(sigma), brains["validation"])["rmse"])
    print(f"Gaussian smoothing of width {best} voxels", flush=True)
    for name, net in (("noisy input", torch.nn.Identity()), ("Gaussian", Gaussian(best))):
        table.add(measured({"network": name, "split": "test", "parameters": 0}, net, brains["test"]))


def one(table: Table, name: str, trained_on: str, lr: float, seed: int, steps: int, brains: dict, out: Path) -> None:
    """Train one network and test it in all orientations."""
    if table.matching(network=name, trained_on=trained_on, split="test", seed=seed, steps=steps):
        return
    net, path = build(name, brains["train"], seed), weights(out, name, trained_on, steps, seed)
    if not path.exists():
        begin = time.monotonic()
        train(net, brains["train"], lr, steps, trained_on == "rotations", seed)
        torch.save({"net": net.state_dict(), "seconds": time.monotonic() - begin}, path)
    saved = torch.load(path)
    net.load_state_dict(saved["net"])
    row = {"network": name, "trained_on": trained_on, "seed": seed, "lr": lr, "steps": steps, "split": "test"}
    row |= {"parameters": nn.count_parameters(net), "seconds": saved["seconds"]}
    table.add(measured(row, net.eval(), brains["test"]))
    print(name, trained_on, steps, seed, f"{row['seconds']:.0f} s", flush=True)


def weights(out: Path, name: str, trained_on: str, steps: int, seed: int) -> Path:
    """The file of a trained network."""
    return out / f"{name} {trained_on} {steps} {seed}.pt"


def measured(row: dict, net: torch.nn.Module, brain: Brain) -> list[dict]:
    """A row an orientation."""
    found = tests(brain)
    return [row | {"orientation": k, "degrees": test.degrees} | test.errors(net) for k, test in found.items()]


def quarter(t: torch.Tensor) -> torch.Tensor:
    """Tensors on cubes (n, 6, size³) turned by 90° about axis 2, which the grid has: no interpolation."""
    g = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    return torch.einsum("ij,nj...->ni...", TENSOR.rho(g).to(t), t.rot90(1, (2, 3)))


@torch.no_grad()
def disagreement(net: torch.nn.Module, test: Test) -> dict[str, float]:
    """How much net(g x) differs from g net(x) for the same noise, in the measures of `errors`."""
    counted = test.counted.rot90(1, (1, 2))
    found, expected = (
        torch.cat([map_(x[None]) for x in test.noisy]).movedim(1, -1)[counted]
        for map_ in (lambda x: net(quarter(x)), lambda x: quarter(net(x)))
    )
    return errors(found, expected)


def agree(table: Table, steps: int, seeds: int, brain: Brain, out: Path) -> None:
    """A row of split "quarter turn" for every network."""
    test = tests(brain)["upright 1"]
    for name, trained_on, factor in CASES:
        for seed in range(seeds):
            row = {"network": name, "trained_on": trained_on, "seed": seed, "steps": factor * steps}
            if not table.matching(**row, split="quarter turn"):
                net = build(name, brain, seed)
                net.load_state_dict(torch.load(weights(out, name, trained_on, factor * steps, seed))["net"])
                table.add([row | {"split": "quarter turn", "degrees": 90} | disagreement(net, test)])
                print(table.rows[-1], flush=True)


def summary(table: Table, steps: int) -> str:
    """The Markdown table: mean ± standard deviation over seeds, upright, turned, and what the turn costs."""
    kinds = ("upright", "turn", "difference")
    titles = [f"{m}, {o}" for m in ("direction (°)", "RMSE", "FA") for o in ("upright", "turned", "turned − upright")]
    columns = ["network", "trained on", "parameters", "steps", *titles]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, trained_on, factor in [("noisy input", "", ""), ("Gaussian", "", ""), *CASES]:
        number = factor and factor * steps
        rows = table.matching(network=name, trained_on=trained_on, split="test", steps=number)
        if rows:
            cells = [_cell(rows, m, kind) for m in ("direction", "rmse", "fa") for kind in kinds]
            lines.append("| " + " | ".join([name, trained_on, str(rows[0]["parameters"]), str(number), *cells]) + " |")
    return "\n".join(lines)


def _cell(rows: list[dict], measure: str, kind: str) -> str:
    seeds = sorted({row["seed"] for row in rows})
    upright, turned = (
        np.array([np.mean(_values([r for r in rows if r["seed"] == s], measure, o)) for s in seeds])
        for o in ("upright", "turn")
    )
    values = {"upright": upright, "turn": turned, "difference": turned - upright}[kind]
    digits, sign = 2 if measure == "direction" else 4, "+" if kind == "difference" else ""
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():{sign}.{digits}f}{spread}"


def _values(rows: list[dict], measure: str, orientation: str) -> list[float]:
    return [float(row[measure]) for row in rows if row["orientation"].startswith(orientation)]


# ---------------------------------------------------------------------------------------------- figure


def direction_map(tensors: torch.Tensor) -> np.ndarray:
    """FA · |principal axis| as red, green, blue: (6, X, Y) -> (X, Y, 3)."""
    values, vectors = torch.linalg.eigh(matrices(tensors.movedim(0, -1)))
    return (anisotropy(values.clamp(min=0))[..., None] * vectors[..., -1].abs()).clamp(0, 1).numpy()


@torch.no_grad()
def draw_maps(steps: int, brain: Brain, out: Path) -> None:
    """Principal directions in a turned piece of a slab, as the networks of seed 0 see them: maps.png."""
    from matplotlib.figure import Figure

    generator = torch.Generator().manual_seed(1)
    g = ROTATIONS.sample(1, generator=generator).float()
    middle = brain.values[6].nonzero().float().mean(0, keepdim=True)
    clean, _ = brain.cubes(middle, g, MAP)
    images = {"clean": clean, "noisy": noisy(clean, generator)}
    for name, trained_on, factor in CASES[:3]:
        net = build(name, brain, 0)
        net.load_state_dict(torch.load(weights(out, name, trained_on, factor * steps, 0))["net"])
        images[f"{name}, {trained_on}"] = net(images["noisy"])
    figure = Figure(figsize=(2 * len(images), 2.2), layout="constrained")
    for axes, (title, image) in zip(figure.subplots(1, len(images)), images.items(), strict=True):
        axes.imshow(direction_map(image[0, :, :, :, MAP // 2]))
        axes.set_title(title, fontsize=8)
        axes.axis("off")
    figure.savefig(out / "maps.png", dpi=110, metadata={"Software": None})


def draw_errors(table: Table, steps: int, out: Path) -> None:
    """The errors in all orientations, medians over seeds: brain_tensors.png."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    for axes, (measure, label) in zip(figure.subplots(1, 2), _MEASURES.items(), strict=True):
        _curves(axes, table, steps, measure)
        axes.set_ylabel(label)
        axes.tick_params(labelsize=7)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7)
    figure.savefig(out / "brain_tensors.png", dpi=110, metadata={"Software": None})


_MEASURES = {"direction": "error of the principal direction (°)", "rmse": "RMSE (10⁻³ mm²/s)"}


def _curves(axes: Any, table: Table, steps: int, measure: str) -> None:
    orientations = ["upright", *(f"turn {k + 1}" for k in range(TURNS))]
    for number, (name, trained_on, factor) in enumerate([("Gaussian", "", 0), *CASES]):
        wanted = {"steps": factor * steps} if factor else {}
        rows = table.matching(network=name, trained_on=trained_on, split="test", **wanted)
        label = ", ".join(part for part in (name, trained_on, f"{factor * steps} steps" if factor else "") if part)
        style = {"color": f"C{number}", "marker": "o" if factor == 1 else "^"}
        axes.plot(
            orientations, [np.median(_values(rows, measure, o)) for o in orientations], lw=1, ms=4, label=label, **style
        )


def main() -> None:
    """Tune, train, test; every run only once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with brain_dti.npz")
    parser.add_argument("--out", type=Path, default=Path("runs/brain-tensors"), help="folder of the results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    brains, table = load(options.data), Table(options.out / "brain_tensors.csv")
    baselines(table, brains)
    for name, trained_on, factor in CASES:
        steps = factor * options.steps
        lr = tune(table, name, trained_on, brains, steps)
        for seed in range(options.seeds):
            one(table, name, trained_on, lr, seed, steps, brains, options.out)
    agree(table, options.steps, options.seeds, brains["test"], options.out)
    print(summary(table, options.steps))
    draw_errors(table, options.steps, options.out)
    draw_maps(options.steps, brains["test"], options.out)


if __name__ == "__main__":
    main()
