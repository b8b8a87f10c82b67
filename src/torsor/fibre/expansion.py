"""From flat weights to equivariant matrices, W ↦ Q_out (Σ_b w_b P_b) Q_in⁻¹.

For each pair of terms of the two types, the maps between irreps σ → τ are solved once. Three ways to apply them:

- *dense*: the basis of the pair, change of basis included, is one matrix; weights times basis. The plain reference, and
  the quickest way for small groups.
- *rows*: one product per irrep τ of the output, with Q_in⁻¹ in the basis; then Q_out acts on the output channels. For
  D8 that is a ninth of the arithmetic.
- *factored*: one product per pair of irreps, then Q_out and Q_in⁻¹ act on the channel axes. The least memory, for
  large groups, whose dense basis has |G|² entries an element.

A weight tensor of one pair of terms (n copies of ρ_out, m of ρ_in) is (n, m, number); `number` runs over the irreps τ
of ρ_out, the copies of τ, the irreps σ of ρ_in, the copies of σ, then basis maps. The flat weight holds the pairs one
after another, output terms outer, input terms inner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.base import Constants
from torsor.fibre.bottlenecks import report_bottlenecks
from torsor.reps import Representation, decompose
from torsor.symbolic import Symbolic

DENSE_LIMIT, ROWS_LIMIT = 1 << 18, 1 << 22
"""Up to so many entries the basis of a pair is kept dense, or as rows."""

Bases = list[list[np.ndarray]]
"""[τ][σ] -> (number, dim τ, dim σ, samples) float64."""


class BasisSource(Symbolic, ABC):
    """Where the maps between irreps come from: a kernel family at its sample points, or plain intertwiners."""

    @abstractmethod
    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """All maps σ → τ, normalised to squared Frobenius norm dim τ over all samples."""

    @abstractmethod
    def samples(self, d: int) -> int:
        """The number of sample points in d dimensions."""


@dataclass(frozen=True)
class Piece:
    """The maps between irreps σ → τ in a pair of terms, and the place of their weights.

    Attributes:
        tau: irrep of the output.
        sigma: irrep of the input.
        copies_out: of τ in ρ_out.
        copies_in: of σ in ρ_in.
        maps: the basis maps, (number, dim τ, dim σ, samples).
        row: the columns of all weights that feed τ.
        offset: of the weights of σ among those that feed one copy of τ.
    """

    tau: Representation
    sigma: Representation
    copies_out: int
    copies_in: int
    maps: np.ndarray
    row: slice
    offset: int

    @property
    def number(self) -> int:
        """How many basis maps σ → τ there are."""
        return len(self.maps)

    @property
    def width(self) -> int:
        """How many weights feed one copy of τ from all copies of σ."""
        return self.copies_in * self.number

    @property
    def size(self) -> int:
        """How many weights one pair of fields has here."""
        return self.copies_out * self.width

    def view(self, block: torch.Tensor) -> torch.Tensor:
        """The weights of the piece in those of a pair (n, m, …): a view (n, m, copies of τ, copies of σ, number)."""
        width = (self.row.stop - self.row.start) // self.copies_out
        row = block[..., self.row].unflatten(-1, (self.copies_out, width))
        return row[..., self.offset : self.offset + self.width].unflatten(-1, (self.copies_in, self.number))


@dataclass(frozen=True)
class PairBasis:
    """The solved maps of one pair of terms ρ_in → ρ_out: rows of pieces, a row for each irrep τ of the output."""

    rows: tuple[tuple[Piece, ...], ...]
    q_out: np.ndarray
    q_in: np.ndarray
    samples: int

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces, τ outer."""
        return tuple(piece for row in self.rows for piece in row)

    @property
    def number(self) -> int:
        """Weights for one pair of fields: dim Hom."""
        return sum(piece.size for piece in self.pieces)

    @property
    def entries(self) -> int:
        """Entries of the dense basis."""
        return self.number * len(self.q_out) * len(self.q_in) * self.samples

    @property
    def row_entries(self) -> int:
        """Entries of all `row_basis` matrices."""
        return sum(p.width * p.tau.dim for p in self.pieces) * len(self.q_in) * self.samples

    def row_basis(self, index: int) -> np.ndarray:
        """The maps that feed one copy of τ, Q_in⁻¹ applied: (weights, dim τ, dim ρ_in · samples)."""
        parts, start = [], 0
        for piece in self.rows[index]:
            height = piece.copies_in * piece.sigma.dim
            into = self.q_in[start : start + height].reshape(piece.copies_in, piece.sigma.dim, -1)
            part = np.tensordot(piece.maps, into, axes=(2, 1))  # (number, dim τ, samples, copies, dim ρ_in)
            size = len(self.q_in) * self.samples
            parts.append(part.transpose(3, 0, 1, 4, 2).reshape(piece.width, piece.tau.dim, size))
            start += height
        return np.concatenate(parts)

    def dense(self) -> np.ndarray:
        """The basis with both changes of basis applied: (number, dim ρ_out · dim ρ_in · samples)."""
        parts, start = [], 0
        for index, row in enumerate(self.rows):
            copies, dim = row[0].copies_out, row[0].tau.dim
            out = self.q_out[:, start : start + copies * dim].reshape(-1, copies, dim)
            part = np.tensordot(out, self.row_basis(index), axes=(2, 1))  # (dim ρ_out, copies, weights, …)
            size = len(self.q_out) * len(self.q_in) * self.samples
            parts.append(part.transpose(1, 2, 0, 3).reshape(copies * part.shape[2], size))
            start += copies * dim
        return np.concatenate(parts)


