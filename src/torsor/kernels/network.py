"""The network of an implicit kernel: equivariant features of a tangent vector, and of attributes.

x_0 = ⊕_{l,n} e_n(|v|) Y_l(u) ⊕ a,   x_k = f(W_k x_{k-1}),   B(v, a) = χ(|v|²/R²) γ W x_layers

with χ(t) = 1 - 10t³ + 15t⁴ - 6t⁵ for t < 1 and 0 beyond, u = s(|v|) v/|v| smooth at 0, spherical Bessel functions
e_n, attributes a, equivariant W. The nonlinearity f acts component by component where the group permutes the
components; elsewhere it gates fields by scalars and adds products of fields.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from torsor.errors import BottleneckWarning
from torsor.fibre.base import Layer
from torsor.fibre.bilinear import bilinear_maps
from torsor.fibre.linear import Linear
from torsor.fibre.nonlinear import Gated
from torsor.fibre.pointwise import SiLU
from torsor.fibre.product import FieldProduct
from torsor.groups import Group
from torsor.kernels.profiles import Angular, envelope, waves
from torsor.kernels.radial import RadialHarmonic
from torsor.kernels.wigner_eckart import Harmonics
from torsor.reps import Representation, decompose, direct_sum
from torsor.reps.hom import hom_array

WAVES = 8
"""The number of radial functions e_n."""

PROBES = 512
"""The number of random points at which features are measured to set their scale."""


NEGLIGIBLE = 1e-9
"""A feature whose mean square is smaller (before γ) vanishes identically, such as v × v."""


def harmonic_types(group: Group, degrees: int) -> tuple[Harmonics, ...]:
    """The types of the harmonics of degree 0 … degrees; on a line there are none beyond 1."""
    found = (Harmonics(group, degree) for degree in range(degrees + 1))
    return tuple(rep for rep in found if rep.dim)


def constituents(*reps: Representation) -> tuple[Representation, ...]:
    """The irreps that occur in representations, one of every class, in the order in which they are met."""
    found: list[Representation] = []
    for term in (term for rep in reps for _, term in rep.terms):
        for _, sigma in decompose(term).blocks:
            if not any(equivalent(sigma, other) for other in found):
                found.append(sigma)
    return tuple(found)


def equivalent(sigma: Representation, tau: Representation) -> bool:
    """Whether two irreps are the same up to a change of basis."""
    return sigma == tau or (sigma.dim == tau.dim and len(hom_array(sigma, tau)) > 0)


def couple(left: tuple[Representation, ...], right: tuple[Representation, ...], out: Representation) -> bool:
    """Whether some product of representations maps to another one: Hom_G(ρ ⊗ σ, τ) ≠ 0."""
    return any(len(bilinear_maps(rho, sigma, out)) for rho in left for sigma in right)


class GatedProduct(Layer):
    """Fields gated by scalars (`Gated`), and behind them products of other fields (`FieldProduct`).

    Args:
        rep: the type that is gated.
        copies: channels of the products, of every irrep in rep.
    """

    def __init__(self, rep: Representation, copies: int, **kind: Any) -> None:
        irreps = constituents(rep)
        factors = tuple(sigma for sigma in irreps if not sigma.is_trivial)  # products with scalars are gates
        gated, product = Gated(rep, function=torch.nn.SiLU()), FieldProduct(factors, irreps, copies, **kind)
        terms = [*gated.in_rep.terms, *product.in_rep.terms], [*rep.terms, *product.out_rep.terms]
        super().__init__(direct_sum(terms[0]), direct_sum(terms[1]))
        self.gated, self.product = gated, product

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        fields, factors = x.split([self.gated.in_rep.dim, self.product.in_rep.dim], 1)
        return torch.cat([self.gated.compute(fields), self.product.compute(factors)], 1)


def nonlinearity(rep: Representation, **kind: Any) -> Layer:
    """f, of which every layer of a network with hidden type rep has one."""
    if rep.is_permutation:
        return SiLU(rep)
    return GatedProduct(rep, max(1, min(m for m, _ in rep.terms) // 2), **kind)


class ImplicitNetwork(torch.nn.Module):
    """B: R^d ⊕ attributes → features, equivariant: B(gv, ρ(g) a) = ρ_features(g) B(v, a), zero for |v| ≥ R.

    Args:
        attributes: their type, or None.
        hidden: type of the hidden layers.
        features: type of the output, a sum of irreps.
        ball: R, the highest degree of the harmonics of v, and the number of neighbours: random features have a mean
            square of 1/neighbours.
        layers: number of nonlinear layers.
        device: of the parameters.
        dtype: of the parameters.
    """

    def __init__(
        self,
        attributes: Representation | None,
        hidden: Representation,
        features: Representation,
        ball: RadialHarmonic,
        layers: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.ball, self.attributes, self.out_rep = ball, attributes, features
        types = harmonic_types(hidden.group, ball.degrees)
        self.angular = Angular(ball.radius, ball.degrees, hidden.group.dim, **kind)
        self.dims = [rep.dim for rep in types]
        terms = attributes.terms if attributes is not None else ()
        self.in_rep = direct_sum([*((WAVES, rep) for rep in types), *terms])
        modules: list[Layer] = []
        for _ in range(layers):
            f = nonlinearity(hidden, **kind)
            modules += [mixing(modules[-1].out_rep if modules else self.in_rep, f.in_rep, **kind), f]
        modules.append(mixing(modules[-1].out_rep if modules else self.in_rep, features, **kind))
        self.layers = torch.nn.Sequential(*modules)
        self.gain = torch.nn.Parameter(torch.ones(sum(m for m, _ in features.terms), **kind))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Random weights; γ is set so that every field has a mean square of 1/neighbours a component.

        The mean is over the ball, and over white attributes. γ = 0 of fields that are zero everywhere.
        """
        if self.gain.is_meta:
            return
        for layer in self.layers:
            if isinstance(layer, (Linear, FieldProduct)):
                layer.reset_parameters(2**0.5 if isinstance(layer, Linear) else 1.0)
        self.gain.fill_(1.0)
        values = self(*self._probes())
        squares = torch.stack([values[:, place].square().mean() for place, _ in self.out_rep.fields])
        alive = squares > NEGLIGIBLE  # a feature that vanishes identically stays zero: its scale is that of rounding
        self.gain.copy_(torch.where(alive, (self.ball.neighbours(self.in_rep.group.dim) * squares).rsqrt(), 0.0))

    def _probes(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Points spread evenly in the ball, and white attributes, from a fixed seed."""
        generator, d = torch.Generator().manual_seed(0), self.in_rep.group.dim
        v = torch.nn.functional.normalize(torch.randn(PROBES, d, generator=generator, dtype=torch.float64), dim=1)
        r = torch.rand(PROBES, 1, generator=generator, dtype=torch.float64) ** (1 / d)
        n = 0 if self.attributes is None else self.attributes.dim
        a = torch.randn(PROBES, n, generator=generator, dtype=torch.float64)
        return (self.ball.radius * r * v).to(self.gain), a.to(self.gain) if n else None

    def embedding(self, v: torch.Tensor) -> torch.Tensor:
        """e_n(|v|) Y_l(u), l outer, then n, then the components: (n, d) -> (n, channels)."""
        radial = waves((v / self.ball.radius).square().sum(-1, keepdim=True), WAVES)
        parts = self.angular(v).split(self.dims, 1)
        return torch.cat([(radial[:, :, None] * part[:, None, :]).flatten(1) for part in parts], 1)

    def forward(self, v: torch.Tensor, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """The features at (n, d) vectors with (n, channels) attributes: (n, features)."""
        embedded = self.embedding(v)
        x = self.layers(embedded if attributes is None else torch.cat([embedded, attributes], 1))
        t = (v / self.ball.radius).square().sum(-1, keepdim=True)
        return x * (self._spread(self.gain) * envelope(t))

    def _spread(self, gain: torch.Tensor) -> torch.Tensor:
        """One number a field -> one a component."""
        counts = [m for m, _ in self.out_rep.terms]
        parts = zip(gain.split(counts), self.out_rep.terms, strict=True)
        return torch.cat([part[:, None].expand(m, rep.dim).flatten() for part, (m, rep) in parts])

    def extra_repr(self) -> str:
        return f"radius={self.ball.radius:g}"


def mixing(in_rep: Representation, out_rep: Representation, **kind: Any) -> Linear:
    """`Linear` without the warning that some terms do not map to others: between different irreps none does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BottleneckWarning)
        return Linear(in_rep, out_rep, **kind)
