"""Fetch a file: checked against its digest, and never half there."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torsor.errors import DataError


@dataclass(frozen=True)
class Remote:
    """A file on the network, and what must come back: the hexadecimal digest of an algorithm of hashlib."""

    url: str
    algorithm: str
    digest: str

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


def fetch(remote: Remote, folder: str | Path, timeout: float = 30.0) -> Path:
    """Download a file: complete and right, or not there at all.

    The bytes go to a temporary file, which is renamed when its digest is right. A file of that name with the
    right digest is kept; with another digest it is left alone and reported.

    Args:
        remote: what to fetch.
        folder: where to; made if absent.
        timeout: seconds without an answer after which the network counts as absent.

    Returns:
        the path of the file.

    Raises:
        DataError: no network, no answer, or a digest that differs; nothing is left behind.
    """
    target = Path(folder) / remote.name
    if target.exists():
        _verify(target, remote, f"delete {target} to download it again")
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in _chunks(remote.url, timeout):
                file.write(chunk)
        _verify(Path(part), remote, "the file was changed at its source or on the way; it was not kept")
        os.replace(part, target)
    finally:
        Path(part).unlink(missing_ok=True)
    return target


def _chunks(url: str, timeout: float, size: int = 1 << 20) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            while chunk := response.read(size):
                yield chunk
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise DataError(f"{url} cannot be reached ({reason}); fetch it elsewhere and give its folder") from error


def _verify(path: Path, remote: Remote, remedy: str) -> None:
    with path.open("rb") as file:
        received = hashlib.file_digest(file, remote.algorithm).hexdigest()
    if received != remote.digest:
        raise DataError(f"{remote.url}: expected {remote.algorithm} {remote.digest}, received {received}; {remedy}")
