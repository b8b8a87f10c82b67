"""The pixel grid of R^d, and how isometries move tensors on it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torsor.errors import SpaceError
from torsor.symbolic import Symbolic


@dataclass(frozen=True, eq=False, repr=False)
class Grid(Symbolic):
    """A regular grid of R^d with a spacing in physical units, one number or one an axis.

    Frames are the coordinate axes everywhere, so every transporter is the identity. Isometries act about the grid's
    centre.

    Raises:
        SpaceError: a dimension outside 1 … 4, or spacings that are not positive.
    """

    dim: int
    spacing: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        if self.dim not in (1, 2, 3, 4):
            raise SpaceError(f"expected a grid of 1, 2, 3 or 4 dimensions, got {self.dim}")
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,)
        if min(spacings) <= 0 or len(spacings) not in (1, self.dim):
            raise SpaceError(f"expected one positive spacing, or one for each of {self.dim} axes, got {self.spacing}")

    @property
    def spacings(self) -> tuple[float, ...]:
        """The spacing of every axis."""
        return self.spacing if isinstance(self.spacing, tuple) else (self.spacing,) * self.dim

    def coarsened(self, factors: tuple[float, ...]) -> Grid:
        """The grid with spacings multiplied by a factor an axis."""
        return Grid(self.dim, tuple(float(s * f) for s, f in zip(self.spacings, factors, strict=True)))

    def move(self, x: torch.Tensor, g: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
        """The scalar action (gx)(p) = x(g⁻¹p) about the centre of (batch, channels, *space).

        Elements that permute the axes up to signs act exactly; others interpolate, with zeros outside. Gradients flow
        to x, and to a g that requires them, which then always interpolates.

        Args:
            x: tensor on the grid.
            g: one matrix (d, d), or one for each element of the batch (batch, d, d).
            mode: "bilinear" (linear in one and three dimensions), "nearest", or "bicubic" (two dimensions only).

        Raises:
            SpaceError: shapes that do not fit, or interpolation on four axes.
        """
        if x.ndim != self.dim + 2 or g.shape[-2:] != (self.dim, self.dim) or g.shape[:-2] not in ((), (len(x),)):
            raise SpaceError(
                f"expected a tensor (batch, channels, *{self.dim} axes) and a matrix ({self.dim}, {self.dim}), "
                f"or one for each element of the batch, got {tuple(x.shape)} and {tuple(g.shape)}"
            )
        g = g.double().cpu()
        fixed = g.detach()
        if bool(((fixed.abs() - fixed.abs().round()).abs() < 1e-9).all()) and len(set(self.spacings)) == 1:
            if not g.requires_grad or self.dim > 3:
                return _permute(x, fixed) if g.ndim == 2 else _permute_each(x, fixed)
        if self.dim > 3:
            raise SpaceError("on four axes only permutations of the axes up to signs act, nothing interpolates there")
        return _resample(x, g, self.spacings, mode)


def _permute(x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """(gx)(p) = x(g⁻¹p) for a signed permutation: axis j of x becomes axis i where g_ij = ±1, flipped if -1."""
    source = g.abs().argmax(1).tolist()
    moved = x.permute(0, 1, *(2 + j for j in source))
    flips = [2 + i for i, j in enumerate(source) if g[i, j] < 0]
    return moved.flip(flips) if flips else moved


def _permute_each(x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """One signed permutation for each element of the batch: those that share one move together."""
    kinds, which = torch.unique(g.round(), dim=0, return_inverse=True)
    groups = [torch.nonzero(which == k)[:, 0].to(x.device) for k in range(len(kinds))]
    moved = [_permute(x[index], h) for index, h in zip(groups, kinds, strict=True)]
    if len({y.shape[2:] for y in moved}) > 1:
        raise SpaceError(f"expected sides of equal length to turn each element by itself, got {tuple(x.shape[2:])}")
    return torch.cat(moved)[torch.cat(groups).argsort()]


def _resample(x: torch.Tensor, g: torch.Tensor, spacings: tuple[float, ...], mode: str) -> torch.Tensor:
    sizes = x.shape[2:]
    axes = [(torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * s for n, s in zip(sizes, spacings, strict=True)]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2) @ torch.linalg.inv(g).mT
    half = torch.tensor([max(n - 1, 1) / 2 * s for n, s in zip(sizes, spacings, strict=True)], dtype=torch.float64)
    grid = (points / half).flip(-1).to(x).view(-1, *sizes, len(sizes)).expand(len(x), *sizes, len(sizes))
    if len(sizes) == 1:
        grid = torch.stack([grid[..., 0], torch.zeros_like(grid[..., 0])], dim=-1).unsqueeze(1)
        x = x.unsqueeze(2)
    y = torch.nn.functional.grid_sample(x, grid, mode, "zeros", align_corners=True)
    return y.squeeze(2) if len(sizes) == 1 else y
