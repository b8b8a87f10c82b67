"""Implicit kernels: K(v, a) from an equivariant network of the tangent vector and of attributes of nodes and edges.

K(v, a) = Σ_b w_b C_b · B(v, a),   C_b ∈ Hom_G(features ⊗ ρ_in, ρ_out)

with the features B of a `torsor.kernels.network.ImplicitNetwork`. By B(gv, α(g) a) = ρ_features(g) B(v, a) the kernel
satisfies K(gv, α(g) a) = ρ_out(g) K(v, a) ρ_in(g)⁻¹ for all weights: the network maps to ρ_out ⊗ ρ_in*, and its last
linear layer, the expansion of C_b, is taken out of the sum over neighbours.

Source: Zhdanov, Hoffmann and Cesa, Implicit convolutional kernels for steerable CNNs, 2023.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.bilinear import bilinear_maps
from torsor.fibre.expansion import Bases, BasisSource, Expansion
from torsor.groups import Group
from torsor.kernels.base import KernelSpec, gather
from torsor.kernels.expanded import FeaturedKernel, outer_sums
from torsor.kernels.network import ImplicitNetwork, constituents, couple, harmonic_types
from torsor.kernels.radial import RadialHarmonic
from torsor.reps import Representation, direct_sum, regular, trivial

REGULAR_LIMIT = 24
"""Finite groups up to this order have regular hidden layers by default."""


@dataclass(frozen=True, eq=False, repr=False)
class Implicit(KernelSpec):
    """Kernels given by an equivariant network, for every compact group G ≤ O(d), that may depend on attributes.

    Args:
        radius: where K vanishes, in physical units.
        attributes: the type of what K depends on besides v, (edges, attributes.dim), such as ``rho + rho`` of
            `edge_attributes`; None for a kernel of v alone. Attributes of unit size suit the random weights.
        hidden: type of the hidden layers, or a multiplicity. By default regular fields for finite groups of up to 24
            elements, otherwise the irreps in the harmonics, in the attributes, and in products of both that K has.
        layers: number of nonlinear layers.
        degrees: the highest degree of the harmonics of v that enter.
        functions: how many fields of every irrep leave the network.
        spacing: of the pixels, one number or one an axis; on scattered points their typical distance. Random weights
            keep the variance of sums over as many neighbours as fit into the ball.
        oversampling: the factor by which `refined` made the grid finer.
        size: instead of the radius, an odd number of pixels: the radius is (size + 1)/2 · spacing.

    Raises:
        KernelError: numbers that are not positive; neither radius nor size, or both.
    """

    radius: float | None = None
    attributes: Representation | None = None
    hidden: Representation | int | None = None
    layers: int = 2
    degrees: int = 2
    functions: int = 8
    spacing: float | tuple[float, ...] = 1.0
    oversampling: int = 1
    size: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.spacing, list):
            object.__setattr__(self, "spacing", tuple(self.spacing))
        if (self.radius is None) == (self.size is None):
            raise KernelError(f"expected a radius or a size, got radius={self.radius}, size={self.size}")
        if self.size is not None:
            if not isinstance(self.size, int) or self.size < 3 or self.size % 2 == 0:
                raise KernelError(f"expected an odd size of at least 3, got {self.size}; radius= takes any length")
            reach = min(self.spacing) if isinstance(self.spacing, tuple) else self.spacing
            object.__setattr__(self, "radius", (self.size + 1) / 2 * reach)
            object.__setattr__(self, "size", None)
        object.__setattr__(self, "radius", float(self.radius))  # type: ignore[arg-type]
        copies = self.hidden if isinstance(self.hidden, int) else 1
        if min(self.layers, self.functions, copies) < 1:
            raise KernelError(f"expected positive numbers of layers, functions and hidden fields, got {self!r}")
        _ = self.ball

    @property
    def ball(self) -> RadialHarmonic:
        """The support: its stencil, and how many neighbours fit into it."""
        return RadialHarmonic(
            self.radius,  # type: ignore[arg-type]
            degrees=self.degrees,
            spacing=self.spacing,
            oversampling=self.oversampling,
        )

    def validate(self, group: Group) -> None:
        """Implicit kernels serve every compact subgroup of O(d).

        Raises:
            KernelError: the group is not compact and orthogonal, or the attributes or hidden layers have another one.
        """
        if not group.is_compact or not group.is_orthogonal:
            raise KernelError(
                f"Implicit kernels need a compact group of rotations and reflections, got {group}; for O(p,q) take "
                "kernels.PseudoRiemannian"
            )
        for name, rep in (("attributes", self.attributes), ("hidden", self.hidden)):
            if isinstance(rep, Representation) and rep.group != group:
                raise KernelError(f"expected {name} of {group}, the group of the kernel, got {rep}; restrict() it")

    def sizes(self, d: int) -> tuple[int, ...]:
        return self.ball.sizes(d)

    def offsets(self, d: int) -> np.ndarray:
        return self.ball.offsets(d)

    @property
    def is_for_points(self) -> bool:
        return self.size is None

    def reach(self, group: Group) -> float:
        return self.ball.radius

    def refined(self, factor: int) -> Implicit:
        """The same functions on a grid that is finer by a factor; weights keep their meaning."""
        return replace(self, oversampling=self.oversampling * factor)

    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> ImplicitKernel:
        return ImplicitKernel(self, rho_in, rho_out, device=device, dtype=dtype)

    def hidden_type(self, rho_in: Representation, rho_out: Representation) -> Representation:
        """The type of the hidden layers of the kernel between two types."""
        if isinstance(self.hidden, Representation):
            return self.hidden
        group = rho_in.group
        if group.is_enumerable and (group.order or 0) <= REGULAR_LIMIT:
            copies = self.hidden or min(32, max(8, 128 // (group.order or 1)))
            return direct_sum([(copies, regular(group))])
        copies = self.hidden or 8
        others = [sigma for sigma in self._irreps(rho_in, rho_out) if not sigma.is_trivial]
        return direct_sum([(4 * copies, trivial(group)), *((copies, sigma) for sigma in others)])

    def _irreps(self, rho_in: Representation, rho_out: Representation) -> tuple[Representation, ...]:
        """Those in the harmonics and attributes, and those of K in products of both."""
        waves = harmonic_types(rho_in.group, self.degrees)
        if self.attributes is None:
            return constituents(*waves)
        factors, given = constituents(*waves), constituents(self.attributes)
        entries = constituents(*(tau * sigma.dual() for tau in constituents(rho_out) for sigma in constituents(rho_in)))
        return constituents(*factors, *given, *(rep for rep in entries if couple(factors, given, rep)))

    def feature_type(self, rho_in: Representation, rho_out: Representation) -> Representation:
        """The type of the features: irreps of the hidden layers that occur in ρ_out ⊗ ρ_in*.

        Raises:
            KernelError: there are none.
        """
        hidden, into = self.hidden_type(rho_in, rho_out), constituents(rho_in)
        found = [rep for rep in constituents(hidden) if any(couple((rep,), into, tau) for tau in constituents(rho_out))]
        if not found:
            raise KernelError(
                f"no equivariant map exists from {rho_in} to {rho_out} with hidden layers of type {hidden.name}: raise "
                "degrees, or give a hidden type that shares an irrep with the tensor product of both types"
            )
        return direct_sum([(self.functions, rep) for rep in found])


@dataclass(frozen=True, eq=False, repr=False)
class Contraction(BasisSource):
    """All of Hom_G(features ⊗ σ, τ): kernels that are linear in features of a given type."""

    features: Representation

    def samples(self, d: int) -> int:
        return self.features.dim

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """In the order of the fields of the features, then of the maps."""
        return [[self._maps(sigma, tau) for sigma in sigmas] for tau in taus]

    def _maps(self, sigma: Representation, tau: Representation) -> np.ndarray:
        parts = [np.zeros((0, tau.dim, sigma.dim, self.features.dim))]
        for place, rep in self.features.fields:
            maps = bilinear_maps(rep, sigma, tau)
            part = np.zeros((len(maps), *parts[0].shape[1:]))
            part[..., place] = maps.swapaxes(2, 3)
            parts.append(part)
        return np.concatenate(parts)


class ImplicitKernel(FeaturedKernel):
    """The kernel of an `Implicit`: its features are those of `network`, differentiable in v and in the attributes.

    The state holds the `weight` of the expansion and the parameters of the network.
    """

    def __init__(
        self,
        spec: Implicit,
        in_rep: Representation,
        out_rep: Representation,
        *,
        method: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        features = spec.feature_type(in_rep, out_rep)
        Expansion.__init__(self, Contraction(features), in_rep, out_rep, method=method, device=device, dtype=dtype)
        self.specification = spec
        self.network = ImplicitNetwork(
            spec.attributes,
            spec.hidden_type(in_rep, out_rep),
            features,
            spec.ball,
            spec.layers,
            device=device,
            dtype=dtype,
        )
        if not self.weight.is_meta and not bool(self.network.gain.any()):
            given = "v alone" if spec.attributes is None else f"v and attributes of type {spec.attributes.name}"
            raise KernelError(
                f"every kernel from {in_rep} to {out_rep} that depends on {given} "
                "vanishes; attributes of another type may reach it"
            )

    @property
    def spec(self) -> Implicit:  # type: ignore[override]
        return self.specification

    def reset_parameters(self, gain: float = 1.0) -> None:
        super().reset_parameters(gain)
        if hasattr(self, "network"):
            self.network.reset_parameters()

    def features(self, v: torch.Tensor, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """B(v, a): (..., d) and (..., channels) -> (..., features).

        Raises:
            KernelError: attributes that are missing, superfluous, or of another number of channels.
        """
        self._check_attributes(v, attributes)
        a = None if attributes is None else attributes.to(self.weight).reshape(-1, attributes.shape[-1])
        flat = self.network(v.to(self.weight).reshape(-1, v.shape[-1]), a)
        return flat.view(*v.shape[:-1], flat.shape[-1])

    def _check_attributes(self, v: torch.Tensor, attributes: torch.Tensor | None) -> None:
        rep = self.spec.attributes
        if rep is None and attributes is not None:
            raise KernelError(
                f"the kernel depends on v alone, got attributes of shape {tuple(attributes.shape)}; say their type, "
                "kernels.Implicit(…, attributes=rho)"
            )
        if rep is not None and attributes is None:
            raise KernelError(
                f"the kernel depends on attributes of type {rep}, got none; they belong to edges: "
                f"conv(x, graph, attributes) with a tensor (edges, {rep.dim}), on points"
            )
        if rep is not None and attributes is not None and attributes.shape != (*v.shape[:-1], rep.dim):
            raise KernelError(
                f"expected attributes of type {rep} and of shape {(*v.shape[:-1], rep.dim)}, "
                f"got {tuple(attributes.shape)}"
            )

    def forward(self, v: torch.Tensor, attributes: torch.Tensor | None = None) -> torch.Tensor:  # type: ignore[override]
        """K(v, a): (..., d) and (..., channels) -> (..., c_out, c_in)."""
        self.check_vectors(v)
        return torch.einsum("oif,...f->...oi", self.expand(), self.features(v, attributes))

    def matrices(self, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        return self(graph.v, attributes)

    def apply_to(self, x: torch.Tensor, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """Σ_q w_pq B(v_pq, a_pq) ⊗ ρ_in(g_pq) f(q), then the expanded weights once a point: no K of an edge."""
        weighted = self.features(graph.v, attributes) * graph.weight.to(x)[:, None]
        sums = outer_sums(weighted, gather(x, graph, self.in_rep), graph)
        return sums.flatten(1) @ self.expand().permute(2, 1, 0).flatten(0, 1)

    def stencil(self) -> torch.Tensor:
        """The kernel at the pixels inside the ball.

        Raises:
            KernelError: the radius does not reach the next pixel, or the kernel depends on attributes.
        """
        self.spec.ball.require_grid(self.in_rep.group.dim)
        return super().stencil() * float(self.spec.oversampling) ** -self.in_rep.group.dim

    def residual(self, v: torch.Tensor, g: torch.Tensor, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """max |K(gv, α(g)a) - ρ_out(g) K(v, a) ρ_in(g)⁻¹| / max |K| for (n, d) vectors, elements and attributes."""
        move, kernel = self.in_rep.group.action(g).to(v), self(v, attributes)
        moved = attributes
        if attributes is not None and self.spec.attributes is not None:
            moved = torch.einsum("nij,nj->ni", self.spec.attributes.rho(g).to(attributes), attributes)
        left = self(torch.einsum("nij,nj->ni", move, v), moved)
        right = self.out_rep.rho(g).to(kernel) @ kernel @ torch.linalg.inv(self.in_rep.rho(g)).to(kernel)
        return (left - right).abs().max() / left.abs().max()


def edge_attributes(
    graph: Any,
    rep: Representation,
    nodes: torch.Tensor,
    edges: torch.Tensor | None = None,
    *,
    targets: torch.Tensor | None = None,
) -> torch.Tensor:
    """f(p) ⊕ ρ(g_pq) f(q) ⊕ features of the edge: attributes of type ``rep + rep`` (+ that of the edges).

    Args:
        graph: the edges, see `torsor.spaces.Neighbours`.
        rep: the type ρ of the node features.
        nodes: (sources, rep.dim).
        edges: (edges, channels) features of the edges, in the frames at p, that stand behind.
        targets: (targets, rep.dim), where the targets are other points than the sources.

    Raises:
        KernelError: a number of nodes, edges or channels that does not fit.
    """
    there = nodes if targets is None else targets
    expected = {"nodes": (graph.sources, rep.dim), "targets": (graph.targets, rep.dim)}
    for (name, shape), given in zip(expected.items(), (nodes, there), strict=True):
        if tuple(given.shape) != shape:
            raise KernelError(f"expected {name} of type {rep} and of shape {shape}, got {tuple(given.shape)}")
    if edges is not None and (edges.ndim != 2 or len(edges) != len(graph.target)):
        raise KernelError(f"expected features of {len(graph.target)} edges, got shape {tuple(edges.shape)}")
    parts = [there.index_select(0, graph.target), gather(nodes, graph, rep)]
    return torch.cat(parts if edges is None else [*parts, edges], 1)