def pair_basis(bases: Bases, rho_in: Representation, rho_out: Representation, samples: int) -> PairBasis:
    """Arrange the maps between the irreps of two representations."""
    inner, outer, rows, start = decompose(rho_in), decompose(rho_out), [], 0
    for (copies_out, tau), solved in zip(outer.blocks, bases, strict=True):
        width = sum(copies * len(maps) for (copies, _), maps in zip(inner.blocks, solved, strict=True))
        place, offset, row = slice(start, start + copies_out * width), 0, []
        for (copies_in, sigma), maps in zip(inner.blocks, solved, strict=True):
            row.append(Piece(tau, sigma, copies_out, copies_in, maps, place, offset))
            offset += row[-1].width
        rows.append(tuple(row))
        start += copies_out * width
    return PairBasis(tuple(rows), outer.basis, inner.inverse, samples)


@lru_cache(maxsize=256)
def solve_pair(source: BasisSource, rho_in: Representation, rho_out: Representation) -> PairBasis:
    """The basis of one pair of terms, solved once in a process."""
    sigmas = tuple(sigma for _, sigma in decompose(rho_in).blocks)
    taus = tuple(tau for _, tau in decompose(rho_out).blocks)
    return pair_basis(source.bases(sigmas, taus), rho_in, rho_out, source.samples(rho_in.group.dim))


@dataclass(frozen=True)
class Pair:
    """One pair of terms of the types of a layer, and the place of its weights."""

    out_term: int
    in_term: int
    copies_out: int
    copies_in: int
    rho_out: Representation
    rho_in: Representation
    basis: PairBasis
    start: int

    @property
    def size(self) -> int:
        """The number of weights."""
        return self.copies_out * self.copies_in * self.basis.number

    def block(self, weight: torch.Tensor) -> torch.Tensor:
        """The weights of the pair in the flat weight, as a view (n, m, number)."""
        part = weight[self.start : self.start + self.size]
        return part.view(self.copies_out, self.copies_in, self.basis.number)


def fan_in(pairs: tuple[Pair, ...]) -> dict[tuple[int, Representation], int]:
    """How many weights feed one copy of each irrep τ in each term of the output."""
    fans: dict[tuple[int, Representation], int] = defaultdict(int)
    for pair in pairs:
        for piece in pair.basis.pieces:
            fans[pair.out_term, piece.tau] += pair.copies_in * piece.copies_in * piece.number
    return fans


