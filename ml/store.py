"""Where everything lies on disk: originals by content, thumbnails, snapshots, runs, bundles, cache.

Standard library only, because the site imports it. Every write is made aside on the same filesystem, synced
and renamed, so that a power cut leaves the old file or the new one and never half of either.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_ASIDE = re.compile(r"\..+\.[0-9a-f]{16}\Z")
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# Both may refuse fsync of a folder (some network and FUSE filesystems); there is nothing better to do there.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})


class StoreError(Exception):
    """Base of everything that can go wrong while storing bytes."""


class BlobTooLarge(StoreError):
    """The stream is longer than the caller allows; nothing was stored."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The file is larger than the {max_bytes:,} bytes allowed; make it smaller.")
        self.max_bytes = max_bytes


class StoreFull(StoreError):
    """The disk or the quota is used up; nothing half-written was left behind."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk that holds {path} is full; free some space and try again. Nothing stored was damaged."
        )
        self.path = path


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """One stored file: its content hash, its size in bytes, and whether these bytes were new to the store."""

    sha256: str
    size: int
    created: bool


@dataclass(frozen=True, slots=True)
class _Aside:
    """A file written aside, not yet synced nor under its name."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class Store:
    """The data folder. `cache_root` moves the cache elsewhere; without it the cache is `root/cache`."""

    root: Path
    cache_root: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Store:
        """The store at `SORTYARD_DATA` (default `var`), its cache at `SORTYARD_CACHE` (default inside)."""
        values = os.environ if environ is None else environ
        cache = values.get("SORTYARD_CACHE")
        return cls(Path(values.get("SORTYARD_DATA") or "var"), Path(cache) if cache else None)

    # Where things lie.

    def blob_path(self, sha256: str) -> Path:
        """Path of an original; ValueError unless `sha256` is 64 lower-case hex digits."""
        return self._by_content("blobs", sha256, "")

    def thumb_path(self, sha256: str) -> Path:
        """Path of the thumbnail (long side at most 384 px)."""
        return self._by_content("thumbs", sha256, ".jpg")

    def view_path(self, sha256: str) -> Path:
        """Path of the view (long side at most 1280 px); exists only where the photo exceeds its thumbnail."""
        return self._by_content("views", sha256, ".jpg")

    def manifest_path(self, digest: str) -> Path:
        """Path of a snapshot's manifest; ValueError unless `digest` is 64 hex digits."""
        return self.root / "manifests" / f"{_digest(digest)}.json"

    def statistics_path(self, digest: str) -> Path:
        """Path of the mean and std of a snapshot's training photos, beside its manifest."""
        return self.root / "manifests" / f"{_digest(digest)}.statistics.json"

    def reads_path(self, digest: str) -> Path:
        """Path of the list of looks at the test set of that digest."""
        return self.root / "reads" / f"{_digest(digest)}.jsonl"

    def bundle_dir(self, digest: str) -> Path:
        """Folder of a finished bundle; ValueError unless `digest` is 64 hex digits."""
        return self.root / "bundles" / _digest(digest)

    def run_dir(self, run_id: str) -> Path:
        """Folder of a run; ValueError unless the id is made of letters, digits, `_` and `-`."""
        if not _RUN_ID.match(run_id):
            raise ValueError(f"run id may hold only letters, digits, _ and -: {run_id!r}")
        return self.root / "runs" / run_id

    @property
    def cache(self) -> Path:
        """Embeddings, features, trunks: may be deleted at any time."""
        return self.cache_root if self.cache_root is not None else self.root / "cache"

    @property
    def weights(self) -> Path:
        """Pretrained weights placed or fetched."""
        return self.root / "weights"

    @property
    def spool(self) -> Path:
        """Uploads in progress and photos being classified."""
        return self.root / "spool"

    # Blobs.

    def has_blob(self, sha256: str) -> bool:
        """Whether these bytes are stored."""
        return self.blob_path(sha256).is_file()

    def open_blob(self, sha256: str) -> BinaryIO:
        """The original, opened for reading; FileNotFoundError where it is absent."""
        return self.blob_path(sha256).open("rb")

    def put_blob(self, stream: BinaryIO, *, max_bytes: int | None = None) -> StoredBlob:
        """Store a stream under its hash, durably. BlobTooLarge past `max_bytes`; StoreFull on a full disk."""
        with self._full_disk_said_plainly():
            aside = self._write_aside(stream, max_bytes)
            try:
                _sync_file(aside.path)
                return self._adopt(aside, durable=True)
            finally:
                aside.path.unlink(missing_ok=True)

    def put_blobs(
        self, streams: Iterable[BinaryIO], *, max_bytes: int | None = None
    ) -> list[StoredBlob | BlobTooLarge]:
        """Store many streams as safely as `put_blob`, but with two syncs in all instead of three a file.

        Takes the streams one after the other (they may be opened lazily) and answers in their order. A stream
        that is too large gets its error in its place; StoreFull is raised for the whole batch: what has
        its name already stays, everything written aside is removed.
        """
        written: list[_Aside | BlobTooLarge] = []
        with self._full_disk_said_plainly():
            try:
                for stream in streams:
                    try:
                        written.append(self._write_aside(stream, max_bytes))
                    except BlobTooLarge as error:
                        written.append(error)
                asides = [one for one in written if isinstance(one, _Aside)]
                if not asides:
                    return [one for one in written if isinstance(one, BlobTooLarge)]
                # Bytes must be on the disk before a name points at them, names before the caller hears of it.
                _sync_many(self._incoming, [one.path for one in asides])
                stored = [
                    self._adopt(one, durable=False) if isinstance(one, _Aside) else one for one in written
                ]
                _sync_many(self._incoming, sorted(self._folders_above(asides)))
                return stored
            finally:
                for one in written:
                    if isinstance(one, _Aside):
                        one.path.unlink(missing_ok=True)

    def sweep_incoming(self, older_than_seconds: float = 86_400) -> int:
        """Remove what killed writers left aside; returns how many files. Young files may still be in work."""
        removed = 0
        horizon = time.time() - older_than_seconds
        for path in self._incoming.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < horizon:
                    path.unlink()
                    removed += 1
        return removed

    # Inside.

    @property
    def _incoming(self) -> Path:
        return self.root / "blobs" / ".incoming"

    def _by_content(self, room: str, sha256: str, suffix: str) -> Path:
        digest = _digest(sha256)
        return self.root / room / digest[:2] / digest[2:4] / f"{digest}{suffix}"

    def _folders_above(self, asides: Iterable[_Aside]) -> set[Path]:
        """Every folder whose entries changed when these blobs got their names."""
        shards = {self.blob_path(one.sha256).parent for one in asides}
        return shards | {shard.parent for shard in shards} | {self.root / "blobs"}

    def _write_aside(self, stream: BinaryIO, max_bytes: int | None) -> _Aside:
        make_folder(self._incoming)
        path = self._incoming / secrets.token_hex(16)
        hasher, size = hashlib.sha256(), 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as target:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if max_bytes is not None and size > max_bytes:
                        raise BlobTooLarge(max_bytes)
                    hasher.update(chunk)
                    _write_all(target.fileno(), chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return _Aside(path, hasher.hexdigest(), size)

    def _adopt(self, aside: _Aside, *, durable: bool) -> StoredBlob:
        """Give a synced file its name, unless the same bytes already stand there."""
        target = self.blob_path(aside.sha256)
        created = not _has_size(target, aside.size)
        if created:
            (make_folder if durable else _make_folder_unsynced)(target.parent)
            aside.path.replace(target)
        if durable:
            # Also for bytes already there: another process may have renamed them a moment ago, unsynced.
            _sync_folder(target.parent)
        return StoredBlob(aside.sha256, aside.size, created)

    @contextlib.contextmanager
    def _full_disk_said_plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFull(self.root) from error
            raise


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `data` durably: the old file or the new one, never half. StoreFull on a full disk."""
    make_folder(path.parent)
    aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_all(descriptor, data)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        aside.replace(path)
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(path.parent) from error
        raise
    finally:
        aside.unlink(missing_ok=True)
    _sync_folder(path.parent)


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
            changed |= _make_folder_unsynced(path.parent) | {path.parent}
            aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
            asides.append((aside, path))
            with aside.open("xb", buffering=0) as target:
                _write_all(target.fileno(), data)
        if not asides:
            return
        _sync_many(asides[0][0], [aside for aside, _ in asides])
        for aside, path in asides:
            aside.replace(path)
            renamed += 1
        _sync_many(files[0][0], sorted(changed))
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(files[0][0].parent) from error
        raise
    finally:
        for aside, _ in asides[renamed:]:
            aside.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents so that they survive a power cut."""
    for changed in sorted(_make_folder_unsynced(folder), reverse=True):
        _sync_folder(changed)


def _make_folder_unsynced(folder: Path) -> set[Path]:
    """Create a folder and its missing parents; returns the folders that got a new entry by this."""
    if folder.is_dir():
        return set()
    changed = _make_folder_unsynced(folder.parent) | {folder.parent}
    folder.mkdir(exist_ok=True)
    return changed


def _digest(text: str) -> str:
    if not _DIGEST.match(text):
        raise ValueError(f"not a sha256 of 64 lower-case hex digits: {text[:80]!r}")
    return text


def _has_size(path: Path, size: int) -> bool:
    """Whether a blob stands there whole; a shorter one (a damaged disk) is replaced by the good bytes."""
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    try:
        _sync_file(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def _sync_many(anywhere: Path, paths: list[Path]) -> None:
    """Sync many files or folders of one filesystem: one `syncfs` where there is one, else threads."""
    if len(paths) <= 3:
        for path in paths:
            _sync_folder(path)
        return
    if _syncfs(anywhere):
        return
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(_sync_folder, paths))


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
