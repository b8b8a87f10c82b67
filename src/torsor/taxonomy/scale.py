# ruff: noqa: D103  the decorator says what a row is
"""Rows E2 and E17 – E19: scalings of the line and of the plane; their probe.

Of an infinite scale group a field holds a window of scales. The rows shorten the window by what a kernel sees of the
neighbouring scales, so that no output lacks a term: the certificate compares the scales that both sides know.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.taxonomy.certificate import Probe
from torsor.taxonomy.grids import BAND, Waves, reach, unpadded
from torsor.taxonomy.row import row
from torsor.taxonomy.unconstrained import unconstrained


@row("E2", "group convolutions of scalings on the line", "R¹", "scalings S", "regular", budget=5e-2)
def line_scales():
    scalings = G.Scaling(1, 2**0.5)
    signal, kernel = 2 * R.trivial(scalings), K.Scaled(size=7, scales=2)
    wide, narrow = 3 * R.regular(scalings, window=4), 3 * R.regular(scalings, window=3)
    return nn.Sequential(nn.Conv(signal, wide, kernel), nn.SiLU(wide), nn.Conv(wide, narrow, kernel))


@row("E17", "group convolutions of scalings", "R²", "scalings S", "regular", budget=5e-2)
def plane_scales():
    scalings = G.Scaling(2, 2**0.5)
    image, kernel = 2 * R.trivial(scalings), K.Scaled(size=5, scales=2)
    wide, narrow = 2 * R.regular(scalings, window=3), 2 * R.regular(scalings, window=2)
    return nn.Sequential(nn.Conv(image, wide, kernel), nn.SiLU(wide), nn.Conv(wide, narrow, kernel))


@row("E18", "maximum over scales in every layer", "R²", "scalings S", "regular → trivial", budget=5e-2)
def pooled_scales():
    scalings = G.Scaling(2, 2**0.5)
    images, responses = 2 * R.trivial(scalings), 2 * R.regular(scalings, window=(1, 3))
    layers = [nn.Conv(images, responses, K.Scaled(size=5)), nn.SiLU(responses), nn.ScalePool(responses)]
    layers += [nn.Conv(images, responses, K.Scaled(size=5)), nn.ScalePool(responses)]
    return nn.Sequential(*layers)


@row("E19", "group convolutions of rotations and scalings", "R²", "SO(2) × S", "regular", budget=1e-1)
def plane_turned_scales():
    nets = []
    for rotations, band in [(G.Cyclic(4), None), (G.SO(2), 2)]:
        group, kernel = G.Join(rotations, G.Scaling(2, 2**0.5)), K.Scaled(size=5, scales=2)
        wide, narrow = 2 * R.regular(group, band, window=3), 2 * R.regular(group, band, window=2)
        first, second = nn.Conv(2 * R.trivial(group), wide, kernel), nn.Conv(wide, narrow, kernel)
        nets.append(nn.Sequential(first, nn.Fourier(wide, torch.nn.functional.silu, 24), second))
    return nets


class Scales(Waves):
    """Band-limited fields in closed form, scaled by b⁻¹, 1 or b and turned by elements of H, like `Waves`.

    Compared are the output scales that the window determines on both sides, and that lack no term.
    """

    powers = (-1, 1)

    def __init__(self, net: Any, seed: int = 0, fields: int = 4, factor: int = 1, shift: int = 1) -> None:
        self.base = R.base_of(net.in_rep.group)
        super().__init__(net, seed, fields, factor, shift, band=BAND / self.base)

    def elements(self, number: int) -> list[Any]:
        """(h b^k, t) with random h ∈ H, and k = -1, 1 in turn."""
        rotations, scalings = R.scale_factors(self.in_rep.group)
        generator = torch.Generator().manual_seed(self.seed + 1)
        shifts = torch.randint(-self.shift, self.shift + 1, (number, self.d), generator=generator)
        powers = torch.tensor(self.powers * number)[:number]
        return list(zip(rotations.sample(number, generator) @ scalings.element(powers), shifts, strict=True))

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        moved, expected = super().pair(net, g)
        inside = net.out_rep.interior(g[0]) & torch.from_numpy(complete(net))  # type: ignore[operator]
        return moved * inside, expected * inside

    @property
    def levels(self) -> tuple[int, ...]:  # type: ignore[override]
        """Spacings 1, 1/2, and on the line 1/4."""
        return (1, 2, 4) if self.d == 1 else (1, 2)

    @levels.setter
    def levels(self, value: tuple[int, ...]) -> None:
        """`Waves` sets its own."""

    def refined(self, net: torch.nn.Module, level: int) -> tuple[torch.nn.Module, Probe]:
        fine: Any = net if level == 1 else net.refined(level).double().eval()  # type: ignore[operator]
        return unpadded(fine), type(self)(fine, self.seed, self.fields, level)


class PooledScales(Scales):
    """Like `Scales`, of networks that pool over the scales: the scales of g f are the window of f times g.

    The maximum over all scales is invariant, the maximum over a window moves with it: N_{gW}(g f) = g N_W(f). What the
    ends of a fixed window change is the business of the window, see the documentation of scales.
    """

    def __init__(self, net: Any, *args: Any, **options: Any) -> None:
        super().__init__(net, *args, **options)
        self.half += reach(nn.widened(net, -1, 1))[0] - reach(net)[0]

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        turn, q = g
        inverse = torch.linalg.inv(turn)
        power = round(float(torch.linalg.det(turn).log() / self.d / np.log(self.base)))
        moved = self._shifted(net, power)(self.waves.at(self._points() @ inverse.T + q))
        return self._at(moved, 0 * q[None]), self._at(self.output(net), q[None])

    def _shifted(self, net: torch.nn.Module, power: int) -> torch.nn.Module:
        """The network over the window that is moved by a power of the base; of a negative control, a control."""
        shifted = unpadded(nn.widened(net, -power, power))
        control = any("expand" in vars(layer) for layer in net.modules())
        return unconstrained(shifted, self.seed) if control else shifted


def scale_probe(net: Any, seed: int = 0) -> Scales:
    """The probe of a network over scales."""
    pooled = any(isinstance(layer, nn.ScalePool) for layer in net)
    return (PooledScales if pooled else Scales)(net, seed)


def complete(net: Any) -> np.ndarray:
    """Which components of the output of a sequence of layers miss no term beyond a window of scales."""
    known = np.ones(net.in_rep.dim, bool)
    for layer in net:
        if isinstance(layer, nn.Conv):
            known = layer.kernel.spec.complete(layer.in_rep, layer.out_rep, known)  # type: ignore[attr-defined]
        elif isinstance(layer, nn.ScalePool):
            known = np.ones(layer.out_rep.dim, bool)
    return known
