"""The Wigner–Eckart factorisation: harmonics of a degree are decomposed into irreps of G, then triples are solved.

Hom_G(H_l ⊗ σ, τ) = ⊕_κ (multiplicity of κ in H_l) · Hom_G(κ ⊗ σ, τ)

so that a large system, dim τ · dim σ · (2l+1) unknowns, becomes a few small ones; for SO(3) and O(3) the triples are
Clebsch–Gordan coefficients in closed form. Source: Lang and Weiler, A Wigner–Eckart theorem for group equivariant
convolution kernels, 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from torsor.groups import Group
from torsor.linalg import (
    Array,
    harmonic_basis,
    harmonic_power,
    harmonic_power_derivative,
)
from torsor.reps import Representation, decompose
from torsor.reps.wigner import coupling

Triple = tuple[Representation, Representation, Representation]
"""(κ, σ, τ)."""


@dataclass(frozen=True, eq=False, repr=False)
class Harmonics(Representation):
    """The harmonic polynomials of a degree, in the basis of `torsor.linalg.harmonics`: Y(gv) = ρ(g) Y(v)."""

    group: Group
    degree: int

    @property
    def dim(self) -> int:
        return len(harmonic_basis(self.group.dim, self.degree))

    @property
    def name(self) -> str:
        return f"harmonics({self.degree})"

    def _rho(self, g: Array) -> Array:
        return harmonic_power(self.group.action(g), self.degree)

    def _derivative(self, a: Array) -> Array:
        return harmonic_power_derivative(self.group.action(a), self.degree)


def factored(
    requests: list[tuple[Representation, Representation, int]], solve: Callable[[list[Triple]], list[np.ndarray]]
) -> list[np.ndarray]:
    """The harmonic covariants of requests (σ, τ, degree), each (number, dim τ, dim σ, harmonics), orthonormal.

    Args:
        requests: pairs of irreps of one group with a degree.
        solve: gives orthonormal bases of Hom(κ ⊗ σ, τ), (number, dim τ, dim σ, dim κ), of a list of triples.
    """
    parts = {degree: _parts(requests[0][0].group, degree) for _, _, degree in requests}
    wanted = dict.fromkeys((kappa, s, t) for s, t, degree in requests for kappa, _ in parts[degree])
    unsolved = [triple for triple in wanted if _closed_form(triple) is None]
    known = dict(zip(unsolved, solve(unsolved), strict=True))
    found = []
    for sigma, tau, degree in requests:
        maps = [_basis((kappa, sigma, tau), known) @ columns.T for kappa, columns in parts[degree]]
        found.append(np.concatenate(maps))
    return found


def _parts(group: Group, degree: int) -> list[tuple[Representation, np.ndarray]]:
    """The irreps κ in the harmonics of a degree, copy by copy, with their orthonormal columns (harmonics, dim κ)."""
    split, parts, start = decompose(Harmonics(group, degree)), [], 0
    for copies, kappa in split.blocks:
        for _ in range(copies):
            parts.append((kappa, split.basis[:, start : start + kappa.dim]))
            start += kappa.dim
    return parts


def _basis(triple: Triple, known: dict[Triple, np.ndarray]) -> np.ndarray:
    closed = _closed_form(triple)
    return known[triple] if closed is None else closed / np.sqrt(triple[2].dim)


def _closed_form(triple: Triple) -> np.ndarray | None:
    kappa, sigma, tau = triple
    return coupling(sigma, kappa, tau)
