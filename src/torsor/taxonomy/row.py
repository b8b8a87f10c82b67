"""A row of the taxonomy: a function of at most 15 lines that builds networks, and what they are."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from torsor.errors import ConfigError

CORE = {
    "Field": "Field",
    "G": "groups as G",
    "K": "kernels as K",
    "linalg": "linalg",
    "nn": "nn",
    "R": "reps as R",
    "S": "spaces as S",
    "symmetrize": "symmetrize",
}
"""How the code of a row calls the library: the name, and its import from torsor."""

OWN = ("Flat", "Law", "OnAtlas", "OnSpace", "PlainNet", "ROWS", "Tie", "Wrapped", "image_of", "kernel_count")
"""What it takes from this package."""

ROWS: dict[str, Row] = {}
"""The taxonomy: every row by its id, in the order of the literature."""


@dataclass(frozen=True)
class Row:
    """One network type of the literature.

    Attributes:
        id: such as "E6b".
        name: what it is.
        space: where the fields live.
        group: the structure group.
        representation: the types of the fields.
        build: a function without arguments; it returns one network or several, and its source is the row's code.
        budget: the largest error of what a grid discretises; exact networks have rounding only.
    """

    id: str
    name: str
    space: str
    group: str
    representation: str
    build: Callable[[], Any]
    budget: float | None = None

    def networks(self, seed: int = 0) -> list[torch.nn.Module]:
        """The networks of the row, with the random weights of a seed; the global random state stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.built()

    def built(self) -> list[Any]:
        """The networks of the row, with the next random weights."""
        built = self.build()
        return list(built) if isinstance(built, (list, tuple)) else [built]

    @property
    def code(self) -> str:
        """The row as a program: the imports that it needs, and the function."""
        source = _source(self.build)
        core = [line for name, line in CORE.items() if re.search(rf"\b{name}\b[.(]", source)]
        own = [name for name in OWN if re.search(rf"\b{name}[(\[]", source)]
        imports = ["import torch"] * ("torch." in source) + [f"from torsor import {', '.join(core)}"]
        imports += [f"from torsor.taxonomy import {', '.join(own)}"] * bool(own)
        return "\n".join([*imports, "", source])


def _source(build: Callable[[], Any]) -> str:
    """The source of a function; of a partial one with the given arguments in its body, in place of the docstring."""
    function = build.func if isinstance(build, partial) else build
    source = textwrap.dedent(inspect.getsource(function))
    source = source[source.index("def ") :].rstrip() + "\n"
    if not isinstance(build, partial):
        return source
    given = "".join(f"    {name} = {value!r}\n" for name, value in build.keywords.items())
    return re.sub(r"def (\w+).*\n *\"\"\".*\n", lambda match: f"def {match[1]}():\n{given}", source, count=1)


def row(
    identity: str, name: str, space: str, group: str, representation: str, budget: float | None = None
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Enter the decorated function into the taxonomy; the arguments are those of `Row`."""

    def register(build: Callable[[], Any]) -> Callable[[], Any]:
        ROWS[identity] = Row(identity, name, space, group, representation, build, budget)
        for known in sorted(ROWS, key=_place):
            ROWS[known] = ROWS.pop(known)
        return build

    return register


def _place(identity: str) -> tuple[str, int, str]:
    """Of E6a: ("E", 6, "a")."""
    letters, number, rest = re.fullmatch(r"(\D+)(\d+)(.*)", identity).groups()  # type: ignore[union-attr]
    return letters, int(number), rest


def find(identity: str) -> Row:
    """The row of an id, in upper or lower case.

    Raises:
        ConfigError: there is none; the message lists all.
    """
    by_lower = {known.lower(): found for known, found in ROWS.items()}
    if identity.lower() not in by_lower:
        raise ConfigError(f"expected the id of a row of the taxonomy, got {identity!r}; there are {', '.join(ROWS)}")
    return by_lower[identity.lower()]
