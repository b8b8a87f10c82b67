"""Putting layers together: sequences and concatenations whose types are checked, and restriction to a subgroup."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch

from torsor.errors import FieldTypeError
from torsor.fibre import freeze
from torsor.fibre.base import as_field, check_channels
from torsor.fields import Field, common_space
from torsor.groups import Group
from torsor.reps import Representation, direct_sum


class Sequential(torch.nn.Sequential):
    """Layers one after another; the type that leaves one must be the type that the next expects, matrix for matrix.

    Layers are given one by one or, with names, as one ``OrderedDict``; slices are sequences too.

    Raises:
        FieldTypeError: no layers, a module without types, or two neighbours whose types differ.
    """

    def __init__(self, *layers: Any) -> None:
        named = len(layers) == 1 and isinstance(layers[0], OrderedDict)
        self._check(list(layers[0].values()) if named else layers)
        super().__init__(*layers)

    @staticmethod
    def _check(layers: Sequence[Any]) -> None:
        if not layers:
            raise FieldTypeError("expected at least one layer in nn.Sequential, got none")
        for k, layer in enumerate(layers):
            if not hasattr(layer, "in_rep") or not hasattr(layer, "out_rep"):
                raise FieldTypeError(
                    f"layer {k}, {type(layer).__name__}, has no types: plain modules are not known to be equivariant; "
                    "put them behind the invariant features, in torch.nn.Sequential"
                )
            if k and not layers[k - 1].out_rep.coincides(layer.in_rep):
                raise FieldTypeError(
                    f"layer {k}, {type(layer).__name__}, expects {layer.in_rep}, "
                    f"but layer {k - 1}, {type(layers[k - 1]).__name__}, gives {layers[k - 1].out_rep}"
                )

    @property
    def in_rep(self) -> Representation:
        """The type that the first layer expects."""
        return self[0].in_rep  # type: ignore[return-value]

    @property
    def out_rep(self) -> Representation:
        """The type that the last layer gives."""
        return self[-1].out_rep  # type: ignore[return-value]

    def append(self, module: Any) -> Sequential:
        """Add a layer at the end.

        Raises:
            FieldTypeError: its type is not the one that the sequence gives.
        """
        self._check([*self, module])
        return super().append(module)

    def freeze(self) -> torch.nn.Module:
        """`torch.nn.Sequential` of the frozen layers; on points, which torch.nn does not know, the sequence itself."""
        layers: list[tuple[str, Any]] = list(self._modules.items())
        frozen = OrderedDict((name, freeze(layer)) for name, layer in layers)
        if any(hasattr(part, "on_field") for layer in frozen.values() for part in layer.modules()):
            return deepcopy(self).eval()
        return torch.nn.Sequential(frozen).eval()

    def refined(self, factor: int) -> Sequential:
        """All layers on a grid that is finer by a factor."""
        layers: list[tuple[str, Any]] = list(self._modules.items())
        for _, layer in layers:
            if not hasattr(layer, "refined"):
                raise FieldTypeError(
                    f"{type(layer).__name__} has no refined(): it does not say what it is on a finer grid"
                )
        return Sequential(OrderedDict((name, layer.refined(factor)) for name, layer in layers))

    def space_out(self, space: Any) -> Any:
        """The space on which the output lives."""
        layers: list[Any] = list(self)
        for layer in layers:
            space = layer.space_out(space)
        return space


class Concatenate(torch.nn.Module):
    """Fields side by side: tensors (or fields on one space) of the given types become one of their direct sum.

    Raises:
        FieldTypeError: fewer than two types, or another number of inputs.
    """

    def __init__(self, *reps: Representation) -> None:
        super().__init__()
        if len(reps) < 2:
            raise FieldTypeError(f"expected at least two types to concatenate, got {len(reps)}")
        self.in_reps = reps
        self.out_rep = direct_sum([term for rep in reps for term in rep.terms])
        for rep in (*reps, self.out_rep):
            rep.settle()

    def forward(self, *inputs: Any) -> Any:
        """Concatenate the channels of one tensor or field for each type (given one by one, or as one sequence)."""
        tensors = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else inputs
        if tensors and isinstance(tensors[0], Field):
            fields = [as_field(self, x) for x in tensors]
            space = common_space(fields)
            return Field(self([field.tensor for field in fields]), self.out_rep, space)
        if len(tensors) != len(self.in_reps):
            raise FieldTypeError(f"expected {len(self.in_reps)} tensors to concatenate, got {len(tensors)}")
        for x, rep in zip(tensors, self.in_reps, strict=True):
            check_channels(self, x, rep)  # type: ignore[arg-type]
        return torch.cat(tuple(tensors), dim=1)  # type: ignore[arg-type]

    def freeze(self) -> torch.nn.Module:
        """The module itself: it has no weights."""
        return deepcopy(self).eval()


class Restrict(torch.nn.Module):
    """From a group to a subgroup: the same numbers, of the restricted type.

    A field on a manifold gets the space with the smaller structure group, and coefficients in its frames, see
    `Field.restrict`.

    Raises:
        RepresentationError: not a subgroup.
    """

    def __init__(self, rep: Representation, subgroup: Group) -> None:
        super().__init__()
        self.in_rep = rep
        self.out_rep = rep.restrict(subgroup)
        for each in (rep, self.out_rep):
            each.settle()

    def forward(self, x: Any) -> Any:
        """x itself, or the field x with its restricted type."""
        if not isinstance(x, torch.Tensor):
            return x.through(self)
        check_channels(self, x, self.in_rep)
        return x

    def on_field(self, field: Any) -> Any:
        """The field for the subgroup."""
        return field.restrict(self.out_rep.group)

    def space_out(self, space: Any) -> Any:
        """The space stays."""
        return space

    def freeze(self) -> torch.nn.Module:
        """The identity."""
        return torch.nn.Identity()

    def refined(self, factor: int) -> torch.nn.Module:
        """The layer itself."""
        return deepcopy(self)
