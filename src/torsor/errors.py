"""Exceptions and warnings of torsor, the check of counts, and the one way to import an optional dependency.

Every message says what was expected, what came, and what to do. Each class also derives from the built-in
exception of its kind, so that ``except ValueError`` keeps working.
"""

from __future__ import annotations

import importlib
from numbers import Integral
from types import ModuleType


def is_count(n: object, least: int = 1) -> bool:
    """Whether n is a whole number, Python's or NumPy's, that is not too small."""
    return isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= least


def as_number(x: object) -> float | None:
    """A real number of any kind as Python's, a tensor of one element too; None of anything else, text included."""
    if isinstance(x, str | bytes):
        return None
    try:
        return float(x)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return None


class TorsorError(Exception):
    """Base of every exception that torsor raises on purpose."""


class GroupError(TorsorError, ValueError):
    """A group that cannot be: inconsistent generators, an unknown name, an infinite enumeration."""


class RepresentationError(TorsorError, ValueError):
    """A representation that does not exist, or that belongs to another group."""


class KernelError(TorsorError, ValueError):
    """A kernel specification that the group, the lattice or the types do not allow."""


class FieldTypeError(TorsorError, ValueError):
    """The type of a field does not fit the layer that it meets."""


class SpaceError(TorsorError, ValueError):
    """A space, or an action on it, that is not defined."""


class DataError(TorsorError, ValueError):
    """A data file that is missing, damaged, or not what it should be."""


class ConfigError(TorsorError, ValueError):
    """An option or a name that is not known."""


class CheckpointError(TorsorError, RuntimeError):
    """A checkpoint that cannot be read or does not fit."""


class MissingExtraError(TorsorError, ImportError):
    """An optional dependency is not installed."""


class SymmetryWarning(UserWarning):
    """A choice (a size, a stride) that breaks the symmetry which the layer was built to keep."""


class BottleneckWarning(UserWarning):
    """A term of a type that no equivariant map reaches or leaves: it carries no information."""


class SparsityWarning(UserWarning):
    """A radius within which no point has a neighbour: convolutions see single points only."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: the module to import.
        extra: the extra of torsor that installs it.

    Raises:
        MissingExtraError: the module is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f'{module} is needed here and could not be imported ({error}); pip install "torsor[{extra}]"'
        ) from error
