"""Invariant inner products: a matrix group is compact iff one exists (and it is closed)."""

from __future__ import annotations

import numpy as np

from torsor.linalg.arrays import transpose
from torsor.linalg.averages import average_form, is_invariant, is_unbounded
from torsor.linalg.invariants import DIRECT, dual_images, invariant_tensors


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
    if is_unbounded(algebra, generators):
        return None
    if n * n > DIRECT:
        form = average_form(algebra, generators)
        if form is not None:
            return form
    forms = _invariant_symmetric_forms(algebra, generators)
    return _positive_point(forms, n)


def _invariant_symmetric_forms(algebra: np.ndarray, generators: np.ndarray) -> np.ndarray:
    n, dual = algebra.shape[-1], dual_images((algebra, generators))
    forms = invariant_tensors([dual, dual])
    symmetric = ((forms + transpose(forms)) / 2).reshape(len(forms), n * n)
    _, values, vectors = np.linalg.svd(symmetric, full_matrices=False)
    return vectors[values > 0.5].reshape(-1, n, n)


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
