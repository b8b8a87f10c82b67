"""The covariant solver: all G-equivariant polynomial maps R^d → Hom(ρ_in, ρ_out), of any matrix group.

A homogeneous map of degree k is P(v) = C m(v), with the monomials m of Sym^k(R^d) and a tensor C. It is a covariant,
P(gv) = ρ_out(g) P(v) ρ_in(g)⁻¹, iff C is invariant under ρ_out ⊗ ρ_in* ⊗ Sym^k*: one null space. For orthogonal groups
the harmonic covariants, those in Sym^k modulo |v|² Sym^{k-2}, are the angular functions of steerable kernels
(Wigner–Eckart).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from torsor.errors import KernelError
from torsor.groups import Group
from torsor.kernels.wigner_eckart import Triple, factored
from torsor.linalg import (
    Images,
    canonical_bases,
    dual_images,
    harmonic_basis,
    harmonic_power,
    harmonic_power_derivative,
    invariant_tensors,
    multi_indices,
    null_projectors,
    symmetric_power,
    symmetric_power_derivative,
)
from torsor.linalg.invariants import DIRECT
from torsor.reps import Representation

SMALL = 64
"""Systems of up to so many unknowns are solved directly, larger ones through the irreps in the harmonics."""

MAX_DEGREE = 20
"""Up to this degree harmonics transform to 1e-12; larger ones are refused."""


def covariants(rho_in: Representation, rho_out: Representation, degree: int, *, covector: bool = False) -> np.ndarray:
    """All covariants of a degree: (number, dim ρ_out, dim ρ_in, monomials), orthonormal, canonical.

    They number dim Hom_G(Sym^k(R^d) ⊗ ρ_in, ρ_out). P(v) is the contraction with `torsor.linalg.monomials` (v, degree).
    Those of a covector ξ satisfy P(g⁻ᵀξ) = ρ_out(g) P(ξ) ρ_in(g)⁻¹: with ∂ for ξ, the equivariant differential
    operators.

    Raises:
        KernelError: two groups, or a negative degree.
    """
    return solve_covariants([(rho_in, rho_out)], (degree,), covector=covector)[0][0]


def solve_covariants(
    pairs: list[tuple[Representation, Representation]], degrees: tuple[int, ...], *, covector: bool = False
) -> list[list[np.ndarray]]:
    """All covariants of many pairs (ρ_in, ρ_out) and degrees at once: [pair][degree]."""
    group = _common_group(*pairs[0], degree=min(degrees))
    powers = {k: _power(group, k, harmonic=False, covector=covector) for k in degrees}
    solved = iter(_solve([(rho_in, rho_out, powers[k]) for rho_in, rho_out in pairs for k in degrees]))
    return [[next(solved) for _ in degrees] for _ in pairs]


def harmonic_covariants(rho_in: Representation, rho_out: Representation, degree: int) -> np.ndarray:
    """The harmonic covariants of a degree, (number, dim ρ_out, dim ρ_in, harmonics), to contract with `harmonics`.

    Raises:
        KernelError: the group is not orthogonal (harmonic polynomials are not invariant), or two groups.
    """
    return solve_harmonic([(rho_in, rho_out)], range(degree, degree + 1))[0][0]


def check_degrees(degree: int) -> None:
    """Raise beyond the degree up to which harmonics are accurate.

    Raises:
        KernelError: naming the limit.
    """
    if degree > MAX_DEGREE:
        raise KernelError(f"harmonics are accurate up to degree {MAX_DEGREE}, got {degree}: take a smaller degree")


def solve_harmonic(pairs: list[tuple[Representation, Representation]], degrees: range) -> list[list[np.ndarray]]:
    """Harmonic covariants of many pairs (ρ_in, ρ_out) and degrees at once: [pair][degree]."""
    if not pairs:
        return []
    group = _common_group(*pairs[0], degree=min(degrees, default=0))
    if not np.allclose(*_gram(group), atol=1e-9):
        raise KernelError(f"harmonic polynomials need a group of rotations and reflections, got {group}")
    if group.dim > 2:
        check_degrees(max(degrees, default=0))
    requests = [(rho_in, rho_out, k) for rho_in, rho_out in pairs for k in degrees]
    sizes = [i.dim * o.dim * len(harmonic_basis(group.dim, k)) for i, o, k in requests]
    direct = [request for request, size in zip(requests, sizes, strict=True) if size <= SMALL]
    large = [request for request, size in zip(requests, sizes, strict=True) if size > SMALL]
    powers = {k: _power(group, k, harmonic=True) for k in {k for _, _, k in direct}}
    quick = iter(_solve([(rho_in, rho_out, powers[k]) for rho_in, rho_out, k in direct]))
    slow = iter(factored(large, _solve_triples) if large else [])
    solved = iter([next(quick) if size <= SMALL else next(slow) for size in sizes])
    return [[next(solved) for _ in degrees] for _ in pairs]


def _solve_triples(triples: list[Triple]) -> list[np.ndarray]:
    return _solve([(s, t, (kappa.algebra_images, kappa.generator_images)) for kappa, s, t in triples])


def _gram(group: Group) -> tuple[np.ndarray, np.ndarray]:
    a, g = group.action(group.algebra_array), group.action(group.generator_array)
    one = np.broadcast_to(np.eye(group.dim), g.shape)
    return np.concatenate([a, np.swapaxes(g, -1, -2) @ g]), np.concatenate([-np.swapaxes(a, -1, -2), one])


def _common_group(rho_in: Representation, rho_out: Representation, degree: int) -> Group:
    if rho_in.group != rho_out.group:
        raise KernelError(f"covariants need one group, got {rho_in} and {rho_out}")
    if degree < 0:
        raise KernelError(f"expected a degree of at least 0, got {degree}")
    return rho_in.group


def _power(group: Group, k: int, harmonic: bool, covector: bool = False) -> Images:
    """The images of a group on polynomials of degree k in a vector or a covector, or on harmonic ones."""
    a, g = group.action(group.algebra_array), group.action(group.generator_array)
    if covector:
        a, g = -a.swapaxes(-1, -2), np.linalg.inv(g).swapaxes(-1, -2)
    n = len(harmonic_basis(group.dim, k)) if harmonic else len(multi_indices(group.dim, k))
    derivative, power = (
        (harmonic_power_derivative, harmonic_power) if harmonic else (symmetric_power_derivative, symmetric_power)
    )
    return derivative(a, k).reshape(len(a), n, n), power(g, k).reshape(len(g), n, n)


def _solve(requests: list[tuple[Representation, Representation, Images]]) -> list[np.ndarray]:
    """Invariants of ρ_out ⊗ ρ_in* ⊗ power* for many requests; small ones of equal shape in one batch."""
    shapes: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for i, (rho_in, rho_out, power) in enumerate(requests):
        shapes[rho_out.dim, rho_in.dim, power[0].shape[-1]].append(i)
    solved: list[np.ndarray] = [np.zeros(0)] * len(requests)
    for shape, members in shapes.items():
        if not np.prod(shape):
            bases = [np.zeros((0, 0))] * len(members)
        elif np.prod(shape) > DIRECT:
            bases = [_invariants(*requests[i]) for i in members]
        else:
            bases = canonical_bases(null_projectors(_constraints([requests[i] for i in members])))
        for i, basis in zip(members, bases, strict=True):
            solved[i] = basis.reshape(-1, *shape) if basis.size else np.zeros((0, *shape))
    return solved


def _invariants(rho_in: Representation, rho_out: Representation, power: Images) -> np.ndarray:
    into = rho_in.algebra_images, rho_in.generator_images
    return invariant_tensors(
        [(rho_out.algebra_images, rho_out.generator_images), dual_images(into), dual_images(power)]
    )


def _constraints(requests: list[tuple[Representation, Representation, Images]]) -> np.ndarray:
    """Rows (batch, (k + m) n, n) that vanish exactly on invariant tensors C, n = dim ρ_out · dim ρ_in · dim Sym."""
    out = (
        np.stack([r.algebra_images for _, r, _ in requests]),
        np.stack([r.generator_images for _, r, _ in requests]),
    )
    into = (
        np.stack([r.algebra_images for r, _, _ in requests]),
        np.stack([r.generator_images for r, _, _ in requests]),
    )
    power = np.stack([p[0] for _, _, p in requests]), np.stack([p[1] for _, _, p in requests])
    one = [np.eye(x[0].shape[-1]) for x in (out, into, power)]
    dual_in, dual_power = np.linalg.inv(into[1]).swapaxes(-1, -2), np.linalg.inv(power[1]).swapaxes(-1, -2)
    n = len(one[0]) * len(one[1]) * len(one[2])
    infinitesimal = (
        _kron3(out[0], one[1], one[2])
        - _kron3(one[0], into[0].swapaxes(-1, -2), one[2])
        - _kron3(one[0], one[1], power[0].swapaxes(-1, -2))
    )
    finite = _kron3(out[1], dual_in, dual_power) - np.eye(n)
    rows = np.concatenate([infinitesimal, finite], axis=1).reshape(len(requests), -1, n)
    return rows if rows.shape[1] else np.zeros((len(requests), 1, n))


def _kron3(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    product = a[..., :, None, None, :, None, None] * b[..., None, :, None, None, :, None]
    product = product * c[..., None, None, :, None, None, :]
    n = a.shape[-1] * b.shape[-1] * c.shape[-1]
    return product.reshape(*product.shape[:-6], n, n)
