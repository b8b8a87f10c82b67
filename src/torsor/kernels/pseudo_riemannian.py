"""Kernels on R^{p,q} for O(p, q), SO(p, q), the orthochronous groups and SO₀(p, q): spacetime.

K(v) = Σ_{k,j,b} w_{kjb} φ_j(η(v,v)) P_{kb}(v)

with P_{kb} all η-harmonic covariants of degree k (`torsor.kernels.quadric`) and profiles φ_j that are smooth across the
light cone (`torsor.kernels.lightcone`). On every orbit of generic v the matrices K(v) span the intertwiners of the
stabiliser: no kernel is missing. Between multivectors these are, grade by grade, 1, v∧, v⌟ and v∧(v⌟·): 4n families for
O(p, q), n = p + q, and 8n for SO(p, q). Where the group separates the halves of a cone, SO₀ and the orthochronous
groups, so do the kernels; with `causal` they look at the past only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.expansion import Bases, BasisSource
from torsor.groups import Group
from torsor.kernels.box import BoxSpec
from torsor.kernels.expanded import FeaturedKernel
from torsor.kernels.lightcone import LightCone, places
from torsor.kernels.quadric import EVEN, PAST, SPACE, TIME, character, covariants_of, signature
from torsor.reps import Representation, decompose


@dataclass(frozen=True, eq=False, repr=False)
class PseudoRiemannian(BoxSpec):
    """All steerable kernels on R^{p,q}, sampled on a box of a grid whose time axes come first, in units with c = 1.

    ``forward(v)`` satisfies the steerability constraint to rounding for every boost. Orbits are unbounded, and the box
    truncates them: symmetries of the lattice are exact, boosts are exact for fields whose boosted copies the box still
    covers (`PseudoRiemannianKernel.truncation`). There is nothing at v beyond the box, and no band limit.

    Args:
        size: number of pixels along every axis, or one number an axis.
        profiles: how many functions φ_j of η(v,v); by default `size`, or half of that if there is one sign only.
        degrees: a cap on the degree of covariants; by default all that exist, at most 2 between multivectors.
        width: of the profiles, in units of the distance of their centres.
        spacing: the distance of pixels: one number, c Δt = Δx, or one an axis.
        natural_units: spacings that differ are meant, and in units with c = 1.
        causal: K vanishes outside the past light cone, v_0 < 0: values there do not depend on the present. For groups
            that keep the direction of time.
        window: if given, the samples carry the envelope exp(-|v|²/2 window²), which is smooth, but breaks boosts.
        oversampling: the factor by which `refined` made the grid finer.

    Raises:
        KernelError: numbers that are not positive, or spacings that do not fit.
    """

    size: int | tuple[int, ...] = 5
    profiles: int | None = None
    degrees: int | None = None
    width: float = 0.7
    spacing: float | tuple[float, ...] = 1.0
    natural_units: bool = False
    causal: bool = False
    window: float | None = None
    oversampling: int = 1

    def __post_init__(self) -> None:
        self.check_box()
        if not min(self.width, 1 if self.profiles is None else self.profiles) > 0 or (self.degrees or 0) < 0:
            raise KernelError(
                f"expected a positive width and number of profiles, and degrees of at least 0, got {self!r}"
            )

    def validate(self, group: Group) -> None:
        """Pseudo-Riemannian kernels serve the groups from SO0(p, q) to O(p, q), n = p + q ≥ 2.

        Raises:
            KernelError: another group, cones that it does not separate, or spacings that need c.
        """
        shape = signature(group)
        if shape is None:
            raise KernelError(
                f"PseudoRiemannian kernels need a group from SO0(p, q) to O(p, q), p + q ≥ 2, got {group}; "
                f"{_remedy(group)}"
            )
        spacings = self.spacings(group.dim)
        self.base_sizes(group.dim)
        if not self.natural_units and np.ptp(spacings) > 1e-12 * spacings.max():
            raise KernelError(
                f"{group} mixes axes of the spacings {tuple(spacings.tolist())}: expected one spacing, c Δt = Δx; if "
                "they differ in units with c = 1 (those of time multiplied by c), say natural_units=True"
            )
        if self.causal:
            self._check_causal(group, shape)

    def _check_causal(self, group: Group, shape: tuple[int, int]) -> None:
        keeps = (character(group.generator_array, shape, TIME) > 0).all()
        if shape[0] != 1 or not keeps:
            raise KernelError(
                f"causal kernels need one time axis and a group that keeps its direction, got {group}, which does not "
                f"separate past and future; take SO0(1, {group.dim - 1}) or Orthochronous(1, {group.dim - 1})"
            )

    def build(
        self,
        rho_in: Representation,
        rho_out: Representation,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> PseudoRiemannianKernel:
        return PseudoRiemannianKernel(resolve(self, rho_in, rho_out), rho_in, rho_out, device=device, dtype=dtype)

    def sectors(self, group: Group) -> tuple[str, ...]:
        """Which parts of the light cone the kernels may tell apart."""
        time, space = signature(group) or (0, 0)
        if self.causal:
            return (PAST,)
        return (EVEN, *([TIME] if time == 1 else []), *([SPACE] if time and space == 1 else []))

    def cone(self, group: Group, degrees: tuple[tuple[str, int], ...]) -> LightCone:
        """The scalar functions of sectors with these highest degrees."""
        (time, space), spacings = signature(group) or (0, 0), self.spacings(group.dim)
        unit, ends = float(spacings.min()), (np.array(self.base_sizes(group.dim)) - 1) / 2 * spacings
        low, high = -((ends[:time] / unit) ** 2).sum(), ((ends[time:] / unit) ** 2).sum()
        longest = max(self.base_sizes(group.dim))
        number = self.profiles or (longest if time else (longest + 1) // 2)
        side = max(1, number // 2)
        ranges = {EVEN: (low, high, number), SPACE: (1.0, max(1.0, high), side)}
        ranges |= dict.fromkeys((TIME, PAST), (min(-1.0, low), -1.0, side))
        step = (np.arcsinh(high) - np.arcsinh(low)) / max(1, number - 1)
        centres = tuple(places(*ranges[sector]) for sector, _ in degrees)
        return LightCone(time, space, unit, degrees, centres, self.width * float(step or 1.0))


def _remedy(group: Group) -> str:
    if group.is_compact and group.is_orthogonal:
        return f"kernels.Harmonic takes {group}"
    return (
        "without an invariant η(v,v), as under SL(d) and GL(d), orbits are unbounded and a kernel function has nothing "
        "to depend on: pointwise maps (nn.Linear) and kernels.Differential serve every matrix group"
    )


@dataclass(frozen=True, eq=False, repr=False)
class Resolved(BasisSource):
    """A `PseudoRiemannian` for two given types: which sectors they need, and up to which degrees."""

    spec: PseudoRiemannian
    group: Group
    degrees: tuple[tuple[str, int], ...]

    @property
    def cone(self) -> LightCone:
        """The scalar functions."""
        return self.spec.cone(self.group, self.degrees)

    def samples(self, d: int) -> int:
        return self.cone.number

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """The covariants for each profile, in the order sector, degree, profile, covariant; squared norm dim τ."""
        return [[self._basis(sigma, tau) for sigma in sigmas] for tau in taus]

    def _basis(self, sigma: Representation, tau: Representation) -> np.ndarray:
        cone, parts, start = self.cone, [], 0
        grams = _grams(self)
        for (sector, k, profiles, harmonics), gram in zip(cone.blocks, grams, strict=True):
            maps = _covariants(sigma, tau, sector, k, harmonics)
            squares = np.einsum("boik,jkl,boil->jb", maps, gram, maps, optimize=True)
            for j in range(profiles):
                kept = squares[j] > 1e-16 * max(1.0, float(np.max(gram, initial=0.0)))
                part = np.zeros((int(kept.sum()), tau.dim, sigma.dim, cone.number))
                scale = np.sqrt(tau.dim / squares[j][kept])[:, None, None, None]
                part[..., start : start + harmonics] = maps[kept] * scale
                parts.append(part)
                start += harmonics
        return np.concatenate(parts)


def _covariants(sigma: Representation, tau: Representation, sector: str, k: int, harmonics: int) -> np.ndarray:
    found = covariants_of(sigma, tau, sector)
    return found[k] if k < len(found) else np.zeros((0, tau.dim, sigma.dim, harmonics))


@lru_cache(maxsize=64)
def _grams(source: Resolved) -> tuple[np.ndarray, ...]:
    """Σ_v f_jm(v) f_jm'(v) over the samples without oversampling, of each block: (profiles, harmonics, harmonics)."""
    cone, found, start = source.cone, [], 0
    values = _sampled(replace(source, spec=replace(source.spec, oversampling=1))).T
    for _, _, profiles, harmonics in cone.blocks:
        part = values[:, start : start + profiles * harmonics].reshape(-1, profiles, harmonics)
        found.append(np.einsum("njk,njl->jkl", part, part))
        start += profiles * harmonics
    return tuple(found)


