"""Kernels of differential operators: weights of derivatives, on grids and on the edges of points."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.kernels.derivative_grid import DerivativeGrid, stencil_features
from torsor.kernels.expanded import FeaturedKernel
from torsor.linalg import monomials


class DifferentialKernel(FeaturedKernel):
    """The operators of a `Differential`: the features are the weights of √(k!/α!) ∂^α, at an offset or an edge."""

    derivatives: torch.Tensor
    """The features on the box of a grid, (features, points)."""

    @property
    def spec(self) -> Any:
        return self.source

    @property
    def family(self) -> DerivativeGrid:
        """The derivatives of which the operators are made."""
        return self.source  # type: ignore[return-value]

    def constants(self) -> dict[str, np.ndarray]:
        return {**super().constants(), "derivatives": stencil_features(self.family, self.in_rep.group.dim)}

    def symbol(self, xi: torch.Tensor) -> torch.Tensor:
        """P(ξ) = Σ_α A_α ξ^α, with ξ for ∂: (..., d) -> (..., c_out, c_in)."""
        self.check_vectors(xi)
        features = torch.cat([monomials(xi.to(self.weight), k) for k in self.family.orders or ()], -1)
        return torch.einsum("oif,...f->...oi", self.expand(), features)

    def features(self, v: torch.Tensor) -> torch.Tensor:
        """The weights at v; of a Gaussian any v, of differences offsets of the grid, zero outside the box.

        Raises:
            KernelError: v lies between the offsets on which the differences are defined.
        """
        if self.family.scheme == "gaussian":
            return self.family.derivatives(v.shape[-1]).kernel(v)
        spacings = torch.as_tensor(self.family._spacings(v.shape[-1])).to(v)
        sizes = torch.tensor(self.sizes, device=v.device)
        place = v / spacings + sizes // 2
        index = place.round().long()
        if bool((place - index).abs().gt(1e-4).any()):
            raise KernelError(
                "finite differences are defined on the offsets of their grid only, got a point between them; "
                'scheme="gaussian" is defined everywhere'
            )
        inside = ((index >= 0) & (index < sizes)).all(-1)
        flat = torch.zeros_like(index[..., 0])
        for axis, size in enumerate(self.sizes):
            flat = flat * size + index[..., axis].clamp(0, size - 1)
        return self.derivatives.mT[flat] * inside[..., None].to(v)

    def edge_features(self, graph: Any) -> torch.Tensor:
        """The weights of the derivatives on every edge, solved for its neighbourhood and kept while the graph lives.

        Raises:
            KernelError: weighted edges, a neighbourhood on which the derivatives are not determined, or frames that
                differ from point to point by elements that keep no distance.
        """
        if graph.g is not None and not self.in_rep.group.is_orthogonal:
            raise KernelError(
                f"derivatives in frames that differ by elements of {self.in_rep.group} are not defined here: their "
                "weights know distances, which these frames do not share; equal frames everywhere (spaces.Points) work"
            )
        return self.family.derivatives(self.in_rep.group.dim).on_edges(graph).to(self.weight)

    def stencil(self) -> torch.Tensor:
        return (self.expand() @ self.derivatives).unflatten(-1, self.sizes)

    def residual(self, v: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """The error of the constraint, relative to the largest entry: of K for Gaussians, else of the symbol at ξ = v.

        max |P(g⁻ᵀξ) - ρ_out(g) P(ξ) ρ_in(g)⁻¹| / max |P| for pairs ξ (n, d) and g (n, d, d).
        """
        if self.family.scheme == "gaussian":
            return super().residual(v, g)
        move = torch.linalg.inv(self.in_rep.group.action(g)).mT.to(v.dtype)
        left, value = self.symbol(torch.einsum("nij,nj->ni", move, v)), self.symbol(v)
        right = self.out_rep.rho(g).to(value) @ value @ torch.linalg.inv(self.in_rep.rho(g)).to(value)
        return (left - right).abs().max() / left.abs().max()
