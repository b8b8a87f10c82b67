# ruff: noqa: D103  the decorator says what a row is
"""Spacetime: rows E30 and S11, and the probe of networks with pseudo-Riemannian kernels.

Translations and the symmetries of the lattice (reversal of time, reflections and quarter turns of space) are exact.
Boosts are no symmetry of a box. What they cost is measured on the first layer and small fields about the origin: its
kernel, the same function of v, on windows that grow, so that more and more of the boosted fields is inside.
"""

from __future__ import annotations

from typing import Any

import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.kernels import PseudoRiemannianKernel, lattice_elements
from torsor.kernels.pseudo_riemannian import boost
from torsor.kernels.quadric import signature
from torsor.taxonomy.certificate import Probe
from torsor.taxonomy.grids import Lattice
from torsor.taxonomy.law import Law
from torsor.taxonomy.row import row

RAPIDITY, EXTENT = 0.4, 0.5
"""Of the boosts, v/c = 0.38; and of the bumps, the standard deviation in pixels."""
SAMPLES = {2: 8, 3: 6, 4: 3}
"""How much finer than the kernel's pixels the integral of the convolution is sampled, in n dimensions."""


class Spacetime(Lattice):
    """Random pixels under translations and the lattice elements of O(p, q); for the refinement, boosts of small bumps.

    The levels are half the extents of the window in pixels.
    """

    def __init__(self, net: Any, seed: int = 0) -> None:
        super().__init__(net, seed)
        self.levels = (1, 2, 3)
        time, space = signature(self.in_rep.group) or (0, self.d)
        self.space = f"grid of R^{{{time},{space}}}"

    def elements(self, number: int) -> list[Any]:
        turns = torch.from_numpy(lattice_elements(self.in_rep.group))
        order = torch.randperm(len(turns), generator=self.generator).repeat(-(-number // len(turns)))[:number]
        shifts = torch.randint(-self.shift, self.shift + 1, (number, self.d), generator=self.generator)
        return list(zip(turns[order], shifts.tolist(), strict=True))

    def refined(self, net: torch.nn.Module, level: int) -> tuple[torch.nn.Module, Probe]:
        kernel = next(m for m in net.modules() if isinstance(m, PseudoRiemannianKernel))
        return kernel, Boosts(kernel, level)


class Boosts(Probe):
    """(K ∗ f)(0) = ∫_{|v_i| < R} K(v) f(v) dv of Gaussian bumps f near the origin, and the same of boosted bumps."""

    budget = None

    def __init__(
        self, kernel: PseudoRiemannianKernel, window: float, rapidity: float = RAPIDITY, seed: int = 0
    ) -> None:
        super().__init__()
        self.in_rep, self.out_rep, self.d = kernel.in_rep, kernel.out_rep, kernel.in_rep.group.dim
        self.space, fine = "bumps in spacetime", SAMPLES[self.d]
        axis = (torch.arange(2 * round(window * fine), dtype=torch.float64) + 0.5) / fine - window
        self.points = torch.stack(torch.meshgrid(*[axis] * self.d, indexing="ij"), -1).view(-1, self.d)
        self.turn, generator = boost(rapidity, self.d), torch.Generator().manual_seed(seed)
        self.centres = 0.3 * torch.randn(8, self.d, generator=generator, dtype=torch.float64)
        self.amplitudes = torch.randn(8, self.in_rep.dim, generator=generator, dtype=torch.float64)

    def elements(self, number: int) -> list[Any]:
        return [self.turn] * number

    def fields(self, g: torch.Tensor) -> torch.Tensor:
        """(g f)(v) = ρ(g) f(g⁻¹v): (bumps, points, channels)."""
        distance = torch.cdist(self.centres, self.points @ torch.linalg.inv(g).T)
        bumps = torch.exp(-distance.square() / (2 * EXTENT**2))
        return bumps[..., None] * (self.amplitudes @ self.in_rep.rho(g).T)[:, None]

    def evaluate(self, net: Any) -> torch.Tensor:
        return self.integrate(net, torch.eye(self.d, dtype=torch.float64))

    def integrate(self, kernel: Any, g: torch.Tensor) -> torch.Tensor:
        """∫ K(v) (g f)(v) dv as a sum over the points, features first: (bumps, channels)."""
        sums = torch.einsum("pf,bpi->bfi", kernel.features(self.points), self.fields(g))
        return torch.einsum("oif,bfi->bo", kernel.expand(), sums) / SAMPLES[self.d] ** self.d

    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        moved = self.integrate(net, self.turn)
        return moved[:, None], (self.output(net) @ self.out_rep.rho(self.turn).T)[:, None]

    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        stretched = torch.diag(torch.tensor([2.0] + [1.0] * (self.d - 1), dtype=torch.float64))
        return self.integrate(net, stretched)[:, None], self.output(net)[:, None]


@row("E30", "Lorentz-steerable CNNs", "R^{1,1}, R^{1,2}, R^{1,3}", "SO(1,q), O(1,q)", "irreps, multivectors")
def spacetime():
    nets = []
    for L in [G.SO(1, 1), G.O(1, 1), G.SO(1, 2), G.O(1, 2), G.SO(1, 3), G.O(1, 3)]:
        irreps = 2 * R.trivial(L) + 2 * R.standard(L)
        gates = [nn.Gated(irreps), nn.MultivectorGate(2 * R.multivector(L))]
        for gate in gates:
            first = nn.Conv(gate.out_rep, gate.in_rep, K.PseudoRiemannian(3))
            second = nn.Conv(gate.out_rep, gate.out_rep, K.PseudoRiemannian(3))
            nets.append(nn.Sequential(first, gate, second))
    return nets


@row("S11", "hyperbolic and circular symmetry", "R^{1,1}, R^{1,2}, R²", "O(1,1), O(1,2), O(2)", "vectors, multivectors")
def hyperbolas_and_circles():
    laws, v = [], torch.randn(64, 3, dtype=torch.float64)
    for group, other in [(G.O(1, 1), G.SO(2)), (G.O(1, 2), G.SO(3)), (G.O(2), G.SO0(1, 1))]:
        rep = R.multivector(group)
        kernel = K.PseudoRiemannian(5)(rep, rep, dtype=torch.float64)
        x, g, a = v[:, : group.dim], group.sample(1), R.multivector(other)
        h = other.sample(1)
        turned = rep.rho(g) @ kernel(x) @ rep.rho(torch.linalg.inv(g))
        wrong = a.rho(h) @ kernel(x @ h[0].inverse().T @ g[0].T) @ a.rho(h.inverse())
        laws.append(Law(f"K(gv) = ρ(g) K(v) ρ(g)⁻¹ of {group}, not of {other}", kernel(x @ g[0].T), turned, wrong))
    return laws
