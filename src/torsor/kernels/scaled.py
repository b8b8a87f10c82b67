"""Kernels over a window of scales, dilated over a discrete group of scalings, with the density factor.

For g = b^k the constraint K(gv) = |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹ relates the entries of K between the scales s_i
of the output and s_j of the input of two regular fields:

    K_{ij}(v) = s_i^{-d} κ_{j-i}(v / s_i),        (K * f)(p, s) = Σ_{s'} ∫ s^{-d} κ(v/s; s'/s) f(p + v, s') dv.

One kernel at scale 1 for each ratio s'/s, learnt, determines all others by dilation. Lifting, from fields without
scales, has K_i(v) = s_i^{-d} κ(v/s_i); so have fields without scales as the output, where K sums over all scales. If
rotations and reflections H are joined, κ is steerable under them: harmonics times covariants of H.

Source: Worrall and Welling, Deep scale-spaces, 2019; Sosnovik, Szmaja and Smeulders, Scale-equivariant steerable
networks, 2020 (dilated Hermite functions).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from torsor.errors import KernelError, RepresentationError
from torsor.fibre.expansion import Bases
from torsor.groups import Group
from torsor.kernels.base import SteerableKernel
from torsor.kernels.covariants import solve_harmonic
from torsor.kernels.expanded import BasisSpec
from torsor.kernels.lattice import box
from torsor.kernels.oscillator import Oscillator, contracted, normalised
from torsor.kernels.rings import moment_matched
from torsor.kernels.slices import ScaledKernel, field_type
from torsor.reps import Representation, scale_factors
from torsor.reps.partial import ScaleType, base_of

Sampler = Callable[[int], list[np.ndarray]]
"""From the power of a scale s to f(v/s) at the points: for each degree (radial indices, points, harmonics)."""


@dataclass(frozen=True, eq=False, repr=False)
class Scaled(BasisSpec):
    """κ = Σ (Gaussian × polynomial) covariants at scale 1, dilated by every scale s of a window: s^{-d} κ(v/s).

    The support at scale s is the ball of radius s (size+1)/2 pixels; nothing is truncated in space. In scale, an output
    at scale s sees the inputs at s, s b, …, s b^{scales-1}: those beyond the window count as zero, so that near the
    upper end the response lacks terms (`complete` tells where). A window of the output that is shorter than that of
    the input by ``scales - 1`` lacks none. The weights do not depend on the windows.

    Args:
        size: of the support at scale 1, in pixels; odd.
        scales: how many neighbouring scales of the input an output scale sees.
        order: the highest degree of the polynomials; by default 3, or what fits into the size: size - 2.
        sigma: σ of the Gaussian at scale 1, in pixels; by default 0.12 (size + 1). Below 0.5 the sampled kernels alias.
        moments: the samples at every scale are matched to the moments of the continuous kernel up to this degree, by
            default the order (in one dimension too); -1 takes plain samples.
        extent: the largest scale of the stencil; found from the types when the kernel is built.
        oversampling: the factor by which `refined` made the grid finer.

    Raises:
        KernelError: an even size, numbers that are not positive.
    """

    size: int = 5
    scales: int = 1
    order: int | None = None
    sigma: float | None = None
    moments: int | None = None
    extent: float = 1.0
    oversampling: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < 1 or self.size % 2 == 0:
            raise KernelError(f"expected an odd size of at least 1, got {self.size!r}")
        if self.order is None:
            object.__setattr__(self, "order", max(0, min(3, self.size - 2)))
        if not isinstance(self.scales, int) or self.scales < 1 or not isinstance(self.order, int) or self.order < 0:
            raise KernelError(f"expected scales ≥ 1 and an order ≥ 0, got {self.scales!r} and {self.order!r}")
        if self.sigma is not None and not self.sigma > 0:
            raise KernelError(f"expected a positive sigma, got {self.sigma!r}")

    @property
    def support(self) -> float:
        """R, the radius of the support at scale 1, in pixels."""
        return (self.size + 1) / 2

    def functions(self, d: int) -> Oscillator:
        """The scalar functions at scale 1."""
        sigma = 0.12 * (self.size + 1) if self.sigma is None else self.sigma
        return Oscillator(d, self.order or 0, sigma, self.support)

    @property
    def shape(self) -> int:
        reach = self.oversampling * self.extent * self.support
        return 2 * (int(np.ceil(reach - 1e-9)) - 1) + 1

    def offsets(self, d: int) -> np.ndarray:
        return box((self.shape,) * d) / self.oversampling

    def reach(self, group: Group) -> float:
        return self.extent * self.support

    def refined(self, factor: int) -> Scaled:
        return replace(self, oversampling=self.oversampling * factor)

    def is_sampled_plainly(self, d: int) -> bool:
        return self.matched < 0

    @property
    def matched(self) -> int:
        """The degree up to which the samples have the moments of the continuous kernel."""
        return (self.order or 0) if self.moments is None else self.moments

    def validate(self, group: Group) -> None:
        """Scaled kernels serve discrete scalings, alone or joined with a compact group of rotations and reflections.

        Raises:
            KernelError: another group.
        """
        try:
            scale_factors(group)
        except RepresentationError as error:
            raise KernelError(f"Scaled kernels need scalings: {error}") from error

    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> SteerableKernel:
        """The kernel, with a stencil that holds the largest scale.

        Raises:
            KernelError: no scales on either side: K(bv) = b^{-d} K(v) has no solution of bounded support.
        """
        types = [field_type(term) for rep in (rho_in, rho_out) for _, term in rep.terms]
        powers = [int(t.powers[-1]) for t in types if t.scales]
        if not powers:
            raise KernelError(
                f"expected a window of scales on one side at least, got {rho_in} → {rho_out}: lift with "
                "reps.regular(group, window=4) as the output, or take nn.Linear"
            )
        base = base_of(rho_in.group)
        return ScaledKernel(
            replace(self, extent=float(base ** max(powers))), rho_in, rho_out, device=device, dtype=dtype
        )

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """The samples at the offsets of the stencil, moment-matched at every scale."""
        _, scalings = scale_factors(sigmas[0].group)
        spec = replace(self, scales=1)  # the functions do not depend on it
        return self._combine(lambda p: sampled(spec, scalings.dim, scalings.base or 1.0, p), sigmas, taus)

    def bases_at(self, v: np.ndarray, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """Elements are ordered by ratio s'/s, then degree, then radial index, then covariant."""
        d, base = sigmas[0].group.dim, base_of(sigmas[0].group)
        at = lru_cache(lambda p: self.functions(d).functions(v / base**p))
        return self._combine(at, sigmas, taus)

    def _combine(self, at: Sampler, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        oscillator = self.functions(sigmas[0].group.dim)
        base = base_of(sigmas[0].group)
        into, out = [field_type(sigma) for sigma in sigmas], [field_type(tau) for tau in taus]
        solved = iter(solve_harmonic([(i.rep, o.rep) for o in out for i in into], oscillator.degrees))
        shapes = [[normalised(oscillator, next(solved)) for _ in into] for _ in out]
        return [
            [self._dilated(at, base, oscillator.d, i, o, maps) for i, maps in zip(into, row, strict=True)]
            for o, row in zip(out, shapes, strict=True)
        ]

    def _dilated(
        self, at: Sampler, base: float, d: int, into: ScaleType, out: ScaleType, maps: list[np.ndarray]
    ) -> np.ndarray:
        """s^{-d} κ(v/s) for every scale s and ratio s'/s: (number, scales · dim τ, scales · dim σ, points).

        κ has squared norm dim τ: white noise keeps its variance at scale 1. The weights do not depend on the windows.
        """
        which, powers = ("i", out.powers) if out.scales else ("j", into.powers)
        weight, patterns = out.weight - into.weight - d, self.patterns(into, out)
        scale = np.sqrt(out.rep.dim) * float(self.oversampling) ** -d
        kernels = np.stack([base ** (weight * float(p)) * contracted(maps, at(int(p))) for p in powers])
        found = np.einsum(f"rij,{which}fabn->rfiajbn", scale * patterns, kernels, optimize=True)
        r, f, i, a, j, b, n = found.shape
        return found.reshape(r * f, i * a, j * b, n)

    def patterns(self, into: ScaleType, out: ScaleType) -> np.ndarray:
        """Which scales (i, j) share one kernel: (ratios s_j/s_i, output scales, input scales) of 0 and 1."""
        if not into.scales and not out.scales:
            return np.zeros((0, 1, 1))
        if not into.scales or not out.scales:
            return np.ones((1, max(out.scales, 1), max(into.scales, 1)))
        ratio = into.powers[None] - out.powers[:, None]
        return np.stack([(ratio == r).astype(float) for r in range(self.scales)])

    def complete(self, in_rep: Representation, out_rep: Representation, known: np.ndarray | None = None) -> np.ndarray:
        """Which output components miss no term: all the scales that they see are in the window, (out_rep.dim,) bool.

        Fields without scales, as the output of a window, sum over all scales: they always lack some.

        Args:
            in_rep: the type of the input.
            out_rep: the type of the output.
            known: which components of the input miss no term themselves, (in_rep.dim,); by default all.
        """
        known = np.ones(in_rep.dim, bool) if known is None else known
        inputs = [(field_type(field), known[channels]) for channels, field in in_rep.fields]
        return np.concatenate([self._complete(inputs, field_type(field)) for _, field in out_rep.fields])

    def _complete(self, inputs: list[tuple[ScaleType, np.ndarray]], out: ScaleType) -> np.ndarray:
        seen, found = out.powers[:, None] + np.arange(self.scales), np.ones(max(out.scales, 1), bool)
        for field, known in inputs:
            at_scale = np.all(known.reshape(max(field.scales, 1), -1), axis=1)
            if not field.scales:
                found &= bool(np.all(at_scale))
            else:
                place: np.ndarray = seen - field.start
                inside = (place >= 0) & (place < field.scales)
                found &= np.all(inside & np.take(at_scale, place.clip(0, field.scales - 1)), axis=1) & (out.scales > 0)
        return np.repeat(found, out.rep.dim)


@lru_cache(maxsize=64)
def sampled(spec: Scaled, d: int, base: float, power: int) -> list[np.ndarray]:
    """f(v/s) at the offsets of the stencil, s = base^power; the moments match those of the continuous functions."""
    s, oscillator = base**power, spec.functions(d)
    lattice = spec.offsets(d) / s
    inside = np.linalg.norm(lattice, axis=-1) < oscillator.end
    cell = float(s * spec.oversampling) ** -d
    values = moment_matched(oscillator, lattice[inside], cell, spec.matched)
    found = []
    for part in values:
        whole = np.zeros((part.shape[0], len(lattice), part.shape[2]))
        whole[:, inside] = part
        found.append(whole)
    return found
