"""Transforms between fields on the sphere and their spin-weighted harmonics, for every irrep of SO(2) and O(2).

The coefficients of degree l of a field of frequency k > 0 are two copies of the irrep D^l of SO(3), those of gradients
and those of curls; of a scalar field one (`torsor.linalg.spin_harmonics`). An FFT over longitudes, then one real matrix
product over latitudes for each order m.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import pi

import numpy as np
import torch

from torsor.errors import FieldTypeError, is_count
from torsor.fibre.base import Constants, check_channels, check_digits
from torsor.groups import SO, O
from torsor.linalg.spin_harmonics import latitude_rule, spin_legendre
from torsor.reps import Representation
from torsor.reps.irreps import irrep_label, irreps
from torsor.spaces.latlon import LatLon
from torsor.spaces.sphere import POLE


@dataclass(frozen=True)
class Spin:
    """Copies of one irrep of SO(2) or O(2): its frequency, and the parities of its components' coefficients.

    Attributes:
        copies: how many fields.
        k: the frequency.
        parities: of the coefficients that take the place of the components; 0 for gradients (and all of SO(2)), 1 for
            curls and pseudoscalars.
    """

    copies: int
    k: int
    parities: tuple[int, ...]

    @property
    def dim(self) -> int:
        """Of the irrep."""
        return len(self.parities)


def spins(rep: Representation) -> tuple[Spin, ...]:
    """The terms of a type.

    Raises:
        FieldTypeError: no type, another structure group than SO(2) or O(2), or a term that is not irreducible.
    """
    if not isinstance(rep, Representation):
        raise FieldTypeError(f"expected a representation as the type of a field, got {rep!r}")
    rep.settle()
    group = rep.group
    if not (isinstance(group, (SO, O)) and group.dim == 2 and group.is_compact):
        raise FieldTypeError(f"expected a structure group SO(2) or O(2) of the sphere, got {rep}")
    known = irreps(group, max([1, *(getattr(term, "k", 1) for _, term in rep.terms)]))
    found = []
    for n, term in rep.terms:
        sigma = next((sigma for sigma in known if term.coincides(sigma)), None)  # standard is irrep 1
        if sigma is None:
            raise FieldTypeError(
                f"expected a sum of irreps of {group}, got {rep.name}; nn.Linear maps other types to irreps and back"
            )
        *parity, k = irrep_label(sigma)
        turned = parity or [0]
        found.append(Spin(n, int(k), (int(turned[0]),) if k == 0 else (0, 1) if parity else (0, 0)))
    return tuple(found)


def resolved(lmax: int | None, *grids: LatLon) -> int:
    """The highest degree of a transform: the given one, by default all that the grids resolve.

    Raises:
        FieldTypeError: a grid of another kind, or too coarse for it.
    """
    for grid in grids:
        if not isinstance(grid, LatLon):
            raise FieldTypeError(f"expected a grid spaces.LatLon(rows, columns), got {grid!r}")
    most = min(grid.lmax for grid in grids)
    if lmax is not None and not (is_count(lmax, 0) and lmax <= most):
        raise FieldTypeError(
            f"expected a highest degree from 0 to {most}, which {' and '.join(map(repr, grids))} resolve, got {lmax}; "
            'degree l needs 2l+1 columns, and l+1 rows of rule "gauss" or 2l+1 rows of the others'
        )
    return most if lmax is None else lmax


class _Transform(Constants):
    """A type, a grid and a highest degree, with the Legendre functions of every frequency.

    Between the two steps coefficients are *packed*: (|m|, l, 2, channels, batch), the pair being that of cos and -sin.
    """

    def __init__(
        self,
        rep: Representation,
        grid: LatLon,
        lmax: int | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.spins = spins(rep)
        self.rep, self.grid, self.lmax = rep, grid, resolved(lmax, grid)
        self.columns = grid.columns
        self.sizes = [spin.copies * spin.dim for spin in self.spins]
        self.derive(device, dtype)

    def legendre(self, k: int) -> np.ndarray:
        """Λ of both signs of m for k > 0, of m ≥ 0 for scalars: (1 or 2, |m|, θ, l)."""
        signs = 2 if k else 1
        return spin_legendre(self.angles, self.lmax, k)[:signs] / signs

    @property
    def angles(self) -> np.ndarray:
        """Of the rows from the pole, (rows,)."""
        return latitude_rule(self.grid.rule, self.grid.rows)[0]

    @property
    def weights(self) -> np.ndarray:
        """Areas of the points, row by row, (rows,)."""
        return latitude_rule(self.grid.rule, self.grid.rows)[1] * (2 * pi / self.columns)

    @property
    def root(self) -> np.ndarray:
        """√2 for m > 0, 1 for m = 0: from complex Fourier coefficients to those of √2 cos mφ; (|m|, 1, 1)."""
        return np.sqrt(np.minimum(np.arange(self.lmax + 1), 1) + 1.0)[:, None, None]

    def extra_repr(self) -> str:
        return f"{self.rep.name}, {self.rep.group}, {self.grid!r}, lmax={self.lmax}"


class SphericalTransform(_Transform):
    """a_lm = ∫ ⟨Y_lm, f⟩ over the sphere: fields (batch, rep.dim, rows, columns) -> (batch, rep.dim, lmax+1, 2 lmax+1).

    The last axis is m = -lmax … lmax, zero for |m| > l, in the real basis of `torsor.linalg.spherical_harmonics`
    ("integral" normalisation); a rotation g of the sphere acts on each degree by `torsor.linalg.wigner`. For a
    frequency k > 0 the coefficients of gradients and curls take the place of the two components; they vanish for l < k.
    The sum of squares is ∫ |f|². Exact for band-limited fields: `InverseSphericalTransform` undoes it.

    Args:
        rep: a sum of irreps of SO(2) or O(2).
        grid: the grid of latitudes and longitudes.
        lmax: the highest degree; by default all that the grid resolves.
        device: of the tables.
        dtype: of the tables.

    Raises:
        FieldTypeError: another type, or a degree that the grid does not resolve.

    Source: Newman & Penrose, J. Math. Phys. 7 (1966) 863; Goldberg et al., J. Math. Phys. 8 (1967) 2155.
    """

    def constants(self) -> dict[str, np.ndarray]:
        weights = self.weights[:, None] * self.root
        tables = {spin.k: (self.legendre(spin.k) * weights).swapaxes(-1, -2) for spin in self.spins}
        return {f"legendre_{k}": table.reshape(-1, *table.shape[2:]) for k, table in tables.items()}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The coefficients of a field, channels in the order of the type."""
        check_channels(self, x, self.rep)
        re, im = self.packed(x).permute(2, 4, 3, 1, 0)
        return torch.cat([-im[..., 1:].flip(-1), re], dim=-1)

    def packed(self, x: torch.Tensor) -> torch.Tensor:
        """The packed coefficients."""
        check_grid(self, x, self.grid)
        z = fourier(_real(self, x), self.lmax + 1).permute(3, 2, 4, 1, 0)
        parts = [self._term(part, spin) for part, spin in zip(z.split(self.sizes, 3), self.spins, strict=True)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=3)

    def _term(self, z: torch.Tensor, spin: Spin) -> torch.Tensor:
        table = getattr(self, f"legendre_{spin.k}")
        if not spin.k:
            return _times(table, z)
        z = z.unflatten(3, (spin.copies, 2))
        turned = torch.cat(add_turned(z[..., 0, :], z[..., 1, :]))
        plus, minus = _times(table, turned).chunk(2)
        first, second = plus + minus, _turn(minus - plus)
        return torch.stack([first, second] if spin.k % 2 == 0 else [-second, first], dim=4).flatten(3, 4)


