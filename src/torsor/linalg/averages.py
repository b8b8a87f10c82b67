"""Averages over compact groups, from generators alone: whether there are any, and the inner product they give."""

from __future__ import annotations

import numpy as np

from torsor.linalg.arrays import transpose
from torsor.linalg.expm import expm

SWEEPS, DOUBLINGS, LARGE = 100, 8, 1e6
"""How often an average goes over all elements, the logarithm of how many powers it takes, and what is unbounded."""


def is_invariant(form: np.ndarray, algebra: np.ndarray, generators: np.ndarray, tolerance: float = 1e-10) -> bool:
    """Whether a bilinear form is invariant: aᵀB + Ba = 0 and gᵀBg = B for all given a, g."""
    moved = transpose(algebra) @ form + form @ algebra
    turned = transpose(generators) @ form @ generators - form
    return bool(max(np.abs(moved).max(initial=0), np.abs(turned).max(initial=0)) < tolerance * np.abs(form).max())


def is_unbounded(algebra: np.ndarray, generators: np.ndarray) -> bool:
    """Whether powers of some element grow: a has an eigenvalue with a real part, or h^(2^30) is large.

    Nilpotent elements make powers grow as polynomials, which 2^30 shows; rounding moves bounded ones by some 1e-7.
    """
    rates = np.abs(np.linalg.eigvals(algebra).real).max(initial=0.0) / max(1.0, np.abs(algebra).max(initial=0.0))
    return bool(rates > 1e-6) or any(_grows(h) for h in _elements(algebra, generators))


def _grows(h: np.ndarray) -> bool:
    inverse = np.linalg.inv(h)
    for _ in range(30):
        h, inverse = h @ h, inverse @ inverse
        if not max(np.abs(h).max(), np.abs(inverse).max()) < LARGE:
            return True
    return False


def _elements(algebra: np.ndarray, generators: np.ndarray) -> list[np.ndarray]:
    """The generators, and two random elements near the identity."""
    mixed = np.tensordot(np.random.default_rng(0).normal(size=(2, len(algebra))), algebra, axes=1)
    return [*generators, *(expm(mixed) if len(algebra) else [])]


def average_form(algebra: np.ndarray, generators: np.ndarray) -> np.ndarray | None:
    """The identity averaged over the group, normalised to trace n; None where that does not converge.

    The average over the powers of one element h comes by doubling, B ← (B + hᵀBh)/2, h ← h²; elements in turn.
    """
    n, form = algebra.shape[-1], np.eye(algebra.shape[-1])
    for _ in range(SWEEPS):
        for h in _elements(algebra, generators):
            power = h
            for _ in range(DOUBLINGS):
                form, power = (form + power.T @ form @ power) / 2, power @ power
        form = (form + form.T) * (n / 2 / np.trace(form))
        if is_invariant(form, algebra, generators, 1e-12):
            return form
    return form if is_invariant(form, algebra, generators) else None
