"""The probe of networks on manifolds: changes of gauge at every point, then a symmetry of the space; all exact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch

from torsor import nn
from torsor import spaces as S
from torsor.fields import Field
from torsor.kernels import SteerableKernel
from torsor.taxonomy.certificate import Certificate, Probe, certify

FIELDS = 4
"""Random fields on one space."""

Moved = tuple[Any, torch.Tensor, torch.Tensor]
"""The moved space, the source of every point, and g: (φ f)(p) = ρ(g_p) f(source_p)."""


def acts(isometry: Any) -> Callable[[Any], Moved]:
    """An isometry that maps the points onto each other."""
    return lambda space: (space, *space.act(isometry))


def moves(isometry: Any) -> Callable[[Any], Moved]:
    """An isometry that takes the points along, to places with frames of their own."""

    def move(space: Any) -> Moved:
        there, g = space.moved(isometry)
        return there, torch.arange(len(space)), g

    return move


class Structured(Probe):
    """Random fields; ρ(h_p) ρ(g_p) f(source_p) in the frames e_p h_p⁻¹ of the moved space, h independent at every p."""

    def __init__(self, net: Any, space: Any, symmetries: Sequence[Callable[[Any], Moved]] = (), seed: int = 0) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.manifold, self.seed = net.in_rep, net.out_rep, space, seed
        self.symmetries, self.space = list(symmetries), repr(space)
        self.generator = torch.Generator().manual_seed(seed)
        shape = FIELDS, len(space), self.in_rep.dim
        self.x = torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def elements(self, number: int) -> list[Any]:
        group = self.manifold.group
        scale = None if group.is_compact else 0.5
        gauges = [group.sample(len(self.manifold), self.generator, scale=scale) for _ in range(number)]
        moves = [self.symmetries[i % len(self.symmetries)] if self.symmetries else None for i in range(number)]
        return list(zip(gauges, moves, strict=True))

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        return self._run(net, self.x, self.manifold)

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        h, symmetry = g
        space, source, turn = self._moved(symmetry)
        h = h @ turn
        moved = torch.einsum("nij,bnj->bni", self.in_rep.rho(h), self.x[:, source])
        expected = torch.einsum("nij,bnj->bni", self.out_rep.rho(h), self.output(net)[:, source])
        return self._run(net, moved, space.regauge(g[0])), expected

    def _moved(self, symmetry: Callable[[Any], Moved] | None) -> Moved:
        if symmetry is not None:
            return symmetry(self.manifold)
        d = self.manifold.dim
        points = torch.arange(len(self.manifold))
        return self.manifold, points, torch.eye(d, dtype=torch.float64).expand(len(points), d, d)

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames that differ by a matrix outside the group, one for all points."""
        many = Structured(net, self.manifold, self.symmetries, self.seed)
        shape = 4 + 4 * self.out_rep.dim, len(self.manifold), self.in_rep.dim
        many.x = torch.randn(shape, generator=many.generator, dtype=torch.float64)
        return many._run(net, many.x, Stretched(self.manifold)), many.output(net)

    def _run(self, net: torch.nn.Module, x: torch.Tensor, space: Any) -> torch.Tensor:
        return torch.stack([net(Field(f, self.in_rep, space)).tensor for f in x])


class Literally(Structured):
    """(N(f), N(f)), where the second N adds up K(v) ρ(g) f w edge by edge: for structures without any symmetry.

    The control is a network whose points do not share one kernel, against the sum with the kernel that they share.
    """

    def elements(self, number: int) -> list[Any]:
        return [torch.randn(self.x.shape, generator=self.generator, dtype=torch.float64) for _ in range(number)]

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        shared = getattr(net, "shared", net)
        return self._run(net, g, self.manifold), self._run(literal(shared), g, self.manifold)

    def unconstrained(self, net: torch.nn.Module, seed: int) -> torch.nn.Module:
        plain = super().unconstrained(net, seed)
        vars(plain)["shared"] = net  # not a part of it
        return plain


def literal(net: torch.nn.Module) -> torch.nn.Module:
    """A copy whose convolutions on manifolds are literal: K at the v of every edge, times ρ(g) f w, added up."""
    plain = deepcopy(net)
    for conv in (module for module in plain.modules() if isinstance(module, nn.Conv)):
        conv.kernel.apply_to = Literal(conv.kernel)  # type: ignore[method-assign]
    return plain


