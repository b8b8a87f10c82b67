"""Pooling over a window of scales, and other windows for the same weights."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer, join_fields, split_fields
from torsor.nn.combine import Sequential
from torsor.nn.conv import Conv
from torsor.reps import PartialRepresentation, Representation, direct_sum, inflated


class ScalePool(Layer):
    """The largest (or mean) value over the scales of every field: y_a = max_i x_{ia}.

    Rotations stay: a regular field of C_N × S becomes a regular field of C_N, on which scalings act trivially
    (`GroupPool` pools over both). Exact for all scales there are; of a window, as far as the responses beyond it are
    smaller. Fields without scales pass unchanged.

    Args:
        rep: the type.
        mode: "max" or "mean".

    Raises:
        FieldTypeError: an unknown mode, no window of scales, or "max" of components that rotations mix.
    """

    def __init__(self, rep: Representation, mode: str = "max") -> None:
        if mode not in ("max", "mean"):
            raise FieldTypeError(f'expected the mode "max" or "mean", got {mode!r}')
        windows = [term for _, term in rep.terms if isinstance(term, PartialRepresentation)]
        if not windows:
            raise FieldTypeError(f"expected fields over a window of scales, reps.regular(group, window=4), got {rep}")
        for term in windows:
            if mode == "max" and not term.is_permutation:
                raise FieldTypeError(
                    f'the maximum over scales needs components that rotations permute, got {term}; take mode="mean"'
                )
        super().__init__(rep, direct_sum([(m, _without_window(term)) for m, term in rep.terms]))
        self.mode = mode

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = zip(split_fields(x, self.in_rep), self.in_rep.terms, strict=True)
        return join_fields([self._pool(part, term) for part, (_, term) in parts])

    def _pool(self, part: torch.Tensor, term: Representation) -> torch.Tensor:
        if not isinstance(term, PartialRepresentation):
            return part
        scales = part.unflatten(2, (term.scales, term.rep.dim))
        return scales.amax(2) if self.mode == "max" else scales.mean(2)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode}"


def _without_window(term: Representation) -> Representation:
    return inflated(term.group, term.rep) if isinstance(term, PartialRepresentation) else term


def widened(module: Any, below: int = 0, above: int = 0) -> Any:
    """The same network over larger windows of scales: `below` scales more at the lower end, `above` at the upper.

    The weights of `kernels.Scaled` and of the layers between do not depend on the window, so that a network that was
    trained on few scales can be applied to more. Negative numbers shorten the windows.

    Raises:
        FieldTypeError: a layer with weights that is no `Conv`.
    """
    if isinstance(module, (Sequential, torch.nn.Sequential)):
        return type(module)(*[widened(layer, below, above) for layer in module])
    if not isinstance(module, Layer):
        return deepcopy(module)
    into, out = (_widened(rep, below, above) for rep in (module.in_rep, module.out_rep))
    if isinstance(module, Conv):
        return _conv(module, into, out)
    found = deepcopy(module)
    found.in_rep, found.out_rep = into, out
    found.derive()
    return found


def _widened(rep: Representation, below: int, above: int) -> Representation:
    terms = [
        (m, replace(t, scales=t.scales + below + above, start=t.start - below) if _is_window(t) else t)  # type: ignore
        for m, t in rep.terms
    ]
    return direct_sum(terms)


def _is_window(term: Representation) -> bool:
    return isinstance(term, PartialRepresentation)


def _conv(conv: Conv, into: Representation, out: Representation) -> Conv:
    if not conv.same or conv.groups != 1:
        raise FieldTypeError('expected convolutions with padding="same" and one group, to change their windows')
    options: dict[str, Any] = {"stride": conv.stride, "dilation": conv.dilation, "padding_mode": conv.padding_mode}
    where: dict[str, Any] = {"device": conv.weight.device, "dtype": conv.weight.dtype}
    found = Conv(into, out, conv.kernel.spec, bias=conv.bias is not None, **options, **where)
    found.load_state_dict(conv.state_dict())
    return found.train(conv.training)
