"""A kernel over a window of scales, scale by scale: each output scale has a small stencil of its own.

The weights do not depend on the window, so that the kernel to one scale is the kernel between shorter windows, with
the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError, RepresentationError
from torsor.fibre.expansion import arrange, solve_pair
from torsor.kernels.expanded import ExpandedKernel
from torsor.reps import PartialRepresentation, Representation, scale_type
from torsor.reps.base import DirectSum
from torsor.reps.partial import ScaleType, base_of


class ScaledKernel(ExpandedKernel):
    """K_{ij}(v) = s_i^{-d} κ_{j-i}(v/s_i), linear in its weights; see `kernels.Scaled`."""

    spec: Any

    @cached_property
    def parts(self) -> tuple[tuple[torch.Tensor, torch.Tensor, int], ...]:  # type: ignore[override]
        """The output channels of one scale see the input channels of few scales, through a small stencil."""
        out, into, found = _channel_powers(self.out_rep), _channel_powers(self.in_rep), []
        for piece in self._pieces:
            p = float(piece.power)
            seen = ~np.isfinite(into) | ((into >= p) & (into < p + self.spec.scales))
            margin = (self.spec.shape - piece.spec.shape) // 2
            found.append((torch.from_numpy(np.flatnonzero(out == p)), torch.from_numpy(np.flatnonzero(seen)), margin))
        return tuple(found)

    @cached_property
    def _pieces(self) -> tuple[Slice, ...]:
        """The kernel to every scale of the output; none if it has fields without scales, or scales that see nothing."""
        out = _channel_powers(self.out_rep)
        if not np.isfinite(out).all():
            return ()
        found = [Slice.of(self.spec, self.in_rep, self.out_rep, int(p)) for p in np.unique(out)]
        return tuple(piece for piece in found if piece is not None) if all(found) else ()

    def constants(self) -> dict[str, np.ndarray]:
        _ = self.parts  # once, so that torch.compile reads it and does not trace how it is found
        bases = {
            f"part_{k}_{j}_{i}": solve_pair(piece.spec, rho_in, rho_out).dense()
            for k, piece in enumerate(self._pieces)
            if piece.entries <= PART_LIMIT
            for j, (_, rho_out) in enumerate(piece.out_rep.terms)
            for i, (_, rho_in) in enumerate(piece.in_rep.terms)
        }
        return super().constants() | bases

    def part_stencil(self, index: int) -> torch.Tensor:
        """The stencil of a part, margin cut off: the same weights with the basis of one scale of the output."""
        piece = self._pieces[index]
        if self._kept is not None or f"part_{index}_0_0" not in self._buffers:
            return super().part_stencil(index)
        blocks = [
            [getattr(self, f"part_{index}_{j}_{i}") for i in range(len(piece.in_rep.terms))]
            for j in range(len(piece.out_rep.terms))
        ]
        return self.with_bases(blocks, piece.in_rep, piece.out_rep).unflatten(-1, piece.spec.sizes(len(self.sizes)))

    def with_bases(
        self, bases: list[list[torch.Tensor]], in_rep: Representation, out_rep: Representation
    ) -> torch.Tensor:
        """The matrices from dense bases by output and input term, over other windows than those of the types."""
        rows, pairs = [], iter(self.pair_weights())
        for (n, rho_out), row in zip(out_rep.terms, bases, strict=True):
            blocks = [
                arrange(next(pairs) @ basis, n, m, rho_out.dim, rho_in.dim)
                for (m, rho_in), basis in zip(in_rep.terms, row, strict=True)
            ]
            rows.append(torch.cat(blocks, dim=1))
        return torch.cat(rows)

    def pair_weights(self) -> list[torch.Tensor]:
        """The weights of every pair of terms, (n m, number)."""
        found = []
        for _, start, size, (n, m, *_), *_ in self._plan:
            found.append(self.weight[start : start + size].view(n * m, -1))
        return found


PART_LIMIT = 1 << 22
"""Up to so many entries the bases of a part are kept; beyond, it is cut out of the whole stencil."""


@dataclass(frozen=True)
class Slice:
    """A kernel to one scale of the output: the scales of the input that it sees, and a stencil that holds it.

    Attributes:
        spec: with the extent of that scale.
        in_rep: the type of the input, its windows cut to what is seen.
        out_rep: the type of the output, at one scale.
        power: the power of the base of the scale.
    """

    spec: Any
    in_rep: Representation
    out_rep: Representation
    power: int

    @staticmethod
    def of(spec: Any, in_rep: Representation, out_rep: Representation, power: int) -> Slice | None:
        """The slice at a power; None if it sees nothing, or if not all fields of the output have that scale."""
        into = [_cut(term, power, power + spec.scales - 1) for _, term in in_rep.terms]
        out = [_cut(term, power, power) for _, term in out_rep.terms]
        if None in into or None in out:
            return None
        base = base_of(in_rep.group)
        narrow, one = (
            DirectSum(tuple((m, cut) for (m, _), cut in zip(rep.terms, cuts, strict=True)))  # type: ignore[misc]
            for rep, cuts in ((in_rep, into), (out_rep, out))
        )
        return Slice(replace(spec, extent=float(base**power)), narrow, one, power)

    @property
    def entries(self) -> int:
        """Entries of all bases."""
        d = self.in_rep.group.dim
        pairs = [(i, o) for _, o in self.out_rep.terms for _, i in self.in_rep.terms]
        return (
            sum(solve_pair(self.spec, i, o).entries for i, o in pairs) if self.spec.samples(d) < PART_LIMIT else 1 << 60
        )


def _cut(term: Representation, first: int, last: int) -> Representation | None:
    """A window cut to the powers first … last; None if nothing is left. Fields without scales stay."""
    if not isinstance(term, PartialRepresentation):
        return term
    low, high = max(first, term.start), min(last, term.start + term.scales - 1)
    return replace(term, start=low, scales=high - low + 1) if low <= high else None


def _channel_powers(rep: Representation) -> np.ndarray:
    """The power of the base of each channel's scale, infinity where there is none: (rep.dim,)."""
    found = [(field_type(field), field.dim) for _, field in rep.fields]
    return np.concatenate(
        [np.repeat(t.powers.astype(float), t.rep.dim) if t.scales else np.full(n, np.inf) for t, n in found]
    )


def field_type(rep: Representation) -> ScaleType:
    """How a type depends on rotations and scalings.

    Raises:
        KernelError: scalings act neither on a window nor by a power of the scale.
    """
    try:
        return scale_type(rep)
    except RepresentationError as error:
        raise KernelError(f"Scaled kernels connect windows of scales and fields without: {error}") from error
