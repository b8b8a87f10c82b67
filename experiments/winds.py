"""Monthly winds: fill a disc of the globe in which the wind is not known.

    python experiments/winds.py --data FOLDER

reads monthly_winds.npz (132 months) and relief.npz from the folder. The wind is expanded in vector harmonics up to
degree 30, the monthly means of the training years are subtracted, and what is left, the anomaly, is known outside a
disc of 20° to 40°, up to noise at every point: a field of finite degree that is known exactly outside a disc is known
inside. Networks of equal size see the anomaly (0 in the disc), the disc, and the relief, and predict the anomaly in
the disc; the measure is the root mean square error in the disc, in m/s. Eight years are for training, one for tuning,
two for the test: as they are, and each month with its disc and the relief turned by a rotation of its own. Fields of
finite degree turn exactly. Beside the networks: no anomaly at all, and two linear fillings. It writes
results/winds.csv. A killed run goes on where it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from pathlib import Path

import numpy as np
import point_runs as runs
import torch
from sphere_digits import SO2, LatLonConv, SpectralBlock, irreps

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.spaces.latlon import LatLon

TABLE = Path(__file__).parents[1] / "experiments" / "results" / "winds.csv"
NETWORKS = ("spectral", "latitudes", "latitudes, turned")
BASELINES = ("no anomaly", "smoothest", "spectrum")
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
EPOCHS, BATCH = 120, 8
YEARS = {"train": range(8), "validation": range(8, 9), "test": range(9, 11)}
RADII = (20.0, 40.0)
"""Degrees."""
DISCS = 8
"""Of every month of validation and test."""
SCORES = ("same", "turned")
COLUMNS = ("phase", "network", "lr", "seed", "parameters", "epochs", "seconds", "validation", *SCORES)
GRID, LMAX, DEGREE = LatLon(36, 72), 30, 24
"""5° × 5°; the highest degree of the data, and of the convolutions."""
FIELDS, DEPTH, WIDTH = (17, 16), 4, 20
"""Scalars and vectors between the convolutions, how many of these; channels of the ordinary network."""
NOISE = 0.1
"""Standard deviation of both components of the measured wind, relative to the root mean square of the anomalies."""
NOISES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""For the linear fillings to choose from: the noise squared, relative to the mean variance of the coefficients."""
SCALAR, VECTOR = R.trivial(SO2), R.irrep(SO2, 1)


# ---------------------------------------------------------------------------------------------- fields of finite degree


def coefficients(x: torch.Tensor, rep: R.Representation, grid: LatLon, lmax: int = LMAX) -> torch.Tensor:
    """Harmonic coefficients of fields (n, rep.dim, rows, columns)."""
    return _transforms(rep, grid, lmax)[0](x.double())


def on_grid(a: torch.Tensor, rep: R.Representation, grid: LatLon = GRID) -> torch.Tensor:
    """The fields with given coefficients."""
    return _transforms(rep, grid, a.shape[2] - 1)[1](a)


@functools.cache
def _transforms(rep: R.Representation, grid: LatLon, lmax: int) -> tuple[torch.nn.Module, torch.nn.Module]:
    kinds = nn.SphericalTransform, nn.InverseSphericalTransform
    analysis, synthesis = (kind(rep, grid, lmax, dtype=torch.float64) for kind in kinds)
    return analysis, synthesis


def wind_coefficients(x: torch.Tensor, sweeps: int = 12) -> torch.Tensor:
    """Of winds (n, 2, rows, columns) from pole to pole; the values at the poles, no tangent vectors, are not used.

    The field of degree at most LMAX that agrees with its own values at the poles, and elsewhere with the data, by
    repeated substitution: each sweep leaves less than an eighth of the error.
    """
    grid, x = LatLon(*x.shape[2:], "poles"), x.double().clone()
    x[:, :, [0, -1]] = 0
    for _ in range(sweeps):
        x[:, :, [0, -1]] = on_grid(coefficients(x, VECTOR, grid), VECTOR, grid)[:, :, [0, -1]]
    return coefficients(x, VECTOR, grid)


# ------------------------------------------------------------------------------------------------------------ the data


@dataclass(frozen=True)
class Winds:
    """Anomalies in units of their root mean square, and the relief in units of its own, as coefficients."""

    anomalies: torch.Tensor  # (months, 2, lmax+1, 2 lmax+1)
    relief: torch.Tensor  # (1, 1, lmax+1, 2 lmax+1)
    unit: float  # of the wind, in m/s


