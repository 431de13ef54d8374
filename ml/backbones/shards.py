"""A cache of fixed-width vectors in append-only shard files.

One shard is one immutable file, written aside, synced and renamed: a crash leaves old shards whole and at
most a temporary file. Every writer makes shards of its own, so writers never wait for each other; small
shards are merged now and then under a lock. 100,000 vectors are a few hundred files and one memory map
each.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.durable import StoreFull, make_folder

log = logging.getLogger(__name__)

_HEADER = struct.Struct("<8sIIII")  # magic, version, rows, width, crc32 of keys and vectors
_MAGIC = b"SYSHARD1"
_VERSION = 1
KEY_BYTES = 32
_MERGE_ABOVE = 48
_MERGE_ROWS = 8192

Vectors = NDArray[np.float16]


class ShardCache:
    """Vectors of `width` float16 numbers by 32-byte keys, in one folder."""

    def __init__(self, folder: Path, width: int) -> None:
        self.folder = folder
        self.width = width
        self._index: dict[bytes, tuple[Vectors, int]] = {}
        self._seen: set[str] = set()

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Places in `keys` whose vector is not stored, each key once."""
        self._refresh()
        wanted: set[bytes] = set()
        places = []
        for place, key in enumerate(keys):
            if key not in self._index and key not in wanted:
                wanted.add(key)
                places.append(place)
        return places

    def read(self, keys: Sequence[bytes], columns: slice = slice(None)) -> NDArray[np.float32]:
        """The vectors of `keys` in their order as float32 (n, columns). KeyError where one is missing."""
        self._refresh()
        width = len(range(self.width)[columns])
        out = np.empty((len(keys), width), np.float32)
        # By shard and row, so that the disk is read forwards.
        places: dict[int, tuple[Vectors, list[int], list[int]]] = {}
        for place, key in enumerate(keys):
            vectors, row = self._index[key]
            entry = places.setdefault(id(vectors), (vectors, [], []))
            entry[1].append(place)
            entry[2].append(row)
        for vectors, targets, rows in places.values():
            out[targets] = vectors[rows, columns]
        return out

    def write(self, keys: Sequence[bytes], vectors: NDArray[np.floating]) -> None:
        """Store `vectors` (n, width) under `keys` as one new shard. StoreFull on a full disk."""
        if len(keys) != len(vectors) or vectors.shape[1:] != (self.width,):
            raise ValueError(f"{len(keys)} keys do not fit vectors of shape {vectors.shape}")
        if not len(keys):
            return
        self._write_shard(list(keys), np.ascontiguousarray(vectors, np.float16))
        if sum(1 for _ in self.folder.glob("*.shard")) > _MERGE_ABOVE:
            self.merge()

    def merge(self) -> None:
        """Join small shards into one. Returns at once where another process is merging."""
        with _try_lock(self.folder / "merge.lock") as locked:
            if not locked:
                return
            small = []
            for path in sorted(self.folder.glob("*.shard")):
                loaded = _read_shard(path, self.width)
                if loaded is not None and len(loaded[0]) < _MERGE_ROWS:
                    small.append((path, *loaded))
            if len(small) < 2:
                return
            rows = {key: vectors[row] for _, keys, vectors in small for row, key in enumerate(keys)}
            self._write_shard(list(rows), np.stack(list(rows.values())))
            for path, _, _ in small:
                path.unlink(missing_ok=True)

    def _write_shard(self, keys: list[bytes], vectors: Vectors) -> None:
        make_folder(self.folder)
        name = f"{secrets.token_hex(8)}.shard"
        aside = self.folder / f".{name}.aside"
        keys_block = b"".join(keys)
        checksum = zlib.crc32(_bytes_of(vectors), zlib.crc32(keys_block))
        try:
            with aside.open("xb") as file:
                file.write(_HEADER.pack(_MAGIC, _VERSION, len(keys), self.width, checksum))
                file.write(keys_block)
                file.write(_bytes_of(vectors))
                file.flush()
                os.fsync(file.fileno())
            aside.rename(self.folder / name)
        except OSError as error:
            if error.errno in (28, 122):  # ENOSPC, EDQUOT
                raise StoreFull(self.folder) from error
            raise
        finally:
            aside.unlink(missing_ok=True)

    def _refresh(self) -> None:
        """Open shards that appeared since the last look."""
        if not self.folder.is_dir():
            return
        for name in sorted(entry.name for entry in os.scandir(self.folder) if entry.name.endswith(".shard")):
            if name in self._seen:
                continue
            self._seen.add(name)
            loaded = _read_shard(self.folder / name, self.width)
            if loaded is not None:
                keys, vectors = loaded
                self._index.update((key, (vectors, row)) for row, key in enumerate(keys))


def _read_shard(path: Path, width: int) -> tuple[list[bytes], Vectors] | None:
    """Keys and mapped vectors. A damaged shard is removed (None): a cache may always be refilled."""
    try:
        with path.open("rb") as file:
            magic, version, rows, stored_width, checksum = _HEADER.unpack(file.read(_HEADER.size))
            start = _HEADER.size + rows * KEY_BYTES
            keys_block = file.read(rows * KEY_BYTES)
            if (magic, version, stored_width) != (_MAGIC, _VERSION, width) or len(
                keys_block
            ) < rows * KEY_BYTES:
                raise ValueError("foreign or cut short")
        vectors = np.memmap(path, np.float16, "r", start, (rows, width))
        if zlib.crc32(_bytes_of(vectors), zlib.crc32(keys_block)) != checksum:
            raise ValueError("its checksum does not match")
    except FileNotFoundError:
        return None  # merged away meanwhile; the merged shard is found on the next look
    except (ValueError, struct.error) as error:
        log.warning("cache shard %s dropped: %s", path, error)
        with suppress(OSError):
            path.unlink()
        return None
    keys = [keys_block[place : place + KEY_BYTES] for place in range(0, len(keys_block), KEY_BYTES)]
    return keys, vectors


@contextmanager
def _try_lock(path: Path) -> Iterator[bool]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _bytes_of(vectors: Vectors) -> memoryview:
    """The same memory as bytes, without a copy."""
    return vectors.reshape(-1).view(np.uint8).data
