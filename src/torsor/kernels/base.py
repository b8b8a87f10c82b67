"""What a kernel specification and a steerable kernel are."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.expansion import Bases, BasisSource, Expansion
from torsor.groups import Group
from torsor.linalg import Array
from torsor.reps import Representation


class KernelSpec(BasisSource):
    """How a kernel solves K(gv) = |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹. ``spec(ρ_in, ρ_out)`` builds the kernel.

    A new family is one file: its sample points, its basis at any points, and the groups that it serves.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...] | int:
        """The sizes of the stencil: one number for every axis, or one an axis."""

    @abstractmethod
    def validate(self, group: Group) -> None:
        """Raise `KernelError` if the family, or this size, does not serve a group."""

    @abstractmethod
    def offsets(self, d: int) -> np.ndarray:
        """The stencil's offsets v in physical units, (samples, d), first axis slowest."""

    @abstractmethod
    def bases_at(self, v: np.ndarray, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """The basis kernels at points v (n, d): a list over τ of lists over σ of (number, dim τ, dim σ, n)."""

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        return self.bases_at(self.offsets(sigmas[0].group.dim), sigmas, taus)

    def samples(self, d: int) -> int:
        return len(self.offsets(d))

    def sizes(self, d: int) -> tuple[int, ...]:
        """The sizes of the stencil along d axes."""
        shape = self.shape
        sizes = (shape,) * d if isinstance(shape, int) else tuple(shape)
        if len(sizes) != d:
            raise KernelError(f"expected {d} kernel sizes, one for each axis, got {sizes}")
        return sizes

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
        return SteerableKernel(self, rho_in, rho_out, device=device, dtype=dtype)


class SteerableKernel(Expansion):
    """A learnable kernel K: R^d → R^{c_out × c_in} that satisfies the steerability constraint for all weights.

    The `weight` is flat; `blocks` gives named views, and `torsor.fibre.expansion` documents the order.
    """

    def __init__(
        self,
        spec: KernelSpec,
        in_rep: Representation,
        out_rep: Representation,
        *,
        method: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if in_rep.group != out_rep.group:
            raise KernelError(
                f"a kernel connects two types of one group, got {in_rep} and {out_rep}; restrict() brings the types of "
                "a larger group down to a subgroup"
            )
        spec.validate(in_rep.group)
        super().__init__(spec, in_rep, out_rep, method=method, device=device, dtype=dtype)

    @property
    def spec(self) -> KernelSpec:
        """The specification that built the kernel."""
        return self.source  # type: ignore[return-value]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the stencil, one an axis."""
        return self.spec.sizes(self.in_rep.group.dim)

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """K(v) at tangent vectors v: (..., d) -> (..., c_out, c_in), differentiable in the weight.

        Raises:
            KernelError: v has not d components (or, for `Stencil`, is not an offset of the lattice).
        """
        d = self.in_rep.group.dim
        if v.shape[-1] != d:
            raise KernelError(f"expected tangent vectors of {d} components, got shape {tuple(v.shape)}")
        points = v.detach().cpu().double().reshape(-1, d).numpy()
        kernel = self.expand_at(lambda sigmas, taus: self.spec.bases_at(points, sigmas, taus))
        return kernel.permute(2, 0, 1).reshape(*v.shape[:-1], self.out_rep.dim, self.in_rep.dim)

    def stencil(self) -> torch.Tensor:
        """The kernel at the offsets of its grid: (c_out, c_in, *sizes), as ``torch.nn.functional.conv_nd`` takes it."""
        return self.expand().unflatten(-1, self.sizes)

    def residual(self, v: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """The error of the steerability constraint, relative to the largest entry of K.

        max |K(gv) - |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹| / max |K| for pairs v (n, d) and g (n, d, d).
        """
        move: Array = self.in_rep.group.action(g).to(v.dtype)
        left = self(torch.einsum("nij,nj->ni", move, v))
        det = torch.linalg.det(move).abs()[:, None, None]
        kernel = self(v)
        right = self.out_rep.rho(g).to(kernel) @ kernel @ torch.linalg.inv(self.in_rep.rho(g)).to(kernel) / det
        return (left - right).abs().max() / left.abs().max()

    def to_dict(self) -> dict[str, Any]:
        """The specification and both types, for a checkpoint."""
        return {
            "spec": self.spec.to_dict(),
            "in_rep": self.in_rep.to_dict(),
            "out_rep": self.out_rep.to_dict(),
        }
