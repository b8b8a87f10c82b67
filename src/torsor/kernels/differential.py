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
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.expansion import Bases, BasisSource
from torsor.groups import Group
from torsor.kernels.base import KernelSpec
from torsor.kernels.covariants import solve_covariants
from torsor.kernels.derivatives import SCHEMES, Derivatives
from torsor.kernels.expanded import FeaturedKernel
from torsor.kernels.lattice import box, check_sizes
from torsor.linalg import half_width, monomials, multi_indices
from torsor.reps import Representation

Symbol = Callable[[torch.Tensor], torch.Tensor]
"""ξ (n, d) float64 -> P(ξ) (n, c_out, c_in)."""


@dataclass(frozen=True, eq=False, repr=False)
class Differential(KernelSpec, BasisSource):
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

    order: int = 2
    orders: tuple[int, ...] | None = None
    scheme: str = "finite"
    size: int | tuple[int, ...] | None = None
    accuracy: int = 2
    spacing: float | tuple[float, ...] = 1.0
    sigma: float = 1.0
    k: int | None = None
    radius: float | None = None
    oversampling: int = 1

    def __post_init__(self) -> None:
        self._settle_arguments()
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,)
        if self.scheme not in SCHEMES:
            raise KernelError(f"expected a scheme among {', '.join(SCHEMES)}, got {self.scheme!r}")
        if self.order < 0 or not self.orders or min(self.orders) < 0:
            raise KernelError(f"expected orders of at least 0, got order {self.order}, orders {self.orders}")
        if self.accuracy < 2 or self.accuracy % 2:
            raise KernelError(f"expected an even accuracy of at least 2, got {self.accuracy}")
        lengths = [*spacings, self.sigma, *([] if self.radius is None else [self.radius])]
        if not min(lengths) > 0 or min(self.oversampling, 1 if self.k is None else self.k) < 1:
            raise KernelError(f"expected a positive spacing, sigma, radius and k, got {self!r}")
        if self.size is not None:
            self._check_size((self.size,) if isinstance(self.size, int) else self.size)

    def _settle_arguments(self) -> None:
        for name in ("orders", "size", "spacing"):
            value = getattr(self, name)
            if isinstance(value, list | range):
                object.__setattr__(self, name, tuple(value))
        orders = range(self.order + 1) if self.orders is None else self.orders
        object.__setattr__(self, "orders", tuple(sorted(set(orders))))
        object.__setattr__(self, "order", max(self.orders or (self.order,)))

    def _check_size(self, sizes: tuple[int, ...]) -> None:
        check_sizes(sizes)
        least = 2 * half_width(self.order, 2) + 1 if self.scheme == "finite" else self.degree + 1
        if min(sizes) < least or any(size % 2 == 0 for size in sizes):
            raise KernelError(
                f"expected odd sizes of at least {least + 1 - least % 2} for derivatives of order {self.order} by "
                f'scheme="{self.scheme}", got {sizes}; take a larger size, or None for the smallest'
            )

    def __repr__(self) -> str:
        whole = self.orders == tuple(range(self.order + 1))
        given = [f"{self.order}" if whole else f"orders={self.orders}"]
        defaults = {field.name: field.default for field in fields(self)}
        others = {name: value for name, value in self._fields().items() if name not in ("order", "orders")}
        given += [f"{name}={value!r}" for name, value in others.items() if value != defaults[name]]
        return f"Differential({', '.join(given)})"

    @property
    def degree(self) -> int:
        """The degree of the polynomials on which weights on points are exact: order + accuracy - 1."""
        return self.order + self.accuracy - 1

    def derivatives(self, d: int) -> Derivatives:
        """The derivatives in d dimensions, and how they are approximated."""
        return Derivatives(d, self.orders or (), self.degree, self.scheme, self.sigma)

    # ------------------------------------------------------------------------------------------------- where it lives

    def validate(self, group: Group) -> None:
        """Differential operators serve every group; Gaussian ones those that preserve |v|.

        Raises:
            KernelError: a Gaussian scheme for a group that is not orthogonal, or narrower than the pixels.
        """
        coarsest = self._spacings(group.dim).max()
        if self.scheme == "gaussian" and self.sigma < 0.4 * coarsest:
            raise KernelError(
                f"expected a Gaussian of sigma at least 0.4 spacings, got {self.sigma:g} at spacing {coarsest:g}; "
                "take a larger sigma, or say the spacing of the data"
            )
        self.sizes(group.dim)
        action = group.action(group.algebra_array), group.action(group.generator_array)
        skew, one = action[0] + action[0].swapaxes(-1, -2), action[1].swapaxes(-1, -2) @ action[1] - np.eye(group.dim)
        if self.scheme == "gaussian" and max(np.abs(skew).max(initial=0), np.abs(one).max(initial=0)) > 1e-9:
            raise KernelError(
                f'scheme="gaussian" smooths alike in all directions, which {group} does not preserve; '
                'scheme="finite" serves every group'
            )

    def _spacings(self, d: int) -> np.ndarray:
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,) * d
        if len(spacings) != d:
            raise KernelError(f"expected {d} spacings, one for each axis, got {self.spacing}")
        return np.array(spacings, dtype=float) / self.oversampling

    def sizes(self, d: int) -> tuple[int, ...]:
        """The sizes of the box; `refined` keeps those of finite differences, and the extent of Gaussians."""
        if self.size is not None:
            sizes = (self.size,) * d if isinstance(self.size, int) else self.size
            if len(sizes) != d:
                raise KernelError(f"expected {d} kernel sizes, one for each axis, got {sizes}")
            widen = self.oversampling if self.scheme == "gaussian" else 1
            return tuple(size // 2 * widen * 2 + 1 for size in sizes)
        if self.scheme == "finite":
            return (2 * half_width(self.order, self.accuracy) + 1,) * d
        least = (self.degree + 1) // 2
        if self.scheme == "rbf":
            return (2 * least + 1,) * d
        reach = np.ceil(4 * self.sigma / self._spacings(d) - 1e-9).astype(int)
        return tuple(2 * max(int(n), least) + 1 for n in reach)

    def offsets(self, d: int) -> np.ndarray:
        return box(self.sizes(d)) * self._spacings(d)

    def reach(self, group: Group) -> float:
        return float(np.linalg.norm(self.offsets(group.dim), axis=-1).max())

    def graph(self, group: Group) -> dict[str, Any]:
        """The k nearest neighbours, or those within the radius; they weigh 1."""
        radius = 4 * self.sigma if self.scheme == "gaussian" and self.k is None else None
        radius = radius if self.radius is None else self.radius
        if radius is not None:
            return {"radius": radius, "norm": "one"} | ({} if self.k is None else {"k": self.k})
        return {"k": self.k or 2 * self.derivatives(group.dim).least - 1, "norm": "one"}

    def is_sampled_plainly(self, d: int) -> bool:
        return self.scheme != "gaussian"

    def refined(self, factor: int) -> Differential:
        """The same operators on a grid that is finer by a factor; weights keep their meaning."""
        return replace(self, oversampling=self.oversampling * factor)

    # --------------------------------------------------------------------------------------------------- what it solves

    def samples(self, d: int) -> int:
        """The number of features √(k!/α!) ∂^α; they run over the orders, then α."""
        return sum(len(multi_indices(d, k)) for k in self.orders or ())

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


@lru_cache(maxsize=64)
def stencil_features(spec: Differential, d: int) -> np.ndarray:
    """The features on the box of a grid, (features, points)."""
    return spec.derivatives(d).on_box(spec.sizes(d), spec._spacings(d))


def stencil_gram(spec: Differential, d: int) -> np.ndarray:
    """Σ_v B(v) B(v)ᵀ over the box, (features, features)."""
    features = stencil_features(spec, d)
    return features @ features.T


class DifferentialKernel(FeaturedKernel):
    """The operators of a `Differential`: the features are the weights of √(k!/α!) ∂^α, at an offset or an edge."""

    derivatives: torch.Tensor
    """The features on the box of a grid, (features, points)."""

    @property
    def spec(self) -> Any:
        return self.source

    @property
    def family(self) -> Differential:
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
