"""Random group elements: near the identity, uniform, and far out where the group is not compact."""

from __future__ import annotations

import torch

from torsor.groups import Group


def draw(group: Group, n: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Elements (n, d, d) by regime: "near the identity" (Lie groups), "uniform", "far out" (non-compact groups).

    The near ones are exp(a) with coordinates of size 10⁻³, the far ones have a standard deviation of 3.
    """
    generator = torch.Generator().manual_seed(seed)
    regimes = {"uniform": group.sample(n, generator=generator)}
    if not group.is_finite:
        coordinates = 1e-3 * torch.randn(n, len(group.algebra), generator=generator, dtype=torch.float64)
        regimes["near the identity"] = group.exp(torch.einsum("nk,kij->nij", coordinates, group.algebra))
    if not group.is_compact:
        regimes["far out"] = group.sample(n, generator=generator, scale=3.0)
    return regimes
