"""The invariants of a tensor product of representations, up to 1e5 components and beyond the reach of dense algebra.

x ∈ V₁ ⊗ … ⊗ V_s is invariant iff Σ_i (1 ⊗ … a_i … ⊗ 1) x = 0 for the Lie algebra and (g₁ ⊗ … ⊗ g_s) x = x for the
component generators. Three ways lead there, and all end in the same canonical basis:

- *orbits*: signed permutations permute components, so the invariants are the orbits;
- *isotypic*: with the factors in two halves, x is an intertwiner from the dual of one half to the other, which Schur's
  lemma gives explicitly in `isotypic_frames`;
- *dense*: the null space of all constraints, for any matrices; the plain reference, for few components.
"""

from __future__ import annotations

from functools import reduce
from math import prod

import numpy as np

from torsor.errors import RepresentationError
from torsor.linalg.arrays import kron
from torsor.linalg.isotypic import Images, NotGeneric, is_self_adjoint, isotypic_frames
from torsor.linalg.nullspace import canonical_rows, null_space
from torsor.linalg.orbits import invariant_orbits, orbit_basis, orbit_sizes, product, signed_permutation

DIRECT, DENSE, LIMIT = 144, 4096, 200_000
"""Components up to which the dense way is quickest, up to which it is possible at all, and up to which any way is."""

HALF, ENTRIES = 2048, 1 << 28
"""The largest dimension of one half, and the largest number of entries of a basis (2 GiB)."""

RESIDUAL, ROUNDING, ATTEMPTS = 1e-10, 1e-13, 6
"""Largest violation of a constraint; what is taken as exact without another draw; how many draws."""


def invariant_tensors(factors: list[Images]) -> np.ndarray:
    """A canonical orthonormal basis of the invariants of V₁ ⊗ … ⊗ V_s: (number, n₁, …, n_s) float64.

    Args:
        factors: images (algebra, generators) of every V_i, (k, n_i, n_i) and (m, n_i, n_i), on one basis of the Lie
            algebra and one list of component generators.

    Raises:
        RepresentationError: more components, or a larger basis, than can be solved; the message has the numbers.
    """
    shape = tuple(a.shape[-1] for a, _ in factors)
    size = prod(shape)
    if not size:
        return np.zeros((0, *shape))
    _check(size <= LIMIT, f"{size:,} components ({_times(shape)}), at most {LIMIT:,} can be solved", shape)
    rows = _orbits(factors, shape) if _permutes(factors) else None
    if rows is None:
        rows = dense_invariants(factors) if size <= DIRECT else _large(factors, shape)
    return rows.reshape(-1, *shape)


def invariant_maps(into: Images, out: Images) -> np.ndarray:
    """A canonical orthonormal basis of {W : W ρ = σ W}: (number, dim σ, dim ρ); see `invariant_tensors`."""
    return invariant_tensors([out, dual_images(into)])


def dual_images(images: Images) -> Images:
    """The images of the dual representation, -aᵀ and g⁻ᵀ."""
    algebra, generators = images
    return -algebra.swapaxes(-1, -2), np.linalg.inv(generators).swapaxes(-1, -2)


def product_images(factors: list[Images]) -> Images:
    """The images of a tensor product, by Kronecker products."""
    return reduce(_product, factors)


def _product(left: Images, right: Images) -> Images:
    one, other = np.eye(left[0].shape[-1]), np.eye(right[0].shape[-1])
    return kron(left[0], other) + kron(one, right[0]), kron(left[1], right[1])


def dense_invariants(factors: list[Images]) -> np.ndarray:
    """The plain reference: the null space of all constraints as one matrix, (number, n₁ ⋯ n_s)."""
    algebra, generators = product_images(factors)
    rows = np.concatenate([algebra, generators - np.eye(algebra.shape[-1])])
    return null_space(rows.reshape(-1, algebra.shape[-1]) if len(rows) else np.zeros((1, algebra.shape[-1])))


def _permutes(factors: list[Images]) -> bool:
    return all(np.abs(a).max(initial=0.0) == 0.0 for a, _ in factors)


