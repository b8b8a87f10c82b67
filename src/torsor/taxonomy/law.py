"""Statements of the taxonomy that are no networks: what is measured, what it should be, and what it should not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from torsor.taxonomy.certificate import EXACT, Certificate


@dataclass(frozen=True, eq=False)
class Law:
    """measured = expected, where another way, such as leaving out the constraint, gives something else.

    Attributes:
        name: the statement.
        measured: numbers that the library gives, any shape.
        expected: what they should be, by another way.
        otherwise: the negative control, of the same shape.
        budget: of the relative error ‖measured - expected‖ / ‖expected‖.
    """

    name: str
    measured: Any
    expected: Any
    otherwise: Any
    budget: float = EXACT

    def certificate(self) -> Certificate:
        """The law as a certificate: its control is that `otherwise` is far from what is expected."""
        measured, expected, otherwise = (_tensor(x) for x in (self.measured, self.expected, self.otherwise))
        scale = expected.norm()
        return Certificate(
            network=self.name,
            error=float((measured - expected).norm() / scale),
            budget=self.budget,
            norm=float(measured.square().mean().sqrt()),
            unconstrained=float((otherwise - expected).norm() / scale),
        )


def _tensor(x: Any) -> torch.Tensor:
    return torch.as_tensor(x).detach().double()
