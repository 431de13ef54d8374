"""A file on its way to a browser, checked while it flows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_STEP = 1 << 18


class DamagedFile(Exception):
    """The file's bytes are no longer those of its digest; raised before its last part is sent."""


def checked_stream(path: Path, digest: str) -> Iterator[bytes]:
    """The file's bytes. Where they do not have that sha256 the last part is withheld: no download looks whole.

    FileNotFoundError at once, not while it flows.
    """
    return _checked(path.open("rb"), digest)


def _checked(file: IO[bytes], digest: str) -> Iterator[bytes]:
    hasher = hashlib.sha256()
    with file:
        held = b""
        while part := file.read(_STEP):
            hasher.update(part)
            if held:
                yield held
            held = part
        if hasher.hexdigest() != digest:
            raise DamagedFile(file.name)
        yield held
