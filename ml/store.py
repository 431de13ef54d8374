"""Where everything lies on disk: originals by content, thumbnails, snapshots, runs, bundles, cache.

Standard library only, because the site imports it. How it is written, so that no power cut leaves half a file, is in
`ml.durable`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ml.durable import (
    FULL,
    StoreError,
    StoreFull,
    make_folder,
    make_folder_unsynced,
    sync_file,
    sync_folder,
    sync_many,
    write_all,
)  # fmt: skip

_CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")


class BlobTooLarge(StoreError):
    """The stream is longer than the caller allows; nothing was stored."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The file is larger than the {max_bytes:,} bytes allowed; make it smaller.")
        self.max_bytes = max_bytes


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

    def flip_path(self, sha256: str, transform: str) -> Path:
        """Path of a flipped thumbnail; ValueError unless `transform` is hflip or vflip."""
        if transform not in ("hflip", "vflip"):
            raise ValueError(f"transform must be hflip or vflip: {transform!r}")
        return self._by_content("flips", sha256, f".{transform}.jpg")

    def enhanced_path(self, digest: str) -> Path:
        """Path of the ZIP of a snapshot's photos and mirrored copies; ValueError unless `digest` is 64 hex digits."""
        return self.root / "enhanced" / f"{_digest(digest)}.zip"

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

    @property
    def exports(self) -> Path:
        """ZIPs that are waiting to be downloaded."""
        return self.root / "exports"

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
                sync_file(aside.path)
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
                sync_many(self._incoming, [one.path for one in asides])
                stored = [
                    self._adopt(one, durable=False) if isinstance(one, _Aside) else one for one in written
                ]
                sync_many(self._incoming, sorted(self._folders_above(asides)))
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
                    write_all(target.fileno(), chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return _Aside(path, hasher.hexdigest(), size)

    def _adopt(self, aside: _Aside, *, durable: bool) -> StoredBlob:
        """Give a synced file its name, unless the same bytes already stand there."""
        target = self.blob_path(aside.sha256)
        created = not _has_size(target, aside.size)
        if created:
            (make_folder if durable else make_folder_unsynced)(target.parent)
            aside.path.replace(target)
        if durable:
            # Also for bytes already there: another process may have renamed them a moment ago, unsynced.
            sync_folder(target.parent)
        return StoredBlob(aside.sha256, aside.size, created)

    @contextlib.contextmanager
    def _full_disk_said_plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise StoreFull(self.root) from error
            raise


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
