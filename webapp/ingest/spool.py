"""Files that wait in the spool folder under names of ours: archives, and large files that arrive in parts."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ml.durable import FULL, StoreFull, make_folder
from webapp.core.store import site_store
from webapp.ingest.models import UploadItem, Verdict

_STEP = 1 << 20
_NAME = re.compile(r"upload-[0-9a-f]{32}\.(zip|part)\Z")


@dataclass(frozen=True)
class Spooled:
    name: str
    sha256: str
    size: int


def new_part_name() -> str:
    return f"upload-{secrets.token_hex(16)}.part"


def path_of(name: str) -> Path:
    """ValueError for what is no name of ours."""
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is no file of the upload spool")
    return site_store().spool / name


def archive_path(item: UploadItem) -> Path:
    """Where an archive waits to be unpacked. While it is pending, `detail` is its random name in the spool.

    Read it before a verdict replaces `detail`; whoever unpacks the archive removes the file. ValueError for
    an item that is no waiting archive.
    """
    if not (item.is_archive and item.verdict == Verdict.PENDING):
        raise ValueError(f"upload item {item.pk} is no archive that waits")
    return path_of(item.detail)


def remove(name: str) -> None:
    """Quietly, whether it is there or not; what is no name of ours is left alone."""
    if _NAME.match(name):
        path_of(name).unlink(missing_ok=True)


def parts_older_than(timestamp: float) -> set[str]:
    """Names of files in parts that were last written before `timestamp` (seconds since 1970)."""
    found = set()
    for path in site_store().spool.glob("upload-*.part"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < timestamp:
                found.add(path.name)
    return found


def write_archive(stream: BinaryIO, limit: int) -> Spooled | None:
    """Copy an archive into the spool. None if it is larger than `limit` bytes; neither that nor an empty one is kept.

    StoreFull on a full disk.
    """
    name = f"upload-{secrets.token_hex(16)}.zip"
    path = path_of(name)
    make_folder(path.parent)
    hasher, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            while size <= limit and (chunk := stream.read(_STEP)):
                size += len(chunk)
                hasher.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL:
            raise StoreFull(path.parent) from error
        raise
    if 0 < size <= limit:
        return Spooled(name, hasher.hexdigest(), size)
    path.unlink()
    return Spooled(name, "", 0) if not size else None


@contextlib.contextmanager
def locked(name: str) -> Iterator[int]:
    """A descriptor of the file, made if need be, that nobody else writes meanwhile."""
    path = path_of(name)
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def write_at(descriptor: int, offset: int, stream: BinaryIO) -> int:
    """Write a part durably; how many bytes. StoreFull on a full disk."""
    written = 0
    try:
        while chunk := stream.read(_STEP):
            view = memoryview(chunk)
            while view:
                count = os.pwrite(descriptor, view, offset + written)
                written += count
                view = view[count:]
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull(site_store().spool) from error
        raise
    return written
