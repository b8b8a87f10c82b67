"""What a kernel specification and a steerable kernel are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.groups import Group
from torsor.kernels.memo import must_be_plain
from torsor.kernels.transport import plainly_transported, transported
from torsor.reps import Representation
from torsor.symbolic import Symbolic


class KernelSpec(Symbolic, ABC):
    """How a kernel solves K(gv) = |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹. ``spec(ρ_in, ρ_out)`` builds the kernel.

    A new family is one file: the groups that it serves, its stencil on a grid, and the kernel that it builds.
    """

    @abstractmethod
    def validate(self, group: Group) -> None:
        """Raise `KernelError` if the family, or this size, does not serve a group."""

    @abstractmethod
    def sizes(self, d: int) -> tuple[int, ...]:
        """The sizes of the stencil along the d axes of a grid."""

    @abstractmethod
    def offsets(self, d: int) -> np.ndarray:
        """The stencil's offsets v in physical units, (samples, d), first axis slowest."""

    @abstractmethod
    def reach(self, group: Group) -> float:
        """A radius beyond which K(v) vanishes, in physical units."""

    @abstractmethod
    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> SteerableKernel:
        """The kernel between two types of one group that `validate` accepts."""

    @property
    def is_bound_to_lattice(self) -> bool:
        """Whether K(v) is defined at the offsets of a lattice only."""
        return False

    @property
    def is_for_points(self) -> bool:
        """Whether the family is meant for scattered points, though it has a stencil too."""
        return False

    def graph(self, group: Group) -> dict[str, Any]:
        """Which neighbours the kernel needs on scattered points: arguments of ``space.neighbours``."""
        return {"radius": self.reach(group), "norm": "mean"}

    def is_sampled_plainly(self, d: int) -> bool:
        """Whether the stencil holds K at its offsets; a family may adjust the samples (see `Harmonic`)."""
        return True

    def refined(self, factor: int) -> KernelSpec:
        """The same kernel functions sampled on a grid that is finer by a factor.

        Raises:
            KernelError: the family is bound to its lattice.
        """
        raise KernelError(f"{type(self).__name__} kernels are bound to their lattice and cannot be refined")

    def __call__(
        self,
        rho_in: Representation,
        rho_out: Representation,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> SteerableKernel:
        """The steerable kernel from fields of type ρ_in to fields of type ρ_out.

        Raises:
            KernelError: two groups, a group that the family does not serve, or no kernel at all.
        """
        if rho_in.group != rho_out.group:
            raise KernelError(
                f"a kernel connects two types of one group, got {rho_in} and {rho_out}; restrict() brings the types of "
                "a larger group down to a subgroup"
            )
        self.validate(rho_in.group)
        return self.build(rho_in, rho_out, device, dtype)


class SteerableKernel(torch.nn.Module, ABC):
    """A learnable kernel K: R^d → R^{c_out × c_in} that satisfies the steerability constraint for all weights.

    Attributes:
        spec: the specification that built it.
        in_rep: ρ_in.
        out_rep: ρ_out.
    """

    spec: KernelSpec
    in_rep: Representation
    out_rep: Representation

    @abstractmethod
    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """K(v) at tangent vectors v: (..., d) -> (..., c_out, c_in).

        Raises:
            KernelError: v has not d components, or lies where the kernel is not defined.
        """

    @abstractmethod
    def stencil(self) -> torch.Tensor:
        """The kernel at the offsets of its grid: (c_out, c_in, *sizes), as ``torch.nn.functional.conv_nd`` takes it."""

    @abstractmethod
    def reset_parameters(self, gain: float = 1.0) -> None:
        """Random weights that keep the variance times gain²."""

    def matrices(self, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """K of every edge of a neighbourhood graph, (edges, c_out, c_in).

        Raises:
            KernelError: the kernel depends on no attributes, but some are given.
        """
        if attributes is not None:
            raise KernelError(f"{type(self).__name__} depends on no attributes; kernels.Implicit does")
        return self(graph.v)

    def apply_to(self, x: torch.Tensor, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """Σ_q w_pq K(v_pq) ρ_in(g_pq) f(q): (sources, c_in) -> (targets, c_out), literally, edge by edge.

        Args:
            x: features at the sources.
            graph: the edges, see `torsor.spaces.Neighbours`.
            attributes: what the kernel depends on besides v, (edges, channels); only `Implicit` kernels do.
        """
        found = x.index_select(0, graph.source)
        if graph.g is not None:
            found = torch.einsum("eij,ej->ei", self.in_rep.rho(graph.g).to(x), found)
        messages = torch.einsum("eoi,ei->eo", self.matrices(graph, attributes), found)
        return scatter(messages * graph.weight.to(x)[:, None], graph)

    def check_vectors(self, v: torch.Tensor) -> None:
        """Raise unless v has d components.

        Raises:
            KernelError: expected and received shapes.
        """
        d = self.in_rep.group.dim
        if v.shape[-1] != d:
            raise KernelError(f"expected tangent vectors of {d} components, got shape {tuple(v.shape)}")

    @property
    def parts(self) -> tuple[tuple[torch.Tensor, torch.Tensor, int], ...]:
        """(output channels, input channels, margin) of the parts of the stencil that are not zero; () if it has one.

        The output channels are a partition; of each part the margin, in pixels on all sides, is zero.
        """
        return ()

    def part_stencil(self, index: int) -> torch.Tensor:
        """The stencil of one of the `parts`, margin cut off: (its output channels, its input channels, *sizes)."""
        out, into, margin = self.parts[index]
        whole = self.stencil()
        part = whole.index_select(0, out.to(whole.device)).index_select(1, into.to(whole.device))
        return part[(..., *(slice(margin, k - margin) for k in self.sizes))]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the stencil, one an axis."""
        return self.spec.sizes(self.in_rep.group.dim)

    def residual(self, v: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """The error of the steerability constraint, relative to the largest entry of K.

        max |K(gv) - |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹| / max |K| for pairs v (n, d) and g (n, d, d). In a window of
        scales the entries count that both sides determine.
        """
        move = self.in_rep.group.action(g).to(v.dtype)
        left = self(torch.einsum("nij,nj->ni", move, v))
        det = torch.linalg.det(move).abs()[:, None, None]
        kernel = self(v)
        right = self.out_rep.rho(g).to(kernel) @ kernel @ self.in_rep.rho(self.in_rep.group.inverse(g)).to(kernel) / det
        inside = self.out_rep.interior(g)[..., :, None] & self.in_rep.interior(g)[..., None, :]
        return ((left - right) * inside).abs().max() / left.abs().max()

    def to_dict(self) -> dict[str, Any]:
        """The specification and both types, for a checkpoint."""
        return {
            "spec": self.spec.to_dict(),
            "in_rep": self.in_rep.to_dict(),
            "out_rep": self.out_rep.to_dict(),
        }


def gather(x: torch.Tensor, graph: Any, rep: Representation) -> torch.Tensor:
    """The features at the sources of all edges, transported to the targets: ρ(g_pq) f(q), (edges, channels)."""
    if graph.g is None:
        return x.index_select(0, graph.source)
    return plainly_transported(x, graph, rep) if must_be_plain(x) else transported(x, graph, rep)


def scatter(messages: torch.Tensor, graph: Any) -> torch.Tensor:
    """The sums of the messages (edges, …) that arrive at each target, (targets, …)."""
    zeros = messages.new_zeros(graph.targets, *messages.shape[1:])
    return zeros.index_add(0, graph.target, messages)
