"""How group elements act on what a module takes and returns: maps on grids, vectors, fields on points."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, GroupError
from torsor.fields import Field
from torsor.groups import SO, Cyclic, Dihedral, Group, O
from torsor.linalg import rotation_quadrature
from torsor.reps import Representation
from torsor.spaces import Grid, Points


def act(rep: Representation, g: torch.Tensor, x: Any, mode: str = "bilinear", space: Grid | None = None) -> Any:
    """(g f)(p) = ρ(g) f(g⁻¹p) for one element g, or one for each element of the batch.

    Gradients flow to x and to g: to its action on the channels, on points, and on pixels where it interpolates.

    Args:
        rep: the type ρ.
        g: (d, d), or (batch, d, d).
        x: a tensor (batch, channels, *space) on the grid, turned about its centre; a tensor (batch, channels), on
            which ρ alone acts; or a `Field` on `spaces.Points`, whose points move, x ↦ g x.
        mode: of the interpolation, for elements that do not keep the lattice.
        space: the grid, by default of spacing 1.

    Raises:
        FieldTypeError: channels, or a number of axes, that do not fit.
    """
    if isinstance(x, Field):
        return _on_points(rep, g, x) if isinstance(x.space, Points) else _on_grid(rep, g, x, mode)
    d = rep.group.dim
    if not isinstance(x, torch.Tensor) or x.ndim not in (2, d + 2) or x.shape[1] != rep.dim:
        got = tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__
        raise FieldTypeError(
            f"expected fields of type {rep}: (batch, {rep.dim}), (batch, {rep.dim}, *{d} axes), or a Field; got {got}"
        )
    moved = x if x.ndim == 2 else (space or Grid(d)).move(x, rep.group.action(g), mode)
    matrices = rep.rho(g.double()).to(x)
    return torch.einsum("ij,bj...->bi..." if g.ndim == 2 else "bij,bj...->bi...", matrices, moved)


def _on_grid(rep: Representation, g: torch.Tensor, field: Field, mode: str) -> Field:
    return Field(act(rep, g, field.tensor, mode, field.space), rep, field.space)


def _on_points(rep: Representation, g: torch.Tensor, field: Field) -> Field:
    space = field.space
    if g.ndim == 2:
        g = g.expand(space.elements, *g.shape)
    action = rep.group.action(g).to(space.positions)[space.index]
    positions = torch.einsum("nij,nj->ni", action, space.positions)
    features = torch.einsum("nij,nj->ni", rep.rho(g.double()).to(field.tensor)[space.index], field.tensor)
    return Field(features, rep, Points(positions, space.batch))


def elements_of(group: Group, samples: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Elements and weights of the average over a compact group: (n, d, d) and (n,), the weights sum to 1.

    All elements of a finite group. Of SO(2) and O(2) the subgroup C_n or D_n of `samples` rotations, 8 by default; of
    SO(3) and O(3) the product quadrature that is exact for matrix entries of degree below `samples`, 4 by default; of
    other groups as many random elements from a fixed seed, 64 by default.

    Raises:
        GroupError: the group is not compact, or finite and too large to list.
    """
    if not group.is_compact:
        raise GroupError(f"there is no mean over {group}, which is not compact; average over a compact subgroup")
    if group.is_enumerable:
        return _uniform(group.elements())
    if group.is_finite:
        raise GroupError(f"{group} has {group.order} elements, too many to average over: take a subgroup, or Augment")
    if isinstance(group, (SO, O)) and group.dim == 2:
        subgroup = (Cyclic if isinstance(group, SO) else Dihedral)(samples or 8)
        return _uniform(subgroup.elements())
    if isinstance(group, (SO, O)) and group.dim == 3:
        g, w = rotation_quadrature(samples or 4)
        if isinstance(group, O):
            g, w = np.concatenate([g, -g]), np.concatenate([w, w]) / 2
        return torch.from_numpy(g), torch.from_numpy(w)
    return _uniform(group.sample(samples or 64, torch.Generator().manual_seed(0)))


def _uniform(g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return g, g.new_full((len(g),), 1 / len(g))


def batch_size(x: Any) -> int:
    """The number of samples in a batch: tensors, grids or clouds."""
    if isinstance(x, Field):
        return x.space.elements if isinstance(x.space, Points) else len(x.tensor)
    return len(x)