class Expansion(Constants):
    """All equivariant matrices between two types, as a linear function of a flat weight.

    Args:
        source: where the maps between irreps come from.
        in_rep: type of the input.
        out_rep: type of the output.
        method: "dense", "rows", "factored", or None to choose by size.

    Raises:
        KernelError: no equivariant map at all exists between the types.

    Warns:
        BottleneckWarning: a term of the output that nothing reaches, or of the input that nothing depends on.
    """

    def __init__(
        self,
        source: BasisSource,
        in_rep: Representation,
        out_rep: Representation,
        *,
        method: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.source, self.in_rep, self.out_rep, self.method = source, in_rep, out_rep, method
        self.samples = source.samples(in_rep.group.dim)
        pairs = self.pairs
        self._report_bottlenecks(pairs)
        self.weight = torch.nn.Parameter(torch.empty(sum(p.size for p in pairs), device=device, dtype=dtype))
        self._kept: tuple[torch.Tensor, int, torch.Tensor] | None = None
        self.derive(device, dtype)
        self.reset_parameters()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of terms with their solved bases."""
        found, start = [], 0
        for j, (n, rho_out) in enumerate(self.out_rep.terms):
            for i, (m, rho_in) in enumerate(self.in_rep.terms):
                pair = Pair(j, i, n, m, rho_out, rho_in, solve_pair(self.source, rho_in, rho_out), start)
                found.append(pair)
                start += pair.size
        return tuple(found)

    def _report_bottlenecks(self, pairs: tuple[Pair, ...]) -> None:
        if not any(p.size for p in pairs):
            raise KernelError(
                f"no equivariant map exists from {self.in_rep} to {self.out_rep}: the types share no path; "
                "add a term to one of them that occurs in the other, or enlarge the kernel"
            )
        report_bottlenecks(self.in_rep, self.out_rep, {(p.out_term, p.in_term) for p in pairs if p.size})

    def _method(self, basis: PairBasis) -> str:
        if self.method is not None:
            return self.method
        return "dense" if basis.entries <= DENSE_LIMIT else "rows" if basis.row_entries <= ROWS_LIMIT else "factored"

    def constants(self) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for pair in self.pairs:
            name, basis = f"basis_{pair.out_term}_{pair.in_term}", pair.basis
            method = self._method(basis)
            if method == "dense":
                found[name] = basis.dense()
            elif method == "rows":
                found[f"{name}_q_out"] = basis.q_out
                rows = (basis.row_basis(t) for t in range(len(basis.rows)))
                found |= {f"{name}_{t}": row.reshape(len(row), -1) for t, row in enumerate(rows) if row.size}
            else:
                found[f"{name}_q_out"], found[f"{name}_q_in"] = basis.q_out, basis.q_in
                maps = {f"{name}_{k}": piece.maps for k, piece in enumerate(basis.pieces) if piece.size}
                found |= {key: m.reshape(len(m), -1) for key, m in maps.items()}
        return found

    def derive(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().derive(device, dtype)
        self._kept = None
        self._plan = tuple(self._recipe(pair) for pair in self.pairs)

    def _recipe(self, pair: Pair) -> tuple:
        """What the expansion of a pair needs to know, as plain numbers, which torch.compile reads."""
        basis = pair.basis
        rows = tuple(
            (row[0].row.start, row[0].copies_out, row[0].tau.dim, sum(piece.width for piece in row))
            for row in basis.rows
        )
        inner = tuple(
            tuple((piece.offset, piece.copies_in, piece.number, piece.sigma.dim) for piece in row) for row in basis.rows
        )
        shape = (pair.copies_out, pair.copies_in, pair.rho_out.dim, pair.rho_in.dim)
        return (self._method(basis), pair.start, pair.size, shape, rows, inner)

    @torch.no_grad()
    def reset_parameters(self, gain: float = 1.0) -> None:
        """Gaussian weights that keep the variance: white input of unit variance gives output of variance gain².

        A basis map has squared norm dim τ, so an output irrep τ that n weights feed gets each of variance gain²/n.
        """
        if self.weight.is_meta:
            return
        pairs = self.pairs
        fans = fan_in(pairs)
        for pair in pairs:
            for piece in pair.basis.pieces:
                if piece.size:
                    deviation = gain / np.sqrt(fans[pair.out_term, piece.tau])
                    piece.view(pair.block(self.weight)).normal_(0.0, deviation)

    def blocks(self) -> dict[tuple[str, str, str, str], torch.Tensor]:
        """Named views of the weight: (ρ_out, ρ_in, τ, σ) -> (n, m, copies of τ, copies of σ, number).

        A term that occurs at several places carries its position, such as "regular#2".
        """
        views = {}
        for pair in self.pairs:
            names = _name(self.out_rep, pair.out_term), _name(self.in_rep, pair.in_term)
            for piece in pair.basis.pieces:
                views[(*names, piece.tau.name, piece.sigma.name)] = piece.view(pair.block(self.weight))
        return views

    def expand(self) -> torch.Tensor:
        """The equivariant matrices at all samples: (out_rep.dim, in_rep.dim, samples)."""
        if self._kept is not None and self._kept[0] is self.weight and self._kept[1] == self.weight._version:
            return self._kept[2]
        return self._combine([self._pair(j) for j in range(len(self._plan))])

    def expand_at(self, bases_of: Any) -> torch.Tensor:
        """The matrices for other samples, by the dense way; ``bases_of(sigmas, taus)`` gives the maps there."""
        blocks = []
        for pair in self.pairs:
            taus = tuple(t for _, t in decompose(pair.rho_out).blocks)
            sigmas = tuple(s for _, s in decompose(pair.rho_in).blocks)
            bases = bases_of(sigmas, taus)
            basis = pair_basis(bases, pair.rho_in, pair.rho_out, bases[0][0].shape[-1]).dense()
            weight = pair.block(self.weight).flatten(0, 1)
            dense = torch.tensor(basis, dtype=weight.dtype, device=weight.device)
            blocks.append(arrange(weight @ dense, pair.copies_out, pair.copies_in, pair.rho_out.dim, pair.rho_in.dim))
        return self._combine(blocks)

    def keep(self, active: bool) -> None:
        """Keep the expanded matrices until the weight changes (`torsor.cached`), or forget them."""
        self._kept = None
        if active:
            with torch.no_grad():
                self._kept = (self.weight, self.weight._version, self.expand())

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles keep no expanded matrices."""
        return {**self.__dict__, "_kept": None}

    def _pair(self, index: int) -> torch.Tensor:
        method, start, size, shape, rows, inner = self._plan[index]
        n, m, d_out, d_in = shape
        i = index % len(self.in_rep.terms)
        name = f"basis_{index // len(self.in_rep.terms)}_{i}"
        weight = self.weight[start : start + size].view(n, m, sum(row[1] * row[3] for row in rows))
        if method == "dense":
            return arrange(weight.flatten(0, 1) @ getattr(self, name), n, m, d_out, d_in)
        if method == "rows":
            return self._rows(weight, name, rows, d_in * self.samples).view(n * d_out, m * d_in, self.samples)
        return self._factored(weight, name, rows, inner).view(n * d_out, m * d_in, self.samples)

    def _rows(self, weight: torch.Tensor, name: str, rows: tuple, size: int) -> torch.Tensor:
        (n, m), parts = weight.shape[:2], []
        for t, (start, copies, dim, width) in enumerate(rows):
            if not width:
                parts.append(weight.new_zeros(n, copies * dim, m, size))
                continue
            part = weight[..., start : start + copies * width].reshape(n * m * copies, width)
            part = (part @ getattr(self, f"{name}_{t}")).view(n, m, copies, dim, size)
            parts.append(part.permute(0, 2, 3, 1, 4).reshape(n, copies * dim, m, size))
        return getattr(self, f"{name}_q_out") @ _cat(parts, 1).flatten(2)

    def _factored(self, weight: torch.Tensor, name: str, rows: tuple, inner: tuple) -> torch.Tensor:
        (n, m), k, parts = weight.shape[:2], 0, []
        for (start, r, t, width), pieces in zip(rows, inner, strict=True):
            row, blocks = weight[..., start : start + r * width].view(n, m, r, width), []
            for offset, q, number, s in pieces:
                if number:
                    part = row[..., offset : offset + q * number].reshape(n * m * r * q, number)
                    part = (part @ getattr(self, f"{name}_{k}")).view(n, m, r, q, t, s, self.samples)
                    blocks.append(part.permute(0, 2, 4, 1, 3, 5, 6).reshape(n, r * t, m, q * s, self.samples))
                else:
                    blocks.append(weight.new_zeros(n, r * t, m, q * s, self.samples))
                k += 1
            parts.append(_cat(blocks, 3))
        kernel = getattr(self, f"{name}_q_out") @ _cat(parts, 1).flatten(2)
        q_in = getattr(self, f"{name}_q_in")
        return q_in.mT @ kernel.view(n * kernel.shape[1] * m, q_in.shape[0], self.samples)

    def _combine(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        width = len(self.in_rep.terms)
        rows = [_cat(blocks[k : k + width], 1) for k in range(0, len(blocks), width)]
        return _cat(rows, 0)

    def extra_repr(self) -> str:
        return f"{self.source!r}, {self.in_rep.name} -> {self.out_rep.name}, {self.in_rep.group}"


def arrange(product: torch.Tensor, n: int, m: int, d_out: int, d_in: int) -> torch.Tensor:
    """(n m, d_out d_in samples) -> (n d_out, m d_in, samples)."""
    return product.view(n, m, d_out, d_in, -1).permute(0, 2, 1, 3, 4).reshape(n * d_out, m * d_in, -1)


def _cat(parts: list[torch.Tensor], dim: int) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=dim)


def _name(rep: Representation, index: int) -> str:
    names = [term.name for _, term in rep.terms]
    return names[index] if names.count(names[index]) == 1 else f"{names[index]}#{names[:index].count(names[index])}"
