"""Stencil kernels: for finite groups that map a lattice to itself, every kernel that there is.

The offsets of the stencil fall into orbits of G. On the representative x of an orbit K(x) is any element of
Hom_{Stab(x)}(ρ_in, ρ_out), and K(gx) = ρ_out(g) K(x) ρ_in(g)⁻¹ on the others: complete, and exact to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from torsor.errors import KernelError
from torsor.fibre.expansion import Bases
from torsor.groups import Group
from torsor.kernels.expanded import BasisSpec
from torsor.kernels.lattice import box, box_preserving, check_sizes, describe
from torsor.linalg import canonical_bases
from torsor.reps import Representation


@dataclass(frozen=True, eq=False, repr=False)
class Stencil(BasisSpec):
    """All kernels on a box of lattice offsets, for a finite group with B⁻¹GB ≤ GL(d, Z).

    Offsets whose orbit leaves the box (the corners of a hexagonal window) carry no kernel.

    Args:
        size: number of offsets along every axis of the lattice, or one number an axis.
        lattice: the lattice basis B, its vectors as columns, row after row; None is the square or cubic lattice.

    Raises:
        KernelError: sizes that are not positive integers, or a singular lattice basis.
    """

    size: int | tuple[int, ...]
    lattice: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.size, list):
            object.__setattr__(self, "size", tuple(self.size))
        check_sizes(self.size)
        if isinstance(self.lattice, str):
            raise KernelError(f"expected a basis, such as spaces.HEXAGONAL, as the lattice, got {self.lattice!r}")
        if self.lattice is not None:
            rows = tuple(tuple(float(x) for x in row) for row in self.lattice)
            object.__setattr__(self, "lattice", rows)
            if abs(np.linalg.det(np.array(rows))) < 1e-12:
                raise KernelError(f"expected an invertible lattice basis, got {rows}")

    @property
    def shape(self) -> tuple[int, ...] | int:
        return self.size

    def basis(self, d: int) -> np.ndarray:
        """The lattice basis B, (d, d)."""
        return np.eye(d) if self.lattice is None else np.array(self.lattice)

    def offsets(self, d: int) -> np.ndarray:
        return box(self.sizes(d)) @ self.basis(d).T

    @property
    def is_bound_to_lattice(self) -> bool:
        return True

    def reach(self, group: Group) -> float:
        return float(np.linalg.norm(self.offsets(group.dim), axis=-1).max())

    def validate(self, group: Group) -> None:
        """Stencil kernels serve finite groups that map the lattice, and the box, to themselves.

        Raises:
            KernelError: naming the largest subgroup that does.
        """
        if not group.is_finite:
            family = (
                f"kernels.Harmonic takes {group}"
                if group.is_compact
                else "kernels.PseudoRiemannian takes the groups from SO0(p, q) to O(p, q), kernels.Differential any "
                "matrix group"
            )
            raise KernelError(f"Stencil kernels need a finite group, got {group}; {family}")
        d = group.dim
        basis = self.basis(d)
        moves = np.linalg.inv(basis) @ group.action(group.element_array) @ basis
        sizes = self.sizes(d)
        if np.abs(moves - np.rint(moves)).max() > 1e-9:
            integral = np.abs(moves - np.rint(moves)).max((-1, -2)) < 1e-9
            lattice = "square (cubic) lattice" if self.lattice is None else f"lattice of basis {self.lattice}"
            raise KernelError(
                f"{group} does not map the {lattice} to itself; take the largest subgroup that does, "
                f"{describe(group.action(group.element_array[integral]))}, or kernels.Harmonic for {group}"
            )
        used = box(sizes)[[i for orbit in orbits(self, group) for i, _ in orbit]]
        if not len(used):
            raise KernelError(f"{group} maps no offset of a stencil of sizes {sizes} into it; take odd sizes")
        if (np.abs(used).max(0) < (np.array(sizes) - 1) / 2 - 1e-9).any():
            kept = describe(group.action(box_preserving(group, tuple(float(s) for s in sizes))))
            raise KernelError(
                f"{group} does not preserve a stencil of sizes {sizes}; take equal sizes, or the largest subgroup that "
                f"does, {kept}"
            )

    def bases_at(self, v: np.ndarray, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        """Elements are ordered by orbit, then map; they vanish off the stencil, and v must be lattice offsets."""
        group = sigmas[0].group
        index = self._index(v, group.dim)
        bases = [[_fill(self, group, sigma, tau) for sigma in sigmas] for tau in taus]
        padded = [[np.concatenate([b, np.zeros_like(b[..., :1])], axis=-1) for b in row] for row in bases]
        return [[b[..., index] for b in row] for row in padded]

    def bases(self, sigmas: tuple[Representation, ...], taus: tuple[Representation, ...]) -> Bases:
        return [[_fill(self, sigmas[0].group, sigma, tau) for sigma in sigmas] for tau in taus]

    def _index(self, v: np.ndarray, d: int) -> np.ndarray:
        """The place in the stencil of each offset, or the number of samples if it lies outside."""
        sizes = np.array(self.sizes(d))
        place = v @ np.linalg.inv(self.basis(d)).T + (sizes - 1) / 2
        if place.size and np.abs(place - np.rint(place)).max() > 1e-6:
            raise KernelError(
                "a Stencil kernel is defined on offsets of its lattice only, got a point between them; "
                "kernels.Harmonic is defined everywhere"
            )
        place = np.rint(place).astype(int)
        inside = ((place >= 0) & (place < sizes)).all(-1)
        flat = np.ravel_multi_index(np.clip(place, 0, sizes - 1).T, tuple(sizes))
        return np.where(inside, flat, np.prod(sizes))


@lru_cache(maxsize=128)
def orbits(spec: Stencil, group: Group) -> tuple[tuple[tuple[int, int], ...], ...]:
    """The orbits inside the box: for each, pairs (offset index, index of every element that takes x to it).

    The first offset of an orbit is its representative x; an offset occurs once for each element that reaches it.
    """
    d, sizes = group.dim, spec.sizes(group.dim)
    points, basis = box(sizes), spec.basis(d)
    moves = np.rint(np.linalg.inv(basis) @ group.action(group.element_array) @ basis)
    images = np.einsum("gij,nj->ngi", moves, points) + (np.array(sizes) - 1) / 2
    place = np.rint(images).astype(int)
    integral = np.abs(images - place).max((-1, -2)) < 1e-6
    inside = ((place >= 0) & (place < np.array(sizes))).all((-1, -2)) & integral
    seen, found = np.zeros(len(points), dtype=bool), []
    for n in range(len(points)):
        if inside[n] and not seen[n]:
            flat = np.ravel_multi_index(place[n].T, sizes)
            seen[flat] = True
            found.append(tuple((int(i), g) for g, i in enumerate(flat)))
    return tuple(found)


def _fill(spec: Stencil, group: Group, sigma: Representation, tau: Representation) -> np.ndarray:
    """The basis kernels σ → τ on the whole stencil: (number, dim τ, dim σ, samples), squared norm dim τ."""
    out, into = tau._rho(group.element_array), np.linalg.inv(sigma._rho(group.element_array))
    parts = []
    for orbit in orbits(spec, group):
        start = orbit[0][0]
        stabiliser = [g for i, g in orbit if i == start]
        maps = _stabiliser_maps(out[stabiliser], into[stabiliser])
        kernel = np.zeros((len(maps), tau.dim, sigma.dim, spec.samples(group.dim)))
        index, elements = np.array([i for i, _ in orbit]), np.array([g for _, g in orbit])
        kernel[..., index] = np.einsum("gab,nbc,gcd->nadg", out[elements], maps, into[elements], optimize=True)
        parts.append(kernel)
    basis = np.concatenate(parts)
    norms = np.sqrt((basis**2).sum((1, 2, 3), keepdims=True) / tau.dim) if len(basis) else 1.0
    return basis / norms


def _stabiliser_maps(out: np.ndarray, into: np.ndarray) -> np.ndarray:
    """Hom_{Stab}(σ, τ) from the images of the stabiliser's elements, by averaging: (number, dim τ, dim σ)."""
    t, s = out.shape[-1], into.shape[-1]
    average = np.einsum("gab,gcd->adbc", out, into).reshape(t, s, t, s).reshape(t * s, t * s) / len(out)
    left, values, _ = np.linalg.svd(average)
    left = left[:, values > 0.5]
    return canonical_bases((left @ left.T)[None])[0].reshape(-1, t, s)
