"""From flat weights to equivariant matrices, W ↦ Q_out (Σ_b w_b P_b) Q_in⁻¹.

For each pair of terms of the two types, the maps between irreps σ → τ are solved once. Two ways to apply them:

- *dense*: the basis of the pair, change of basis included, is one matrix; weights times basis. The plain reference, and
  the faster way for small groups.
- *factored*: one product per pair of irrep types, then Q_out and Q_in⁻¹ act on the channel axes. For large groups,
  whose dense basis has |G|² entries an element.

A weight tensor of one pair of terms (n copies of ρ_out, m of ρ_in) is (n, m, number); `number` runs over pairs of
irreps (τ outer, σ inner), then copies of τ in ρ_out, copies of σ in ρ_in, then basis maps. The flat weight holds the
pairs one after another, output terms outer, input terms inner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from torsor.errors import BottleneckWarning, KernelError
from torsor.fibre.base import Constants
from torsor.reps import Representation, decompose
from torsor.symbolic import Symbolic
from torsor.warn import warn

DENSE_LIMIT = 1 << 21
"""Up to this many entries a pair's basis is kept dense."""

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
    """The part of a pair's basis between irreps σ and τ: columns start … start + copies_out · copies_in · number."""

    tau: Representation
    sigma: Representation
    copies_out: int
    copies_in: int
    maps: np.ndarray
    start: int

    @property
    def number(self) -> int:
        """How many basis maps σ → τ there are."""
        return len(self.maps)

    @property
    def size(self) -> int:
        """How many weights one pair of fields has here."""
        return self.copies_out * self.copies_in * self.number


@dataclass(frozen=True)
class PairBasis:
    """The solved maps of one pair of terms ρ_in → ρ_out."""

    pieces: tuple[Piece, ...]
    q_out: np.ndarray
    q_in: np.ndarray
    samples: int

    @property
    def number(self) -> int:
        """Weights for one pair of fields: dim Hom."""
        return sum(piece.size for piece in self.pieces)

    @property
    def entries(self) -> int:
        """Entries of the dense basis."""
        return self.number * len(self.q_out) * len(self.q_in) * self.samples

    def dense(self) -> np.ndarray:
        """The basis with the changes of basis applied: (number, dim ρ_out · dim ρ_in · samples)."""
        parts = []
        for piece, out, into in self.split():
            if not piece.size:
                continue
            part = np.tensordot(out, piece.maps, axes=(2, 1))  # (dim, copies out, number, dim σ, samples)
            part = np.tensordot(part, into, axes=(3, 1))  # (dim, copies out, number, samples, copies in, dim)
            parts.append(part.transpose(1, 4, 2, 0, 5, 3).reshape(piece.size, -1))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.q_out) * len(self.q_in) * self.samples))

    def split(self) -> list[tuple[Piece, np.ndarray, np.ndarray]]:
        """Each piece with its columns of Q_out (dim, copies, dim τ) and rows of Q_in⁻¹ (copies, dim σ, dim)."""
        result, column, row, last = [], 0, 0, None
        for piece in self.pieces:
            width, height = piece.copies_out * piece.tau.dim, piece.copies_in * piece.sigma.dim
            if last is not None and piece.tau != last.tau:
                column, row = column + last.copies_out * last.tau.dim, 0
            out = self.q_out[:, column : column + width].reshape(-1, piece.copies_out, piece.tau.dim)
            into = self.q_in[row : row + height].reshape(piece.copies_in, piece.sigma.dim, -1)
            result.append((piece, out, into))
            row, last = row + height, piece
        return result


