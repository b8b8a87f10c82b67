"""Representations, models and files by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from torsor import groups, reps
from torsor.errors import ConfigError

REPRESENTATIONS = ("trivial", "sign", "standard", "regular")


def representation(group: groups.Group, name: str) -> reps.Representation:
    """trivial, sign, standard, regular, or an irrep as "irrep:k", "irrep:j,k" or by its symbol, "irrep:T1u".

    Raises:
        ConfigError: no representation has that name.
    """
    kind, _, label = name.partition(":")
    if kind == "irrep" and label:
        parts = [part.strip() for part in label.split(",")]
        return reps.irrep(group, *(int(part) if part.lstrip("-").isdigit() else part for part in parts))
    return getattr(reps, choose("representation", name, REPRESENTATIONS, "; irreps: irrep:k or irrep:T1u"))(group)


def choose(what: str, name: str, known: Iterable[str], more: str = "") -> str:
    """The name, if it is known; otherwise an error that suggests the closest.

    Raises:
        ConfigError: it is not known.
    """
    known = list(known)
    if name in known:
        return name
    close = difflib.get_close_matches(name.lower(), known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ConfigError(f"unknown {what} {name!r}{hint} (there are: {', '.join(known)}{more})")


def png_path(path: Path) -> Path:
    """A path whose folder exists and whose suffix is .png.

    Raises:
        ConfigError: it has another suffix.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(f"expected a file name that ends in .png, received {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
