"""The matrix exponential in NumPy float64 (torch has its own)."""

from __future__ import annotations

import numpy as np

from torsor.linalg.arrays import Array, is_torch


def expm(a: Array) -> Array:
    """exp(a) = sum_k a^k / k!, by scaling and squaring of the Taylor series.

    Args:
        a: (..., d, d), NumPy array or torch tensor.

    Returns:
        (..., d, d) of the same kind.
    """
    if is_torch(a):
        return a.matrix_exp()
    norm = np.abs(a).sum(-1).max(initial=0.0)
    squarings = max(0, int(np.ceil(np.log2(norm))) + 1) if norm > 0 else 0
    a = a / 2.0**squarings
    result = term = np.broadcast_to(np.eye(a.shape[-1]), a.shape).copy()
    for k in range(1, 19):
        term = term @ a / k
        result = result + term
    for _ in range(squarings):
        result = result @ result
    return result