class InverseSphericalTransform(_Transform):
    """f = Σ a_lm Y_lm, the inverse of `SphericalTransform`: (batch, rep.dim, lmax+1, 2 lmax+1) -> fields on the grid.

    Args:
        rep: a sum of irreps of SO(2) or O(2).
        grid: the grid of latitudes and longitudes.
        lmax: the highest degree; by default all that the grid resolves.
        device: of the tables.
        dtype: of the tables.

    Raises:
        FieldTypeError: another type, or a degree that the grid does not resolve.
    """

    def constants(self) -> dict[str, np.ndarray]:
        tables = {spin.k: self.legendre(spin.k) / self.root for spin in self.spins}
        return {f"legendre_{k}": table.reshape(-1, *table.shape[2:]) for k, table in tables.items()}

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        """The field with given coefficients; those with |m| > l or l < k are ignored."""
        check_channels(self, a, self.rep)
        a, size = _real(self, a), self.lmax + 1
        if a.shape[2:] != (size, 2 * size - 1):
            raise FieldTypeError(
                f"expected coefficients (batch, {self.rep.dim}, {size}, {2 * size - 1}), got shape {tuple(a.shape)}"
            )
        sines = torch.nn.functional.pad(-a[..., : size - 1].flip(-1), (1, 0))
        return self.unpacked(torch.stack([a[..., size - 1 :], sines]).permute(4, 3, 0, 2, 1))

    def unpacked(self, a: torch.Tensor) -> torch.Tensor:
        """The field with given packed coefficients."""
        parts = [self._term(part, spin) for part, spin in zip(a.split(self.sizes, 3), self.spins, strict=True)]
        z = parts[0] if len(parts) == 1 else torch.cat(parts, dim=3)
        return self.along(z.permute(4, 3, 1, 0, 2).contiguous())

    def along(self, z: torch.Tensor) -> torch.Tensor:
        """The rows whose Fourier coefficients are given: (batch, channels, rows, |m|, 2) -> (…, rows, columns)."""
        return inverse_fourier(z, self.columns)

    def _term(self, a: torch.Tensor, spin: Spin) -> torch.Tensor:
        table = getattr(self, f"legendre_{spin.k}")
        if not spin.k:
            return _times(table, a)
        a = a.unflatten(3, (spin.copies, 2))
        first, second = a[..., 0, :], a[..., 1, :]
        turned = add_turned(first, second) if spin.k % 2 == 0 else add_turned(second, -first)
        plus, minus = _times(table, torch.cat(turned)).chunk(2)
        return torch.stack([plus + minus, _turn(minus - plus)], dim=4).flatten(3, 4)


