"""Splitting any compact matrix representation into irreducible subspaces, numerically and deterministically."""

from __future__ import annotations

import numpy as np

from torsor.errors import RepresentationError
from torsor.linalg import canonical_bases, invariant_maps

MAX_SPLIT = 64
"""The largest dimension that is split numerically."""


def intertwiners(source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Canonical orthonormal basis of {W : W ρ = σ W}: (number, dim σ, dim ρ).

    Args:
        source: images (algebra, generators) of ρ, (k, n, n) and (m, n, n).
        target: images of σ, on the same algebra basis and generators.
    """
    return invariant_maps(source, target)


def irreducible_blocks(algebra: np.ndarray, generators: np.ndarray) -> list[np.ndarray]:
    """Orthonormal bases (rows) of irreducible subspaces of an orthogonal representation.

    A random symmetric matrix that commutes with the representation has, with probability one, one eigenspace per
    irreducible summand (real, complex and quaternionic type alike). The matrix is drawn from a fixed seed.

    Args:
        algebra: dρ of a Lie algebra basis, (k, n, n), skew.
        generators: ρ of generators (or of all elements), (m, n, n), orthogonal.
    """
    n = algebra.shape[-1]
    seed = np.random.default_rng(0).normal(size=(n, n))
    symmetric = _commuting(seed + seed.T, algebra, generators)
    values, vectors = np.linalg.eigh(symmetric)
    scale = max(1.0, np.abs(values).max(initial=0.0))
    cuts = np.flatnonzero(np.diff(values) > 1e-7 * scale) + 1
    blocks = []
    for columns in np.split(vectors, cuts, axis=1):
        rows = canonical_bases((columns @ columns.T)[None])[0]
        blocks.append(rows)
    return blocks


def _commuting(matrix: np.ndarray, algebra: np.ndarray, generators: np.ndarray) -> np.ndarray:
    """The projection of a symmetric matrix onto the commutant."""
    n = matrix.shape[-1]
    if len(generators) >= n and not len(algebra):
        average = np.einsum("gij,jk,glk->il", generators, matrix, generators, optimize=True) / len(generators)
        if np.abs(generators @ average - average @ generators).max() < 1e-9 * np.abs(average).max():
            return (average + average.T) / 2
    if n > MAX_SPLIT:
        raise RepresentationError(
            f"splitting a representation of dimension {n} numerically is too large; build it as a sum of smaller ones"
        )
    basis = intertwiners((algebra, generators), (algebra, generators)).reshape(-1, n * n)
    projected = ((basis @ matrix.ravel()) @ basis).reshape(n, n)
    return (projected + projected.T) / 2


def independent_rows(rows: np.ndarray, endomorphisms: np.ndarray) -> np.ndarray:
    """The first rows that are independent over the endomorphism algebra, orthonormalised over it."""
    kept: list[np.ndarray] = []
    spanned = np.zeros((0, rows.shape[-1]))
    for row in rows:
        rest = row - (spanned @ row) @ spanned
        if np.linalg.norm(rest) > 1e-6:
            rest = rest / np.linalg.norm(rest)
            kept.append(rest)
            images = np.stack([rest @ e for e in endomorphisms])
            spanned = np.concatenate([spanned, _orthonormal(images)])
    return np.stack(kept) if kept else np.zeros((0, rows.shape[-1]))


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    return vectors[values > 1e-9]
