"""What a check of equivariance found: numbers, and a text that says what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ElementError:
    """The relative error ‖N(g f) - g N(f)‖ / ‖N(f)‖ under one group element.

    Under elements that need sampling the denominator is the variation of N(f) over the random inputs f, so that an
    output that hardly depends on its input does not look equivariant.

    Attributes:
        element: g, (d, d) float64.
        name: such as "rotation by 45°".
        output: of the output.
        input_gradient: of the gradient with respect to the input; None if not measured.
        parameter_gradient: of the gradient with respect to the parameters, which is invariant; None if not measured.
    """

    element: torch.Tensor
    name: str
    output: float
    input_gradient: float | None = None
    parameter_gradient: float | None = None


@dataclass(frozen=True)
class EquivarianceReport:
    """The result of `check.equivariance`.

    Attributes:
        module: its class.
        group: the name of its group.
        size: of the input grid.
        exact: errors under the elements that permute the axes up to signs, in float64: rounding is expected.
        exact_float32: the largest of these in float32.
        sampled: errors under other elements, on a band-limited input in closed form, at the centre of the output.
        refinement: for modules that can be refined, the error of two of `sampled` at spacings h, h/2, h/4.
        unconstrained: the largest of `sampled` of a module of equal shapes without the constraint.
        output_norm: root mean square of the output.
        sensitivity: relative change of the output when the input is replaced by another one.
    """

    module: str
    group: str
    size: int
    exact: tuple[ElementError, ...]
    exact_float32: float
    sampled: tuple[ElementError, ...]
    refinement: tuple[float, ...] | None
    unconstrained: float
    output_norm: float
    sensitivity: float

    @property
    def exact_error(self) -> float:
        """The largest error under exact elements, outputs and gradients, float64; NaN if any is."""
        return largest(x for e in self.exact for x in (e.output, e.input_gradient, e.parameter_gradient))

    @property
    def sampled_error(self) -> float:
        """The largest error under elements that need sampling; NaN if any is."""
        return largest(e.output for e in self.sampled)

    @property
    def extrapolated(self) -> float | None:
        """The error as h → 0, by Aitken's extrapolation of the refinement (geometric convergence), at least 0."""
        if self.refinement is None:
            return None
        a, b, c = self.refinement
        converges = abs(b - c) < abs(a - b)
        return max(0.0, c - (b - c) ** 2 / ((a - b) - (b - c))) if converges else c

    def passed(self, tolerance: float = 1e-9) -> bool:
        """Whether exact elements are exact, the output is neither zero nor constant, and the constraint helps.

        NaN fails.
        """
        alive = self.output_norm > 0 and self.sensitivity > 1e-6
        sampled = not self.sampled or self.sampled_error < max(self.unconstrained, tolerance)
        return bool(self.exact_error < tolerance and alive and sampled)

    def __str__(self) -> str:
        lines = [
            f"{self.module}, {self.group}, input size {self.size}: "
            f"{'equivariant' if self.passed() else 'NOT equivariant'}",
            f"  output: norm {self.output_norm:.2e}, sensitivity to the input {self.sensitivity:.2e}",
            f"  {len(self.exact)} elements that act exactly on the grid: error {self.exact_error:.1e} in float64 "
            f"(outputs and gradients), {self.exact_float32:.1e} in float32",
        ]
        if self.sampled:
            worst = max(self.sampled, key=lambda e: e.output)
            lines.append(
                f"  {len(self.sampled)} elements that need sampling: error up to {self.sampled_error:.1e} "
                f"({worst.name}); without the constraint {self.unconstrained:.1e}"
            )
        if self.refinement is not None:
            numbers = ", ".join(f"{e:.1e}" for e in self.refinement)
            lines.append(
                f"  on grids of spacing h, h/2, h/4: {numbers}; extrapolated to h = 0: {self.extrapolated:.1e}"
            )
        return "\n".join(lines)


def largest(numbers: Iterable[float | None]) -> float:
    """The maximum of the numbers that are given, 0 if none is; NaN if any is."""
    return float(torch.tensor([x for x in numbers if x is not None] or [0.0], dtype=torch.float64).max())


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    """‖a - b‖ / ‖b‖; 0 if both vanish."""
    scale = float(b.norm())
    return float((a - b).norm()) / scale if scale else float(a.norm())


def element_name(g: torch.Tensor) -> str:
    """A name for a matrix: an angle in the plane, the entries elsewhere."""
    if g.shape == (2, 2):
        angle = float(torch.rad2deg(torch.atan2(g[1, 0], g[0, 0]))) % 360
        if torch.linalg.det(g) > 0:
            return "identity" if min(angle, 360 - angle) < 1e-9 else f"rotation by {angle:.4g}°"
        return f"reflection, then rotation by {angle:.4g}°"
    return str([[round(float(x), 3) for x in row] for row in g])
