"""Kernels that are linear in their weights, by expansion in a basis that is solved once."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.expansion import Bases, BasisSource, Expansion
from torsor.kernels.base import KernelSpec, SteerableKernel, gather, scatter
from torsor.kernels.memo import must_be_plain
from torsor.kernels.offsets import apply_by_offset
from torsor.kernels.sums import edge_sums
from torsor.kernels.transport import transport
from torsor.reps import Representation


class BasisSpec(KernelSpec, BasisSource):
    """A family given by basis kernels: its sample points, and the basis at any points."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...] | int:
        """The sizes of the stencil: one number for every axis, or one an axis."""

    @abstractmethod
    def bases_at(self, v: np.ndarray, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """The basis kernels at points v (n, d): a list over τ of lists over σ of (number, dim τ, dim σ, n)."""

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        return self.bases_at(self.offsets(sigmas[0].group.dim), sigmas, taus)

    def samples(self, d: int) -> int:
        return len(self.offsets(d))

    def sizes(self, d: int) -> tuple[int, ...]:
        shape = self.shape
        sizes = (shape,) * d if isinstance(shape, int) else tuple(shape)
        if len(sizes) != d:
            raise KernelError(f"expected {d} kernel sizes, one for each axis, got {sizes}")
        return sizes

    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> SteerableKernel:
        return ExpandedKernel(self, rho_in, rho_out, device=device, dtype=dtype)


class ExpandedKernel(Expansion, SteerableKernel):
    """K(v) = Σ_b w_b K_b(v) with basis kernels K_b of a `BasisSpec`.

    The `weight` is flat; `blocks` gives named views, and `torsor.fibre.expansion` documents the order.
    """

    def __init__(
        self,
        spec: BasisSource,
        in_rep: Representation,
        out_rep: Representation,
        *,
        method: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        Expansion.__init__(self, spec, in_rep, out_rep, method=method, device=device, dtype=dtype)
        for _, term in in_rep.terms:
            _ = term.is_trivial  # found now, since torch.compile cannot trace how

    @property
    def spec(self) -> BasisSpec:  # type: ignore[override]
        return self.source  # type: ignore[return-value]

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """K(v) at tangent vectors v: (..., d) -> (..., c_out, c_in), differentiable in the weight.

        Raises:
            KernelError: v has not d components (or, for `Stencil`, is not an offset of the lattice).
        """
        self.check_vectors(v)
        points = v.detach().cpu().double().reshape(-1, v.shape[-1]).numpy()
        kernel = self.expand_at(lambda sigmas, taus: self.spec.bases_at(points, sigmas, taus))
        return kernel.permute(2, 0, 1).reshape(*v.shape[:-1], self.out_rep.dim, self.in_rep.dim)

    def apply_to(self, x: torch.Tensor, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """Σ_q w_pq K(v_pq) ρ_in(g_pq) f(q), one matrix product for all edges that share v, as they do on lattices."""
        if attributes is not None or must_be_plain(x):
            return super().apply_to(x, graph, attributes)
        return apply_by_offset(self, x, graph)

    def stencil(self) -> torch.Tensor:
        return self.expand().unflatten(-1, self.sizes)


class FeaturedKernel(ExpandedKernel):
    """K(v) = Ŵ · B(v): expanded weights Ŵ (c_out, c_in, features) times features B(v) that know no types.

    The features are profiles times harmonics (`kernels.radial`) or weights of derivatives (`kernels.differential`). In
    the basis, "samples" stands for features. On points the features are summed first, Σ_q w_pq B(v_pq) ⊗ ρ_in(g_pq)
    f(q), then Ŵ acts once a point, see `torsor.kernels.sums`.
    """

    @abstractmethod
    def features(self, v: torch.Tensor) -> torch.Tensor:
        """B(v): (..., d) -> (..., features), differentiable."""

    def edge_features(self, graph: object) -> torch.Tensor:
        """B of every edge of a neighbourhood graph, (edges, features); it may look at the whole neighbourhood."""
        return self.features(graph.v)  # type: ignore[attr-defined]

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        self.check_vectors(v)
        features = self.features(v.to(self.weight))
        return torch.einsum("oif,...f->...oi", self.expand(), features)

    def matrices(self, graph: object, attributes: torch.Tensor | None = None) -> torch.Tensor:
        if attributes is not None:
            return super().matrices(graph, attributes)
        return torch.einsum("oif,ef->eoi", self.expand(), self.edge_features(graph))

    def stencil(self) -> torch.Tensor:
        offsets = torch.as_tensor(self.spec.offsets(self.in_rep.group.dim), device=self.weight.device)
        return (self.expand() @ self.features(offsets.to(self.weight)).mT).unflatten(-1, self.sizes)

    def apply_to(self, x: torch.Tensor, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        if attributes is not None:
            return SteerableKernel.apply_to(self, x, graph, attributes)
        weighted, expanded = self.edge_features(graph) * graph.weight.to(x)[:, None], self.expand()
        if not must_be_plain(x):
            return edge_sums(x, weighted, expanded, transport(graph, self.in_rep, x), graph)
        sums = outer_sums(weighted, gather(x, graph, self.in_rep), graph)
        return sums.flatten(1) @ expanded.permute(2, 1, 0).flatten(0, 1)


def outer_sums(left: torch.Tensor, right: torch.Tensor, graph: object) -> torch.Tensor:
    """Σ_q left_pq ⊗ right_pq over the edges of each target: (edges, a), (edges, b) -> (targets, a, b).

    The edges of a target stand side by side: they are padded to the largest number of neighbours and multiplied. Where
    that number may not be looked at, in compiled code, the products of all edges are formed and added.
    """
    if torch.compiler.is_compiling():
        return scatter(left[:, :, None] * right[:, None, :], graph)
    rows, target, targets = graph.rows, graph.target, graph.targets  # type: ignore[attr-defined]
    width = int((rows[1:] - rows[:-1]).max())
    place = target * width + torch.arange(len(target), device=target.device) - rows[target]
    padded, other = (
        x.new_zeros(targets * width, x.shape[1]).index_copy(0, place, x).view(targets, width, x.shape[1])
        for x in (left, right)
    )
    return padded.mT @ other