class PointSynthesis(InverseSphericalTransform):
    """f(p) = Σ a_lm Y_lm(p) at any points: (batch, rep.dim, lmax+1, 2 lmax+1) -> (batch, rep.dim, n).

    Components are those in the frames (east, north); at a pole, those that meridian 0 brings there.

    Args:
        rep: a sum of irreps of SO(2) or O(2).
        grid: that of the fields whose coefficients these are.
        points: (n, 3) points of the unit sphere.
        lmax: the highest degree; by default all that the grid resolves.
        device: of the tables.
        dtype: of the tables.

    Raises:
        FieldTypeError: another type, or a degree that the grid does not resolve.
    """

    waves: torch.Tensor

    def __init__(
        self,
        rep: Representation,
        grid: LatLon,
        points: torch.Tensor,
        lmax: int | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.points = points.detach().cpu().double().numpy()
        super().__init__(rep, grid, lmax, device=device, dtype=dtype)

    @property
    def angles(self) -> np.ndarray:
        x, y, z = self.points.T
        return np.arctan2(np.hypot(x, z), y)

    def constants(self) -> dict[str, np.ndarray]:
        x, _, z = self.points.T
        azimuth = np.where(np.hypot(x, z) < POLE, 0.0, np.arctan2(x, z))
        products = azimuth[:, None] * np.arange(self.lmax + 1)
        waves = np.stack([np.cos(products), -np.sin(products)], -1)
        waves[:, 1:] *= 2
        return {**super().constants(), "waves": waves}

    def along(self, z: torch.Tensor) -> torch.Tensor:
        """Every row at the longitude of its point: (batch, channels, n, |m|, 2) -> (batch, channels, n)."""
        with in_full_precision(z):
            return (z * self.waves.to(z)).sum((-2, -1))


def fourier(x: torch.Tensor, orders: int) -> torch.Tensor:
    """z_m = Σ_j x_j e^{-2πi mj/n} as real and imaginary parts: (..., n) -> (..., orders, 2)."""
    if _is_plain(x):
        return (x @ _waves(x.shape[-1], orders, x).flatten(1)).unflatten(-1, (orders, 2))
    return torch.view_as_real(torch.fft.rfft(x)[..., :orders])


def inverse_fourier(z: torch.Tensor, n: int) -> torch.Tensor:
    """x_j = Re z_0 + 2 Σ_{m>0} Re z_m e^{2πi mj/n} of real and imaginary parts: (..., orders, 2) -> (..., n)."""
    if _is_plain(z):
        waves = _waves(n, z.shape[-2], z)
        waves = torch.cat([waves[:, :1], 2 * waves[:, 1:]], dim=1)
        return z.flatten(-2) @ waves.flatten(1).mT
    return torch.fft.irfft(torch.view_as_complex(z), n=n, norm="forward")


def _is_plain(x: torch.Tensor) -> bool:
    """Whether the Fourier transform is a matrix product: for export, without data, and for empty batches."""
    return torch.compiler.is_exporting() or x.is_meta or x.numel() == 0


def _waves(n: int, orders: int, like: torch.Tensor) -> torch.Tensor:
    """cos and -sin of 2π mj/n, (n, orders, 2): the Fourier transform in real arithmetic, which ONNX needs."""
    products = torch.arange(n)[:, None] * torch.arange(orders) % n
    angles = products.to(like) * (2 * pi / n)
    return torch.stack([angles.cos(), -angles.sin()], dim=-1)


def in_full_precision(x: torch.Tensor) -> AbstractContextManager:
    """Without autocast on the device of x; meta tensors know none."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def _real(layer: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """x in a precision that the Fourier transform has.

    Raises:
        FieldTypeError: complex numbers, or more digits than the tables of the layer have.
    """
    check_digits(layer, x, next(layer.buffers()))
    if x.is_complex():
        raise FieldTypeError(
            f"{type(layer).__name__} expects real numbers, got {x.dtype}; transform its real and imaginary part"
        )
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def _times(table: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """One matrix product for each m: (m, i, j) × (m, j, *columns) -> (m, i, *columns)."""
    with in_full_precision(x):
        return torch.bmm(table.to(x), x.flatten(2)).unflatten(2, x.shape[2:])


def _turn(x: torch.Tensor) -> torch.Tensor:
    """i x, for real and imaginary parts in axis 2."""
    return torch.stack([-x[:, :, 1], x[:, :, 0]], dim=2)


def add_turned(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """x + i y and x - i y, for real and imaginary parts in axis 2."""
    y = _turn(y)
    return x + y, x - y


def check_grid(layer: object, x: torch.Tensor, grid: LatLon) -> None:
    """Raise unless x is a tensor on a grid.

    Raises:
        FieldTypeError: expected and received shapes.
    """
    if x.ndim != 4 or x.shape[2:] != grid.shape:
        raise FieldTypeError(
            f"{type(layer).__name__} expects a tensor (batch, channels, {grid.rows}, {grid.columns}), "
            f"got shape {tuple(x.shape)}"
        )
