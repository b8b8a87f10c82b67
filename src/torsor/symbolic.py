"""Immutable mathematical objects whose identity is a symbolic key, never a tensor.

Groups, representations and kernel specifications derive from `Symbolic`: a frozen dataclass whose fields are
numbers, strings, tuples and other symbolic objects. Equality, hash, pickling and JSON all go by those fields.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any, ClassVar

from torsor.errors import ConfigError


class Symbolic:
    """Base of the immutable objects; subclasses are ``@dataclass(frozen=True, eq=False, repr=False)``.

    Two objects are equal iff their `key` is: the name of the class followed by the keys of the fields.
    """

    _classes: ClassVar[dict[str, type[Symbolic]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Symbolic._classes[cls.__name__] = cls

    @cached_property
    def key(self) -> tuple:
        """The symbolic identity of the object."""
        return (type(self).__name__, *(_key(value) for value in self._fields().values()))

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def settle(self) -> None:
        """Compute now what is computed once: torch.compile reads it then, and does not trace how it is found."""
        _ = self._hash

    def _fields(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Symbolic) and self._hash == other._hash and self.key == other.key

    def __hash__(self) -> int:
        return self._hash

    def __copy__(self) -> Symbolic:
        return self

    def __deepcopy__(self, memo: dict) -> Symbolic:
        return self

    def __reduce__(self) -> tuple:
        return _restore, (type(self), self._fields())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(value) for value in self._fields().values())})"

    def to_dict(self) -> dict[str, Any]:
        """The object as a dictionary that JSON can hold; inverse of `from_dict`."""
        return {
            "type": type(self).__name__,
            **{name: _encode(value) for name, value in self._fields().items()},
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Any:
        """The object that `to_dict` described.

        Raises:
            ConfigError: the dictionary names no known type.
        """
        cls = Symbolic._classes.get(data.get("type", ""))
        if cls is None:
            raise ConfigError(f"expected a dictionary with the type of a torsor object, got type {data.get('type')!r}")
        return _restore(cls, {name: _decode(value) for name, value in data.items() if name != "type"})


def _restore(cls: type, fields: dict[str, Any]) -> Any:
    restored = cls(**fields)
    restored.settle()
    return restored


def _key(value: Any) -> Any:
    if isinstance(value, Symbolic):
        return value.key
    if isinstance(value, tuple):
        return tuple(_key(item) for item in value)
    if isinstance(value, float):
        return float(f"{value:.11e}")
    return value


def _encode(value: Any) -> Any:
    if isinstance(value, Symbolic):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return Symbolic.from_dict(value)
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    return value
