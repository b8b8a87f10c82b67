"""Transport of features along edges, irrep by irrep: ρ(g_pq) f(q) = Q (⊕ σ(g_pq)) Q⁻¹ f(q).

Q⁻¹ acts once a point, σ(g_pq) of every distinct irrep on all of its copies at once, and Q moves into the weights that
follow. So nothing of the size edges × channels × channels is ever formed; trivial irreps cost nothing. σ(g) is found
once and kept with the graph, unless g wants a gradient.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from torsor.kernels.memo import derived, is_traced, version
from torsor.reps import Representation, decompose

Images = tuple[torch.Tensor | None, ...]
"""σ(g) of every edge, (edges, dim σ, dim σ), one an irrep; None for the identity."""

Sizes = tuple[tuple[int, int], ...]
"""(dim σ, n_σ) of the blocks of features, one an irrep."""

ELEMENTWISE = 3
"""Up to this dimension σ(g) is applied column by column, above as a batched matrix product."""


class Channels:
    """The irreps of a type, channels-last: for each irrep σ a block (dim σ, n_σ).

    Attributes:
        numbers: n_σ, in order of first occurrence.
        matrix: from the channels of the type to the blocks, (dim, dim) float64.
        inverse: from the blocks to the channels.
    """

    def __init__(self, rep: Representation) -> None:
        rows: dict[Representation, list[np.ndarray]] = defaultdict(list)
        columns: dict[Representation, list[np.ndarray]] = defaultdict(list)
        for channels, term in rep.fields:
            split, start = decompose(term), 0
            for copies, sigma in split.blocks:
                for _ in range(copies):
                    row, column = np.zeros((2, sigma.dim, rep.dim))
                    row[:, channels] = split.inverse[start : start + sigma.dim]
                    column[:, channels] = split.basis[:, start : start + sigma.dim].T
                    rows[sigma].append(row)
                    columns[sigma].append(column)
                    start += sigma.dim
        self.numbers = {sigma: len(found) for sigma, found in rows.items()}
        self.matrix, inverse = (
            np.concatenate([np.stack(found, 1).reshape(-1, rep.dim) for found in parts.values()])
            for parts in (rows, columns)
        )
        self.inverse = inverse.T


@dataclass(frozen=True)
class Transport:
    """How features of one type are carried along the edges of one graph.

    Attributes:
        sizes: (dim σ, n_σ) of the blocks.
        images: σ(g) of the blocks.
        into: Q⁻¹ from channels to blocks, or None where they are the same.
        back: Q from blocks to channels, or None.
    """

    sizes: Sizes
    images: Images
    into: torch.Tensor | None = None
    back: torch.Tensor | None = None

    def blocks(self, x: torch.Tensor) -> torch.Tensor:
        """Q⁻¹ f: (points, channels) -> (points, Σ dim · n)."""
        return x if self.into is None else x @ self.into.mT

    def channels(self, x: torch.Tensor) -> torch.Tensor:
        """Q f, the inverse of `blocks`."""
        return x if self.back is None else x @ self.back.mT

    def weights(self, kernel: torch.Tensor) -> torch.Tensor:
        """Kernels that act on channels (…, c_in), for blocks: K Q."""
        return kernel if self.back is None else kernel @ self.back


def transport(graph: Any, rep: Representation, x: torch.Tensor) -> Transport:
    """The transport of features x (sources, channels) of type ρ along the edges of a graph."""
    if graph.g is None:
        return Transport(((1, rep.dim),), (None,))
    found = channels_of(rep)
    into, back = (
        derived(graph, (name, rep, x.dtype, x.device), lambda m=matrix: torch.tensor(m, dtype=x.dtype, device=x.device))
        for name, matrix in (("into", found.matrix), ("back", found.inverse))
    )
    sizes = tuple((sigma.dim, n) for sigma, n in found.numbers.items())
    return Transport(sizes, images(graph, tuple(found.numbers), x), into, back)


@lru_cache(maxsize=256)
def channels_of(rep: Representation) -> Channels:
    """`Channels` of a type, found once in a process."""
    return Channels(rep)


def images(graph: Any, sigmas: tuple[Representation, ...], x: torch.Tensor) -> Images:
    """σ(g) of every edge for each irrep, of the dtype of x, computed in float64."""
    return tuple(None if graph.g is None or sigma.is_trivial else _image(graph, sigma, x) for sigma in sigmas)


def _image(graph: Any, sigma: Representation, x: torch.Tensor) -> torch.Tensor:
    g = graph.g
    if g.requires_grad or is_traced():
        return sigma.rho(g.double()).to(x)
    return derived(graph, (sigma, x.dtype, x.device, version(g)), lambda: sigma.rho(g.double()).to(x))


def apply_image(image: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
    """σ(g) f of every edge: (edges, dim, dim), (edges, dim, n) -> (edges, dim, n)."""
    dim = f.shape[1]
    if dim > ELEMENTWISE:
        return torch.bmm(image, f)
    total = f[:, :1] * image[:, :, 0, None]
    for j in range(1, dim):
        total = torch.addcmul(total, f[:, j : j + 1], image[:, :, j, None])
    return total


def carry(found: torch.Tensor, images: Images, sizes: Sizes) -> torch.Tensor:
    """⊕ σ(g) of the features at the sources of some edges, in blocks: (edges, Σ dim · n) -> the same shape."""
    if all(image is None for image in images):
        return found
    parts = found.split([dim * n for dim, n in sizes], 1)
    return torch.cat(
        [
            part if image is None else apply_image(image, part.unflatten(1, size)).flatten(1)
            for part, image, size in zip(parts, images, sizes, strict=True)
        ],
        1,
    )


def of_edges(images: Images, edges: torch.Tensor | slice) -> Images:
    """The images of some edges."""
    return tuple(
        None if i is None else i[edges] if isinstance(edges, slice) else i.index_select(0, edges) for i in images
    )


def transposed(images: Images) -> Images:
    """σ(g)ᵀ, which carries gradients back."""
    return tuple(None if image is None else image.mT for image in images)


def empty_slopes(images: Sequence[torch.Tensor | None], wanted: Sequence[bool]) -> list[torch.Tensor | None]:
    """Where the gradients with respect to those images go that want one."""
    return [torch.zeros_like(i) if i is not None and needed else None for i, needed in zip(images, wanted, strict=True)]


def fill_slopes(
    slopes: list[torch.Tensor | None], edges: torch.Tensor, found: torch.Tensor, slope: torch.Tensor, sizes: Sizes
) -> None:
    """The gradients s fᵀ with respect to the images of some edges, from f before `carry` and the slope s after it."""
    if all(image is None for image in slopes):
        return
    widths = [dim * n for dim, n in sizes]
    for image, f, s, size in zip(slopes, found.split(widths, 1), slope.split(widths, 1), sizes, strict=True):
        if image is not None:
            image.index_copy_(0, edges, s.unflatten(1, size) @ f.unflatten(1, size).mT)


def transported(x: torch.Tensor, graph: Any, rep: Representation) -> torch.Tensor:
    """ρ(g_pq) f(q) of all edges, (sources, channels) -> (edges, channels)."""
    along = transport(graph, rep, x)
    return along.channels(carry(along.blocks(x).index_select(0, graph.source), along.images, along.sizes))


def plainly_transported(x: torch.Tensor, graph: Any, rep: Representation) -> torch.Tensor:
    """The same, term by term and in the basis of the terms: nothing is kept with the graph, as in compiled code."""
    parts, start = [], 0
    for multiplicity, term in rep.terms:
        part = x.narrow(1, start, multiplicity * term.dim).index_select(0, graph.source)
        if not term.is_trivial:
            part = part.unflatten(1, (multiplicity, term.dim)) @ term.rho(graph.g).to(x).mT
        parts.append(part.flatten(1))
        start += multiplicity * term.dim
    return torch.cat(parts, 1)
