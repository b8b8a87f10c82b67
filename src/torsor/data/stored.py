"""Data that are generated once: made in chunks, shown as they come, and kept in a file that is whole or not there."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from torsor.errors import DataError, require

Arrays = dict[str, torch.Tensor]


def stored(path: str | Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of an npz file; if it is not there, what `make` returns, written there first.

    ``stored("fields.npz", lambda: {"fields": em_fields(256).fields()})``. The file does not know how it was made: give
    other settings another name.

    Raises:
        DataError: the file is damaged.
    """
    path = Path(path)
    if not path.exists():
        write(path, make())
    try:
        with np.load(path) as file:
            return {name: torch.from_numpy(file[name]) for name in file.files}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it to generate it again") from error


def write(path: Path, arrays: Arrays) -> None:
    """An npz file: written beside its place, flushed to disk, and renamed."""
    contents = {name: x.detach().cpu().numpy() for name, x in arrays.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **contents)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def chunked(total: int, size: int, progress: bool, about: str) -> Iterator[slice]:
    """Slices of 0 … total, `size` each, with a bar of progress if asked for.

    Raises:
        MissingExtraError: a bar without the extra "train".
    """
    parts: Iterable[slice] = [slice(start, min(start + size, total)) for start in range(0, total, size)]
    yield from require("rich.progress", "train").track(parts, about) if progress else parts
