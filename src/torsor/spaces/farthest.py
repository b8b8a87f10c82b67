"""Farthest point sampling: a subset of points that covers all of them evenly."""

from __future__ import annotations

import torch


def farthest(x: torch.Tensor, batch: torch.Tensor, sizes: list[int], counts: list[int]) -> torch.Tensor:
    """q_0 is the point farthest from the centroid, q_{i+1} the one farthest from q_0 … q_i; of ties the lowest index.

    The choice depends on distances only, so it commutes with isometries, and with permutations wherever there is no
    tie. Squares are compared to half of their digits, so that rounding decides no tie (hardly any in float32), of which
    symmetric points have many. Of coincident points the others are chosen last, and no point is chosen twice.

    Args:
        x: (n, d) positions.
        batch: (n,) sorted index of the batch element.
        sizes: the number of points of every batch element.
        counts: how many to choose in each.

    Returns:
        (Σ counts,) indices, in the order of choice, one batch element after another.

    Source: Eldar et al., The farthest point strategy for progressive image sampling, 1997.
    """
    starts = torch.tensor([0, *sizes[:-1]], device=x.device).cumsum(0)
    padded, real = _padded(x, batch, starts, max(sizes))
    centroid = padded.sum(1, keepdim=True) / real.sum(1, keepdim=True)[..., None]
    distance = _squares(padded - centroid).where(real, -torch.inf)
    rows = torch.arange(len(sizes), device=x.device)
    chosen, far = [], torch.full_like(distance, torch.inf).where(real, -torch.inf)
    for _ in range(max(counts)):
        pick = distance.argmax(1)
        chosen.append(pick)
        far = torch.minimum(far, _squares(padded - padded[rows, pick][:, None]))
        far[rows, pick] = -1.0
        distance = far
    index = torch.stack(chosen, 1) + starts[:, None]
    return torch.cat([row[:count] for row, count in zip(index, counts, strict=True)])


def _squares(x: torch.Tensor) -> torch.Tensor:
    """|x|² of vectors (..., d), rounded to half of the digits."""
    mantissa, exponent = torch.frexp(x.square().sum(-1))
    half = torch.finfo(x.dtype).eps ** 0.5
    return torch.ldexp((mantissa / half).round() * half, exponent)


def _padded(x: torch.Tensor, batch: torch.Tensor, starts: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(elements, size, d) positions and (elements, size) which of them are points; the others are zero."""
    place = torch.arange(len(x), device=x.device) - starts[batch]
    padded = x.new_zeros(len(starts), size, x.shape[1])
    padded[batch, place] = x
    real = torch.zeros(len(starts), size, dtype=torch.bool, device=x.device)
    real[batch, place] = True
    return padded, real