def pair_basis(bases: Bases, rho_in: Representation, rho_out: Representation, samples: int) -> PairBasis:
    """Arrange the maps between the irreps of two representations."""
    inner, outer, pieces, start = decompose(rho_in), decompose(rho_out), [], 0
    for (copies_out, tau), row in zip(outer.blocks, bases, strict=True):
        for (copies_in, sigma), maps in zip(inner.blocks, row, strict=True):
            pieces.append(Piece(tau, sigma, copies_out, copies_in, maps, start))
            start += pieces[-1].size
    return PairBasis(tuple(pieces), outer.basis, inner.inverse, samples)


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
        method: "dense", "factored", or None to choose by size.

    Raises:
        KernelError: no equivariant map at all exists between the types.

    Warns:
        BottleneckWarning: some pairs of terms have no equivariant map between them.
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
        missing = [f"{p.rho_in.name} -> {p.rho_out.name}" for p in pairs if not p.size]
        if missing:
            warn(
                f"no equivariant map between these types of {self.in_rep.group}: {', '.join(missing)}",
                BottleneckWarning,
            )

    def _is_dense(self, pair: Pair) -> bool:
        return pair.basis.entries <= DENSE_LIMIT if self.method is None else self.method == "dense"

    def constants(self) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for pair in self.pairs:
            name = f"basis_{pair.out_term}_{pair.in_term}"
            if self._is_dense(pair):
                found[name] = pair.basis.dense()
                continue
            found[f"{name}_q_out"], found[f"{name}_q_in"] = pair.basis.q_out, pair.basis.q_in
            for k, piece in enumerate(pair.basis.pieces):
                if piece.size:
                    found[f"{name}_{k}"] = piece.maps.reshape(piece.number, -1)
        return found

    def derive(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().derive(device, dtype)
        self._kept = None
        self._plan = tuple(
            (p.start, p.size, p.copies_out, p.copies_in, p.rho_out.dim, p.rho_in.dim, self._recipe(p))
            for p in self.pairs
        )

    def _recipe(self, pair: Pair) -> tuple | None:
        """What `_factored` needs to know of the pieces, as plain numbers; None if the pair is dense."""
        if self._is_dense(pair):
            return None
        rows: list[list[tuple]] = []
        for k, piece in enumerate(pair.basis.pieces):
            if k == 0 or piece.tau != pair.basis.pieces[k - 1].tau:
                rows.append([])
            shape = (piece.copies_out, piece.copies_in, piece.number, piece.tau.dim, piece.sigma.dim)
            rows[-1].append((k, piece.start, *shape))
        return tuple(tuple(row) for row in rows)

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
            block = self.weight[pair.start : pair.start + pair.size].view(pair.copies_out, pair.copies_in, -1)
            for piece in pair.basis.pieces:
                if piece.size:
                    deviation = gain / np.sqrt(fans[pair.out_term, piece.tau])
                    block[..., piece.start : piece.start + piece.size].normal_(0.0, deviation)

    def blocks(self) -> dict[tuple[str, str, str, str], torch.Tensor]:
        """Named views of the weight: (ρ_out, ρ_in, τ, σ) -> (n, m, copies of τ, copies of σ, number).

        A term that occurs at several places carries its position, such as "regular#2".
        """
        views = {}
        for pair in self.pairs:
            block = self.weight[pair.start : pair.start + pair.size].view(pair.copies_out, pair.copies_in, -1)
            names = _name(self.out_rep, pair.out_term), _name(self.in_rep, pair.in_term)
            for p in pair.basis.pieces:
                view = block[..., p.start : p.start + p.size]
                shape = (pair.copies_out, pair.copies_in, p.copies_out, p.copies_in, p.number)
                views[(*names, p.tau.name, p.sigma.name)] = view.view(shape)
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
            weight = self.weight[pair.start : pair.start + pair.size].view(pair.copies_out * pair.copies_in, -1)
            dense = torch.tensor(basis, dtype=weight.dtype, device=weight.device)
            blocks.append(_arrange(weight @ dense, pair.copies_out, pair.copies_in, pair.rho_out.dim, pair.rho_in.dim))
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
        start, size, n, m, d_out, d_in, recipe = self._plan[index]
        i = index % len(self.in_rep.terms)
        name = f"basis_{index // len(self.in_rep.terms)}_{i}"
        weight = self.weight[start : start + size]
        if recipe is None:
            product = weight.view(n * m, -1) @ getattr(self, name)
            return _arrange(product, n, m, d_out, d_in)
        return self._factored(weight.view(n, m, -1), name, recipe)

    def _factored(self, weight: torch.Tensor, name: str, recipe: tuple) -> torch.Tensor:
        n, m = weight.shape[:2]
        rows = []
        for row in recipe:
            blocks = []
            for k, start, r, q, number, t, s in row:
                if not r * q * number:
                    blocks.append(weight.new_zeros(n, r * t, m, q * s, self.samples))
                    continue
                part = weight[..., start : start + r * q * number].reshape(n * m * r * q, number)
                part = (part @ getattr(self, f"{name}_{k}")).view(n, m, r, q, t, s, -1)
                blocks.append(part.permute(0, 2, 4, 1, 3, 5, 6).reshape(n, r * t, m, q * s, -1))
            rows.append(torch.cat(blocks, dim=3))
        kernel = torch.cat(rows, dim=1)
        kernel = getattr(self, f"{name}_q_out") @ kernel.flatten(2)
        d_out, q_in = kernel.shape[1], getattr(self, f"{name}_q_in")
        kernel = q_in.mT @ kernel.view(n * d_out * m, q_in.shape[0], -1)
        return kernel.view(n * d_out, m * q_in.shape[1], -1)

    def _combine(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        width = len(self.in_rep.terms)
        rows = [_cat(blocks[k : k + width], 1) for k in range(0, len(blocks), width)]
        return _cat(rows, 0)

    def extra_repr(self) -> str:
        return f"{self.source!r}, {self.in_rep.name} -> {self.out_rep.name}, {self.in_rep.group}"


def _arrange(product: torch.Tensor, n: int, m: int, d_out: int, d_in: int) -> torch.Tensor:
    """(n m, d_out d_in samples) -> (n d_out, m d_in, samples)."""
    return product.view(n, m, d_out, d_in, -1).permute(0, 2, 1, 3, 4).reshape(n * d_out, m * d_in, -1)


def _cat(parts: list[torch.Tensor], dim: int) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=dim)


def _name(rep: Representation, index: int) -> str:
    names = [term.name for _, term in rep.terms]
    return names[index] if names.count(names[index]) == 1 else f"{names[index]}#{names[:index].count(names[index])}"
