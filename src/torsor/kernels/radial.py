"""Harmonic kernels with a learnt radial network, for scattered points (and for grids).

K(v) = Σ_{j,l,b} w_{jlb} h_j(|v|) C_{lb} · Y_l(u),   u = s(|v|) v/|v|

with the covariants C_{lb} of `torsor.kernels.covariants`, a `RadialNetwork` h that vanishes beyond the radius, and a
smooth s(r) that grows from 0 at the origin to 1: all degrees but 0 vanish there, without a kink.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gamma, pi

import numpy as np
import torch

from torsor.errors import KernelError, as_number
from torsor.fibre.expansion import Bases, BasisSource
from torsor.groups import Group
from torsor.kernels.base import KernelSpec, SteerableKernel
from torsor.kernels.covariants import check_degrees, solve_harmonic
from torsor.kernels.depthwise import DepthwiseKernel
from torsor.kernels.expanded import FeaturedKernel
from torsor.kernels.lattice import box
from torsor.kernels.profiles import Angular, RadialNetwork
from torsor.linalg import harmonic_basis
from torsor.reps import Representation


@dataclass(frozen=True, eq=False, repr=False)
class RadialHarmonic(KernelSpec, BasisSource):
    """``Harmonic(radius=…)``: J learnt radial functions times harmonics up to a degree, inside a ball.

    Args:
        radius: where K vanishes, in physical units.
        degrees: the highest degree of the harmonics.
        functions: J, the number of radial functions that the network learns.
        hidden: hidden units of the radial network.
        spacing: of the pixels, one number or one an axis; on scattered points their typical distance. Random weights
            keep the variance of sums over as many neighbours as fit into the ball, on average over the ball; it is
            larger where there are few, since the point itself counts most. On grids the stencil is the smallest box
            around the ball.
        depthwise: radial functions for every channel instead, see `torsor.kernels.depthwise`; for many channels.
        oversampling: the factor by which `refined` made the grid finer.

    Raises:
        KernelError: numbers that are not positive.
    """

    radius: float
    degrees: int = 2
    functions: int = 8
    hidden: int = 32
    spacing: float | tuple[float, ...] = 1.0
    depthwise: bool = False
    oversampling: int = 1

    def __post_init__(self) -> None:
        radius = as_number(self.radius)
        if radius is None:
            raise KernelError(f"expected a radius, a number, got {self.radius!r}")
        object.__setattr__(self, "radius", radius)
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,)
        if not isinstance(self.degrees, int):
            raise KernelError(f"expected the highest degree, one integer, got degrees={self.degrees!r}")
        if (
            not 0 < self.radius < np.inf
            or self.degrees < 0
            or min(self.functions, self.hidden) < 1
            or not min(spacings) > 0
        ):
            raise KernelError(
                f"expected a positive radius, functions, hidden and spacing, and degrees of at least 0, got {self!r}"
            )
        check_degrees(self.degrees)

    def validate(self, group: Group) -> None:
        """Harmonic kernels serve every compact subgroup of O(d).

        Raises:
            KernelError: the group is not compact and orthogonal.
        """
        if not group.is_compact or not group.is_orthogonal:
            raise KernelError(
                f"Harmonic kernels need a compact group of rotations and reflections, got {group}; "
                "kernels.PseudoRiemannian takes the groups from SO0(p, q) to O(p, q), kernels.Differential any matrix "
                "group"
            )

    def _spacings(self, d: int) -> np.ndarray:
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,) * d
        if len(spacings) != d:
            raise KernelError(f"expected {d} spacings, one for each axis, got {self.spacing}")
        return np.array(spacings, dtype=float) / self.oversampling

    def sizes(self, d: int) -> tuple[int, ...]:
        """The odd sizes whose box holds the ball; 1 where it does not reach the next pixel."""
        reach = np.ceil(self.radius / self._spacings(d) - 1e-9).astype(int) - 1
        return tuple(int(2 * n + 1) for n in reach)

    def offsets(self, d: int) -> np.ndarray:
        return box(self.sizes(d)) * self._spacings(d)

    @property
    def is_for_points(self) -> bool:
        return True

    def reach(self, group: Group) -> float:
        return self.radius

    def refined(self, factor: int) -> RadialHarmonic:
        """The same functions on a grid that is finer by a factor; weights keep their meaning."""
        return replace(self, oversampling=self.oversampling * factor)

    def numbers(self, d: int) -> list[int]:
        """How many harmonics there are of each degree."""
        return [len(harmonic_basis(d, degree)) for degree in range(self.degrees + 1)]

    def neighbours(self, d: int) -> float:
        """How many points of this spacing fit into the ball, at least 1."""
        volume = pi ** (d / 2) / gamma(d / 2 + 1) * self.radius**d
        return max(1.0, volume / float(np.prod(self._spacings(d) * self.oversampling)))

    def harmonics(self, d: int) -> int:
        """The number of harmonics of all degrees."""
        return sum(self.numbers(d))

    def samples(self, d: int) -> int:
        """The number of features h_j Y_lm; they run over l, then j, then m."""
        return self.functions * self.harmonics(d)

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """The covariants C_lb for each radial function, in the order l, then j, then b."""
        d = sigmas[0].group.dim
        pairs = [(sigma, tau) for tau in taus for sigma in sigmas]
        solved = solve_harmonic(pairs, range(self.degrees + 1))
        flat = [self._placed(covariants, d) for covariants in solved]
        return [flat[t * len(sigmas) : (t + 1) * len(sigmas)] for t in range(len(taus))]

    def _placed(self, covariants: list[np.ndarray], d: int) -> np.ndarray:
        parts, start = [], 0
        for maps, number in zip(covariants, self.numbers(d), strict=True):
            part = np.zeros((self.functions, len(maps), *maps.shape[1:3], self.samples(d)))
            for j in range(self.functions):
                norms = np.sqrt((maps**2).sum((1, 2, 3), keepdims=True) / maps.shape[1])
                part[j, ..., start : start + number] = maps / norms
                start += number
            parts.append(part.reshape(-1, *part.shape[2:]))
        return np.concatenate(parts)

    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> SteerableKernel:
        kind = DepthwiseKernel if self.depthwise else RadialKernel
        return kind(self, rho_in, rho_out, device=device, dtype=dtype)

    def require_grid(self, d: int) -> None:
        """Raise unless the ball reaches the next pixel.

        Raises:
            KernelError: the radius is below the spacing.
        """
        if max(self.sizes(d)) == 1:
            raise KernelError(
                f"the radius {self.radius:g} does not reach the next pixel at spacing {self.spacing}: take a larger "
                "radius, or say the spacing of the grid"
            )


class RadialKernel(FeaturedKernel):
    """The kernel of a `RadialHarmonic`: its features are B(v) = h_j(|v|) Y_lm(u), differentiable in v."""

    def __init__(
        self,
        spec: RadialHarmonic,
        in_rep: Representation,
        out_rep: Representation,
        *,
        method: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(spec, in_rep, out_rep, method=method, device=device, dtype=dtype)
        d = in_rep.group.dim
        self.angular = Angular(spec.radius, spec.degrees, d, device=device, dtype=dtype)
        self.network = RadialNetwork(
            spec.radius, spec.functions, spec.hidden, d, spec.neighbours(d), device=device, dtype=dtype
        )

    @property
    def spec(self) -> RadialHarmonic:  # type: ignore[override]
        return self.source  # type: ignore[return-value]

    def reset_parameters(self, gain: float = 1.0) -> None:
        super().reset_parameters(gain)
        if hasattr(self, "network"):
            self.network.reset_parameters()

    def features(self, v: torch.Tensor) -> torch.Tensor:
        profiles = self.network((v / self.spec.radius).square().sum(-1))[..., :, None]
        angular = self.angular(v).split([n for n in self.angular.numbers if n], -1)
        return torch.cat([(profiles * part[..., None, :]).flatten(-2) for part in angular], -1)

    def stencil(self) -> torch.Tensor:
        self.spec.require_grid(self.in_rep.group.dim)
        return super().stencil() * float(self.spec.oversampling) ** -self.in_rep.group.dim
