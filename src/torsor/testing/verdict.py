"""How a conformance suite fails: one exception, and comparisons that NaN never passes."""

from __future__ import annotations

import numpy as np
import torch

from torsor.errors import TorsorError
from torsor.linalg import Array


class ConformanceError(TorsorError, AssertionError):
    """An object breaks a law of its kind; the message names the law, the object and the error."""


def require_that(condition: object, message: str) -> None:
    """Raise `ConformanceError` unless the condition holds."""
    if not condition:
        raise ConformanceError(message)


def require_close(actual: Array, expected: Array, tolerance: float, what: str, scale: float | None = None) -> None:
    """Raise unless two arrays have one shape and max |actual - expected| <= tolerance · scale.

    Args:
        actual: what came, NumPy or torch.
        expected: what should come.
        tolerance: relative to the scale.
        what: the law that is checked, and of what.
        scale: by default the largest entry of `expected`, at least 1.
    """
    a, b = _array(actual), _array(expected)
    require_that(a.shape == b.shape, f"{what}: expected shape {b.shape}, got {a.shape}")
    scale = max(1.0, float(np.abs(b).max(initial=0.0))) if scale is None else scale
    error = float(np.abs(a - b).max(initial=0.0)) / scale
    require_that(error <= tolerance, f"{what}: expected an error of at most {tolerance:.1e}, got {error:.1e}")


def _array(x: Array) -> np.ndarray:
    return x.detach().cpu().double().numpy() if isinstance(x, torch.Tensor) else np.asarray(x, dtype=float)
