"""The invariants of a tensor product of representations, up to 1e5 components and beyond the reach of dense algebra.

x ∈ V₁ ⊗ … ⊗ V_s is invariant iff Σ_i (1 ⊗ … a_i … ⊗ 1) x = 0 for the Lie algebra and (g₁ ⊗ … ⊗ g_s) x = x for the
component generators. Three ways lead there, and all end in the same canonical basis:

- *orbits*: signed permutations permute components, so the invariants are the orbits;
- *isotypic*: with the factors in two halves, x is an intertwiner from the dual of one half to the other, which Schur's
  lemma gives explicitly in `isotypic_frames`, where transposes of elements belong to the group (after a change of
  basis for all compact ones); what does not, such as Galilean boosts, is imposed on the result;
- *dense*: the null space of all constraints, for any matrices; the plain reference, for few components.
"""

from __future__ import annotations

from functools import reduce
from math import prod

import numpy as np

from torsor.errors import RepresentationError
from torsor.linalg.arrays import kron
from torsor.linalg.averages import average_form, is_unbounded
from torsor.linalg.isotypic import Images, isotypic_frames, self_adjoint_part
from torsor.linalg.nullspace import TOLERANCE, canonical_rows, null_space
from torsor.linalg.orbits import invariant_orbits, orbit_basis, orbit_sizes, product, signed_permutation

DIRECT, DENSE, LIMIT = 144, 2500, 200_000
"""Up to how many components the dense way is quickest; how many unknowns it can solve; how many components any way."""

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
    _check(size <= LIMIT, f"{size:,} components ({_times(shape)}), at most {LIMIT:,} can be solved")
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
    """Through the two halves: the intertwiners of what is self-adjoint in them, cut down by the rest."""
    cut = min(range(1, len(shape)), key=lambda c: max(prod(shape[:c]), prod(shape[c:])), default=0)
    half = max(prod(shape[:cut]), prod(shape[cut:]))
    _check(half <= HALF, f"a factor of dimension {half:,} ({_times(shape)}), at most {HALF:,} can be split")
    left = product_images(factors[:cut]) if cut else _trivial_like(factors[0])
    right = dual_images(product_images(factors[cut:]))
    part = self_adjoint_part([left, right])
    whole = len(part[0]) == len(left[0]) and part[1].all()
    if not whole and (roots := _orthogonal_roots(left, right)) is not None:
        return _changed(left, right, roots, shape)
    maps = _isotypic(_selected(left, *part), _selected(right, *part), shape)
    if not whole:
        complement = null_space(part[0]) if len(part[0]) else np.eye(len(left[0]))
        maps = _cut(maps, _selected(left, complement, ~part[1]), _selected(right, complement, ~part[1]), shape)
        _check_residual(residual(maps, right, left), shape)
    return canonical_rows(maps.reshape(len(maps), prod(shape)))


def _selected(images: Images, coefficients: np.ndarray, generators: np.ndarray) -> Images:
    return np.tensordot(coefficients, images[0], axes=1), images[1][generators]


def _cut(maps: np.ndarray, left: Images, right: Images, shape: tuple[int, ...]) -> np.ndarray:
    """Orthonormal combinations of orthonormal maps that commute with further elements, one element after another."""
    size = prod(shape)
    for a, b in zip(np.concatenate(right), np.concatenate(left), strict=True):
        number = len(maps)
        _check(
            number <= DENSE,
            f"{number:,} unknowns in {size:,} components ({_times(shape)}) remain once the elements are used whose "
            f"transposes belong to the group, at most {DENSE:,} can be solved; in another basis more of them may",
        )
        moved = (b @ maps - maps @ a).reshape(number, size) / max(1.0, np.abs(a).max(), np.abs(b).max())
        values, vectors = np.linalg.eigh(moved @ moved.T)
        kept = vectors[:, values <= TOLERANCE * max(1.0, values.max(initial=0.0))]
        maps = np.tensordot(kept.T, maps, axes=1)
    return maps


def _orthogonal_roots(left: Images, right: Images) -> list[np.ndarray] | None:
    """R with R ρ R⁻¹ orthogonal, for both halves, where the group is compact; None where it is not."""
    forms = [None if is_unbounded(*images) else average_form(*images) for images in (left, right)]
    return None if any(f is None for f in forms) else [np.linalg.cholesky(f).T for f in forms if f is not None]


def _changed(left: Images, right: Images, roots: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """The intertwiners W = R⁻¹ W' S of what is orthogonal after the changes of basis R and S."""
    inverse = [np.linalg.inv(root) for root in roots]
    turned = [(x @ a @ y, x @ g @ y) for (a, g), x, y in zip((left, right), roots, inverse, strict=True)]
    maps = inverse[0] @ _isotypic(turned[0], turned[1], shape) @ roots[1]
    rows = np.linalg.qr(maps.reshape(len(maps), prod(shape)).T)[0].T
    _check_residual(residual(rows.reshape(maps.shape), right, left), shape)
    return canonical_rows(rows)


def _trivial_like(images: Images) -> Images:
    return np.zeros((len(images[0]), 1, 1)), np.ones((len(images[1]), 1, 1))


def _isotypic(left: Images, right: Images, shape: tuple[int, ...]) -> np.ndarray:
    """Orthonormal intertwiners right → left from frames of several draws: the first exact to rounding, or the best."""
    best, error = None, np.inf
    for attempt in range(ATTEMPTS):
        frames = isotypic_frames([right, left], attempt)
        if frames is None:
            continue
        check_entries(sum(f.number(0, 1) for f in frames), shape)
        none = np.zeros((0, left[0].shape[-1], right[0].shape[-1]))
        maps = np.concatenate([none, *(f.maps(0, 1) for f in frames)])
        if (found := residual(maps, right, left)) < error:
            best, error = maps, found
        if error <= ROUNDING:
            break
    _check_residual(error, shape)
    return np.zeros(0) if best is None else best


def _check_residual(error: float, shape: tuple[int, ...]) -> None:
    if not error <= RESIDUAL:
        raise RepresentationError(
            f"equivariant maps of {_times(shape)} components were found to {error:.0e} only, not to {RESIDUAL:g}: "
            "the matrices are badly scaled, or generators are not given to full precision"
        )


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
    )


def _check(possible: bool, what: str) -> None:
    if not possible:
        raise RepresentationError(
            f"this space of equivariant maps is too large to be solved: {what}. Take tensors of lower order, sums of "
            "irreps in their place (their maps are solved pair by pair of terms), or a composition of two layers"
        )


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{n:,}" for n in shape)
