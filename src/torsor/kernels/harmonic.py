"""Harmonic kernels: radial rings times harmonic covariants, for every compact group G ≤ O(d).

K(v) = Σ_{j,l,b} w_{jlb} φ_j(|v|) C_{lb} · Y_l(u),   u = s(|v|) v/|v|

with Y_l the harmonics of degree l, C_{lb} the covariants of `torsor.kernels.covariants` (angular functions of the
Wigner–Eckart theorem for steerable kernels: Lang and Weiler, 2021), φ_j Gaussian rings, and s a smooth map
with s(0) = 0 and s = 1 beyond one pixel, so that K is smooth at the origin and every degree but 0 vanishes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, overload

import numpy as np

from torsor.errors import KernelError
from torsor.fibre.expansion import Bases
from torsor.groups import Group
from torsor.kernels.covariants import solve_harmonic
from torsor.kernels.expanded import BasisSpec
from torsor.kernels.lattice import box, box_preserving, check_sizes, describe, mixed_axes
from torsor.kernels.radial import RadialHarmonic
from torsor.kernels.rings import Rings, moment_matched
from torsor.reps import Representation


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Harmonic(BasisSpec):
    """Rings × harmonics on a grid. All lengths are in the unit of `spacing` (by default pixels).

    ``Harmonic(radius=…)`` is a `RadialHarmonic`: a learnt radial network in place of the rings, for scattered points.

    The rings stand at the radii 0, 1, 2, … (odd sizes) or ½, 1½, … (even sizes) pixels up to half the size, and
    φ_j(r) = [exp(-(r-r_j)²/2w²) + exp(-(r+r_j)²/2w²)] · taper(r). The taper falls smoothly from 1 at (size-1)/2
    pixels to 0 at (size+1)/2 pixels: the kernel has its support in that ball, whose offsets all lie in the box, so that
    nothing is truncated. A ring at r_j pixels carries the degrees 0 … `degrees[j]`, by default ⌊2 r_j⌋, its band limit.

    Args:
        size: number of pixels along every axis, or one number an axis.
        degrees: the highest degree; one for all rings (a cap on the default), or one a ring.
        width: w, in pixels.
        spacing: the distance of pixels, one number or one an axis. The kernel sees physical offsets.
        oversampling: the factor by which `refined` made the grid finer.
        moments: the stencil is moment-matched up to this degree (see `torsor.kernels.rings`): to polynomials of that
            degree it responds exactly as the continuous kernel does. By default the smallest size minus 1 (in one
            dimension, where all symmetries are exact, nothing); -1 takes plain samples.

    Raises:
        KernelError: sizes, widths or spacings that are not positive; as many degrees as rings are expected.
    """

    size: int | tuple[int, ...]
    degrees: int | tuple[int, ...] | None = None
    width: float = 0.6
    spacing: float | tuple[float, ...] = 1.0
    oversampling: int = 1
    moments: int | None = None

    @overload
    def __new__(cls, *, radius: float, **options: Any) -> RadialHarmonic: ...  # type: ignore[misc]

    @overload
    def __new__(cls, size: int | Sequence[int], *args: Any, **options: Any) -> Harmonic: ...

    def __new__(cls, *args: Any, **options: Any) -> Any:
        if "radius" in options:
            if args or "size" in options:
                raise KernelError("expected a size, for rings on a grid, or a radius, for a radial network, not both")
            return RadialHarmonic(**options)
        if not args and "size" not in options:
            raise KernelError("expected a size, for rings on a grid, or a radius, for a radial network, got neither")
        return super().__new__(cls)

    def __init__(
        self,
        size: int | Sequence[int],
        degrees: int | Sequence[int] | None = None,
        width: float = 0.6,
        spacing: float | Sequence[float] = 1.0,
        oversampling: int = 1,
        moments: int | None = None,
    ) -> None:
        given = {"size": size, "degrees": degrees, "width": width, "spacing": spacing}
        for name, value in (given | {"oversampling": oversampling, "moments": moments}).items():
            object.__setattr__(self, name, tuple(value) if isinstance(value, Sequence) else value)
        self._check()

    def _check(self) -> None:
        check_sizes(self.size)
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,)
        if self.width <= 0 or min(spacings) <= 0:
            raise KernelError(f"expected a positive width and spacing, got {self.width} and {self.spacing}")
        if isinstance(self.degrees, tuple) and len(self.degrees) != len(self.rings):
            raise KernelError(f"expected {len(self.rings)} degrees, one for each ring, got {self.degrees}")

    @property
    def shape(self) -> tuple[int, ...] | int:
        if self.oversampling == 1:
            return self.size
        if isinstance(self.size, int):
            return self._fine(self.size)
        return tuple(self._fine(size) for size in self.size)

    def _fine(self, size: int) -> int:
        """The largest size of the same parity whose offsets, k times finer, lie inside (size+1)/2."""
        reach = self.oversampling * (size + 1) / 2
        return 2 * (int(np.ceil(reach)) - 1) + 1 if size % 2 else 2 * int(np.ceil(reach - 0.5))

    @property
    def rings(self) -> tuple[float, ...]:
        """The radii of the rings, in pixels."""
        largest = self.size if isinstance(self.size, int) else max(self.size)
        return tuple(float(r) for r in np.arange((largest - 1) % 2 / 2, (largest - 1) / 2 + 1e-9))

    @property
    def limits(self) -> tuple[int, ...]:
        """The highest degree on each ring: its band limit ⌊2 r⌋, unless `degrees` says otherwise."""
        if isinstance(self.degrees, tuple):
            return self.degrees
        band = tuple(int(2 * r + 1e-9) for r in self.rings)
        return band if self.degrees is None else tuple(min(limit, self.degrees) for limit in band)

    def _spacings(self, d: int) -> np.ndarray:
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,) * d
        if len(spacings) != d:
            raise KernelError(f"expected {d} spacings, one for each axis, got {self.spacing}")
        return np.array(spacings, dtype=float)

    def _base_sizes(self, d: int) -> tuple[int, ...]:
        return (self.size,) * d if isinstance(self.size, int) else self.size

    def matched(self, d: int) -> int:
        """The degree up to which the stencil is moment-matched in d dimensions."""
        return self.moments if self.moments is not None else min(self._base_sizes(d)) - 1 if d > 1 else -1

    def is_sampled_plainly(self, d: int) -> bool:
        return self.matched(d) < 0

    def validate(self, group: Group) -> None:
        """Harmonic kernels serve every compact subgroup of O(d) that preserves the box of the kernel.

        Raises:
            KernelError: the group is not compact and orthogonal, or mixes axes of different extents.
        """
        d = group.dim
        sizes, spacings = self.sizes(d), self._spacings(d)
        if not group.is_compact or not group.is_orthogonal:
            raise KernelError(
                f"Harmonic kernels need a compact group of rotations and reflections, got {group}; kernels.Stencil "
                "takes any finite group that maps a lattice to itself, kernels.PseudoRiemannian the groups from "
                "SO0(p, q) to O(p, q), kernels.Differential any matrix group"
            )
        extents, mixed = np.array(self._base_sizes(d)) * spacings, mixed_axes(group)
        slack = np.where(spacings[:, None] == spacings[None], 1e-9, 2 * np.minimum(spacings[:, None], spacings[None]))
        if (mixed & (np.abs(extents[:, None] - extents[None]) > slack)).any():
            kept = describe(group.action(box_preserving(group, tuple(extents))))
            raise KernelError(
                f"{group} does not preserve a kernel of sizes {sizes}: it mixes axes of different extents; "
                f"take equal sizes, or the largest subgroup that does, {kept}"
            )

    def _reach(self, group: Group) -> tuple[float, float]:
        """(pixel, radius): the unit of length and the radius where the taper ends, in physical units."""
        spacings = self._spacings(group.dim)
        extents = (np.array(self._base_sizes(group.dim)) + 1) / 2 * spacings
        mixed = mixed_axes(group).sum(1) > 1
        return float(spacings.min()), float(extents[mixed].min() if mixed.any() else extents.max())

    def offsets(self, d: int) -> np.ndarray:
        return box(self.sizes(d)) * self._spacings(d) / self.oversampling

    def reach(self, group: Group) -> float:
        return self._reach(group)[1]

    def refined(self, factor: int) -> Harmonic:
        """The same functions on a grid that is finer by a factor; weights keep their meaning."""
        return replace(self, oversampling=self.oversampling * factor)

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """The samples at the offsets of the stencil, moment-matched."""
        return self._combine(sampled(self, sigmas[0].group), sigmas, taus)

    def bases_at(self, v: np.ndarray, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """Elements are ordered by degree, then ring, then covariant; `labels` names them."""
        return self._combine(self._rings(sigmas[0].group).functions(v), sigmas, taus)

    def labels(self, sigma: Representation, tau: Representation) -> list[tuple[int, float, int]]:
        """(degree, radius of the ring in pixels, index of the covariant) of each basis kernel σ → τ, in order."""
        solved = solve_harmonic([(sigma, tau)], range(max(self.limits) + 1))[0]
        return [
            (degree, ring, b)
            for degree, covariants in enumerate(solved)
            for ring, limit in zip(self.rings, self.limits, strict=True)
            if degree <= limit
            for b in range(len(covariants))
        ]

    def _rings(self, group: Group) -> Rings:
        pixel, end = self._reach(group)
        return Rings(pixel * np.array(self.rings), self.limits, self.width * pixel, pixel, end)

    def _combine(
        self, functions: list[np.ndarray], sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]
    ) -> Bases:
        """Σ_m C_{lbm} f_{jlm}, normalised on the grid without oversampling to a squared norm of dim τ."""
        group, pairs = sigmas[0].group, [(sigma, tau) for tau in taus for sigma in sigmas]
        solved = solve_harmonic(pairs, range(max(self.limits) + 1))
        scale = self.oversampling ** -float(group.dim)
        flat = []
        for covariants, (_, tau) in zip(solved, pairs, strict=True):
            parts = []
            for maps, values, gram in zip(covariants, functions, grams(self, group), strict=True):
                rows = maps.reshape(len(maps), maps.shape[1] * maps.shape[2], maps.shape[3])
                squares = np.einsum("rkl,bkl->rb", gram, np.swapaxes(rows, 1, 2) @ rows)
                kernel = rows[None] @ np.swapaxes(values, 1, 2)[:, None]
                kernel = kernel * (scale * np.sqrt(tau.dim / squares))[:, :, None, None]
                parts.append(kernel.reshape(squares.size, *maps.shape[1:3], values.shape[1]))
            flat.append(np.concatenate(parts))
        return [flat[t * len(sigmas) : (t + 1) * len(sigmas)] for t in range(len(taus))]


@lru_cache(maxsize=16)
def sampled(spec: Harmonic, group: Group) -> list[np.ndarray]:
    """The scalar functions on the grid of a kernel, moment-matched: for each degree (rings, offsets, harmonics)."""
    d = group.dim
    cell = float(np.prod(spec._spacings(d))) / spec.oversampling**d
    return moment_matched(spec._rings(group), spec.offsets(d), cell, spec.matched(d))


@lru_cache(maxsize=16)
def grams(spec: Harmonic, group: Group) -> list[np.ndarray]:
    """Σ_v f_{jlm}(v) f_{jlm'}(v) on the grid without oversampling: [degree] (rings, harmonics, harmonics)."""
    found = [np.einsum("rnk,rnl->rkl", f, f) for f in sampled(replace(spec, oversampling=1), group)]
    for degree, gram in enumerate(found):
        if gram.size and np.linalg.eigvalsh(gram).min() < 1e-12:
            raise KernelError(
                f"a harmonic of degree {degree} vanishes on all pixels of a ring of {spec!r}: lower `degrees`"
            )
    return found
