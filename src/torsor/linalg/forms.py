"""Invariant inner products: a matrix group is compact iff one exists (and it is closed)."""

from __future__ import annotations

import numpy as np

from torsor.linalg.arrays import kron, transpose
from torsor.linalg.nullspace import null_space


def invariant_form(algebra: np.ndarray, generators: np.ndarray) -> np.ndarray | None:
    """A symmetric positive definite B with aᵀB + Ba = 0 and gᵀBg = B, or None if there is none.

    Args:
        algebra: (k, n, n) Lie algebra elements.
        generators: (m, n, n) group elements.

    Returns:
        (n, n) with trace n, the identity if that is invariant.
    """
    n = algebra.shape[-1]
    if is_invariant(np.eye(n), algebra, generators):
        return np.eye(n)
    forms = _invariant_symmetric_forms(algebra, generators)
    return _positive_point(forms, n)


def is_invariant(form: np.ndarray, algebra: np.ndarray, generators: np.ndarray, tolerance: float = 1e-10) -> bool:
    """Whether a bilinear form is invariant: aᵀB + Ba = 0 and gᵀBg = B for all given a, g."""
    moved = transpose(algebra) @ form + form @ algebra
    turned = transpose(generators) @ form @ generators - form
    return bool(max(np.abs(moved).max(initial=0), np.abs(turned).max(initial=0)) < tolerance * np.abs(form).max())


def _invariant_symmetric_forms(algebra: np.ndarray, generators: np.ndarray) -> np.ndarray:
    n, one = algebra.shape[-1], np.eye(algebra.shape[-1])
    swap = np.eye(n * n).reshape(n, n, n, n).transpose(1, 0, 2, 3).reshape(n * n, n * n)
    rows = [np.eye(n * n) - swap]
    rows += [kron(a.T, one) + kron(one, a.T) for a in algebra]
    rows += [kron(g.T, g.T) - np.eye(n * n) for g in generators]
    return null_space(np.concatenate(rows)).reshape(-1, n, n)


def _positive_point(forms: np.ndarray, n: int) -> np.ndarray | None:
    """Alternating projections between span(forms) and the cone of positive definite forms."""
    if not len(forms):
        return None
    flat, form = forms.reshape(len(forms), -1), np.eye(n)
    for _ in range(500):
        form = ((flat @ form.ravel()) @ flat).reshape(n, n)
        values, vectors = np.linalg.eigh((form + form.T) / 2)
        if values[0] > 1e-6 * max(values[-1], 0):
            return form * n / np.trace(form)
        form = (vectors * np.maximum(values, 1e-2)) @ vectors.T
    return None
