"""Does a network on a manifold depend on the frames that were chosen, and does it commute with isometries?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch

from torsor.check.report import ElementError, largest, relative
from torsor.errors import ConfigError, FieldTypeError
from torsor.fields import Field
from torsor.spaces import Atlas, Batch, LatLon, Manifold, Motion, Subset
from torsor.spaces.harmonic_rotation import orthogonal, rotated

Slopes = tuple[torch.Tensor, torch.Tensor]
"""Gradients with respect to the input, and to all parameters."""


@dataclass(frozen=True)
class Change:
    """T: (T f)(p) = ρ(g_p) f(source_p), on the space as it is after the change.

    Attributes:
        name: for the report.
        motion: the source of every point, and g.
        before: the space of f.
        after: the space of T f.
        isometry: as it was given; None for changes of gauge.
    """

    name: str
    motion: Motion
    before: Any
    after: Any
    isometry: Any = None

    @property
    def element(self) -> torch.Tensor:
        """g at every point."""
        return self.motion.g

    def __call__(self, field: Field) -> Field:
        """T f."""
        return Field(self.before.move(field.tensor, field.rep, self.motion), field.rep, self.after)

    def undo(self, out: Any) -> torch.Tensor:
        """T⁻¹ of an output: on the same points, on some of them, on a coarser space, or one value a space.

        Raises:
            FieldTypeError: points of the output that an isometry moves elsewhere, or a space on which it is not known.
        """
        if not isinstance(out, Field):
            return out
        source, g = self.motion
        if not (out.space is self.after or (isinstance(self.after, Manifold) and self.after.same(out.space))):
            members = members_of(out.space, self.before)
            if members is None and (self.isometry is None or not isinstance(out.space, Manifold | Atlas)):
                return out.tensor
            if members is None:
                source, g = motion_of(self.isometry, out.space)
            else:
                place = torch.full_like(source, -1).index_copy(0, members, torch.arange(len(members)))
                g, source = g[members], place[source[members]]
            if bool((source < 0).any()):
                if self.isometry is None:
                    return out.tensor
                raise FieldTypeError(f"{out.space!r} is not mapped to itself by the isometries of the whole space")
        back = source.argsort()
        return out.space.move(out.tensor, out.rep, Motion(back, out.rep.group.inverse(g)[back]))


def motion_of(isometry: Any, space: Any) -> Motion:
    """What an isometry, in any form that `isometry` takes, does to a space.

    Raises:
        FieldTypeError: a motion of other points.
    """
    if not isinstance(isometry, Motion):
        return isometry(space) if callable(isometry) else space.act(isometry)  # type: ignore[return-value]
    if len(isometry.source) != len(space):
        raise FieldTypeError(
            f"expected motions of {space!r}, got one of {len(isometry.source)} points; matrices, and functions from a "
            "space to its motion, also say what happens to coarser points"
        )
    return isometry


def members_of(space: Any, whole: Any) -> torch.Tensor | None:
    """The points of a subset, or of a batch of subsets, among those of another space; None for other spaces."""
    if isinstance(space, Batch) and isinstance(whole, Batch) and space.elements == whole.elements:
        found, start = [], 0
        for part, other in zip(space.parts, whole.parts, strict=True):
            members = members_of(part, other)
            if members is None:
                return None
            found.append(members + start)
            start += len(other)
        return torch.cat(found)
    if not isinstance(space, Subset) or not isinstance(whole, Manifold):
        return None
    return whole.outside(space.members)


@dataclass(frozen=True)
class Turn:
    """An isometry of the sphere, of fields on a grid of latitudes and longitudes: of their harmonics, exactly.

    Attributes:
        name: for the report.
        element: (1, 3, 3).
    """

    name: str
    element: torch.Tensor

    def __call__(self, field: Field) -> Field:
        """g f."""
        return field.transform(self.element[0])

    def undo(self, out: Any) -> torch.Tensor:
        """g⁻¹ f of an output on any such grid, without what is above its band limit; values of the whole sphere stay.

        Raises:
            FieldTypeError: an output that lives elsewhere.
        """
        if not isinstance(out, Field):
            return out
        if not isinstance(out.space, LatLon):
            raise FieldTypeError(
                f"expected an output on a grid of latitudes and longitudes, got {out.rep} on {out.space!r}; "
                "Field(x, type, grid) says where x lives"
            )
        return out.transform(self.element[0].mT).tensor


@dataclass(frozen=True)
class Slide:
    """Every row of a grid of latitudes and longitudes moves by half of all rows: no isometry of the sphere."""

    def __call__(self, field: Field) -> Field:
        """The moved field."""
        return Field(field.tensor.roll(field.tensor.shape[2] // 2, 2), field.rep, field.space)

    def undo(self, out: Any) -> torch.Tensor:
        """The output moved back."""
        return out.tensor.roll(-(out.tensor.shape[2] // 2), 2) if isinstance(out, Field) else out


@dataclass(frozen=True)
class FrameReport:
    """The result of `check.gauge` and `check.isometry`.

    Attributes:
        module: its class.
        space: the space, as text.
        kind: "gauge transformations" or "isometries".
        errors: one of each change T, in float64: ‖T⁻¹ N(T f) - N(f)‖ / ‖N(f)‖, and likewise for the gradients.
        float32: the largest error of the output in float32.
        blind: the largest error where only the coefficients are changed, not the space (gauge), or where they are
            moved to other points by a permutation at random, on latitudes and longitudes by half of all rows
            (isometries): what a network that is not equivariant has.
        output_norm: root mean square of the output.
        sensitivity: relative change of the output when the input is replaced by another one.
        invariant: whether the output is a plain tensor, which is compared as it is.
    """

    module: str
    space: str
    kind: str
    errors: tuple[ElementError, ...]
    float32: float
    blind: float
    output_norm: float
    sensitivity: float
    invariant: bool = False

    @property
    def error(self) -> float:
        """The largest error in float64, outputs and gradients; NaN if any is."""
        return largest(x for e in self.errors for x in (e.output, e.input_gradient, e.parameter_gradient))

    @property
    def doubtful(self) -> bool:
        """Whether it failed and the output is a plain tensor, which may hold coefficients of vectors."""
        return self.invariant and not self.passed()

    def passed(self, tolerance: float = 1e-9) -> bool:
        """Whether the errors are rounding, and the output neither zero nor constant; NaN fails."""
        return bool(self.error < tolerance and self.output_norm > 0 and self.sensitivity > 1e-6)

    def __str__(self) -> str:
        verdict = "commutes" if self.passed() else "does NOT commute"
        return "\n".join(
            [
                f"{self.module} on {self.space}: {verdict} with {self.kind}",
                f"  output: norm {self.output_norm:.2e}, sensitivity to the input {self.sensitivity:.2e}",
                f"  {len(self.errors)} {self.kind}: error {self.error:.1e} in float64 (outputs and gradients), "
                f"{self.float32:.1e} in float32; without equivariance {self.blind:.1e}",
                *["  the output is a plain tensor, compared as invariants; a Field says its type"] * self.doubtful,
            ]
        )


def gauge(
    module: torch.nn.Module, field: Field, *, samples: int = 4, gradients: bool = True, seed: int = 0
) -> FrameReport:
    """Change the frames at every point by an independent random element, and compare N(g f) with g N(f).

    Nonlinearities of regular fields of continuous groups sample functions on the group: there the error is that of
    the sampling, and falls with the number of samples.

    Args:
        module: any module from fields to fields; it is measured in evaluation mode, in float64 on the CPU.
        field: an example of the input, with its type and its space; the values are not used.
        samples: number of random gauge transformations.
        gradients: compare the gradients with respect to input and parameters too.
        seed: of fields and elements.

    Raises:
        FieldTypeError: the field does not live on a manifold.
    """
    if samples < 1:
        raise ConfigError(f"expected 1 or more random gauge transformations, got samples={samples}")
    generator = torch.Generator().manual_seed(seed)
    field = _random(field, generator)
    space = field.space
    if isinstance(space, LatLon):
        raise FieldTypeError(f"the frames of {space!r} are east and north everywhere: there is no other gauge")
    group = space.group
    scale, everywhere = None if group.is_compact else 0.5, torch.arange(len(space))
    changes = []
    for number in range(samples):
        g = group.sample(len(space), generator, scale=scale)
        shaped = g.unflatten(0, space.shape) if isinstance(space, Atlas) else g
        changes.append(Change(f"gauge {number}", Motion(everywhere, g), space, space.regauge(shaped)))
    blind = [replace(change, after=space) for change in changes]
    return _report(module, field, changes, blind, "gauge transformations", gradients, generator)


def isometry(
    module: torch.nn.Module,
    field: Field,
    isometries: Iterable[Any],
    *,
    gradients: bool = True,
    seed: int = 0,
) -> FrameReport:
    """Move the input by isometries of the space that map its points onto each other: N(φ f) against φ N(f).

    On grids of latitudes and longitudes any rotation moves band-limited fields exactly. Layers that are linear commute
    to rounding; pointwise nonlinearities make degrees that the grid does not hold, and the error is that of aliasing.

    Args:
        module: any module from fields to fields on the same space, or to one value a space.
        field: an example of the input, with its type and its space; the values are not used.
        isometries: what ``field.space.act`` takes, such as rotation matrices; or the `Motion` of each, such as
            ``atlas.symmetries()``; or functions from a space to the motion, which also move outputs on a coarser space,
            such as ``lambda space: space.shift(space.shape[2] // 4)``.
        gradients: compare the gradients with respect to input and parameters too.
        seed: of fields.

    Raises:
        FieldTypeError: the field does not live on a manifold, or a motion is that of other points.
        SpaceError: not a symmetry of the samples and the structure.
    """
    generator = torch.Generator().manual_seed(seed)
    field = _random(field, generator)
    space = field.space
    if isinstance(space, LatLon):
        turns = [Turn(f"isometry {i}", orthogonal(g, field.rep)[None]) for i, g in enumerate(isometries)]
        return _report(module, field, turns, [Slide()], "isometries", gradients, generator)
    changes = [Change(f"isometry {i}", motion_of(phi, space), space, space, phi) for i, phi in enumerate(isometries)]
    order = torch.randperm(len(space), generator=generator)
    blind = [replace(change, motion=Motion(order, change.motion.g), isometry=None) for change in changes[:1]]
    return _report(module, field, changes, blind, "isometries", gradients, generator)


def _random(field: Field, generator: torch.Generator) -> Field:
    if not isinstance(field, Field):
        raise FieldTypeError(f"expected a Field, which knows its space, got {type(field).__name__}")
    values = torch.randn(field.tensor.shape, generator=generator, dtype=torch.float64)
    if isinstance(field.space, LatLon):  # band-limited
        return Field(rotated(values, field.rep, field.space, torch.eye(3)), field.rep, field.space)
    if not isinstance(field.space, Manifold | Atlas):
        raise FieldTypeError(f"expected a field on a manifold or an atlas, with frames, got one on {field.space!r}")
    values = field.space.masking(values) if isinstance(field.space, Atlas) else values
    return Field(values, field.rep, field.space.to("cpu"))


def _report(
    module: torch.nn.Module,
    field: Field,
    changes: Sequence[Change | Turn],
    blind: Sequence[Change | Slide],
    kind: str,
    gradients: bool,
    generator: torch.Generator,
) -> FrameReport:
    if not isinstance(module, torch.nn.Module):
        raise FieldTypeError(f"expected a torch.nn.Module to check, got {type(module).__name__}")
    if not changes:
        raise ConfigError(f"expected one or more {kind}, got none")
    module = deepcopy(module).to("cpu").double().eval()
    with torch.no_grad():
        out = module(field)
        reference, other = tensor_of(out), tensor_of(module(_random(field, generator)))
        cotangent = torch.randn(reference.shape, generator=generator, dtype=torch.float64)
        plain = [relative(change.undo(module(change(field))), reference) for change in blind]
        single = deepcopy(module).float()
        low = [relative(_single(single, change, field), reference) for change in changes]
    still = Turn("", torch.eye(3)[None]) if isinstance(field.space, LatLon) else None  # as T⁻¹ does: no higher degrees
    expected = _slopes(module, field, cotangent, still) if gradients else None
    return FrameReport(
        module=type(module).__name__,
        space=repr(field.space),
        kind=kind,
        errors=tuple(_error(module, field, change, reference, expected, cotangent) for change in changes),
        float32=largest(low),
        blind=largest(plain),
        output_norm=float(reference.square().mean().sqrt()),
        sensitivity=relative(other, reference) if bool(reference.any()) else 0.0,
        invariant=not isinstance(out, Field),
    )


def tensor_of(out: Any) -> torch.Tensor:
    """The tensor of a field, or the tensor that it is; zero at masked pixels, which are no points of the space."""
    if isinstance(out, Field):
        return out.space.masking(out.tensor) if isinstance(out.space, Atlas) else out.tensor
    return out


def _single(module: torch.nn.Module, change: Change | Turn, field: Field) -> torch.Tensor:
    """T⁻¹ N(T f) in single precision; the geometry keeps its own."""
    changed = change(field)
    return change.undo(module(Field(changed.tensor.float(), changed.rep, changed.space)))


def _error(
    module: torch.nn.Module,
    field: Field,
    change: Change | Turn,
    reference: torch.Tensor,
    expected: Slopes | None,
    cotangent: torch.Tensor,
) -> ElementError:
    with torch.no_grad():
        output = relative(change.undo(module(change(field))), reference)
    if expected is None:
        return ElementError(change.element[0], change.name, output)
    found = _slopes(module, field, cotangent, change)
    slopes = [relative(a, b) for a, b in zip(found, expected, strict=True)]
    return ElementError(change.element[0], change.name, output, *slopes)


def _slopes(
    module: torch.nn.Module, field: Field, cotangent: torch.Tensor, change: Change | Turn | None = None
) -> Slopes:
    """The gradients of ⟨c, T⁻¹ N(T f)⟩ with respect to f and to all parameters."""
    x = field.tensor.detach().clone().requires_grad_()
    start = Field(x, field.rep, field.space)
    value = tensor_of(module(start)) if change is None else change.undo(module(change(start)))
    parameters = [p for p in module.parameters() if p.requires_grad]
    slopes = torch.autograd.grad((value * cotangent).sum(), [x, *parameters], allow_unused=True)
    flat = [slope.flatten() for slope in slopes[1:] if slope is not None]
    return slopes[0], torch.cat(flat) if flat else x.new_zeros(0)