def _orbits(factors: list[Images], shape: tuple[int, ...]) -> np.ndarray | None:
    """The invariants of signed permutations, or None if some generator is none."""
    generators = []
    for i in range(len(factors[0][1])):
        signed = [signed_permutation(g[i]) for _, g in factors]
        if any(s is None for s in signed):
            return None
        generators.append(product([s for s in signed if s is not None]))
    label, sign = invariant_orbits(prod(shape), generators)
    check_entries(len(orbit_sizes(label)[0]), shape)
    return orbit_basis(label, sign)


def _large(factors: list[Images], shape: tuple[int, ...]) -> np.ndarray:
    """Through the two halves, where they are self-adjoint; else dense."""
    cut = min(range(1, len(shape)), key=lambda c: max(prod(shape[:c]), prod(shape[c:])), default=0)
    half = max(prod(shape[:cut]), prod(shape[cut:]))
    _check(half <= HALF, f"a factor of dimension {half:,} ({_times(shape)}), at most {HALF:,} can be split", shape)
    left = product_images(factors[:cut]) if cut else _trivial_like(factors[0])
    right = dual_images(product_images(factors[cut:]))
    rows = _isotypic(left, right, shape) if is_self_adjoint([left, right]) else None
    if rows is not None:
        return rows
    _check(
        prod(shape) <= DENSE,
        f"{prod(shape):,} components ({_times(shape)}) of matrices whose transposes are not "
        f"in their span, at most {DENSE:,} can be solved for those",
        shape,
    )
    return dense_invariants(factors)


def _trivial_like(images: Images) -> Images:
    return np.zeros((len(images[0]), 1, 1)), np.ones((len(images[1]), 1, 1))


def _isotypic(left: Images, right: Images, shape: tuple[int, ...]) -> np.ndarray | None:
    """The intertwiners right → left from the frames of several draws: the first exact to rounding, or the best."""
    best, error = None, RESIDUAL
    for attempt in range(ATTEMPTS):
        try:
            frames = isotypic_frames([right, left], attempt)
        except NotGeneric:
            continue
        check_entries(sum(f.number(0, 1) for f in frames), shape)
        maps = np.concatenate(
            [np.zeros((0, *left[0].shape[1:2], *right[0].shape[1:2])), *(f.maps(0, 1) for f in frames)]
        )
        if (found := residual(maps, right, left)) <= error:
            best, error = maps, found
        if error <= ROUNDING:
            break
    return None if best is None else canonical_rows(best.reshape(len(best), prod(shape)))


def residual(maps: np.ndarray, into: Images, out: Images) -> float:
    """|σ W - W ρ| of a random W of norm 1 in the span, the largest for all ρ, relative to their largest entries."""
    if not len(maps):
        return 0.0
    mixture = np.random.default_rng(0).normal(size=len(maps))
    w = np.tensordot(mixture / np.linalg.norm(mixture), maps, axes=1)
    errors = [
        np.linalg.norm(b @ w - w @ a) / max(1.0, np.abs(a).max(), np.abs(b).max())
        for a, b in zip(np.concatenate(into), np.concatenate(out), strict=True)
    ]
    return float(max(errors, default=0.0))


def check_entries(number: int, shape: tuple[int, ...]) -> None:
    """Raise unless a basis of so many tensors of this shape fits into memory.

    Raises:
        RepresentationError: with the numbers.
    """
    entries = number * prod(shape)
    _check(
        entries <= ENTRIES,
        f"{number:,} invariants of {prod(shape):,} components ({_times(shape)}), {8 * entries / 2**30:,.1f} GiB; at "
        f"most {8 * ENTRIES / 2**30:.0f} GiB are formed",
        shape,
    )


def _check(possible: bool, what: str, shape: tuple[int, ...]) -> None:
    if not possible:
        raise RepresentationError(
            f"this space of equivariant maps is too large to be solved: {what}. Take tensors of lower order, sums of "
            "irreps in their place (their maps are solved pair by pair of terms), or a composition of two layers"
        )


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{n:,}" for n in shape)
