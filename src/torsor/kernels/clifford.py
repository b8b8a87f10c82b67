"""Clifford-steerable kernels: a network that gives multivectors k(v), and a head that lets them act by products.

    K_{oi}(v) f = Σ_{mjk} Λ_{oi,mjk} (k_{oi}(v)_m f_j)_k

with one multivector k_{oi}(v), equivariant in v, for each pair of fields, and weights Λ for the paths (m, j) → k of
grades. As k has the grades 0 and 1 only (`torsor.kernels.clifford_network`), the head has 3n + 1 paths for O(p, q):
n + 1 multiples of the identity, and v∧ and v⌟ on n grades each. The complete solution has 4n families: v∧(v⌟·) on the
grades 1 … n - 1 is missing (`PseudoRiemannian` has it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torsor.errors import FieldTypeError, KernelError
from torsor.fibre.base import Constants
from torsor.fibre.clifford import algebra_of, multivector_count
from torsor.groups import Group
from torsor.kernels.base import SteerableKernel
from torsor.kernels.box import BoxSpec
from torsor.kernels.clifford_network import CliffordNetwork, LiveTable
from torsor.reps import Representation


@dataclass(frozen=True, eq=False, repr=False)
class Clifford(BoxSpec):
    """The published kernels between multivector fields on R^{p,q}: kernel network and kernel head.

    For types n * multivector of the groups from SO₀(p, q) to O(p, q), p + q ≥ 2, on grids whose time axes come first,
    in units with c = 1. ``forward(v)`` satisfies the steerability constraint to rounding for every boost. The box
    truncates the unbounded orbits; no invariant function decays along the light cone. Not linear in its parameters.

    Args:
        size: number of pixels along every axis, or one number an axis.
        hidden: multivectors inside the network.
        layers: blocks of the network, each with one geometric product.
        functions: Gaussians of η(v,v) that enter the network.
        spacing: the distance of pixels, c Δt = Δx, one number.
        window: if given, the samples carry the envelope exp(-|v|²/2 window²), which is smooth, but breaks boosts. It is
            no part of the published construction.
        oversampling: the factor by which `refined` made the grid finer.

    Raises:
        KernelError: numbers that are not positive.

    Source: M. Zhdanov, D. Ruhe, M. Weiler, A. Lucic, J. Brandstetter, P. Forré, Clifford-steerable convolutional neural
    networks, 2024.
    """

    size: int | tuple[int, ...] = 5
    hidden: int = 8
    layers: int = 2
    functions: int = 8
    spacing: float = 1.0
    window: float | None = None
    oversampling: int = 1

    def __post_init__(self) -> None:
        self.check_box()
        if min(self.hidden, self.layers, self.functions) < 1 or isinstance(self.spacing, tuple):
            raise KernelError(
                f"expected positive numbers of fields, layers and functions, and one spacing, got {self!r}"
            )

    def validate(self, group: Group) -> None:
        """Clifford kernels serve the groups from SO0(p, q) to O(p, q).

        Raises:
            KernelError: another group, or a number of sizes that does not fit.
        """
        d = group.dim
        whole = group.algebra_array.shape[-1] == d and len(group.algebra_array) == d * (d - 1) // 2
        if d < 2 or not whole:
            raise KernelError(
                f"Clifford kernels need a group from SO0(p, q) to O(p, q), p + q ≥ 2, got {group}; subgroups have more "
                "kernels: restrict the types, or take another family"
            )
        try:
            algebra_of(group)
        except FieldTypeError as error:
            raise KernelError(f"Clifford kernels: {error}") from None
        self.base_sizes(d)

    def centres(self, group: Group) -> tuple[float, ...]:
        """Centres of the Gaussians in asinh(η(v,v)/spacing²), over the values in the box."""
        ends = ((np.array(self.base_sizes(group.dim)) - 1) / 2) ** 2 * np.array(algebra_of(group).signs)
        low, high = np.arcsinh(ends[ends < 0].sum()), np.arcsinh(ends[ends > 0].sum())
        return tuple(float(c) for c in np.linspace(low, high, self.functions))

    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> CliffordKernel:
        return CliffordKernel(self, rho_in, rho_out, device=device, dtype=dtype)


class CliffordKernel(Constants, SteerableKernel):
    """The kernel of a `Clifford`.

    The state holds the `weight` Λ of the head, (fields out, fields in, paths), and the parameters of the `network`.

    Raises:
        KernelError: other types than n * multivector.
    """

    spec: Clifford
    offsets: torch.Tensor
    shares: torch.Tensor

    def __init__(
        self,
        spec: Clifford,
        in_rep: Representation,
        out_rep: Representation,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.spec, self.in_rep, self.out_rep = spec, in_rep, out_rep
        try:
            self.fields = tuple(multivector_count(rep, "kernels.Clifford") for rep in (out_rep, in_rep))
        except FieldTypeError as error:
            raise KernelError(f"{error}, or kernels.PseudoRiemannian, which connects all types") from None
        group = in_rep.group
        self.head = LiveTable(group, right=True, device=device, dtype=dtype)
        self.weight = torch.nn.Parameter(torch.empty(*self.fields, len(self.head.paths), device=device, dtype=dtype))
        self.network = CliffordNetwork(
            group,
            self.fields[0] * self.fields[1],
            spec.hidden,
            spec.layers,
            spec.centres(group),
            spec.spacing,
            max(spec.base_sizes(group.dim)) / 2 * spec.spacing,
            device=device,
            dtype=dtype,
        )
        self.derive(device, dtype)
        self.reset_parameters()

    def constants(self) -> dict[str, np.ndarray]:
        d = self.in_rep.group.dim
        return {"offsets": self.spec.offsets(d), "shares": self.spec.weights(d)}

    def blocks(self) -> dict[tuple[int, int, int], torch.Tensor]:
        """Named views of the weight: grades (m, j, k) of kernel, input and output -> (fields out, fields in)."""
        return {path: self.weight[..., index] for index, path in enumerate(self.head.paths)}

    @torch.no_grad()
    def reset_parameters(self, gain: float = 1.0) -> None:
        """Random parameters; Λ is scaled so that white input of unit variance gives output of variance gain².

        That holds for every grade of every field of the output, exactly.
        """
        if self.weight.is_meta:
            return
        self.network.reset_parameters()
        self.weight.normal_()
        squares = self.stencil().unflatten(0, (self.fields[0], -1)).square().flatten(2).sum(-1)
        for k, rows in enumerate(squares.split(self.head.algebra.sizes, 1)):
            paths = [index for index, path in enumerate(self.head.paths) if path[2] == k]
            self.weight[..., paths] *= gain * rows.mean(1).rsqrt()[:, None, None]

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """K(v) at vectors v: (..., n) -> (..., c_out, c_in)."""
        self.check_vectors(v)
        k = self.network(v.to(self.weight).reshape(-1, v.shape[-1])).unflatten(1, self.fields)
        terms = self.head.terms(self.weight, k)  # (points, out, in, 2^n, 2^n)
        return terms.transpose(2, 3).reshape(*v.shape[:-1], self.out_rep.dim, self.in_rep.dim)

    def stencil(self) -> torch.Tensor:
        return (self(self.offsets) * self.shares[:, None, None]).permute(1, 2, 0).unflatten(-1, self.sizes)

    def extra_repr(self) -> str:
        return f"{self.in_rep.name} -> {self.out_rep.name}, {self.spec!r}"
