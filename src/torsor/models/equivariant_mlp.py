"""Multilayer perceptrons between any two representations of any matrix group."""

from __future__ import annotations

import warnings
from itertools import count

import torch

from torsor import nn, reps
from torsor.errors import BottleneckWarning, ConfigError, FieldTypeError
from torsor.fibre.contraction import contractions, pairing
from torsor.groups import Group
from torsor.reps import Representation

STRENGTH = 0.1
"""Of products beside the fields themselves, before training."""


class EquivariantMLP(torch.nn.Module):
    """f(ρ_in(g) x) = ρ_out(g) f(x): tensors (batch, in_rep.dim) -> (batch, out_rep.dim).

    Each of the hidden layers is y = W x + b, z = y + ε B(y, y), then gates: a scalar s of z becomes s σ(s/3), every
    other field is multiplied by 2σ(s/10) with a scalar s of its own. W are all equivariant linear maps, B random
    contractions (`nn.Bilinear`), ε a learnt number, 0.1 at first. The output is W z + b + ε B(z, z). No norms are used,
    so that groups without an invariant scalar product, the Lorentz group among them, are as good as compact ones.

    Args:
        in_rep: type of the input.
        out_rep: type of the output.
        group: the symmetry to impose, a subgroup of the group of the types, which are restricted; by default that
            group itself.
        hidden: the type of the hidden layers, or a number of channels for `uniform`.
        layers: number of hidden layers.
        order: the highest order of tensors in `uniform`, by default as high as the channels allow.
        pairs: pairs of fields in every product, see `nn.Bilinear`.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        ConfigError: fewer than one layer or channel.
        FieldTypeError: types of different groups.

    Source: after M. Finzi, M. Welling, A. G. Wilson, A practical method for constructing equivariant multilayer
    perceptrons for arbitrary matrix groups, ICML 2021.
    """

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation,
        group: Group | None = None,
        hidden: Representation | int = 128,
        layers: int = 3,
        *,
        order: int | None = None,
        pairs: int = 2,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ConfigError(f"expected at least one hidden layer, got {layers}; nn.Linear is a network without")
        if in_rep.group != out_rep.group:
            raise FieldTypeError(f"expected two types of one group, got {in_rep} and {out_rep}")
        group = in_rep.group if group is None else group
        self.in_rep, self.out_rep = in_rep.restrict(group), out_rep.restrict(group)
        self.hidden = uniform(group, hidden, order) if isinstance(hidden, int) else hidden.restrict(group)
        factory = {"device": device, "dtype": dtype}
        types = [self.in_rep, *[self.hidden] * layers]
        blocks = [_Block(a, b, pairs, seed, **factory) for a, b, seed in zip(types, types[1:], count(), strict=False)]
        self.body = torch.nn.Sequential(*blocks, _Quadratic(self.hidden, self.out_rep, None, layers, **factory))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The equivariant map of a batch of features, (batch, in_rep.dim, …) -> (batch, out_rep.dim, …)."""
        return self.body(x)


class _Quadratic(torch.nn.Module):
    """y = W x + b, z = y + ε B(y, y); or, to an output, z = y + ε B(x, x) with every field of x in some pair."""

    def __init__(
        self, in_rep: Representation, out_rep: Representation, pairs: int | None, seed: int, **factory
    ) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BottleneckWarning)  # vectors do not map to scalars; their products do
            self.linear = nn.Linear(in_rep, out_rep, **factory)
        self.last, source = pairs is None, in_rep if pairs is None else out_rep
        number = max(m for m, _ in source.terms) if pairs is None else pairs
        self.bilinear, self.strength = None, None
        if contractions(source, out_rep):
            self.bilinear = nn.Bilinear(source, out_rep, pairs=number, seed=seed, **factory)
            self.strength = torch.nn.Parameter(torch.full((), STRENGTH, **factory))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x)
        if self.bilinear is None or self.strength is None:
            return y
        return y + self.strength * self.bilinear(x if self.last else y)


class _Block(torch.nn.Module):
    """A hidden layer: linear, plus ε times contractions of pairs of its fields, then gates."""

    def __init__(self, in_rep: Representation, out_rep: Representation, pairs: int, seed: int, **factory) -> None:
        super().__init__()
        self.gates = nn.Gated(out_rep, _Sigmoid(), _SelfGate())
        self.quadratic = _Quadratic(in_rep, self.gates.in_rep, pairs, seed, **factory)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gates(self.quadratic(x))


class _Sigmoid(torch.nn.Module):
    """2σ(s/10): close to 1 at first, so that a network begins as a polynomial in its input."""

    def forward(self, s: torch.Tensor) -> torch.Tensor:
        return 2 * torch.sigmoid(s / 10)


class _SelfGate(torch.nn.Module):
    """s σ(s/3)."""

    def forward(self, s: torch.Tensor) -> torch.Tensor:
        return s * torch.sigmoid(s / 3)


def uniform(group: Group, channels: int, order: int | None = None) -> Representation:
    """About `channels` channels, as many for tensors of each order 0 … k: many scalars, few tensors of high order.

    k is the highest order with (k + 1) d^k <= channels, or `order`. Order r has channels / ((k + 1) d^r) tensors, of
    the types T(p, q) with p + q = r in turn; of T(r, 0) only if the group keeps a form, so that V ≅ V*. What is left
    over becomes scalars.

    Raises:
        ConfigError: no channels, or a negative order.
    """
    d = group.dim
    if channels < 1 or (order is not None and order < 0):
        raise ConfigError(f"expected at least one channel and an order of at least 0, got {channels} and {order}")
    top = next(k for k in count() if k == order or d == 1 or (k + 2) * d ** (k + 1) > channels)
    terms = [term for r in range(1, top + 1) for term in _order(group, r, max(1, channels // ((top + 1) * d**r)))]
    used = sum(m * rep.dim for m, rep in terms)
    return reps.direct_sum([(max(1, channels - used), reps.trivial(group)), *terms])


def _order(group: Group, r: int, number: int) -> list[tuple[int, Representation]]:
    """`number` tensors of order r, spread over the types T(r, 0), T(r - 1, 1), …, T(0, r)."""
    vector = reps.standard(group)
    if pairing(vector, vector) is not None:
        return [(number, reps.tensor(group, r))]
    shares = [(number + r - q) // (r + 1) for q in range(r + 1)]
    return [(m, reps.tensor(group, r - q, q)) for q, m in enumerate(shares) if m]
