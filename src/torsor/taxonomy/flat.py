"""Rows M1 – M26: the networks of rows E on Euclidean and Minkowski space as manifolds, equal to the grid path.

The pixels of an image become points of `spaces.Affine`, each with a frame of its own. There the convolution gathers,
transports between the frames and applies K at v = e_p⁻¹(x_q - x_p); on the grid it is one `conv_nd`. Both are one map:

    N_manifold(ρ_in(e⁻¹) f) = ρ_out(e⁻¹) N_grid(f)        for all frames e_p ∈ G

Pixels beyond the border are zeros on the grid and missing neighbours here, so that all pixels can be compared.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor import spaces as S
from torsor.fields import Field
from torsor.kernels import SteerableKernel
from torsor.kernels.quadric import signature
from torsor.kernels.transport import derived
from torsor.taxonomy import lorentz, plane, scale, space  # noqa: F401  they enter the rows E
from torsor.taxonomy.certificate import Certificate, Probe, certify
from torsor.taxonomy.grids import reach, stretch
from torsor.taxonomy.row import ROWS, row

FIELDS = 2
"""Random images for each choice of frames."""
TOGETHER = 4
"""So many choices of frames are one batch, for which kernels are solved once."""
PIXELS = 100
"""An image is the receptive field of its central pixel if that has no more pixels, and else the largest kernel."""
BOOST = 0.3
"""The size of the elements of non-compact groups."""


def image_of(net: Any) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """(sizes of a small image for a network, half the sides of the box around its largest kernel), in pixels."""
    d, kernels = net.in_rep.group.dim, [conv.kernel.sizes for conv in net if isinstance(conv, nn.Conv)]
    largest = tuple(map(max, zip(*kernels, strict=True)))
    side = 2 * reach(net)[0] + 1
    return (side,) * d if side**d <= PIXELS else largest, tuple((size - 1) / 2 for size in largest)


def gauge_group(net: Any) -> G.Group:
    """The elements of G by which frames differ, such that the network keeps them to rounding.

    All of G, with two exceptions. Nonlinearities that sample functions on SO(2) or O(2) at n angles are exact for the
    group of the samples, C_n or D_n. Of scalings joined with H it is H: in a frame of another scale a window of scales
    holds other scales.
    """
    group = net.in_rep.group
    if any(isinstance(term, R.PartialRepresentation) for layer in net for _, term in layer.out_rep.terms):
        group = R.scale_factors(group)[0]
    angles = [layer.samples for layer in net if isinstance(layer, nn.Fourier) and isinstance(layer.samples, int)]
    if angles and not group.is_finite:
        return G.Cyclic(angles[0]) if isinstance(group, G.SO) else G.Dihedral(angles[0])
    return group


def for_points(net: Any) -> nn.Sequential:
    """The same layers for both paths: neighbours are added, not averaged, and a stencil holds K at its offsets.

    Kernels whose stencil is adjusted to the lattice (moment-matched) become those that are not.
    """
    return nn.Sequential(*[_plain(layer) if isinstance(layer, nn.Conv) else deepcopy(layer) for layer in net])


def _plain(conv: nn.Conv) -> nn.Conv:
    spec: Any = conv.kernel.spec
    spec = spec if spec.is_sampled_plainly(conv.d) else replace(spec, moments=-1)
    bias, dtype = conv.bias is not None, conv.weight.dtype
    found = nn.Conv(conv.in_rep, conv.out_rep, spec, bias=bias, norm="sum", dtype=dtype)
    found.load_state_dict(conv.state_dict())
    return found


class Frames(Probe):
    """Random images, and frames e_p = g_p⁻¹ that are independent at every pixel p of every image.

    What is compared is (N_manifold(ρ_in(g) f), ρ_out(g) N_grid(f)).
    """

    def __init__(self, net: Any, pixels: S.Affine, seed: int = 0, images: int = FIELDS * TOGETHER) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.seed = net.in_rep, net.out_rep, seed
        self.pixels, self.manifold, self.gauges = pixels, S.batched([pixels] * images), gauge_group(net)
        self.space = f"pixels of {_space(net.in_rep.group)}, frames of {self.gauges}"
        self.generator, self.sizes = torch.Generator().manual_seed(seed), [len(x.unique()) for x in pixels.positions.T]
        self.x = self._images()
        self.compared: tuple[Any, ...] = (None, None)

    def _images(self) -> torch.Tensor:
        shape = self.manifold.elements, self.in_rep.dim, *self.sizes
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def elements(self, number: int) -> list[Any]:
        """((f, g), k): many images and an element for each of their pixels; the k-th `FIELDS` images are compared."""
        size, n = None if self.gauges.is_compact else BOOST, len(self.manifold)
        drawn = [
            (self._images(), self.gauges.sample(n, self.generator, scale=size)) for _ in range(0, number, TOGETHER)
        ]
        return [(batch, k) for batch in drawn for k in range(TOGETHER)][:number]

    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        """By the grid path."""
        return net(self.x).flatten(2).mT

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        batch, k = g
        if self.compared[0] is not net or self.compared[1] is not batch:
            self.compared = net, batch, *self._both(net, *batch)
        here = slice(FIELDS * k, FIELDS * (k + 1))
        return self.compared[2][here], self.compared[3][here]

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames of another G-structure, a⁻¹ everywhere with a matrix a outside G."""
        group, pixels, a = self.in_rep.group, self.pixels, stretch(self.pixels.dim)
        a = 1.2 * a if bool(group.contains(a)) else a
        other = S.Affine(pixels.positions, group, torch.linalg.inv(a).expand(len(pixels), -1, -1), window=pixels.window)
        many = Frames(net, other, self.seed, FIELDS + 8 * self.out_rep.dim // len(pixels))
        return many.by_manifold(net, many.x.flatten(2).mT, many.manifold), many.output(net)

    def unconstrained(self, net: torch.nn.Module, seed: int) -> torch.nn.Module:
        plain, generator = deepcopy(net), torch.Generator().manual_seed(seed + 2)
        slope = torch.randn(self.pixels.dim, generator=generator, dtype=torch.float64)
        for conv in (module for module in plain.modules() if isinstance(module, nn.Conv)):
            conv.kernel = (Unshared if self.gauges.order == 1 else Sloped)(conv.kernel, slope)
        return plain

    def by_manifold(self, net: torch.nn.Module, x: torch.Tensor, manifold: S.Batch) -> torch.Tensor:
        """By gather, transport and apply: (images, pixels, channels) -> the same shape."""
        return net(Field(x.flatten(0, 1), self.in_rep, manifold)).tensor.unflatten(0, x.shape[:2])

    def _both(self, net: torch.nn.Module, x: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """By the manifold and by the grid, in the frames g⁻¹."""
        manifold = self.manifold if self.gauges.order == 1 else self.manifold.regauge(g)
        turned = _turn(self.in_rep, g, x.flatten(2).mT)
        return self.by_manifold(net, turned, manifold), _turn(self.out_rep, g, net(x).flatten(2).mT)


def _turn(rep: R.Representation, g: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """ρ(g_p) f(p) of fields (images, pixels, channels)."""
    return torch.einsum("nij,nj->ni", rep.rho(g), x.flatten(0, 1)).view_as(x)


def _space(group: G.Group) -> str:
    time, rest = signature(group) or (0, group.dim)
    return f"R^{{{time},{rest}}}" if time else f"R{'¹²³⁴'[rest - 1]}"


class Sloped(SteerableKernel):
    """(1 + s·v) K(v), which no group constrains, on the grid and on points."""

    def __init__(self, kernel: SteerableKernel, slope: torch.Tensor) -> None:
        super().__init__()
        self.kernel, self.slope, self.spec = kernel, slope, kernel.spec
        self.in_rep, self.out_rep = kernel.in_rep, kernel.out_rep

    @property
    def weight(self) -> Any:
        """That of K."""
        return self.kernel.weight

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        return (1 + v @ self.slope)[..., None, None] * self.kernel(v)

    def stencil(self) -> torch.Tensor:
        v = torch.from_numpy(self.spec.offsets(len(self.slope)))
        return self.kernel.stencil() * (1 + v @ self.slope).view(self.sizes)

    def reset_parameters(self, gain: float = 1.0) -> None:
        self.kernel.reset_parameters(gain)

    def apply_to(self, x: torch.Tensor, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        factor = 1 + graph.v @ self.slope
        sloped = derived(graph, ("sloped", *self.slope.tolist()), lambda: replace(graph, weight=graph.weight * factor))
        return self.kernel.apply_to(x, sloped, attributes)


class Unshared(Sloped):
    """A kernel that every point scales by a random factor; for {e}, that constrains nothing but sharing."""

    def stencil(self) -> torch.Tensor:
        return self.kernel.stencil()

    def apply_to(self, x: torch.Tensor, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        factors = torch.randn(graph.targets, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return (1 + factors)[:, None] * self.kernel.apply_to(x, graph, attributes)


@dataclass(frozen=True, eq=False)
class Flat:
    """A network on grids, and the pixels of an image as a manifold, on which it is certified."""

    net: Any
    space: S.Affine

    def certificate(self) -> Certificate:
        """The largest ‖N_manifold(ρ(e⁻¹) f) - ρ(e⁻¹) N_grid(f)‖, relative, over random frames e."""
        net = for_points(self.net).double()
        return certify(net, Frames(net, self.space))


def manifold_path(rows: tuple[str, ...]) -> list[Flat]:
    """The networks of some rows E on pixels."""
    found = []
    for net in (net for identity in rows for net in ROWS[identity].built()):
        sizes, window = image_of(net)
        pixels = S.Points.from_grid(sizes, dtype=torch.float64).positions
        found.append(Flat(net, S.Affine(pixels, net.in_rep.group, window=window)))  # with a random frame at each
    return found


def _enter(number: int) -> None:
    """Row M of a number: M6 stands for E6a and E6b, M26 for E26 … E30, all others for one row E each."""
    names = {6: ("E6a", "E6b"), 26: tuple(f"E{k}" for k in range(26, 31))}.get(number, (f"E{number}",))
    rows = [ROWS[name] for name in names]
    columns = [[getattr(each, name) for each in rows] for name in ("name", "space", "group", "representation")]
    name, where, group, types = ["; ".join(dict.fromkeys(column)) for column in columns]
    row(f"M{number}", f"{name}, in any frames", where, group, types)(partial(manifold_path, rows=names))


for _number in range(1, 27):
    _enter(_number)