@dataclass(frozen=True)
class Cases:
    """Wind (n, 2, rows, columns) to be found where the disc (n, 1, rows, columns) is 1; measured wind, and relief."""

    wind: torch.Tensor
    measured: torch.Tensor
    relief: torch.Tensor
    disc: torch.Tensor

    def __len__(self) -> int:
        return len(self.wind)

    def __getitem__(self, index: torch.Tensor | slice) -> Cases:
        return Cases(self.wind[index], self.measured[index], self.relief[index], self.disc[index])

    @property
    def known(self) -> torch.Tensor:
        """The measured wind outside the disc, 0 inside."""
        return self.measured * (1 - self.disc)

    @property
    def inputs(self) -> torch.Tensor:
        """Relief, disc, and the wind that is known: (n, 4, rows, columns)."""
        return torch.cat([self.relief, self.disc, self.known], 1)


def climate_removed(winds: torch.Tensor, years: int) -> torch.Tensor:
    """Months (12 n, ...) minus the mean of the same month in the first years."""
    calendar = winds.unflatten(0, (-1, 12))
    return (calendar - calendar[:years].mean(0)).flatten(0, 1)


def load(folder: Path) -> dict[str, Winds]:
    """Training, validation and test years."""
    with np.load(folder / "monthly_winds.npz") as stored:
        winds = torch.from_numpy(stored["wind"]).roll(8, 3)  # the first column is 20° E, of 2.5° each
    with np.load(folder / "relief.npz") as stored:
        height = torch.from_numpy(stored["elevation"][:, :-1]).double().roll(60, 1)  # 20° E, of ⅓° each
    relief = coefficients(height[None, None], SCALAR, LatLon(*height.shape, "equiangular"))
    relief[:, :, 0] = 0
    anomalies = climate_removed(wind_coefficients(winds), len(YEARS["train"]))
    unit = mean_square(anomalies[: 12 * len(YEARS["train"])]) ** 0.5
    anomalies, relief = anomalies / unit, relief / mean_square(relief) ** 0.5
    return {name: Winds(anomalies[12 * years.start : 12 * years.stop], relief, unit) for name, years in YEARS.items()}


def mean_square(a: torch.Tensor) -> float:
    """Of fields over the sphere, from their coefficients (n, channels, lmax+1, 2 lmax+1)."""
    return float(a.square().sum() / len(a) / (4 * pi))


