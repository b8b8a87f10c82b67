"""The certificate of a network: is it equivariant, is it alive, and would the measure have noticed if it were not?

One engine for every network. What a space and its symmetries are is the business of a `Probe`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

from torsor.errors import SpaceError
from torsor.nn import cached
from torsor.reps import Representation, direct_sum
from torsor.taxonomy.unconstrained import unconstrained

EXACT = 1e-10
"""The budget of what is exact: rounding of float64."""
ALIVE = 1e-2
"""The least sensitivity to the input, and the least error of a negative control."""
ELEMENTS = 16
"""So many random elements of the global symmetry at least."""


class Probe(ABC):
    """How the global symmetry of a space acts on the inputs and outputs of a network.

    Outputs are compared where both sides are defined, as pairs (N(g f), g N(f)) of shape (inputs, values, channels).
    """

    space: str
    budget: float | None = EXACT
    levels: tuple[int, ...] = ()

    def __init__(self) -> None:
        self._outputs: dict[torch.nn.Module, torch.Tensor] = {}

    def output(self, net: torch.nn.Module) -> torch.Tensor:
        """N(f) of the probe's own fields, computed once."""
        if net not in self._outputs:
            self._outputs[net] = self.evaluate(net)
        return self._outputs[net]

    @abstractmethod
    def evaluate(self, net: torch.nn.Module) -> torch.Tensor:
        """N(f)."""

    @abstractmethod
    def elements(self, number: int) -> list[Any]:
        """Random elements g of the global symmetry; every probe knows its own."""

    @abstractmethod
    def pair(self, net: torch.nn.Module, g: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """(N(g f), g N(f)) for random fields f."""

    @abstractmethod
    def outside(self, net: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """(N(a f), N(f)) at points that a map a outside the group carries onto each other, for many fields f."""

    def unconstrained(self, net: torch.nn.Module, seed: int) -> torch.nn.Module:
        """The first negative control: the same architecture with kernels that the group does not constrain."""
        return unconstrained(net, seed)

    def refined(self, net: torch.nn.Module, level: int) -> tuple[torch.nn.Module, Probe]:
        """The network on a space that is finer by a factor, and the probe of the same fields there.

        Raises:
            SpaceError: the space has no finer one.
        """
        raise SpaceError(f"{type(self).__name__} has no finer space: expected a budget of rounding")


@dataclass(frozen=True)
class Certificate:
    """What was measured of one network, in float64.

    Attributes:
        network: its types; or a statement, see `Law`.
        error: max ‖N(g f) - g N(f)‖ / ‖N(f) - mean over f‖ over random elements g of the global symmetry.
        budget: what the error may be: rounding, or the discretisation of a grid.
        norm: root mean square of the output.
        unconstrained: the error of the same architecture with unconstrained kernels.
        outside: how far N is from commuting with a map outside the group, whatever that map does to the channels.
        sensitivity: ‖N(f) - N(f')‖ / ‖N(f)‖ of independent inputs.
        space: of the fields.
        group: the structure group.
        elements: the number of random elements.
        refinement: the error on grids of spacing h, h/2 …; empty where nothing is discretised.
        parameters: their number.
    """

    network: str
    error: float
    budget: float
    norm: float
    unconstrained: float
    outside: float | None = None
    sensitivity: float | None = None
    space: str = ""
    group: str = ""
    elements: int = 0
    refinement: tuple[float, ...] = ()
    parameters: int = 0

    @property
    def ok(self) -> bool:
        """Whether the error is within its budget and falls, the network is alive, and both controls fail; NaN fails.

        A control fails if its error exceeds 1e-2, and twice the error on the finest grid.
        """
        falls = all(b < max(0.7 * a, EXACT) for a, b in zip(self.refinement, self.refinement[1:], strict=False))
        finest = min(self.error, *self.refinement[-1:], self.error)
        alive = self.norm > 0 and (self.sensitivity is None or self.sensitivity > ALIVE)
        return bool(self.error <= self.budget and falls and alive and self.control > max(ALIVE, 2 * finest))

    @property
    def control(self) -> float:
        """The error of the negative control that is closest to passing; NaN if one is."""
        return float(torch.tensor([x for x in (self.unconstrained, self.outside) if x is not None]).double().min())


def certify(net: torch.nn.Module, probe: Probe, budget: float | None = None, seed: int = 0) -> Certificate:
    """Measure the certificate of a network.

    Args:
        net: any network with `in_rep` and `out_rep`; a copy with random biases is measured in float64.
        probe: the space, its symmetries, and random fields on it.
        budget: of the discretisation, if the probe is not exact.
        seed: of the biases and of the control.
    """
    net = randomised(net, seed)
    elements = probe.elements(ELEMENTS)
    plain = probe.unconstrained(net, seed)
    with torch.no_grad(), cached(net):
        pairs = [probe.pair(net, g) for g in elements]
        output = pairs[0][1]
        return Certificate(
            network=f"{type_name(net.in_rep)} → {type_name(net.out_rep)}",  # type: ignore[arg-type]
            space=probe.space,
            group=str(net.in_rep.group),  # type: ignore[union-attr]
            elements=len(elements),
            error=worst([relative(*pair) for pair in pairs]),
            budget=probe.budget if probe.budget is not None else EXACT if budget is None else budget,
            norm=float(output.square().mean().sqrt()),
            sensitivity=float((output - output.roll(1, 0)).norm() / output.norm()),
            unconstrained=worst([relative(*probe.pair(plain, g)) for g in elements[:4]]),
            outside=up_to_channels(*probe.outside(net)),
            refinement=tuple(refinement(net, probe, elements)),
            parameters=sum(p.numel() for p in net.parameters()),
        )


def type_name(rep: Representation) -> str:
    """The name of a type; of several equal parts, such as a + b + a + b, it is 2 (a + b)."""
    terms = list(rep.terms)
    for size in range(1, len(terms) // 2 + 1):
        parts = len(terms) // size
        if parts > 1 and terms[:size] * parts == terms:
            return f"{parts} ({direct_sum(terms[:size]).name})"
    return rep.name


def refinement(net: torch.nn.Module, probe: Probe, elements: list[Any]) -> list[float]:
    """The error of the first elements on finer and finer grids, of the same physical fields."""
    errors = []
    for level in probe.levels:
        fine, at = probe.refined(net, level)
        with cached(fine):
            errors.append(worst([relative(*at.pair(fine, g)) for g in elements[:2]]))
    return errors


def randomised(net: torch.nn.Module, seed: int) -> torch.nn.Module:
    """A copy in float64 for evaluation, with noise on every parameter that starts constant: biases and scales."""
    net, generator = deepcopy(net).double().eval(), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            noise = torch.randn(p.shape, generator=generator, dtype=p.dtype)
            if p.numel() == 1 or bool((p == p.flatten()[0]).all()):
                p.add_(0.3 * noise)
    return net


def relative(moved: torch.Tensor, expected: torch.Tensor) -> float:
    """‖a - b‖ / ‖b - mean over inputs of b‖: a constant output is no equivariant one; NaN if the output is dead."""
    return float((moved - expected).norm() / (expected - expected.mean(0)).norm())


def up_to_channels(moved: torch.Tensor, expected: torch.Tensor) -> float:
    """min ‖a - L b‖ / ‖a - mean of a‖ over all matrices L that act on the channels: can any repair the error?"""
    a, b = moved.flatten(0, 1), expected.flatten(0, 1)
    if not bool(a.isfinite().all() and b.isfinite().all()):
        return float("nan")
    return float((a - b @ torch.linalg.lstsq(b, a).solution).norm() / (a - a.mean(0)).norm())


def worst(numbers: list[float]) -> float:
    """The maximum; NaN if any is."""
    return float(torch.tensor(numbers, dtype=torch.float64).max())
