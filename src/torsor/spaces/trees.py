"""Spaces as trees of tensors: what `torch.compile`, `torch.export` and moves between devices see of them.

A space has, among its attributes, tensors, and dataclasses and spaces that have some; `_geometry` and `_cache` hold
what can be computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch.utils import _pytree

from torsor.groups import Group

DERIVED = ("_geometry", "_cache")


def register(kind: type) -> None:
    """Make a class of spaces known to torch, whose leaves are its tensors and the spaces inside."""
    _pytree.register_pytree_node(
        kind,
        _flatten,
        _unflatten,
        serialized_type_name=f"torsor.{kind.__name__}",
        flatten_with_keys_fn=_flatten_with_keys,
    )


def applied(f: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """A tensor, or the tensors in a dataclass or a space, mapped; anything else as it is."""
    if isinstance(value, torch.Tensor):
        return f(value)
    if _is_space(value):
        return value._mapped(f)
    if is_dataclass(value) and not isinstance(value, type | Group):
        parts = {part.name: applied(f, getattr(value, part.name)) for part in fields(value) if part.init}
        return replace(value, **parts)
    return value


def _is_space(value: Any) -> bool:
    return hasattr(value, "_mapped")


def _flatten(space: Any) -> tuple[list[Any], tuple[Any, ...]]:
    """Tensors, and spaces inside, are leaves; the rest is context."""
    parts = {name: v for name, v in space.__dict__.items() if name not in DERIVED}
    leaves = {name: v for name, v in parts.items() if _has_tensors(v)}
    rest = tuple((name, v) for name, v in parts.items() if name not in leaves)
    return list(leaves.values()), (type(space), tuple(leaves), rest)


def _flatten_with_keys(space: Any) -> tuple[list[Any], tuple[Any, ...]]:
    leaves, context = _flatten(space)
    return [(_pytree.GetAttrKey(name), leaf) for name, leaf in zip(context[1], leaves, strict=True)], context


def _has_tensors(value: Any) -> bool:
    first = value[0] if isinstance(value, tuple) and value else value
    return isinstance(first, torch.Tensor) or _is_space(first)


def _unflatten(children: Any, context: tuple[Any, ...]) -> Any:
    """Without the checks, which read values: the leaves may be abstract."""
    kind, names, rest = context
    space = object.__new__(kind)
    for name, value in (*zip(names, children, strict=True), *rest, *((name, {}) for name in DERIVED)):
        setattr(space, name, value)
    return space
