"""Convolution on the sphere in the space of its harmonics, for fields of every irrep of SO(2) and O(2).

The coefficients of degree l of a field of frequency k > 0 are two copies of the irrep D^l of SO(3), of a scalar one
(`torsor.linalg.spin_harmonics`). By Schur's lemma a linear map commutes with all rotations iff at each degree it mixes
those copies by a real matrix: 4 numbers a degree for a pair of irreps with k > 0, 2 for a scalar and such an irrep, 1
for two scalars. Convolutions with steerable kernels K(v) and invariant differential operators are of this form. Where
the structure group is O(2), maps commute with reflections too, gradients go to gradients, curls to curls: 2, 1, 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import torch

from torsor.errors import FieldTypeError, KernelError, is_count
from torsor.fibre.base import Constants
from torsor.fibre.bottlenecks import report_bottlenecks
from torsor.fibre.steered import Steered
from torsor.nn.spectral import require_grid
from torsor.reps import Representation
from torsor.spaces.harmonics import (
    InverseSphericalTransform,
    SphericalTransform,
    Spin,
    in_full_precision,
    resolved,
    spins,
)
from torsor.spaces.latlon import LatLon


@dataclass(frozen=True)
class _Block:
    """The weights between two terms: a matrix of copies for each node and each pair of components of one parity."""

    out: Spin
    into: Spin
    start: int
    nodes: int

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Components of the output and the input that mix."""
        return [(a, b) for a, p in enumerate(self.out.parities) for b, q in enumerate(self.into.parities) if p == q]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(nodes, copies out, copies in, pairs)."""
        return self.nodes, self.out.copies, self.into.copies, len(self.pairs)

    @property
    def size(self) -> int:
        """How many weights."""
        return prod(self.shape)

    @property
    def least(self) -> int:
        """The lowest degree that both terms have."""
        return max(self.out.k, self.into.k)

    @property
    def mixing(self) -> str:
        """The name of the constant that places the pairs, (pairs, components out, components in)."""
        return "mixing_" + "_".join("".join(map(str, spin.parities)) for spin in (self.out, self.into))

    def view(self, weight: torch.Tensor) -> torch.Tensor:
        """Its part of the flat weight."""
        return weight[self.start : self.start + self.size].view(self.shape)


class DegreeWeights(Constants):
    """All maps that commute with rotations, one matrix of the copies of D^l for each degree l, from a flat weight.

    The flat weight holds the pairs of terms one after another, output terms outer; of each pair a block (nodes, copies
    out, copies in, pairs of components), where the nodes are the degrees from max(k_in, k_out) to lmax, or `nodes` of
    them, equally spaced, with linear interpolation between.

    Raises:
        KernelError: no equivariant map exists between the types, or fewer than two nodes.
    """

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation,
        lmax: int,
        nodes: int | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if nodes is not None and not is_count(nodes, 2):
            raise KernelError(f"expected at least 2 nodes over the degrees, or None for one each, got {nodes}")
        self.in_rep, self.out_rep, self.lmax, self.nodes, self.plan = in_rep, out_rep, lmax, nodes, []
        start = 0
        for out in spins(out_rep):
            for into in spins(in_rep):
                degrees = max(0, lmax + 1 - max(out.k, into.k))
                self.plan.append(_Block(out, into, start, degrees if nodes is None else min(nodes, degrees)))
                start += self.plan[-1].size
        self.columns = len(spins(in_rep))
        if not start:
            raise KernelError(f"no equivariant map exists from {in_rep} to {out_rep} at degrees up to {lmax}")
        report_bottlenecks(
            in_rep, out_rep, {divmod(i, self.columns) for i, block in enumerate(self.plan) if block.size}
        )
        self.weight = torch.nn.Parameter(torch.empty(start, device=device, dtype=dtype))
        self.derive(device, dtype)
        self.reset_parameters()

    def constants(self) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for block in self.plan:
            found[f"degrees_{block.least}"] = interpolation(self.lmax, block.least, block.nodes)
            mixing = np.zeros((len(block.pairs), block.out.dim, block.into.dim))
            for i, (a, b) in enumerate(block.pairs):
                mixing[i, a, b] = 1.0
            found[block.mixing] = mixing
        return found

    @torch.no_grad()
    def reset_parameters(self, gain: float = 1.0) -> None:
        """Gaussian weights that keep the variance: white coefficients of unit variance keep it times gain².

        Of every degree where each has its weights: n weights that feed one coefficient have variance gain²/n. On
        average over all coefficients where weights are interpolated.
        """
        if self.weight.is_meta:
            return
        for row in range(0, len(self.plan), self.columns):
            blocks = self.plan[row : row + self.columns]
            for component in range(blocks[0].out.dim):
                self._reset_component(blocks, component, gain)

    def _reset_component(self, blocks: list[_Block], component: int, gain: float) -> None:
        """The weights that feed one component of an output term: variance 1/fan, averaged over (2l+1) coefficients."""
        squares = [interpolation(self.lmax, block.least, block.nodes) ** 2 for block in blocks]
        feeds = [[i for i, (a, _) in enumerate(block.pairs) if a == component] for block in blocks]
        widths = [block.into.copies * len(feed) for block, feed in zip(blocks, feeds, strict=True)]
        fans = sum(square.sum(1) * width for square, width in zip(squares, widths, strict=True))
        number = 2 * np.arange(self.lmax + 1) + 1
        for block, square, feed in zip(blocks, squares, feeds, strict=True):
            shares = number[:, None] * square
            variance = (shares / np.maximum(fans, 1e-12)[:, None]).sum(0) / shares.sum(0)
            deviation = torch.tensor(gain * np.sqrt(variance)).to(self.weight)[:, None, None]
            for i in feed:
                view = block.view(self.weight)[..., i]
                view.copy_(torch.randn_like(view) * deviation)

    def blocks(self) -> dict[tuple[int, int], torch.Tensor]:
        """Views of the weight by (output term, input term): (nodes, copies out, copies in, pairs of components)."""
        places = [divmod(i, self.columns) for i in range(len(self.plan))]
        return {place: block.view(self.weight) for place, block in zip(places, self.plan, strict=True)}

    def expand(self) -> torch.Tensor:
        """The matrix of every degree, (lmax+1, out_rep.dim, in_rep.dim)."""
        parts = [self._block(i) for i in range(len(self.plan))]
        rows = [torch.cat(parts[i : i + self.columns], dim=2) for i in range(0, len(parts), self.columns)]
        return torch.cat(rows, dim=1)

    def _block(self, index: int) -> torch.Tensor:
        block = self.plan[index]
        degrees, mixing = getattr(self, f"degrees_{block.least}"), getattr(self, block.mixing)
        nodes = (block.view(self.weight) @ mixing.flatten(1)).unflatten(3, mixing.shape[1:]).transpose(2, 3)
        shape = (self.lmax + 1, block.out.copies * block.out.dim, block.into.copies * block.into.dim)
        return (degrees @ nodes.reshape(block.nodes, shape[1] * shape[2])).view(shape)

    def extra_repr(self) -> str:
        nodes = "" if self.nodes is None else f", nodes={self.nodes}"
        return f"{self.in_rep.name} -> {self.out_rep.name}, {self.in_rep.group}, lmax={self.lmax}{nodes}"


def interpolation(lmax: int, least: int, nodes: int) -> np.ndarray:
    """Linear interpolation from equally spaced nodes over the degrees least … lmax: (lmax+1, nodes), 0 below."""
    matrix, degrees = np.zeros((lmax + 1, nodes)), max(0, lmax + 1 - least)
    places = np.linspace(0, max(nodes - 1, 0), degrees)
    matrix[lmax + 1 - degrees :] = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(nodes)))
    return matrix


class SphericalConv(Steered):
    """Convolution on the sphere: a ↦ W_l a of the coefficients of every degree l, and an invariant b.

    All linear maps of band-limited fields that commute with SO(3) (O(3) for types of O(2)), exactly up to rounding,
    also where the output is on a coarser or finer grid (spectral pooling). Higher degrees of the input are dropped.

    Args:
        in_rep: a sum of irreps of SO(2) or O(2).
        out_rep: another one.
        grid: the grid of the input, a tensor (batch, in_rep.dim, rows, columns).
        out_grid: the grid of the output, by default the same.
        lmax: the highest degree; by default all that both grids resolve.
        nodes: weights at so many degrees with linear interpolation between: kernels that are local and, with the same
            nodes, fewer parameters; by default each degree has its own.
        bias: add a learnt constant to every scalar.
        device: of parameters and tables.
        dtype: of parameters and tables.

    Raises:
        FieldTypeError: other types, or a degree that a grid does not resolve.
        KernelError: no equivariant map exists between the types.

    Source: Esteves, Makadia & Daniilidis, Spin-Weighted Spherical CNNs, NeurIPS 2020; here with all real-linear maps.
    """

    kernel: DegreeWeights

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation,
        grid: LatLon,
        out_grid: LatLon | None = None,
        *,
        lmax: int | None = None,
        nodes: int | None = None,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_rep, out_rep)
        self.grid, self.out_grid = grid, grid if out_grid is None else out_grid
        self.lmax = resolved(lmax, self.grid, self.out_grid)
        self.analysis = SphericalTransform(in_rep, self.grid, self.lmax, device=device, dtype=dtype)
        self.synthesis = InverseSphericalTransform(out_rep, self.out_grid, self.lmax, device=device, dtype=dtype)
        self.steer(DegreeWeights(in_rep, out_rep, self.lmax, nodes, device=device, dtype=dtype), bias, device, dtype)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        y = self.synthesis.unpacked(self.mix(self.analysis.packed(x)))
        with in_full_precision(x):
            bias = self.expanded_bias()
        y = y if bias is None else y + bias[:, None, None]
        return y if not x.is_meta and torch.is_autocast_enabled(x.device.type) else y.to(x.dtype)

    def mix(self, a: torch.Tensor) -> torch.Tensor:
        """W_l applied to packed coefficients, one matrix product a degree."""
        orders, _, _, _, batch = a.shape
        with in_full_precision(a):
            mixed = torch.bmm(self.kernel.expand().to(a), a.permute(1, 3, 0, 2, 4).flatten(2))
        return mixed.unflatten(2, (orders, 2, batch)).permute(2, 0, 3, 1, 4)

    def space_out(self, space: object) -> object:
        require_grid(self, space)
        return self.out_grid

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError("SphericalConv needs no refinement: it is exact for band-limited fields")
