"""All steerable functions on a quadric η(v,v) = const of R^{p,q}, as covariants in η-harmonic polynomials.

An equivariant map P from the quadric through v₀ to Hom(ρ_in, ρ_out) is its value P(v₀), which intertwines the
stabiliser of v₀, and every intertwiner B extends to one, P(gv₀) = ρ_out(g) B ρ_in(g)⁻¹. The Casimir operator of the Lie
algebra acts on the B's, with the eigenvalue -k(k + n - 2) exactly where P is an η-harmonic polynomial of degree k. So
one small null space, that of the stabiliser, holds the covariants of all degrees: none is missing, and none is counted
twice. The same count holds on space-like, time-like and (by complexification) spherical quadrics.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np

from torsor.errors import KernelError
from torsor.groups import SO0, Group, O
from torsor.linalg import (
    canonical_rows,
    expm,
    invariant_maps,
    null_space,
    pseudo_harmonic_basis,
    pseudo_harmonic_power,
    pseudo_harmonics,
)
from torsor.reps import Representation

MAX_DEGREE = 16
"""Beyond this degree the representations are taken not to be tensors, and the search for covariants ends."""

Signature = tuple[int, int]
"""(time, space): the numbers of minus and plus signs of η; time is 0 if there is one sign only."""

EVEN, TIME, SPACE, PAST = "even", "time", "space", "past"
"""The sectors: all v; halves of the time-like cone, of opposite sign; halves of the space-like cone; the past only."""


@lru_cache(maxsize=256)
def signature(group: Group) -> Signature | None:
    """(p, q) if SO₀(p, q) ≤ G ≤ O(p, q), the time axes first; None if G is no such group."""
    d = group.dim
    if d < 2 or group.algebra_array.shape[-1] != d or len(group.algebra_array) != d * (d - 1) // 2:
        return None
    found = (p for p in range(d) if SO0(p, d - p) <= group <= O(p, d - p))
    return next(((p, d - p) for p in found), None)


def _shape(rep: Representation) -> Signature:
    found = signature(rep.group)
    if found is None:
        raise KernelError(f"expected types of a group between SO0(p, q) and O(p, q), got {rep}")
    return found


def character(g: np.ndarray, shape: Signature, sector: str) -> np.ndarray:
    """The sign of det g_tt ("time"), of det g_ss ("space"), or 1: (..., d, d) -> (...)."""
    p = shape[0]
    blocks = {TIME: g[..., :p, :p], SPACE: g[..., p:, p:]}
    return np.sign(np.linalg.det(blocks[sector])) if sector in blocks else np.ones(g.shape[:-2])


@lru_cache(maxsize=4096)
def covariants_of(rho_in: Representation, rho_out: Representation, sector: str) -> tuple[np.ndarray, ...]:
    """The covariants of every degree 0, 1, … up to the last, (number, dim ρ_out, dim ρ_in, harmonics) each.

    P(gv) = χ(g) ρ_out(g) P(v) ρ_in(g)⁻¹, with the `character` χ of the sector, in the basis `pseudo_harmonics`.

    Raises:
        KernelError: a group that is none of those, or representations that are no tensors: the degrees do not end.
    """
    shape = _shape(rho_in)
    found = [_fixed(maps, rho_in, rho_out, shape, k, sector) for k, maps in enumerate(_connected(rho_in, rho_out))]
    while found and not len(found[-1]):
        found.pop()
    return tuple(found)


def stabiliser_maps(rho_in: Representation, rho_out: Representation) -> np.ndarray:
    """Hom of the identity component of the stabiliser of the first axis, orthonormal: (number, dim ρ_out, dim ρ_in)."""
    pairs, algebra, _ = _algebra(_shape(rho_in))
    fixing = algebra[[0 not in pair for pair in pairs]]
    into, out = ((rep._derivative(fixing), np.zeros((0, rep.dim, rep.dim))) for rep in (rho_in, rho_out))
    return invariant_maps(into, out)


@lru_cache(maxsize=4096)
def _connected(rho_in: Representation, rho_out: Representation) -> tuple[np.ndarray, ...]:
    """The covariants of SO₀(p, q), degree after degree."""
    shape, maps, found = _shape(rho_in), stabiliser_maps(rho_in, rho_out), []
    casimir = _casimir(maps, rho_in, rho_out, shape)
    missing, n = len(maps), sum(shape)
    for k in range(MAX_DEGREE + 1):
        if not missing:
            return tuple(found)
        eigen = null_space(casimir + k * (k + n - 2) * np.eye(len(maps)))
        found.append(_polynomials(np.tensordot(eigen, maps, axes=1), rho_in, rho_out, shape, k))
        missing -= len(eigen)
    raise KernelError(
        f"the steerable kernels from {rho_in} to {rho_out} are no polynomials of degree up to {MAX_DEGREE} times "
        "invariants: expected tensors, multivectors or sums and products of them"
    )


def _algebra(shape: Signature) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """The pairs of axes i < j, the rotation or boost in each plane, and the signs η_i η_j: Σ η_i η_j a_ij² = 1 - n."""
    group = SO0(*shape)
    pairs, signs = list(combinations(range(group.dim), 2)), np.diag(group.metric)
    return pairs, group.algebra_array, np.array([signs[i] * signs[j] for i, j in pairs])


def _casimir(maps: np.ndarray, rho_in: Representation, rho_out: Representation, shape: Signature) -> np.ndarray:
    """Σ η_i η_j ad(a_ij)² on the intertwiners of the stabiliser, ad(a) B = dρ_out(a) B - B dρ_in(a): (n, n)."""
    _, algebra, signs = _algebra(shape)
    out, into = rho_out._derivative(algebra), rho_in._derivative(algebra)
    once = out[:, None] @ maps - maps @ into[:, None]
    twice = out[:, None] @ once - once @ into[:, None]
    flat = len(maps), rho_out.dim * rho_in.dim
    return maps.reshape(flat) @ np.tensordot(signs, twice, axes=1).reshape(flat).T


def _polynomials(
    maps: np.ndarray, rho_in: Representation, rho_out: Representation, shape: Signature, k: int
) -> np.ndarray:
    """The coefficients of the η-harmonic polynomials P of degree k with P(v₀) = B, by least squares on the orbit."""
    g = _elements(shape, 4 * len(pseudo_harmonic_basis(*shape, k)) + 8)
    values = rho_out._rho(g) @ maps[:, None] @ np.linalg.inv(rho_in._rho(g))
    harmonics = pseudo_harmonics(g[..., 0], *shape, k)
    fitted = np.linalg.lstsq(harmonics, values.swapaxes(0, 1).reshape(len(harmonics), -1), rcond=None)[0]
    return np.moveaxis(fitted.reshape(harmonics.shape[-1], *maps.shape), 0, -1)


@lru_cache(maxsize=64)
def _elements(shape: Signature, number: int) -> np.ndarray:
    """Elements exp(a) of SO₀(p, q) with Gaussian a of unit scale, from a fixed seed."""
    _, algebra, _ = _algebra(shape)
    coordinates = np.random.default_rng(0).normal(size=(number, len(algebra)))
    return expm(np.tensordot(coordinates, algebra, axes=1))


def _fixed(
    maps: np.ndarray, rho_in: Representation, rho_out: Representation, shape: Signature, k: int, sector: str
) -> np.ndarray:
    """Those combinations with P(cv) = χ(c) ρ_out(c) P(v) ρ_in(c)⁻¹ for the component generators c, canonical."""
    if not len(maps):
        return maps
    basis = canonical_rows(np.linalg.qr(maps.reshape(len(maps), -1).T)[0].T)
    elements = rho_in.group.generator_array
    if len(elements) and len(basis):
        tensors = basis.reshape(-1, *maps.shape[1:])
        signs = character(elements, shape, sector)
        moved = np.einsum("boik,ckl->cboil", tensors, pseudo_harmonic_power(elements, *shape, k))
        into = np.linalg.inv(rho_in.generator_images)
        images = np.einsum("c,cpo,boik,cij->cbpjk", signs, rho_out.generator_images, tensors, into, optimize=True)
        apart = np.moveaxis(moved - images, 1, -1).reshape(-1, len(basis))
        basis = canonical_rows(null_space(apart) @ basis)
    return np.where(np.abs(basis) < 1e-13, 0.0, basis).reshape(-1, *maps.shape[1:])
