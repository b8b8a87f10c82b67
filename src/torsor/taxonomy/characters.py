"""How many steerable kernels there must be, by characters: the oracle of the laws of completeness."""

from __future__ import annotations

import torch

from torsor.errors import GroupError
from torsor.groups import Group
from torsor.reps import Representation, symmetric

TURNS = 64
"""Angles of an exact mean: trigonometric polynomials of lower degree are integrated exactly."""


def quadrature(group: Group) -> tuple[torch.Tensor, torch.Tensor]:
    """Elements (n, d, d) and weights (n,) whose weighted mean of a character is its mean over the group.

    All elements of a finite group; of SO(2) and O(2) equal angles in every component; of SO(3) and O(3) rotations about
    one axis, to which all are conjugate, with Weyl's weight 1 - cos θ, and their products with -1.

    Raises:
        GroupError: another group.
    """
    if group.is_finite:
        elements = group.elements()
        return elements, torch.full((len(elements),), 1 / len(elements), dtype=torch.float64)
    if len(group.algebra) not in (1, 3) or group.dim not in (2, 3) or not group.is_compact:
        raise GroupError(f"expected a finite group, SO(2), O(2), SO(3) or O(3), got {group}")
    angles = 2 * torch.pi * torch.arange(TURNS, dtype=torch.float64) / TURNS
    one = torch.eye(group.dim, dtype=torch.float64)
    signs = one[None] if not group.contains(-one) or group.dim == 2 else torch.stack([one, -one])
    components = torch.tensor(group.component_array) if group.dim == 2 else signs
    elements = (components[:, None] @ group.exp(angles[:, None, None] * group.algebra[0])).flatten(0, 1)
    weights = torch.ones(TURNS).double() if group.dim == 2 else 1 - angles.cos()
    return elements, weights.repeat(len(components)) / len(elements)


def kernel_count(rho_in: Representation, rho_out: Representation, degree: int) -> int:
    """dim Hom_G(H_l ⊗ ρ_in, ρ_out) = mean of χ_l χ_in χ_out over G, for orthogonal types.

    χ_l = χ(Sym^l) - χ(Sym^{l-2}) is the character of the harmonics. For each radial function there are so many
    steerable kernels ρ_in → ρ_out whose angular part has degree l.
    """
    elements, weights = quadrature(rho_in.group)
    lower = _character(symmetric(rho_in.group, degree - 2), elements) if degree > 1 else 0
    harmonic = _character(symmetric(rho_in.group, degree), elements) - lower
    return round(float((weights * harmonic * _character(rho_in, elements) * _character(rho_out, elements)).sum()))


def _character(rep: Representation, elements: torch.Tensor) -> torch.Tensor:
    return rep.rho(elements).diagonal(dim1=-2, dim2=-1).sum(-1)