def discs(n: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres (n, 3), uniform on the sphere, and cosines of radii (n,), uniform in degrees."""
    centres = torch.nn.functional.normalize(torch.randn(n, 3, generator=random, dtype=torch.float64), dim=1)
    low, high = RADII
    return centres, torch.cos((low + (high - low) * torch.rand(n, generator=random, dtype=torch.float64)) * pi / 180)


def present(lmax: int) -> torch.Tensor:
    """Which coefficients (lmax+1, 2 lmax+1) a vector field has: l ≥ 1, |m| ≤ l."""
    l = torch.arange(lmax + 1)[:, None]
    return (l > 0) & (l >= torch.arange(-lmax, lmax + 1).abs())


def cases(winds: Winds, index: torch.Tensor, random: torch.Generator, turns: torch.Tensor | None = None) -> Cases:
    """Months with a random disc each, turned by (n, 3, 3): wind, disc and relief alike; then noise at every point."""
    wind, relief = winds.anomalies[index], winds.relief.expand(len(index), -1, -1, -1)
    centres, cosines = discs(len(index), random)
    noise = NOISE * torch.randn(len(index), 2, *GRID.shape, generator=random, dtype=torch.float64)
    if turns is not None:
        wind, relief = (nn.rotated_coefficients(a, rep, turns) for a, rep in ((wind, VECTOR), (relief, SCALAR)))
        centres = torch.einsum("nij,nj->ni", turns.double(), centres)
    inside = torch.einsum("xyi,ni->nxy", GRID.embedding, centres) >= cosines[:, None, None]
    wind, relief = on_grid(wind, VECTOR), on_grid(relief, SCALAR)
    return Cases(*(x.float() for x in (wind, wind + noise, relief, inside[:, None])))


def repeated(winds: Winds, seed: int, turned: bool) -> Cases:
    """Every month with DISCS discs; the same discs, turned with the month or not."""
    index = torch.arange(len(winds.anomalies)).repeat_interleave(DISCS)
    turns = G.SO(3).sample(len(index), generator=runs.generator(seed, 1)) if turned else None
    return cases(winds, index, runs.generator(seed), turns)


def error(found: torch.Tensor, right: Cases) -> torch.Tensor:
    """Mean square of the vector in the discs, ∫ |f - f₀|² / area of all discs."""
    weights = right.disc * GRID.areas.to(found)
    return ((found - right.wind).square() * weights).sum() / weights.sum()


# --------------------------------------------------------------------------------------------------------- the networks


class SpectralNet(torch.nn.Module):
    """(batch, 4, rows, columns) -> wind (batch, 2, rows, columns), equivariant under SO(3)."""

    def __init__(self) -> None:
        super().__init__()
        hidden = irreps(*FIELDS)
        reps = [2 * SCALAR + VECTOR, *[hidden] * (DEPTH - 1)]
        parts = zip(reps[:-1], reps[1:], strict=True)
        self.blocks = torch.nn.ModuleList(SpectralBlock(a, b, GRID, GRID, DEGREE) for a, b in parts)
        self.last = nn.SphericalConv(hidden, VECTOR, GRID, lmax=DEGREE, nodes=6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for k, block in enumerate(self.blocks):
            x = x + block(x) if k else block(x)
        return self.last(x)


class LatLonNet(torch.nn.Module):
    """The same of ordinary convolutions, east and north as two channels."""

    def __init__(self) -> None:
        super().__init__()
        sizes, layers = (4, *[WIDTH] * 5), []
        for a, b in zip(sizes[:-1], sizes[1:], strict=True):
            layers.append(
                torch.nn.Sequential(LatLonConv(a, b, 5, bias=False), torch.nn.BatchNorm2d(b), torch.nn.ReLU())
            )
        self.blocks, self.last = torch.nn.ModuleList(layers), LatLonConv(WIDTH, 2, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for k, block in enumerate(self.blocks):
            x = x + block(x) if k else block(x)
        return self.last(x)


def build(network: str) -> torch.nn.Module:
    """One of NETWORKS."""
    return SpectralNet() if network == "spectral" else LatLonNet()


# ------------------------------------------------------------------------------------------------------ linear fillings


class Filling:
    """The field that a filter reproduces in the disc, f = P(f outside + f inside), P a ↦ p_l a at each degree.

    With p = C/(C + σ²) of variances C_l of the coefficients and noise σ² this is the best linear guess for a random
    field whose distribution does not change under rotations; with C_l = 1/l(l+1) it is the smoothest field, with the
    smallest ∫ |∇f|². Weighted by the root of areas, Y inside of the harmonics: (1 - Yᵀ P Y) f = Yᵀ P a.

    Args:
        variances: (2, lmax+1), of gradients and curls; 0 where there are none.
        noise: σ², relative to the mean of the variances over all coefficients.
    """

    def __init__(self, variances: torch.Tensor, noise: float) -> None:
        number = 2 * torch.arange(variances.shape[1]) + 1
        sigma = noise * (variances * number).sum() / (2 * number[1:].sum())
        filters = (variances / (variances + sigma))[..., None].expand(-1, -1, 2 * len(number) - 1)
        self.filters, chosen = filters, present(len(number) - 1).expand(2, -1, -1).flatten()
        unit = torch.eye(len(chosen), dtype=torch.float64)[chosen].view(-1, *filters.shape)
        self.harmonics, self.kept = on_grid(unit, VECTOR), filters.flatten()[chosen]

    def __call__(self, case: Cases) -> torch.Tensor:
        """The wind everywhere: as it is outside, filled inside."""
        found, known = case.wind.double(), case.known.double()
        filtered = on_grid(self.filters * coefficients(known, VECTOR, GRID, self.filters.shape[1] - 1), VECTOR)
        root = GRID.areas.sqrt().expand(GRID.shape)
        for one, smooth, disc in zip(found, filtered, case.disc[:, 0] > 0, strict=True):
            y = (self.harmonics[:, :, disc] * root[disc]).flatten(1)
            matrix = torch.eye(y.shape[1], dtype=y.dtype) - y.T @ (self.kept[:, None] * y)
            solution = torch.linalg.solve(matrix, (smooth[:, disc] * root[disc]).flatten())
            one[:, disc] = solution.view(2, -1) / root[disc]
        return found.to(case.wind)


def spectrum(winds: Winds) -> torch.Tensor:
    """The mean squares of the coefficients of gradients and curls at every degree, (2, lmax+1)."""
    number = 2 * torch.arange(winds.anomalies.shape[2]) + 1
    return winds.anomalies.square().sum(3).mean(0) / number


def variances(baseline: str, winds: Winds) -> torch.Tensor:
    """For a `Filling`: those of the training years, or of the smoothest field."""
    if baseline == "spectrum":
        return spectrum(winds)
    l = torch.arange(winds.anomalies.shape[2], dtype=torch.float64)
    return torch.where(l > 0, 1 / (l * (l + 1)).clamp(min=1), 0.0).expand(2, -1)


def filled(baseline: str, data: dict[str, Winds], sets: dict[str, Cases]) -> dict:
    """The row of a baseline; the noise is tuned on validation data and takes the column of the learning rate."""
    if baseline == "no anomaly":
        fillings: dict[float, Callable[[Cases], torch.Tensor]] = {0.0: lambda case: torch.zeros_like(case.wind)}
    else:
        c = variances(baseline, data["train"])
        fillings = {noise: Filling(c, noise) for noise in NOISES}
    unit = data["train"].unit
    errors = {noise: rmse(filling, sets["validation"], unit) for noise, filling in fillings.items()}
    noise = min(errors, key=lambda key: errors[key])
    scores = {name: rmse(fillings[noise], sets[name], unit) for name in SCORES}
    about = {"parameters": 0, "epochs": 0, "seconds": 0, "validation": -errors[noise]}
    rounded = {name: round(value, 4) for name, value in {**about, **scores}.items()}
    return {"phase": "test", "network": baseline, "lr": noise, "seed": 0, **rounded}


# ------------------------------------------------------------------------------------------------ training and testing


@torch.no_grad()
def rmse(predict: Callable, right: Cases, unit: float = 1.0) -> float:
    """The root of `error` in m/s: `predict` takes inputs if it is a network, else cases."""
    parts = [right[start : start + 48] for start in range(0, len(right), 48)]
    found = [predict(part.inputs if isinstance(predict, torch.nn.Module) else part) for part in parts]
    return unit * float(error(torch.cat(found), right)) ** 0.5


def test_sets(data: dict[str, Winds]) -> dict[str, Cases]:
    """Cases of the validation year, of the test years, and these turned; also turned ones of the validation year."""
    return {
        "validation": repeated(data["validation"], 1, False),
        "validation, turned": repeated(data["validation"], 1, True),
        "same": repeated(data["test"], 2, False),
        "turned": repeated(data["test"], 2, True),
    }


def study(data: dict[str, Winds], sets: dict[str, Cases], work: Path) -> runs.Study:
    """How networks are trained, tuned and tested; validation is minus the error."""
    unit, months = data["train"].unit, len(data["train"].anomalies)

    def loss(augment: bool):
        def of(net: torch.nn.Module, index: torch.Tensor, random: torch.Generator) -> torch.Tensor:
            turns = G.SO(3).sample(len(index), generator=random) if augment else None
            part = cases(data["train"], index, random, turns)
            return error(net(part.inputs), part)

        return of

    def train(network: str, lr: float, seed: int) -> tuple[torch.nn.Module, dict]:
        torch.manual_seed(seed)
        net, training = build(network), runs.Training(months, BATCH, EPOCHS)
        seconds = training.fit(net, loss("turned" in network), lr, seed, work / f"{network} {lr} {seed}.pt")
        return net, {"parameters": runs.count(net), "epochs": EPOCHS, "seconds": round(seconds)}

    def validate(network: str, net: torch.nn.Module) -> float:
        return -rmse(net, sets["validation, turned" if "turned" in network else "validation"], unit)

    def test(net: torch.nn.Module) -> dict[str, float]:
        return {name: rmse(net, sets[name], unit) for name in SCORES}

    return runs.Study(runs.Table(TABLE, COLUMNS), train, validate, test, RATES)


def summary(table: runs.Table) -> str:
    """Mean (smallest … largest) errors in m/s, a line a network, as a Markdown table."""
    lines = [("network", "parameters", "lr", "processor s", *SCORES), ("---",) * (4 + len(SCORES))]
    for network in (*BASELINES, *NETWORKS):
        rows = table.tests(network)
        values = [[float(row[score]) for row in rows] for score in SCORES]
        cells = [f"{sum(x) / len(x):.2f} ({min(x):.2f} … {max(x):.2f})" for x in values if x]
        lines += [(network, *(rows[0][name] for name in ("parameters", "lr", "seconds")), *cells)] if rows else []
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Fill the table."""
    options = runs.arguments(__doc__, "winds", data=True)
    torch.set_num_threads(1)
    data = load(options.data)
    sets = test_sets(data)
    done = study(data, sets, options.work)
    for baseline in BASELINES:
        if not done.table.tests(baseline):
            done.table.add(filled(baseline, data, sets))
    done.run(NETWORKS, options.seeds)
    print(summary(done.table))


if __name__ == "__main__":
    main()
