"""Null spaces with canonical bases: the same basis on every machine, since rounding never breaks a tie."""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-10
"""An eigenvalue of CᵀC counts as zero below this fraction of the largest one."""


def null_projectors(constraints: np.ndarray) -> np.ndarray:
    """Orthogonal projectors onto the null spaces {x : C x = 0} of a batch of matrices.

    The projector is the sum over eigenvectors of CᵀC whose eigenvalue vanishes. The constraints of a group have
    eigenvalues that are either zero or of the order of (2π/|G|)², so the threshold never decides.

    Args:
        constraints: (..., m, n) float64.

    Returns:
        (..., n, n) float64.
    """
    normal = np.swapaxes(constraints, -1, -2) @ constraints
    values, vectors = np.linalg.eigh(normal)
    scale = np.maximum(values[..., -1:], 1.0) if values.shape[-1] else values
    vectors = vectors * (values <= TOLERANCE * scale)[..., None, :]
    return vectors @ np.swapaxes(vectors, -1, -2)


def canonical_bases(projectors: np.ndarray) -> list[np.ndarray]:
    """Canonical orthonormal bases of the images of a batch of orthogonal projectors.

    Pivoted Cholesky of P: the pivot is the lowest index whose residual is within 1e-6 of the largest, and the basis
    vector is positive there. The factor is then projected and re-orthogonalised.

    Args:
        projectors: (b, n, n) float64.

    Returns:
        b arrays (rank, n), rows orthonormal.
    """
    n = projectors.shape[-1]
    ranks = np.rint(np.trace(projectors, axis1=-2, axis2=-1)).astype(int)
    rows = np.zeros((len(projectors), int(ranks.max(initial=0)), n))
    residual, batch = projectors.copy(), np.arange(len(projectors))
    for r in range(rows.shape[1]):
        diagonal = np.diagonal(residual, axis1=-2, axis2=-1)
        pivots = np.argmax(diagonal >= diagonal.max(-1, keepdims=True) - 1e-6, axis=-1)
        height = diagonal[batch, pivots]
        active = (r < ranks)[:, None]
        row = np.where(active, residual[batch, pivots] / np.sqrt(np.where(active[:, 0], height, 1.0))[:, None], 0)
        rows[:, r] = row
        residual = residual - row[:, :, None] * row[:, None, :]
    rows = rows @ projectors
    gram = rows @ np.swapaxes(rows, -1, -2)
    rows = 1.5 * rows - 0.5 * gram @ rows
    return [basis[:rank] for basis, rank in zip(rows, ranks, strict=True)]


def canonical_rows(rows: np.ndarray, width: int = 2048) -> np.ndarray:
    """The canonical basis of the span of orthonormal rows (r, n), the same as `canonical_bases` of the projector.

    P = RᵀR is never formed: its pivoted Cholesky factor is U R with U orthogonal, and the row of U for a pivot j is
    what the rows of U before it leave of column j of R. The residual diagonal is kept for ``width`` candidates, and
    brought up to date for all columns only when a column outside them could be the next pivot.

    Returns:
        (r, n), rows orthonormal.
    """
    rotation, done = np.zeros((len(rows), len(rows))), 0
    diagonal = np.einsum("rn,rn->n", rows, rows)
    while done < len(rows):
        candidates, top, floor = _candidates(diagonal, width)
        local, height, start = rows[:, candidates], diagonal[candidates], done
        while done < len(rows) and (done == start or height.max() >= top - 1e-12 or height.max() - 1e-6 > floor):
            pivot = np.argmax(height >= height.max() - 1e-6)
            direction = local[:, pivot]
            for _ in range(2):
                direction = direction - rotation[:done].T @ (rotation[:done] @ direction)
            rotation[done] = direction / np.linalg.norm(direction)
            height = height - (rotation[done] @ local) ** 2
            done += 1
        diagonal = diagonal - ((rotation[start:done] @ rows) ** 2).sum(axis=0)
    return rotation @ rows


def _candidates(diagonal: np.ndarray, width: int) -> tuple[np.ndarray, float, float]:
    """The columns that can be the next pivots, the largest entry, and the largest one outside them.

    They are the first of those that tie with the largest entry, and the next largest.
    """
    if len(diagonal) <= width:
        return np.arange(len(diagonal)), float(diagonal.max()), -np.inf
    top = diagonal.max()
    tied = np.flatnonzero(diagonal >= top - 1e-6)
    chosen = tied[:width] if len(tied) >= width else np.sort(np.argpartition(-diagonal, width)[:width])
    outside = np.ones(len(diagonal), bool)
    outside[chosen] = False
    return chosen, float(top), float(diagonal[outside].max(initial=-np.inf))


def null_space(constraints: np.ndarray) -> np.ndarray:
    """Canonical orthonormal basis (rank, n) of the null space of one matrix (m, n)."""
    return canonical_bases(null_projectors(constraints)[None])[0]
