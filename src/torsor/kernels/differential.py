"""Steerable partial differential operators: Σ_α A_α ∂^α that commute with a group, for every G ≤ GL(d).

The operator from fields of type ρ_in to fields of type ρ_out is equivariant iff its symbol P(ξ) = Σ_α A_α ξ^α, a
polynomial in a covector, satisfies

    P(g⁻ᵀ ξ) = ρ_out(g) P(ξ) ρ_in(g)⁻¹        for all g ∈ G.

Its homogeneous parts are the covariants of `torsor.kernels.covariants` in covectors: one null space an order, also
where no kernel function of compact support exists (GL, SL, O(p, q)). Constants stand in place of profiles: for compact
G the functions of |ξ|² are powers of the Laplacian, which are among the operators. Source: Jenner and Weiler, 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.expansion import Bases, BasisSource
from torsor.groups import Group
from torsor.kernels.base import KernelSpec
from torsor.kernels.covariants import solve_covariants
from torsor.kernels.derivative_grid import DerivativeGrid, stencil_gram
from torsor.kernels.differential_kernel import DifferentialKernel
from torsor.linalg import monomials
from torsor.reps import Representation

Symbol = Callable[[torch.Tensor], torch.Tensor]
"""ξ (n, d) float64 -> P(ξ) (n, c_out, c_in)."""


@dataclass(frozen=True, eq=False, repr=False)
class Differential(DerivativeGrid, BasisSource):
    """All equivariant differential operators of orders 0 … `order`: one weight an operator and pair of fields.

    On grids derivatives are sums over a box of odd size; ∂^α is exact on polynomials of degree |α| + accuracy - 1
    ("finite") or order + accuracy - 1 ("rbf"), and its error is O(spacing^accuracy). On points they are sums over the k
    nearest neighbours, exact on polynomials of degree order + accuracy - 1, and commute with all isometries to
    rounding.

    Schemes:
        finite: central finite differences on grids, which turn with the symmetries of the grid exactly; polyharmonic
            splines with polynomials (RBF-FD) on points.
        gaussian: derivatives of the Gaussian-smoothed field. The kernel K(v) = Ŵ ∂G_σ(-v) is a function, steerable
            under orthogonal groups; its samples are moment-corrected so that polynomials of degree
            order + accuracy - 1 give exactly the derivatives of the smoothed polynomial.
        rbf: RBF-FD on grids too. On points the same as "finite", but random weights are scaled for them.

    Random weights keep the variance of white noise on the grid of this spacing: every basis operator is scaled to
    Σ_v |K(v)|² = dim ρ_out. A weight is thus the coefficient of an operator in units of its stencil's norm, which
    grows as spacing^-order. On points `spacing` is their typical distance; on irregular ones the variance is larger.
    `symbol` gives the operator itself.

    Args:
        order: the highest order.
        orders: or exactly which orders.
        scheme: "finite", "gaussian" or "rbf", see above.
        size: number of pixels along every axis, or one number an axis; odd. By default the smallest that has the
            accuracy, and for "gaussian" ±4σ.
        accuracy: an even number.
        spacing: the distance of pixels, one number or one an axis.
        sigma: the width of the Gaussian, in the unit of `spacing`.
        k: neighbours of a point besides itself; by default twice the number of polynomials.
        radius: on points, the neighbours within a radius instead; "gaussian" takes 4σ by default.
        oversampling: the factor by which `refined` made the grid finer.

    Raises:
        KernelError: numbers out of range, an unknown scheme, or a size too small for the derivatives.
    """

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """The symbols σ → τ, order after order, each scaled by the norm of its stencil (without oversampling)."""
        d, pairs = sigmas[0].group.dim, [(sigma, tau) for tau in taus for sigma in sigmas]
        gram = stencil_gram(replace(self, oversampling=1), d)
        flat = [self._placed(parts, gram, d) for parts in solve_covariants(pairs, self.orders or (), covector=True)]
        return [flat[t * len(sigmas) : (t + 1) * len(sigmas)] for t in range(len(taus))]

    def _placed(self, solved: list[np.ndarray], gram: np.ndarray, d: int) -> np.ndarray:
        parts, start = [], 0
        for maps in solved:
            place = slice(start, start + maps.shape[-1])
            norms = np.einsum("bxyf,fg,bxyg->b", maps, gram[place, place], maps, optimize=True) / maps.shape[1]
            part = np.zeros((*maps.shape[:3], self.samples(d)))
            part[..., place] = maps / np.sqrt(norms)[:, None, None, None]
            parts.append(part)
            start = place.stop
        return np.concatenate(parts)

    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> DifferentialKernel:
        return DifferentialKernel(self, rho_in, rho_out, device=device, dtype=dtype)

    def coefficients(self, d: int, symbol: Symbol) -> np.ndarray:
        """The coefficients (c_out, c_in, features) of a symbol, a polynomial of these orders.

        Raises:
            KernelError: it is another function.
        """
        xi = np.random.default_rng(0).normal(size=(3 * self.samples(d) + 9, d))
        values = symbol(torch.from_numpy(xi)).detach().cpu().double().numpy()
        columns = np.concatenate([monomials(xi, k) for k in self.orders or ()], axis=-1)
        flat = values.reshape(len(xi), -1)
        found = np.linalg.lstsq(columns, flat, rcond=None)[0]
        if not np.abs(columns @ found - flat).max() <= 1e-9 * max(1.0, np.abs(flat).max()):
            raise KernelError(
                f"expected a symbol that is a polynomial of the orders {self.orders}, got another function"
            )
        plain = np.round(found, 6) + 0.0
        found = np.where(np.abs(found - plain) < 1e-12 * max(1.0, np.abs(found).max(initial=0.0)), plain, found)
        return found.T.reshape(*values.shape[1:], -1)

    def operator(self, rho_in: Representation, rho_out: Representation, symbol: Symbol) -> Operator:
        """The fixed operator of a symbol P(ξ), ∂ for ξ.

        Args:
            rho_in: type of the input.
            rho_out: type of the output.
            symbol: ξ (n, d) -> P(ξ) (n, dim ρ_out, dim ρ_in), a polynomial of these orders.

        Raises:
            KernelError: the symbol has another shape, is no such polynomial, or is not equivariant.
        """
        values = self.coefficients(rho_in.group.dim, symbol)
        nested = tuple(tuple(tuple(float(x) for x in column) for column in row) for row in values)
        operator = Operator(self, rho_in, rho_out, nested)
        operator(rho_in, rho_out)
        return operator


@dataclass(frozen=True, eq=False, repr=False)
class Operator(KernelSpec, BasisSource):
    """One fixed operator between two types: a specification whose kernels have set weights, which do not train.

    ``nn.Conv(operator.in_rep, operator.out_rep, operator, bias=False)`` is its layer. ``a @ b`` is a after b.
    `Differential.operator` and `kernels.operators` build it.

    Attributes:
        family: the operators among which it is.
        in_rep: ρ_in.
        out_rep: ρ_out.
        values: the coefficients A of its symbol A m(ξ), (c_out, c_in, features).
    """

    family: Differential
    in_rep: Representation
    out_rep: Representation
    values: tuple[tuple[tuple[float, ...], ...], ...]

    def __post_init__(self) -> None:
        expected = (self.out_rep.dim, self.in_rep.dim, self.family.samples(self.in_rep.group.dim))
        if self.array.shape != expected:
            raise KernelError(f"expected a symbol of shape {expected[:2]}, got coefficients {self.array.shape}")

    @cached_property
    def array(self) -> np.ndarray:
        """The coefficients, (c_out, c_in, features)."""
        return np.array(self.values)

    def symbol(self, xi: torch.Tensor) -> torch.Tensor:
        """P(ξ): (..., d) -> (..., c_out, c_in)."""
        features = torch.cat([monomials(xi, k) for k in self.family.orders or ()], -1)
        return torch.einsum("oif,...f->...oi", torch.from_numpy(self.array).to(xi), features)

    def __repr__(self) -> str:
        return f"Operator({self.in_rep.name} -> {self.out_rep.name}, {self.family!r})"

    def __matmul__(self, other: Operator) -> Operator:
        """This operator after the other: P(ξ) = P_self(ξ) P_other(ξ).

        Raises:
            KernelError: the types do not fit, or no operator but 0 exists between the outer ones.
        """
        if other.out_rep != self.in_rep:
            raise KernelError(f"expected an operator to {self.in_rep}, got one to {other.out_rep}")
        sums = {i + j for i in self.family.orders or () for j in other.family.orders or ()}
        family = replace(self.family, order=max(sums), orders=tuple(sorted(sums)))
        return family.operator(other.in_rep, self.out_rep, lambda xi: self.symbol(xi) @ other.symbol(xi))

    def kernel(self, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> OperatorKernel:
        """The kernel between its two types."""
        return self.build(self.in_rep, self.out_rep, device, dtype)

    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> OperatorKernel:
        if (rho_in, rho_out) != (self.in_rep, self.out_rep):
            raise KernelError(f"expected the types {self.in_rep} -> {self.out_rep}, got {rho_in} -> {rho_out}")
        return OperatorKernel(self, rho_in, rho_out, device=device, dtype=dtype)

    def validate(self, group: Group) -> None:
        self.family.validate(group)

    def sizes(self, d: int) -> tuple[int, ...]:
        return self.family.sizes(d)

    def offsets(self, d: int) -> np.ndarray:
        return self.family.offsets(d)

    def reach(self, group: Group) -> float:
        return self.family.reach(group)

    def graph(self, group: Group) -> dict[str, Any]:
        return self.family.graph(group)

    def is_sampled_plainly(self, d: int) -> bool:
        return self.family.is_sampled_plainly(d)

    def refined(self, factor: int) -> Operator:
        """The same operator on a grid that is finer by a factor."""
        return replace(self, family=self.family.refined(factor))

    def samples(self, d: int) -> int:
        return self.family.samples(d)

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        return self.family.bases(sigmas, taus)


class OperatorKernel(DifferentialKernel):
    """The kernel of an `Operator`: its weight is set, not drawn, and does not require gradients."""

    @property
    def operator(self) -> Operator:
        """The operator."""
        return self.source  # type: ignore[return-value]

    @property
    def family(self) -> Differential:
        return self.operator.family

    @torch.no_grad()
    def reset_parameters(self, gain: float = 1.0) -> None:
        """The weights whose symbol is that of the operator, whatever the gain.

        Raises:
            KernelError: the symbol is not equivariant.
        """
        self.weight.requires_grad_(False)
        if self.weight.is_meta:
            return
        rows = np.cumsum([0] + [n * rep.dim for n, rep in self.out_rep.terms])
        columns = np.cumsum([0] + [n * rep.dim for n, rep in self.in_rep.terms])
        for pair in self.pairs:
            basis = pair.basis.dense()
            part = self.operator.array[
                rows[pair.out_term] : rows[pair.out_term + 1], columns[pair.in_term] : columns[pair.in_term + 1]
            ]
            part = part.reshape(pair.copies_out, pair.rho_out.dim, pair.copies_in, pair.rho_in.dim, -1)
            part = part.transpose(0, 2, 1, 3, 4).reshape(pair.copies_out * pair.copies_in, -1)
            weights = np.linalg.lstsq(basis.T, part.T, rcond=None)[0].T
            if np.abs(weights @ basis - part).max(initial=0.0) > 1e-9 * max(1.0, np.abs(self.operator.array).max()):
                raise KernelError(
                    f"the symbol from {pair.rho_in} to {pair.rho_out} is not equivariant: it is none of the "
                    f"{len(basis)} operators of orders {self.operator.family.orders}"
                )
            pair.block(self.weight).copy_(torch.from_numpy(weights).view(pair.copies_out, pair.copies_in, len(basis)))
