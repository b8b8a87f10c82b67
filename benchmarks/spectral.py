"""Transforms and convolutions on the sphere against a plain real FFT and one matrix Legendre product for each order.

``python -m benchmarks.spectral`` writes results/spectral.csv. The plain transform is what one writes down first: the
FFT over longitude, real and imaginary parts, one einsum with the table of Legendre functions. Both give
the same numbers.
"""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch

from benchmarks.timing import interleaved, ratio, write
from torsor import groups, reps
from torsor.nn.spectral_conv import SphericalConv
from torsor.spaces.harmonics import SphericalTransform
from torsor.spaces.latlon import LatLon


@dataclass(frozen=True)
class Case:
    """So many fields of one frequency on a grid of 2L × 4L points, up to degree L."""

    frequency: int
    layer: str
    lmax: int = 72
    batch: int = 8
    fields: int = 8

    @property
    def rep(self) -> reps.Representation:
        """The type of the input."""
        group = groups.SO(2)
        return self.fields * (reps.irrep(group, self.frequency) if self.frequency else reps.trivial(group))

    @property
    def grid(self) -> LatLon:
        """Gauss–Legendre latitudes."""
        return LatLon(2 * self.lmax, 4 * self.lmax)

    def module(self) -> torch.nn.Module:
        """The transform or the convolution."""
        if self.layer == "transform":
            return SphericalTransform(self.rep, self.grid, self.lmax)
        return SphericalConv(self.rep, self.rep, self.grid, lmax=self.lmax)


class Plain(torch.nn.Module):
    """The scalar transform, as one writes it down first: (…, rows, columns) -> (…, l, m ≥ 0, 2)."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        scalar = SphericalTransform(reps.trivial(groups.SO(2)), case.grid, case.lmax)
        self.register_buffer("table", scalar.legendre_0.clone())
        self.lmax = case.lmax

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = torch.view_as_real(torch.fft.rfft(x)[..., : self.lmax + 1])
        return torch.einsum("mlk,bckmr->bclmr", self.table, z)


class PlainRoundTrip(Plain):
    """The scalar transform and its transpose, without a map of the coefficients between."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.columns = case.grid.columns

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = torch.einsum("mlk,bclmr->bckmr", self.table, super().forward(x))
        return torch.fft.irfft(torch.view_as_complex(z.contiguous()), n=self.columns, norm="forward")


def step(module: torch.nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """One forward and backward pass."""
    slope = torch.randn_like(module(x))

    def run() -> None:
        module(x).backward(slope)

    return run


def difference(case: Case) -> float:
    """Between the two scalar transforms, relative."""
    x = torch.randn(2, case.fields, *case.grid.shape)
    ours, plain = SphericalTransform(case.rep, case.grid, case.lmax)(x), Plain(case)(x)
    return float((ours[..., case.lmax :] - plain[..., 0]).abs().max() / ours.abs().max())


def measure(case: Case) -> dict:
    """All numbers of a case; the plain transform has as many channels."""
    torch.manual_seed(0)
    x = torch.randn(case.batch, case.rep.dim, *case.grid.shape, requires_grad=True)
    plain = Plain(case) if case.layer == "transform" else PlainRoundTrip(case)
    times = interleaved({"plain": step(plain, x), "torsor": step(case.module(), x)})
    return {
        **asdict(case),
        "rows": case.grid.rows,
        "columns": case.grid.columns,
        "plain_ms": round(1e3 * statistics.median(times["plain"]), 1),
        "torsor_ms": round(1e3 * statistics.median(times["torsor"]), 1),
        "ratio": round(ratio(times, "torsor", "plain"), 2),
        "difference": f"{difference(case):.0e}" if case.frequency == 0 and case.layer == "transform" else "",
    }


def main() -> None:
    """Measure all cases."""
    cases = [Case(k, layer) for layer in ("transform", "convolution") for k in (0, 1, 2)]
    write("spectral", [measure(case) for case in cases])


if __name__ == "__main__":
    main()
