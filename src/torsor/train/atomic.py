"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to, which is flushed to disk and renamed to ``path`` if the block succeeds."""
    part = path.with_name(f".part.{path.name}")
    yield part
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
