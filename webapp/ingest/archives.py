"""Reading a ZIP that may be hostile. Standard library only; nothing is ever written under a name from inside.

Names are labels. Sizes in headers are claims: what counts is what comes out while it is read, and reading
stops at the caps. One bad entry costs only itself; a `BadArchive` ends the reading, what came before is good.
"""

from __future__ import annotations

import lzma
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, cast

from webapp.exports.layout import is_description
from webapp.ingest.folders import class_folder
from webapp.ingest.labels import is_label_list

_STEP = 1 << 16
# Up to here an entry waits in memory, past it in a file without a name beside the archive.
_IN_MEMORY = 1 << 20
# Tiny files of one colour compress a thousandfold and harm nobody: ratios are judged past this size.
_RATIO_FROM = 4 << 20

_PASSED_OVER = re.compile(r"(^|/)(__MACOSX(/|$)|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_ARCHIVES = re.compile(r"\.(zip|rar|7z|tar|t?gz|tgz|bz2|tbz2?|xz|txz|zst|lz4|jar|cab|iso)$", re.IGNORECASE)
_NO_PHOTOS = re.compile(
    r"\.(txt|md|rst|csv|tsv|json|jsonl|xml|ya?ml|html?|css|js|py|ipynb|pdf|docx?|xlsx?|pptx?|rtf|log|ini|cfg|"
    r"mp3|wav|mp4|mov|avi|mkv|m4[av]|exe|dll|bat|sh|lnk|url|db|sqlite3?|pth?|onnx|npy|npz|pkl)$",
    re.IGNORECASE,
)


class BadArchive(Exception):
    """The archive can't be read (further). `detail` is what `verdicts.sentence` turns into words."""

    def __init__(self, detail: str, message: str) -> None:
        super().__init__(message)
        self.detail = detail


@dataclass(frozen=True)
class ArchiveEntry:
    """One file of an archive, read whole and within the caps. Good until it is dropped."""

    name: str
    folder: str
    size: int
    _content: IO[bytes] = field(repr=False, compare=False)

    def open(self) -> BinaryIO:
        """The bytes from the start; the same object each time."""
        self._content.seek(0)
        return cast(BinaryIO, self._content)


@dataclass(frozen=True)
class ArchiveRefusal:
    """A file of an archive that is not taken: `verdict` is one of `ingest.models.Verdict`."""

    name: str
    verdict: str
    detail: str = ""


def read_archive(
    path: Path, *, max_entries: int, max_file_bytes: int, max_total_bytes: int, max_ratio: int
) -> Iterator[ArchiveEntry | ArchiveRefusal]:
    """The photos of a ZIP one after the other, and a refusal for each file that is not taken.

    Folders and what systems leave behind (`__MACOSX`, `.DS_Store`, `Thumbs.db`) are passed over silently.
    BadArchive where it is no ZIP, is empty or broken, has too many entries, or unpacks past
    `max_total_bytes` or `max_ratio` times its size.
    """
    with _opened(path, max_entries) as archive:
        infos = archive.infolist()
        if len(infos) > max_entries:
            raise _too_many(max_entries)
        budget = _Budget(max_file_bytes, max_total_bytes, max_ratio, path.stat().st_size)
        for info, name in zip(infos, _names(infos), strict=True):
            if info.is_dir() or name.endswith("/") or is_left_behind(name):
                continue
            refusal = _refusal(info, name, max_file_bytes)
            yield refusal or _read(archive, info, name, budget, path.parent)


def is_left_behind(name: str) -> bool:
    """Whether a path (forward slashes) is what a system leaves in folders, never a person's file."""
    return _PASSED_OVER.search(name) is not None


def is_no_photo(name: str) -> bool:
    """Whether a name says plainly that the file is no photo. Doubtful names are left to the decoder."""
    return _NO_PHOTOS.search(name) is not None


def _opened(path: Path, max_entries: int) -> zipfile.ZipFile:
    size = path.stat().st_size
    if size == 0:
        raise BadArchive("zero_bytes", "The archive is an empty file.")
    # zipfile loads the directory whole before anything can be counted, so its claimed size is read first.
    if _directory_bytes(path, size) > max(1 << 20, 512 * max_entries):
        raise _too_many(max_entries)
    try:
        return zipfile.ZipFile(path)
    except (
        zipfile.BadZipFile,
        EOFError,
        ValueError,
        OverflowError,
        struct.error,
        NotImplementedError,
    ) as error:
        # UnicodeDecodeError is a ValueError: a name said to be UTF-8 that is none.
        raise BadArchive("broken", f"The archive is broken or no ZIP ({error}).") from error


def _too_many(max_entries: int) -> BadArchive:
    return BadArchive(
        f"too_many_entries:{max_entries}", f"The archive holds more than {max_entries:,} files."
    )


def _directory_bytes(path: Path, size: int) -> int:
    """Size of the central directory as the end record claims it; 0 where there is no end record."""
    with path.open("rb") as file:
        file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
        end = len(tail) - 22
        if end < 0 or tail[end : end + 4] != b"PK\5\6":
            end = tail.rfind(b"PK\5\6")
        if end < 0 or len(tail) - end < 22:
            return 0
        (claimed,) = struct.unpack_from("<I", tail, end + 12)
        locator = tail[max(0, end - 20) : end]
        if len(locator) == 20 and locator[:4] == b"PK\6\7":
            # ZIP64: the true figures lie in a record of their own.
            (offset,) = struct.unpack_from("<Q", locator, 8)
            if offset < size:
                file.seek(offset)
                record = file.read(56)
                if len(record) == 56:
                    (claimed,) = struct.unpack_from("<Q", record, 40)
    return int(claimed)


def _names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Every name with forward slashes. Those not marked as UTF-8 are decided together, once per archive.

    Windows in China writes GBK without a mark, other tools UTF-8 without one: one valid name proves little,
    all of them prove much.
    """
    raw = {
        i: info.orig_filename.encode("cp437") for i, info in enumerate(infos) if not info.flag_bits & 0x800
    }
    try:
        plain = {i: name.decode("utf-8") for i, name in raw.items()}
    except UnicodeDecodeError:
        plain = {i: name.decode("gb18030", errors="replace") for i, name in raw.items()}
    return [plain.get(i, info.orig_filename).replace("\\", "/") for i, info in enumerate(infos)]


def _refusal(info: zipfile.ZipInfo, name: str, max_file_bytes: int) -> ArchiveRefusal | None:
    """Why an entry is not even opened."""
    mode = stat.S_IFMT(info.external_attr >> 16)
    if _is_unsafe(name):
        return ArchiveRefusal(name, "unsafe_name", "path")
    if mode and not stat.S_ISREG(mode):
        return ArchiveRefusal(name, "unsafe_name", "link")
    if _ARCHIVES.search(name):
        return ArchiveRefusal(name, "nested_archive")
    if is_no_photo(name) and not is_description(name) and not is_label_list(name):
        return ArchiveRefusal(name, "ignored")
    if info.flag_bits & 0x1:
        return ArchiveRefusal(name, "encrypted")
    if info.file_size > max_file_bytes:
        return ArchiveRefusal(name, "too_large", _megabytes(max_file_bytes))
    return None


def _is_unsafe(name: str) -> bool:
    """Names that would lead out of a folder. Nothing is written under them anyway: they tell of ill will."""
    return (
        not name.strip()
        or name.startswith("/")
        or "\0" in name
        or ".." in name.split("/")
        or re.match(r"[A-Za-z]:", name) is not None
    )


@dataclass
class _Budget:
    """What may still come out of the archive; all sizes in bytes."""

    max_file: int
    max_total: int
    max_ratio: int
    archive_size: int
    total: int = 0

    def spend(self, count: int, file_so_far: int, compressed: int) -> None:
        self.total += count
        if file_so_far > self.max_file:
            raise _EntryTooLarge
        if self.total > self.max_total:
            raise BadArchive(
                f"unpacks_too_large:{self.max_total >> 20}",
                f"It unpacks to more than {self.max_total >> 20:,} MB.",
            )
        bomb = file_so_far > max(_RATIO_FROM, self.max_ratio * compressed)
        # Overlapping entries share their compressed bytes: each looks harmless, together they are not.
        if bomb or self.total > max(_RATIO_FROM, self.max_ratio * self.archive_size):
            raise BadArchive(
                f"bomb:{self.max_ratio}",
                f"It unpacks to more than {self.max_ratio:,} times its size, as no photos do.",
            )


class _EntryTooLarge(Exception):
    pass


def _read(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, budget: _Budget, scratch: Path
) -> ArchiveEntry | ArchiveRefusal:
    content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(scratch))  # noqa: SIM115 — handed on
    size = 0
    try:
        with archive.open(info) as stream:
            while chunk := stream.read(_STEP):
                size += len(chunk)
                budget.spend(len(chunk), size, info.compress_size)
                content.write(chunk)
    except _EntryTooLarge:
        content.close()
        return ArchiveRefusal(name, "too_large", _megabytes(budget.max_file))
    except BadArchive:
        content.close()
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, OverflowError):
        content.close()
        return ArchiveRefusal(name, "broken", "in_archive")
    except (NotImplementedError, RuntimeError):
        # A compression method that Python lacks, or a lock that the flags did not tell of.
        content.close()
        return ArchiveRefusal(name, "broken", "method")
    if size == 0:
        content.close()
        return ArchiveRefusal(name, "empty")
    return ArchiveEntry(name, class_folder(name), size, cast("IO[bytes]", content))


def _megabytes(size: int) -> str:
    return f"max_mb:{size >> 20}"