@dataclass(frozen=True, eq=False)
class Literal:
    """The sum over edges for one kernel."""

    kernel: SteerableKernel

    def __call__(self, x: torch.Tensor, graph: S.Neighbours, attributes: Any = None) -> torch.Tensor:
        rho = self.kernel.in_rep.rho(graph.transporters).to(x)
        messages = self.kernel(graph.v) @ rho @ x[graph.source][:, :, None] * graph.weight[:, None, None]
        return x.new_zeros(graph.targets, messages.shape[1]).index_add(0, graph.target, messages[:, :, 0])


class Stretched:
    """The edges of a space in frames that are no frames of its structure: v ↦ a v, transporters a g a⁻¹."""

    def __init__(self, space: Any) -> None:
        self.manifold, d = space, space.dim
        self.a = torch.eye(d, dtype=torch.float64)
        self.a[0, 0], self.a[0, -1] = 2.0, 1.0

    def neighbours(self, *args: Any, **kwargs: Any) -> S.Neighbours:
        """The edges."""
        graph = self.manifold.neighbours(*args, **kwargs)
        return replace(graph, v=graph.v @ self.a.T, g=self.a @ graph.transporters @ torch.linalg.inv(self.a))


@dataclass(frozen=True, eq=False)
class OnSpace:
    """A network and the manifold on which it is certified.

    Attributes:
        net: the network.
        space: the manifold.
        symmetries: isometries that `Manifold.act` takes.
        motions: isometries that the ``moved`` of the space takes: its points go along.
        literal: compare with the literal sum, where there is neither a choice of gauge nor a symmetry.
    """

    net: Any
    space: Any
    symmetries: Iterable[Any] = ()
    motions: Iterable[Any] = ()
    literal: bool = False

    def certificate(self) -> Certificate:
        """The certificate of the network under changes of gauge and symmetries."""
        symmetries = [acts(g) for g in self.symmetries] + [moves(g) for g in self.motions]
        kind = Literally if self.literal else Structured
        return certify(self.net, kind(self.net, self.space, symmetries))


class Glued(Probe):
    """Random fields on an atlas; ρ(h_p) ρ(g_p) f(source_p) in frames that h turns at every pixel, after a symmetry."""

    def __init__(self, net: Any, atlas: S.Atlas, symmetries: Sequence[S.Motion], seed: int = 0) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.atlas, self.seed = net.in_rep, net.out_rep, atlas, seed
        self.symmetries, self.space = list(symmetries), repr(atlas)
        self.generator = torch.Generator().manual_seed(seed)
        shape = FIELDS, self.in_rep.dim, *atlas.shape
        self.x = atlas.masking(torch.randn(shape, generator=self.generator, dtype=torch.float64))

    def elements(self, number: int) -> list[Any]:
        order = torch.randint(len(self.symmetries), (number,), generator=self.generator).tolist()
        return [(self.atlas.group.sample(len(self.atlas), self.generator), self.symmetries[i]) for i in order]

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        return net(Field(self.x, self.in_rep, self.atlas)).tensor.flatten(2).mT

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        gauge, motion = g[0].unflatten(0, self.atlas.shape), g[1]
        there = net(Field(self.x, self.in_rep, self.atlas).transform(motion).gauged(gauge)).tensor
        here = self.output(net).mT.unflatten(2, self.atlas.shape)
        expected = Field(here, self.out_rep, self.atlas).transform(motion).gauged(gauge).tensor
        return there.flatten(2).mT, expected.flatten(2).mT

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """The pixels of every chart in another order: (i, j) ↦ (j, i) where charts are squares, else upside down."""
        many = Glued(net, self.atlas, self.symmetries, self.seed)
        shape = 4 + self.out_rep.dim // 4, self.in_rep.dim, *self.atlas.shape
        many.x = self.atlas.masking(torch.randn(shape, generator=many.generator, dtype=torch.float64))
        square = self.atlas.shape[1] == self.atlas.shape[2]

        def turn(x: torch.Tensor) -> torch.Tensor:
            return x.mT if square else x.flip(-1)

        other = net(Field(turn(many.x).contiguous(), self.in_rep, self.atlas)).tensor
        return turn(other).flatten(2).mT, many.output(net)


@dataclass(frozen=True, eq=False)
class OnAtlas:
    """A network and the atlas on which it is certified, under all symmetries, or those that are given."""

    net: Any
    atlas: S.Atlas
    symmetries: Sequence[S.Motion] = ()

    def certificate(self) -> Certificate:
        """The certificate of the network under changes of gauge and symmetries."""
        return certify(self.net, Glued(self.net, self.atlas, self.symmetries or self.atlas.symmetries()))
