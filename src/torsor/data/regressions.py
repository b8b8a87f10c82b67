"""Three regressions with known symmetry: a function of O(5), tensors of inertia, electron-muon scattering.

Inputs, targets and their scale are those of the published experiments, so that test errors compare; the mean squared
error is taken of the targets as they are, not standardised. Samples are float64 and a function of the seed alone.

Source: M. Finzi, M. Welling, A. G. Wilson, A practical method for constructing equivariant multilayer perceptrons for
arbitrary matrix groups, ICML 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torsor import groups, reps
from torsor.errors import DataError
from torsor.reps import Representation


@dataclass(frozen=True)
class Regression:
    """Pairs of inputs and targets with their types: y = f(x), f(ρ_in(g) x) = ρ_out(g) f(x).

    Attributes:
        x: inputs, (number, in_rep.dim).
        y: targets, (number, out_rep.dim).
        in_rep: type of the inputs.
        out_rep: type of the targets.
    """

    x: torch.Tensor
    y: torch.Tensor
    in_rep: Representation
    out_rep: Representation

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: slice | torch.Tensor) -> Regression:
        return Regression(self.x[index], self.y[index], self.in_rep, self.out_rep)

    def moved(self, g: torch.Tensor) -> Regression:
        """Every sample transformed by an element (d, d), or each by its own (number, d, d)."""
        rho_in, rho_out = self.in_rep.rho(g.to(self.x)), self.out_rep.rho(g.to(self.y))
        x, y = (rho_in @ self.x[..., None])[..., 0], (rho_out @ self.y[..., None])[..., 0]
        return Regression(x, y, self.in_rep, self.out_rep)

    def to(self, dtype: torch.dtype) -> Regression:
        """The same samples in another precision."""
        return Regression(self.x.to(dtype), self.y.to(dtype), self.in_rep, self.out_rep)


def o5_synthetic(number: int, seed: int = 0) -> Regression:
    """y = sin|a| - |b|³/2 + a·b / (|a| |b|) of two standard normal vectors of R⁵, an invariant of O(5).

    Raises:
        DataError: fewer than one sample.
    """
    a, b = _normal(number, (2, 5), seed).unbind(1)
    y = o5_function(a, b)
    o5 = groups.O(5)
    return Regression(torch.cat([a, b], 1), y[:, None], 2 * reps.standard(o5), reps.trivial(o5))


def o5_function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """sin|a| - |b|³/2 + a·b / (|a| |b|): (..., 5), (..., 5) -> (...)."""
    r, s = a.norm(dim=-1), b.norm(dim=-1)
    return r.sin() - s**3 / 2 + (a * b).sum(-1) / (r * s)


def inertia(number: int, seed: int = 0, bodies: int = 5) -> Regression:
    """I = Σ m (|r|² 1 - r rᵀ) of point masses in R³: scalars and vectors -> a tensor T(2, 0) of O(3).

    Positions are standard normal, masses log(1 + exp(standard normal)). The input holds all masses, then positions.

    Raises:
        DataError: fewer than one sample or body.
    """
    raw = _normal(number, (bodies, 4), seed)
    masses, positions = torch.nn.functional.softplus(raw[..., 0]), raw[..., 1:]
    y = inertia_tensor(masses, positions)
    o3 = groups.O(3)
    in_rep = bodies * reps.trivial(o3) + bodies * reps.standard(o3)
    return Regression(torch.cat([masses, positions.flatten(1)], 1), y.flatten(1), in_rep, reps.tensor(o3, 2))


def inertia_tensor(masses: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Σ m (|r|² 1 - r rᵀ): (..., bodies), (..., bodies, 3) -> (..., 3, 3)."""
    squares = (masses * positions.square().sum(-1)).sum(-1)
    second = torch.einsum("...k,...ki,...kj->...ij", masses, positions, positions)
    return squares[..., None, None] * torch.eye(3).to(positions) - second


def lorentz_scattering(number: int, seed: int = 0, symmetrised: bool = False) -> Regression:
    """The squared matrix element of e⁻ μ⁻ → e⁻ μ⁻ as a function of four momenta, an invariant of O(1, 3).

    y = 4 (p^μ p'^ν - (p·p' - p·p) η^{μν}) (q_μ q'_ν - (q·q' - q·q) η_{μν}) with the momenta p, q of electron and muon
    before and p', q' after the collision, normal with deviation 1/4 (they need not be on shell), in the order
    p, q, p', q'. The published experiments use this form; the trace of γ-matrices has p^μ p'^ν + p^ν p'^μ in the
    brackets (and the squared mass is p·p), which is `symmetrised`.
    y has mean 1/4 and variance about 0.75.

    Raises:
        DataError: fewer than one sample.
    """
    momenta = _normal(number, (4, 4), seed) / 4
    y = scattering_amplitude(*momenta.unbind(1), symmetrised=symmetrised)
    lorentz = groups.O(1, 3)
    return Regression(momenta.flatten(1), y[:, None], 4 * reps.standard(lorentz), reps.trivial(lorentz))


def scattering_amplitude(
    p: torch.Tensor, q: torch.Tensor, p_out: torch.Tensor, q_out: torch.Tensor, symmetrised: bool = False
) -> torch.Tensor:
    """The contraction of the two brackets in invariants, with a = p·p' - p·p and b = q·q' - q·q.

    4 [(p·q)(p'·q') - b p·p' - a q·q' + 4ab]; symmetrised, 8 [(p·q)(p'·q') + (p·q')(p'·q) - b p·p' - a q·q' + 2ab]. The
    products are those of η = diag(-1, 1, 1, 1); its sign does not matter.
    """
    a, b = _dot(p, p_out) - _dot(p, p), _dot(q, q_out) - _dot(q, q)
    direct, traces = _dot(p, q) * _dot(p_out, q_out), b * _dot(p, p_out) + a * _dot(q, q_out)
    if symmetrised:
        return 8 * (direct + _dot(p, q_out) * _dot(p_out, q) - traces + 2 * a * b)
    return 4 * (direct - traces + 4 * a * b)


def _dot(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """η(u, v), the time component first and negative."""
    return (u * v)[..., 1:].sum(-1) - u[..., 0] * v[..., 0]


def _normal(number: int, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    if number < 1 or min(shape) < 1:
        raise DataError(f"expected at least one sample of at least one body, got {number} samples of shape {shape}")
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, *shape, dtype=torch.float64, generator=generator)
