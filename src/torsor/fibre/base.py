"""What a layer is: two representations, and a map of plain tensors that commutes with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.reps import Representation


class Constants(torch.nn.Module):
    """A module with constants that are derived, never stored.

    `constants` gives them in NumPy float64. They become non-persistent buffers, and are derived again from float64
    whenever the module changes dtype or device (``.double()`` after ``.float()``, ``to_empty``).
    """

    def constants(self) -> dict[str, np.ndarray]:
        """Name -> float64 array."""
        return {}

    def derive(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        """(Re)compute the buffers of `constants`. Constructors call it last."""
        for name, value in self.constants().items():
            old = self._buffers.get(name)
            kind = dtype or (old.dtype if old is not None else torch.get_default_dtype())
            place = device if device is not None else (old.device if old is not None else None)
            with torch.inference_mode(False):  # they also serve layers that are trained later
                self.register_buffer(name, torch.tensor(value, dtype=kind, device=place), persistent=False)

    def _apply(self, fn: Any, recurse: bool = True) -> Constants:
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        if any(self._buffers[name] is not buffer for name, buffer in before.items()):
            self.derive()
        return self


class Layer(Constants, ABC):
    """A map from fields of type `in_rep` to fields of type `out_rep` that commutes with the group.

    A layer takes a plain tensor whose axis 1 holds the channels, (batch, channels, *space) or (points, channels), and
    returns one; or it takes a `Field` and returns a `Field`. Subclasses define `compute`.
    """

    def __init__(self, in_rep: Representation, out_rep: Representation) -> None:
        super().__init__()
        for rep in (in_rep, out_rep):
            if not isinstance(rep, Representation):
                raise FieldTypeError(f"expected a representation as the type of a field, got {rep!r}")
            rep.settle()
        if in_rep.group != out_rep.group:
            raise FieldTypeError(
                f"expected two types of one group, got {in_rep} and {out_rep}; nn.Restrict changes the group"
            )
        self.in_rep = in_rep
        self.out_rep = out_rep

    @abstractmethod
    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """The map on plain tensors whose type has been checked."""

    def forward(self, x: Any) -> Any:
        """Apply the layer to a tensor (batch, in_rep.dim, …) or to a `Field`.

        Raises:
            FieldTypeError: the number of channels, or the type of the field, is not `in_rep`.
        """
        if not isinstance(x, torch.Tensor):
            return as_field(self, x).through(self)
        check_channels(self, x, self.in_rep)
        return self.compute(x)

    def space_out(self, space: Any) -> Any:
        """The space on which the output lives; pooling and strides change it."""
        return space

    def freeze(self) -> torch.nn.Module:
        """The equivalent module for inference, plain where torch.nn has a counterpart.

        Layers without weights to expand and without a counterpart in torch.nn stay as they are, in evaluation mode.
        """
        return deepcopy(self).eval()

    def refined(self, factor: int) -> torch.nn.Module:
        """The same layer on a grid that is finer by a factor, for measuring the discretisation error.

        Pointwise layers are their own refinement. Layers that know the grid override this, or raise.
        """
        return deepcopy(self)

    def extra_repr(self) -> str:
        return f"{self.in_rep.name} -> {self.out_rep.name}, {self.in_rep.group}"


def as_field(layer: object, x: Any) -> Any:
    """x, which is a `Field`.

    Raises:
        FieldTypeError: it is something else.
    """
    if not hasattr(x, "through"):
        raise FieldTypeError(f"{type(layer).__name__} expects a tensor or a torsor.Field, got {type(x).__name__}")
    return x


def check_channels(layer: object, x: torch.Tensor, rep: Representation) -> None:
    """Raise unless axis 1 of x has the dimension of a representation, and x the precision of the layer.

    Raises:
        FieldTypeError: no tensor; expected and received numbers of channels, or dtypes.
    """
    if not isinstance(x, torch.Tensor):
        raise FieldTypeError(f"{type(layer).__name__} expects a tensor, such as field.tensor, got {type(x).__name__}")
    check_digits(layer, x, next(layer.parameters(), x) if isinstance(layer, torch.nn.Module) else x)
    if x.ndim < 2 or x.shape[1] != rep.dim:
        raise FieldTypeError(
            f"{type(layer).__name__} expects fields of type {rep}, {rep.dim} channels in axis 1; "
            f"got a tensor of shape {tuple(x.shape)}"
        )


def check_digits(layer: object, x: torch.Tensor, own: torch.Tensor) -> None:
    """Raise unless x holds numbers, and float64 meets float64: of a parameter or a table of the layer, or x itself.

    Raises:
        FieldTypeError: expected and received dtypes.
    """
    number = x.is_floating_point() or x.is_complex()
    if not number or (torch.float64 in (own.dtype, x.dtype) and own.dtype != x.dtype):
        kind = "real numbers" if own is x else f"{own.dtype}, the dtype of the layer"
        raise FieldTypeError(
            f"{type(layer).__name__} expects features of {kind}, got {x.dtype}; x.to(…) and layer.to(…) change it"
        )


def split_fields(x: torch.Tensor, rep: Representation) -> list[torch.Tensor]:
    """The terms of a feature: for each (multiplicity, ρ) a view (batch, multiplicity, dim ρ, *space)."""
    sizes = [m * term.dim for m, term in rep.terms]
    parts = x.split(sizes, dim=1) if len(sizes) > 1 else (x,)
    return [part.unflatten(1, (m, term.dim)) for part, (m, term) in zip(parts, rep.terms, strict=True)]


def join_fields(parts: list[torch.Tensor]) -> torch.Tensor:
    """Inverse of `split_fields`: (batch, multiplicity, dim, *space) parts -> (batch, channels, *space)."""
    flat = [part.flatten(1, 2) for part in parts]
    return flat[0] if len(flat) == 1 else torch.cat(flat, dim=1)


def freeze(module: torch.nn.Module) -> torch.nn.Module:
    """A copy of any module for inference, in which every layer of torsor is replaced by its frozen equivalent."""
    if hasattr(module, "freeze") and not isinstance(module, torch.jit.ScriptModule):
        return module.freeze()  # type: ignore[operator]
    children = {name: freeze(child) for name, child in module.named_children()}
    memo = {id(child): children[name] for name, child in module.named_children()}
    return deepcopy(module, memo).eval()
