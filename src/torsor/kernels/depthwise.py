"""Depthwise harmonic kernels: every channel has radial functions of its own, and an equivariant linear map mixes after.

K(v) = W · D(v),   D(v) x = { h_c(|v|) C_lb · (Y_l(u) ⊗ x_σ,c) }  over irreps σ of ρ_in, copies c, paths (l, b, τ)

W is an intertwiner from the sum of all products to ρ_out. Next to `RadialKernel`, where J radial functions are mixed
over all pairs of channels, the work for an edge grows with the number of channels, not with its square.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.base import Constants
from torsor.fibre.bottlenecks import report_bottlenecks
from torsor.fibre.expansion import Expansion, Pair
from torsor.fibre.linear import Intertwiners
from torsor.kernels.base import SteerableKernel
from torsor.kernels.covariants import solve_harmonic
from torsor.kernels.edges import Block, edge_products
from torsor.kernels.profiles import Angular, RadialNetwork
from torsor.kernels.transport import Channels, images
from torsor.reps import Representation, decompose, direct_sum


class Mixing(Expansion):
    """The map W, quietly: products need no path to all terms of ρ_out. The kernel reports what has none."""

    def _report_bottlenecks(self, pairs: tuple[Pair, ...]) -> None:
        """Nothing."""


class DepthwiseKernel(Constants, SteerableKernel):
    """The kernel of ``Harmonic(radius=…, depthwise=True)``. Its weights are those of the radial network and of W.

    Raises:
        KernelError: no path leads from one type to the other.
    """

    spec: Any
    to_blocks: torch.Tensor

    def __init__(
        self,
        spec: Any,
        in_rep: Representation,
        out_rep: Representation,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.spec, self.in_rep, self.out_rep = spec, in_rep, out_rep
        self._arrange()
        middle = direct_sum([(n, tau) for tau, n in self.middle.items()])
        self.mix = Mixing(Intertwiners(), middle, out_rep, device=device, dtype=dtype)
        d, functions = in_rep.group.dim, sum(len(b.heights) * b.channels for b in self.blocks)
        self.angular = Angular(spec.radius, spec.degrees, d, device=device, dtype=dtype)
        self.network = RadialNetwork(
            spec.radius, functions, spec.hidden, d, spec.neighbours(d), device=device, dtype=dtype
        )
        self.derive(device, dtype)

    def _arrange(self) -> None:
        """Find the paths, the layout of their products, and where the channels of the middle type are in it."""
        into, degrees = Channels(self.in_rep), range(self.spec.degrees + 1)
        sigmas, taus = list(into.numbers), list(Channels(self.out_rep).numbers)
        solved = iter(solve_harmonic([(sigma, tau) for sigma in sigmas for tau in taus], degrees))
        blocks, self._maps, places, start, linked = [], [], defaultdict(list), 0, set()
        for sigma in sigmas:
            maps, heights, n = [], [], into.numbers[sigma]
            for tau in taus:
                for c in paths(next(solved)):
                    maps.append(c)
                    heights.append(tau.dim)
                    linked.add((sigma, tau))
                    places[tau].append(start + np.arange(tau.dim)[None] * n + np.arange(n)[:, None])
                    start += tau.dim * n
            blocks.append(Block(sigma.dim, n, tuple(heights)))
            stacked = np.concatenate(maps) if maps else np.zeros((0, sigma.dim, self.spec.harmonics(self.d)))
            self._maps.append(stacked.transpose(2, 0, 1).reshape(stacked.shape[2], -1))
        if not places:
            raise KernelError(
                f"no harmonic of degree {max(degrees)} or less leads from {self.in_rep} to {self.out_rep}"
            )
        report_bottlenecks(self.in_rep, self.out_rep, self._connected(linked))
        self.blocks, self._to_blocks, self.irreps = tuple(blocks), into.matrix, tuple(sigmas)
        self.middle = {tau: len(np.concatenate(found)) for tau, found in places.items()}
        self._order = np.concatenate([np.concatenate(found).ravel() for found in places.values()])

    def _connected(self, linked: set[tuple[Representation, Representation]]) -> set[tuple[int, int]]:
        """The pairs (output term, input term) between which a path leads."""
        into, out = (
            [{sigma for _, sigma in decompose(term).blocks} for _, term in rep.terms]
            for rep in (self.in_rep, self.out_rep)
        )
        return {
            (j, i)
            for j, ts in enumerate(out)
            for i, ss in enumerate(into)
            if any((s, t) in linked for s in ss for t in ts)
        }

    @property
    def d(self) -> int:
        """The dimension of space."""
        return self.in_rep.group.dim

    def constants(self) -> dict[str, np.ndarray]:
        found = {"to_blocks": self._to_blocks}
        return found | {f"maps_{k}": maps for k, maps in enumerate(self._maps)}

    @property
    def weight(self) -> torch.nn.Parameter:
        """The flat weight of W."""
        return self.mix.weight

    def reset_parameters(self, gain: float = 1.0) -> None:
        self.mix.reset_parameters(gain)
        self.network.reset_parameters()

    def mixing(self) -> torch.Tensor:
        """W, from the products in their order to the channels of ρ_out."""
        expanded = self.mix.expand()[..., 0]
        order = torch.as_tensor(self._order, device=expanded.device)
        return torch.zeros_like(expanded).index_copy(1, order, expanded)

    def _edge_functions(self, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.angular(v), self.network((v / self.network.radius).square().sum(-1))

    def apply_to(self, x: torch.Tensor, graph: Any, attributes: torch.Tensor | None = None) -> torch.Tensor:
        if attributes is not None:
            return super().apply_to(x, graph, attributes)
        y, w = self._edge_functions(graph.v.to(x))
        maps = [getattr(self, f"maps_{k}") for k in range(len(self.blocks))]
        here, weighted = images(graph, self.irreps, x), y * graph.weight.to(x)[:, None]
        sums = edge_products(x @ self.to_blocks.mT, weighted, w, maps, self.blocks, graph, here)
        return sums @ self.mixing().mT

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        self.check_vectors(v)
        flat = v.to(self.weight).reshape(-1, self.d)
        y, w = self._edge_functions(flat)
        rows, place = [], [0, 0]
        for k, block in enumerate(self.blocks):
            n, into = block.channels, self.to_blocks[place[0] : place[0] + block.dim * block.channels]
            product = (y @ getattr(self, f"maps_{k}")).unflatten(1, (block.height, block.dim))
            weights = w[:, place[1] : place[1] + len(block.heights) * n].unflatten(1, (-1, n))
            repeats = torch.tensor(block.heights, dtype=torch.int64, device=w.device)
            spread = weights.repeat_interleave(repeats, 1, output_size=block.height)
            part = torch.einsum("ehs,ehn,snc->ehnc", product, spread, into.unflatten(0, (block.dim, n)))
            rows.append(part.flatten(1, 2))
            place = [place[0] + block.dim * n, place[1] + len(block.heights) * n]
        kernel = self.mixing() @ torch.cat(rows, 1)
        return kernel.view(*v.shape[:-1], self.out_rep.dim, self.in_rep.dim)

    def stencil(self) -> torch.Tensor:
        self.spec.require_grid(self.d)
        offsets = torch.as_tensor(self.spec.offsets(self.d), device=self.weight.device).to(self.weight)
        kernel = self(offsets) * float(self.spec.oversampling) ** -self.d
        return kernel.permute(1, 2, 0).unflatten(-1, self.sizes)

    def extra_repr(self) -> str:
        return f"{self.spec!r}, {self.in_rep.name} -> {self.out_rep.name}, {self.in_rep.group}"


def paths(covariants: list[np.ndarray]) -> list[np.ndarray]:
    """Each covariant of each degree as a map (dim τ, dim σ, all harmonics), of squared norm dim τ."""
    total, start, found = sum(c.shape[-1] for c in covariants), 0, []
    for maps in covariants:
        for c in maps:
            full = np.zeros((*c.shape[:2], total))
            full[..., start : start + c.shape[-1]] = c * np.sqrt(len(c) / (c**2).sum())
            found.append(full)
        start += maps.shape[-1]
    return found
