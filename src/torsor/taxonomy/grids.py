"""Probes of networks on grids of R^d: exact for groups that permute the axes, band-limited fields for all others."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any

import torch

from torsor.check.probe import PlaneWaves
from torsor.errors import BottleneckWarning, SymmetryWarning
from torsor.kernels import lattice_elements
from torsor.nn.grid import GridLayer
from torsor.spaces import Grid
from torsor.taxonomy.certificate import Probe

FIELDS = 4
"""Random fields for each element."""
BAND = 1 / 12
"""The highest spatial frequency of closed-form fields, in cycles per pixel of the coarsest grid."""
MARGINS = {1: (2, 2), 2: (2, 2), 3: (1, 1), 4: (1, 0)}
"""The largest translation, and half the size of the patch of pixels that is compared, in d dimensions."""


def grid(net: Any, seed: int = 0) -> Probe:
    """The probe of a network on a grid: exact if all of its group permutes the axes up to signs."""
    group = net.in_rep.group
    exact = group.is_finite and len(lattice_elements(group)) == group.order
    return Lattice(net, seed) if exact else Waves(net, seed)


def reach(net: torch.nn.Module) -> tuple[int, int]:
    """(radius of the receptive field, rounded up to a multiple of the stride; the stride) of a sequence of layers."""
    radius, step = 0, 1
    for layer in net.modules():
        if isinstance(layer, GridLayer):
            kernel, _, dilation = layer.window()
            radius += step * max(-(-(k - 1) * e // 2) for k, e in zip(kernel, dilation, strict=True))
            step *= max(layer.stride)
    return step * -(-radius // step), step


class Lattice(Probe):
    """Random pixels; (g, t) f(x) = ρ(g) f(g⁻¹(x - t)) with g ∈ G and integer t is exact away from the border."""

    def __init__(self, net: Any, seed: int = 0) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.d = net.in_rep, net.out_rep, net.in_rep.group.dim
        self.generator = torch.Generator().manual_seed(seed)
        self.space = f"grid of R{'¹²³⁴'[self.d - 1]}"
        radius, self.step = reach(net)
        self.shift, self.half = MARGINS[self.d]
        self.size = _size(net, 2 * (radius + self.step * (self.shift + self.half)) + 1)
        self.x = _noise(self.generator, FIELDS if self.d < 3 else 2, self.in_rep.dim, *[self.size] * self.d)

    def elements(self, number: int) -> list[Any]:
        group = self.in_rep.group
        order = torch.randperm(group.order, generator=self.generator)  # every element as often as any other
        turns = group.elements()[order.repeat(-(-number // group.order))[:number]]
        shifts = torch.randint(-self.shift, self.shift + 1, (number, self.d), generator=self.generator)
        return list(zip(turns, shifts.tolist(), strict=True))

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        return net(self.x)

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        turn, t = g
        moved = net(self._act(self.x, self.in_rep, turn, [self.step * s for s in t]))
        return self._patch(moved), self._patch(self._act(self.output(net), self.out_rep, turn, t))

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        return Waves(net).outside(net)

    def _act(self, x: torch.Tensor, rep: Any, g: torch.Tensor, t: list[int]) -> torch.Tensor:
        turned = Grid(self.d).move(x, rep.group.action(g)).roll(t, tuple(range(2, 2 + self.d)))
        return torch.einsum("ij,bj...->bi...", rep.rho(g), turned)

    def _patch(self, y: torch.Tensor) -> torch.Tensor:
        """The middle of the output, which no border reaches: (batch, pixels, channels)."""
        for axis in range(2, y.ndim):
            y = y.narrow(axis, (y.shape[axis] - 1) // 2 - self.half, 2 * self.half + 1)
        return y.flatten(2).mT


class Waves(Probe):
    """Band-limited fields in closed form; (g, t) with any g ∈ G moves the formula, and nothing is interpolated.

    With t = -g q for a pixel q the outputs N((g, t) f)(0) and ρ(g) N(f)(q) are both on the grid, whatever g is.
    """

    budget = None

    def __init__(
        self, net: Any, seed: int = 0, fields: int = FIELDS, factor: int = 1, shift: int = 1, band: float = BAND
    ) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.d = net.in_rep, net.out_rep, net.in_rep.group.dim
        self.shift, self.seed, self.factor, self.fields = shift, seed, factor, fields
        self.space = f"grid of R{'¹²³⁴'[self.d - 1]}"
        self.levels = (1, 2, 4) if self.d < 3 else (1, 2)
        radius, step = reach(net)
        self.half = radius + factor * step * self.shift
        generator = torch.Generator().manual_seed(seed)
        self.waves = PlaneWaves.random(self.in_rep, fields, 16.0, generator, band=band)

    def elements(self, number: int) -> list[Any]:
        generator = torch.Generator().manual_seed(self.seed + 1)
        shifts = torch.randint(-self.shift, self.shift + 1, (number, self.d), generator=generator)
        return list(zip(self.in_rep.group.sample(number, generator), shifts, strict=True))

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        return net(self.waves.at(self._points()))

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        turn, q = g
        inverse = torch.linalg.inv(self.in_rep.group.action(turn))
        moved = torch.einsum("ij,bj...->bi...", self.in_rep.rho(turn), self.waves.at(self._points() @ inverse.T + q))
        expected = self._at(self.output(net), q[None]) @ self.out_rep.rho(turn).T
        return self._at(net(moved), 0 * q[None]), expected

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """N(f(a⁻¹x)) at the pixels a p and N(f) at the pixels p next to the centre, with an integer matrix a."""
        near = torch.cartesian_prod(*[torch.arange(-1, 2)] * self.d).view(-1, self.d)
        a = stretch(self.d)
        fields = (16 if self.d < 4 else 2) + 4 * self.out_rep.dim // len(near)
        many = Waves(net, self.seed, fields, shift=3, band=2 * BAND)
        moved = many._at(net(many.waves.at(many._points() @ torch.linalg.inv(a).T)), near @ a.T.long())
        return moved, many._at(many.output(net), near)

    def refined(self, net: torch.nn.Module, level: int) -> tuple[torch.nn.Module, Probe]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BottleneckWarning)
            fine: Any = net if level == 1 else net.refined(level).double().eval()  # type: ignore[operator]
        return unpadded(fine), Waves(fine, self.seed, self.fields, level)

    def _points(self) -> torch.Tensor:
        axis = torch.arange(-self.half, self.half + 1, dtype=torch.float64) / self.factor
        return torch.stack(torch.meshgrid(*[axis] * self.d, indexing="ij"), dim=-1)

    def _at(self, y: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """The values at pixels q (n, d) from the centre, in pixels of the coarsest grid: (batch, n, channels)."""
        centre = (torch.tensor(y.shape[2:]) - 1) // 2
        place = (centre + self.factor * q).unbind(-1)
        return y[(slice(None), slice(None), *place)].mT


def unpadded(net: torch.nn.Module) -> torch.nn.Module:
    """A copy without padding: the same values at the centre, and only those that the input determines."""
    net = deepcopy(net)
    for layer in net.modules():
        if isinstance(layer, GridLayer) and hasattr(layer, "padding"):
            layer.padding = (0,) * layer.d  # type: ignore[assignment]
    return net


def stretch(d: int) -> torch.Tensor:
    """A shear that also stretches, an integer matrix: it lies in no compact group."""
    a = torch.eye(d, dtype=torch.float64)
    a[0, -1], a[0, 0] = 1.0, 2.0
    return a


def _noise(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _size(net: Any, size: int) -> int:
    """The first size from here on at which no stride breaks the symmetry."""
    net = net if next(net.parameters()).dtype == torch.float64 else net.double()
    for n in range(size, size + 64):
        with warnings.catch_warnings(record=True) as caught, torch.no_grad():
            warnings.simplefilter("always", SymmetryWarning)
            net(torch.zeros(1, net.in_rep.dim, *[n] * net.in_rep.group.dim, dtype=torch.float64))
        if not caught:
            return n
    return size
