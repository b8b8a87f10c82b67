"""What kernels derive from a graph once, and when they must not: in traced code."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch

T = TypeVar("T")


class Memo(dict):
    """What was derived from a graph, kept with it; copies and pickles of the graph start without."""

    def __reduce__(self) -> tuple[type[Memo], tuple[()]]:
        return Memo, ()


def derived(graph: Any, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives, made once a graph. It carries no gradient and may be used in training and inference."""
    memo = graph.__dict__.setdefault("_derived", Memo())
    if key not in memo:
        with torch.inference_mode(False), torch.no_grad():
            memo[key] = make()
    return memo[key]


def version(x: torch.Tensor) -> int | None:
    """How often x was changed in place: part of the key of what is derived from it."""
    return None if x.is_inference() else x._version


def must_be_plain(x: torch.Tensor) -> bool:
    """Whether plain tensor operations are to be used: in traced code, and under autocast, which picks their dtypes."""
    return is_traced() or torch.is_autocast_enabled(x.device.type)


def is_traced() -> bool:
    """Whether this is compiled code, or inside a transform of `torch.func`."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
