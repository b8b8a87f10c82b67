# ruff: noqa: D103  the decorator says what a row is
"""Rows S3 – S5: augmentation, averages, canonicalisation: wrappers around modules that know no symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from torsor import groups as G
from torsor import reps as R
from torsor import spaces as S
from torsor import symmetrize
from torsor.fields import Field
from torsor.symmetrize.wrapper import Wrapper
from torsor.taxonomy.certificate import ELEMENTS, EXACT, Certificate, randomised, relative, up_to_channels, worst
from torsor.taxonomy.law import Law
from torsor.taxonomy.row import row


class PlainNet(torch.nn.Module):
    """An ordinary network: two convolutions on grids of R^d, or two layers on the coordinates of points."""

    def __init__(self, in_rep: R.Representation, out_rep: R.Representation, points: bool = False) -> None:
        super().__init__()
        self.in_rep, self.out_rep, d = in_rep, out_rep, in_rep.group.dim
        if points:
            layers = torch.nn.Linear(d + in_rep.dim, 16), torch.nn.Tanh(), torch.nn.Linear(16, out_rep.dim)
        else:
            conv = {2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[d]
            kind: Any = {"padding": 1, "padding_mode": "circular"}
            layers = conv(in_rep.dim, 8, 3, **kind), torch.nn.Tanh(), conv(8, out_rep.dim, 3, **kind)
        self.layers = torch.nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        """Tensors on grids, or fields on points, whose features see the coordinates."""
        if not isinstance(x, Field):
            return self.layers(x)
        y = self.layers(torch.cat([x.space.positions, x.tensor], 1))
        return Field(y, self.out_rep, x.space)


@dataclass(frozen=True, eq=False)
class Wrapped:
    """A wrapper and random inputs: images or volumes of 7 pixels a side, or clouds of points.

    Its controls are the module without its wrapper, and a shear of the input.
    """

    net: Wrapper
    points: bool = False

    def inputs(self) -> Any:
        """Random fields of the type of the input."""
        rep, generator = self.net.in_rep, torch.Generator().manual_seed(0)
        kind: Any = {"generator": generator, "dtype": torch.float64}
        if not self.points:
            return torch.randn(4, rep.dim, *[7] * rep.group.dim, **kind)
        space = S.Points(torch.randn(64, rep.group.dim, **kind), torch.arange(4).repeat_interleave(16))
        space = S.Points(space.positions - space.centroids()[space.index], space.batch)
        return Field(torch.randn(64, rep.dim, **kind), rep, space)

    @torch.no_grad()
    def certificate(self) -> Certificate:
        """The error of N(g f) = g N(f) for random elements of the group."""
        net: Any = randomised(self.net, 0)
        bare, x, group = net.module, self.inputs(), net.in_rep.group
        elements = group.sample(ELEMENTS, torch.Generator().manual_seed(1))
        pairs = [_pair(net, net, x, g) for g in elements]
        output = pairs[0][1]
        return Certificate(
            network=f"{type(net).__name__}: {net.in_rep.name} → {net.out_rep.name}",
            space=f"{'points' if self.points else 'grid'} of R{'¹²³'[group.dim - 1]}",
            group=str(group),
            elements=len(elements),
            error=worst([relative(*pair) for pair in pairs]),
            budget=EXACT,
            norm=float(output.square().mean().sqrt()),
            sensitivity=float((output - output.roll(1, 0)).norm() / output.norm()),
            unconstrained=worst([relative(*_pair(bare, net, x, g)) for g in elements[:4]]),
            outside=up_to_channels(_values(net(_sheared(x))), _values(net(x))),
            parameters=sum(p.numel() for p in net.parameters()),
        )


def _pair(module: Any, net: Any, x: Any, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    moved, expected = module(symmetrize.act(net.in_rep, g, x)), symmetrize.act(net.out_rep, g, module(x))
    return _values(moved), _values(expected)


def _values(y: Any) -> torch.Tensor:
    """(inputs, values, channels)."""
    if isinstance(y, Field):
        return y.tensor.unflatten(0, (y.space.elements, -1))
    return y.flatten(2).mT


def _sheared(x: Any) -> Any:
    """Points under a shear; images whose first axis is cyclically moved by one pixel a row of the last."""
    if isinstance(x, Field):
        a = torch.eye(x.space.dim, dtype=torch.float64)
        a[0, -1], a[0, 0] = 1.0, 2.0
        return Field(x.tensor, x.rep, x.space.moved(a))
    return torch.stack([x[..., k].roll(k, 2) for k in range(x.shape[-1])], -1)


@dataclass(frozen=True, eq=False)
class Tie:
    """A wrapper of SO(2) on six points, whose extents along the two axes tie at `side` = 1.000178.

    Before it the first principal axis is axis 1, so that the canonical pose is turned by a quarter; behind it, axis 0.
    """

    net: Wrapper

    def at(self, side: float, turned: bool = False) -> Field:
        """The points, stretched along axis 1, and turned by (x, y) -> (-y, x)."""
        points = torch.tensor([[1.5, 0.0], [-0.75, 0.0], [-0.75, 0.0], [0, 1.48], [0, -0.53], [0, -0.95]]).double()
        points = points * torch.tensor([1.0, side], dtype=torch.float64)
        points = torch.stack([-points[:, 1], points[:, 0]], 1) if turned else points
        return Field(points.new_ones(6, 1), self.net.in_rep, S.Points(points))

    @torch.no_grad()
    def certificate(self) -> Certificate:
        """The step across the tie is the difference of the bare module between both poses; an average has none."""
        net: Any = randomised(self.net, 0)
        average = symmetrize.GroupAverage(net.module, net.in_rep, net.out_rep)
        step, none = (f(self.at(1.0002)).tensor - f(self.at(1.00015)).tensor for f in (net, average))
        poses = net.module(self.at(1.000178)).tensor - net.module(self.at(1.000178, turned=True)).tensor
        return Law("canonical poses jump where two axes tie, averages do not", step, poses, none, 1e-2).certificate()


@row("S3", "data augmentation", "R²", "any compact group", "trivial → trivial ⊕ vector")
def augmentation():
    D4 = G.Dihedral(4)
    rep, out = 2 * R.trivial(D4), R.trivial(D4) + R.standard(D4)
    net = symmetrize.Augment(PlainNet(rep, out), rep, out, generator=torch.Generator().manual_seed(0)).double()
    x = torch.randn(1, rep.dim, 7, 7, dtype=torch.float64)
    drawn = net(x.expand(4096, -1, -1, -1)).mean(0)
    average = symmetrize.GroupAverage(net.module, rep, out)(x)[0]
    return Law("augmentation averages to the group average", drawn, average, net.eval()(x)[0], budget=5e-2)


@row("S4", "averages over the group, and over frames", "R², R³, points", "any compact group", "any")
def averages():
    D4, T, SO3 = G.Dihedral(4), G.Tetrahedral(), G.SO(3)
    image, volume, cloud = (2 * R.trivial(group) + R.standard(group) for group in (D4, T, SO3))
    frames = symmetrize.PrincipalFrames(SO3)
    return [
        Wrapped(symmetrize.GroupAverage(PlainNet(image, image), image, image)),
        Wrapped(symmetrize.GroupAverage(PlainNet(volume, volume), volume, volume)),
        Wrapped(symmetrize.FrameAverage(PlainNet(cloud, cloud, True), cloud, cloud, frames), True),
    ]


@row("S5", "canonicalisation", "R², points", "any compact group", "any")
def canonicalisation():
    D4, O3 = G.Dihedral(4), G.O(3)
    image, cloud = 2 * R.trivial(D4) + R.standard(D4), 2 * R.trivial(O3) + R.standard(O3)
    choose = symmetrize.Argmax(symmetrize.GroupAverage(PlainNet(image, R.regular(D4)), image, R.regular(D4)))
    axes, turn = symmetrize.PrincipalAxes(O3), R.trivial(G.SO(2))
    tie = symmetrize.Canonicalize(PlainNet(turn, turn, True), turn, turn, symmetrize.PrincipalAxes(turn.group))
    return [
        Wrapped(symmetrize.Canonicalize(PlainNet(image, image), image, image, choose)),
        Wrapped(symmetrize.Canonicalize(PlainNet(cloud, cloud, True), cloud, cloud, axes), True),
        Tie(tie),
    ]
