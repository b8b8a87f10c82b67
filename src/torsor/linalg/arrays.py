"""One code for NumPy arrays and torch tensors.

Bases are solved in NumPy float64, whatever torch's default dtype, device or tracing mode; group elements that users
hand in are torch tensors, and gradients flow through them. Representations are written once, for both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

Array = Any
"""A NumPy array or a torch tensor."""


def is_torch(x: Array) -> bool:
    """Whether x is a torch tensor."""
    return isinstance(x, torch.Tensor)


def namespace(x: Array) -> Any:
    """The module, numpy or torch, whose functions act on x."""
    return torch if is_torch(x) else np


def constant(value: np.ndarray, like: Array) -> Array:
    """A NumPy constant as an array of the kind, floating dtype and device of ``like``."""
    if not is_torch(like):
        return value
    if value.dtype.kind == "f":
        return torch.tensor(value, dtype=like.dtype, device=like.device)
    return torch.tensor(value, device=like.device)


def floating(x: Array) -> Array:
    """x, in float64 where it holds whole numbers."""
    if is_torch(x):
        return x if x.is_floating_point() or x.is_complex() else x.double()
    x = np.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def identity(n: int, like: Array) -> Array:
    """The n x n identity, broadcast over the batch axes of a (..., d, d) array."""
    return constant(np.eye(n), like) + namespace(like).zeros_like(like[..., :1, :1])


def transpose(x: Array) -> Array:
    """Swap the last two axes."""
    return x.mT if is_torch(x) else np.swapaxes(x, -1, -2)


def kron(a: Array, b: Array) -> Array:
    """Kronecker product of the last two axes, broadcast over the others: (..., m, m), (..., n, n) -> (..., mn, mn)."""
    product = a[..., :, None, :, None] * b[..., None, :, None, :]
    rows, columns = a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1]
    return product.reshape(*product.shape[:-4], rows, columns)


def block_diagonal(blocks: list[Array]) -> Array:
    """Blocks (..., n_i, n_i) of equal batch shape along a diagonal: (..., sum n_i, sum n_i)."""
    xp, total, start, rows = namespace(blocks[0]), sum(b.shape[-1] for b in blocks), 0, []
    for block in blocks:
        n = block.shape[-1]
        left = xp.zeros_like(block[..., :1]) + constant(np.zeros((n, start)), block)
        right = xp.zeros_like(block[..., :1]) + constant(np.zeros((n, total - start - n)), block)
        rows.append(xp.concatenate([left, block, right], axis=-1))
        start += n
    return xp.concatenate(rows, axis=-2)
