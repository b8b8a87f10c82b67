"""Rotations and reflections of the sphere, of fields on latitudes and longitudes: of their harmonics, exactly."""

from __future__ import annotations

import torch

from torsor.errors import FieldTypeError, SpaceError
from torsor.groups import SO, O
from torsor.linalg.spherical import wigners
from torsor.reps import Representation
from torsor.spaces.harmonics import InverseSphericalTransform, SphericalTransform, in_full_precision, spins
from torsor.spaces.latlon import LatLon


def rotated_coefficients(a: torch.Tensor, rep: Representation, g: torch.Tensor) -> torch.Tensor:
    """The coefficients of g f, (g f)(p) = ρ(g_p) f(g⁻¹ p), from those of f: a_l ↦ D^l(g) a_l for every l.

    Args:
        a: what `SphericalTransform` gives, (batch, rep.dim, lmax+1, 2 lmax+1).
        rep: the type of the field.
        g: a rotation (3, 3), or one for each of the batch, (batch, 3, 3); of fields of O(2) also reflections, under
            which curls and pseudoscalars change their sign besides.

    Raises:
        FieldTypeError: shapes that do not fit, or no real numbers.
        SpaceError: no isometry of the sphere, or a reflection of fields of SO(2).
    """
    parities = [p for spin in spins(rep) for p in spin.copies * spin.parities]
    if not a.is_floating_point() or a.ndim != 4 or a.shape[1] != rep.dim or a.shape[3] != 2 * a.shape[2] - 1:
        raise FieldTypeError(
            f"expected real coefficients (batch, {rep.dim}, lmax+1, 2 lmax+1) of {rep}, got {a.dtype} of shape "
            f"{tuple(a.shape)}"
        )
    g = orthogonal(g, rep).to(a.device)
    if g.shape[:-2] not in ((), (len(a),)):
        raise FieldTypeError(
            f"expected one rotation, or {len(a)}, one for each of the batch, got shape {tuple(g.shape)}"
        )
    moved, lmax = torch.zeros_like(a), a.shape[2] - 1
    for l, matrix in enumerate(wigners(g, lmax)):
        orders = slice(lmax - l, lmax + l + 1)
        with in_full_precision(a):
            moved[:, :, l, orders] = a[:, :, l, orders] @ matrix.mT.to(a)
    signs = torch.linalg.det(g.detach()).round()[..., None] ** torch.tensor(parities, device=a.device)
    return moved * signs[..., None, None].to(a)


def orthogonal(g: torch.Tensor, rep: Representation) -> torch.Tensor:
    """A rotation or reflection of R³, its rounding taken off, of which fields of a type know what it does to them.

    Raises:
        SpaceError: no orthogonal matrix (…, 3, 3), or a reflection of fields of SO(2).
    """
    try:
        g = torch.as_tensor(g, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SpaceError(f"expected rotations (…, 3, 3) of the sphere, got {type(g).__name__}: {g!r}") from error
    if g.shape[-2:] != (3, 3):
        raise SpaceError(f"expected rotations (…, 3, 3) of the sphere, got shape {tuple(g.shape)}")
    if not O(3).contains(g).all():
        off = float((g @ g.mT - torch.eye(3, dtype=g.dtype, device=g.device)).abs().max())
        raise SpaceError(f"expected rotations g of the sphere, with g gᵀ = 1 to 1e-6, got g gᵀ - 1 of up to {off:.2g}")
    if isinstance(rep.group, SO) and bool((torch.linalg.det(g) < 0).any()):
        raise SpaceError(
            f"fields of {rep.group} know rotations of the sphere only, got a reflection: take types of O(2)"
        )
    for _ in range(2):  # Newton–Schulz; a decomposition has no gradient where singular values are equal
        g = 1.5 * g - 0.5 * g @ g.mT @ g
    return g


def rotated(x: torch.Tensor, rep: Representation, grid: LatLon, g: torch.Tensor) -> torch.Tensor:
    """g f of fields (batch, rep.dim, rows, columns): exact for band-limited fields; higher degrees are lost."""
    like = {"device": x.device, "dtype": x.dtype if x.dtype == torch.float64 else torch.float32}
    coefficients = SphericalTransform(rep, grid, **like)(x)
    return InverseSphericalTransform(rep, grid, **like)(rotated_coefficients(coefficients, rep, g)).to(x.dtype)
