"""Writing so that a power cut leaves the old file or the new one, never half of either, and a full disk is told.

Bytes are on the disk before a name points at them, and the name before the caller hears of it. Standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_ASIDE = re.compile(r"\..+\.[0-9a-f]{16}\Z")
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# Both may refuse fsync of a folder (some network and FUSE filesystems); there is nothing better to do there.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})


class StoreError(Exception):
    """Base of everything that can go wrong while storing bytes."""


class StoreFull(StoreError):
    """The disk or the quota is used up; nothing half-written was left behind."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk that holds {path} is full; free some space and try again. Nothing stored was damaged."
        )
        self.path = path


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `data` durably: the old file or the new one, never half. StoreFull on a full disk."""
    make_folder(path.parent)
    aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_all(descriptor, data)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        aside.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull(path.parent) from error
        raise
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def remove_asides(folder: Path) -> int:
    """Remove what killed `write_atomic`s left in `folder` and below; how many files. Only where nobody writes now."""
    found = [path for path in folder.rglob(".*") if _ASIDE.match(path.name)]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def write_atomic_many(files: Sequence[tuple[Path, bytes]]) -> None:
    """`write_atomic` for many files of one filesystem: all aside, one sync, all renamed, one sync.

    StoreFull on a full disk. A power cut in between leaves each file old or new.
    """
    asides: list[tuple[Path, Path]] = []
    changed: set[Path] = set()
    renamed = 0
    try:
        for path, data in files:
            changed |= make_folder_unsynced(path.parent) | {path.parent}
            aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
            asides.append((aside, path))
            with aside.open("xb", buffering=0) as target:
                write_all(target.fileno(), data)
        if not asides:
            return
        sync_many(asides[0][0], [aside for aside, _ in asides])
        for aside, path in asides:
            aside.replace(path)
            renamed += 1
        sync_many(files[0][0], sorted(changed))
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull(files[0][0].parent) from error
        raise
    finally:
        for aside, _ in asides[renamed:]:
            aside.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents so that they survive a power cut."""
    for changed in sorted(make_folder_unsynced(folder), reverse=True):
        sync_folder(changed)


def make_folder_unsynced(folder: Path) -> set[Path]:
    """Create a folder and its missing parents; returns the folders that got a new entry by this."""
    if folder.is_dir():
        return set()
    changed = make_folder_unsynced(folder.parent) | {folder.parent}
    folder.mkdir(exist_ok=True)
    return changed


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    try:
        sync_file(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def sync_many(anywhere: Path, paths: list[Path]) -> None:
    """Sync many files or folders of one filesystem: one `syncfs` where there is one, else threads."""
    if len(paths) <= 3:
        for path in paths:
            sync_folder(path)
        return
    if _syncfs(anywhere):
        return
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(sync_folder, paths))


def _syncfs(anywhere: Path) -> bool:
    """Flush the whole filesystem that holds `anywhere` (Linux); False where that cannot be done."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if function is None:
        return False
    descriptor = os.open(anywhere, os.O_RDONLY)
    try:
        if function(descriptor) == 0:
            return True
        code = ctypes.get_errno()
    finally:
        os.close(descriptor)
    if code in (errno.ENOSYS, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(anywhere))
