"""Widths of networks of equal size."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torsor.errors import ConfigError


def count_parameters(module: torch.nn.Module) -> int:
    """The number of learnt numbers in a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def match_parameters(
    build: Callable[[float], torch.nn.Module], target: int | torch.nn.Module, low: float = 1 / 16, high: float = 16.0
) -> float:
    """The width w for which ``build(w)`` has the number of parameters closest to a target.

    Bisection of an increasing function; networks are built on the meta device, without memory or time for their
    weights.

    Args:
        build: makes a network of a width.
        target: a number of parameters, or a network to match.
        low: the smallest width tried.
        high: the largest width tried.

    Returns:
        the width.

    Raises:
        ConfigError: the target lies outside what the widths reach.
    """
    number = count_parameters(target) if isinstance(target, torch.nn.Module) else target

    def size(width: float) -> int:
        with torch.device("meta"):
            return count_parameters(build(width))

    if not size(low) <= number <= size(high):
        raise ConfigError(
            f"expected a target between {size(low):,} (width {low:g}) and {size(high):,} (width {high:g}) parameters, "
            f"got {number:,}"
        )
    best = min((abs(size(w) - number), w) for w in (low, high))
    for _ in range(24):
        middle = (low + high) / 2
        found = size(middle)
        best = min(best, (abs(found - number), middle))
        if found == number:
            break
        low, high = (middle, high) if found < number else (low, middle)
    return best[1]