def _sampled(source: Resolved) -> np.ndarray:
    """The scalar functions on the stencil, with its weights: (functions, samples)."""
    spec, d = source.spec, source.group.dim
    return source.cone(torch.from_numpy(spec.offsets(d))).numpy().T * spec.weights(d)


@lru_cache(maxsize=256)
def resolve(spec: PseudoRiemannian, rho_in: Representation, rho_out: Representation) -> Resolved:
    """The sectors in which covariants exist between two types, and their highest degrees."""
    group = rho_in.group
    sigmas = {sigma for _, term in rho_in.terms for _, sigma in decompose(term).blocks}
    taus = {tau for _, term in rho_out.terms for _, tau in decompose(term).blocks}
    degrees = []
    for sector in spec.sectors(group):
        counts = [len(covariants_of(sigma, tau, sector)) for sigma in sigmas for tau in taus]
        highest = max(counts) - 1
        if highest >= 0:
            degrees.append((sector, highest if spec.degrees is None else min(highest, spec.degrees)))
    return Resolved(spec, group, tuple(degrees) or ((spec.sectors(group)[0], 0),))


class PseudoRiemannianKernel(FeaturedKernel):
    """The kernel of a `PseudoRiemannian`: K(v) = Ŵ · B(v) with the functions B of `LightCone`."""

    source: Resolved
    sampled: torch.Tensor

    def __init__(
        self,
        source: Resolved,
        in_rep: Representation,
        out_rep: Representation,
        *,
        method: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(source, in_rep, out_rep, method=method, device=device, dtype=dtype)
        self.cone = source.cone

    @property
    def spec(self) -> PseudoRiemannian:  # type: ignore[override]
        return self.source.spec

    def constants(self) -> dict[str, np.ndarray]:
        return {**super().constants(), "sampled": _sampled(self.source)}

    def features(self, v: torch.Tensor) -> torch.Tensor:
        return self.cone(v)

    def stencil(self) -> torch.Tensor:
        return (self.expand() @ self.sampled).unflatten(-1, self.sizes)

    @torch.no_grad()
    def truncation(self, rapidities: Sequence[float], extent: float | None = None, samples: int = 4096) -> list[float]:
        """What boosts carry out of the box: √(∫_{v ∈ B, gv ∉ B} |K|² e / ∫_{v ∈ B} |K|² e), for each rapidity.

        The boosts mix the first axis and the last. e(v) = exp(-|v|²/extent²) is the size of the fields that the kernel
        meets at v, 1 without an extent. Without one the number does not vanish as the box grows: K does not decay along
        the light cone. Fields of finite extent stay in a box that is large enough, and the number falls to 0.

        Args:
            rapidities: χ; the speed is tanh χ.
            extent: of the fields, in units of the grid.
            samples: quasi-random points in the box.

        Raises:
            KernelError: a group without boosts.
        """
        time, d = self.cone.time, self.in_rep.group.dim
        if not time:
            raise KernelError(f"{self.in_rep.group} has no boosts, nothing leaves the box but its corners")
        ends = torch.from_numpy(self.spec.half_widths(d))
        v = (2 * torch.quasirandom.SobolEngine(d).draw(samples, dtype=torch.float64) - 1) * ends
        energy = torch.cat([self(part.to(self.weight)).square().sum((-1, -2)).double().cpu() for part in v.split(256)])
        for width in (extent, self.spec.window):
            energy = energy if width is None else energy * torch.exp(-v.square().sum(-1) / width**2)
        outside = [((v @ boost(chi, d).T).abs() > ends).any(-1) for chi in rapidities]
        return [float((energy[out].sum() / energy.sum()).sqrt()) for out in outside]


def boost(rapidity: float, d: int) -> torch.Tensor:
    """The boost of the first axis and the last, (d, d): t' = t cosh χ + x sinh χ."""
    g = torch.eye(d, dtype=torch.float64)
    g[0, 0] = g[-1, -1] = float(np.cosh(rapidity))
    g[0, -1] = g[-1, 0] = float(np.sinh(rapidity))
    return g
