"""Where an export is written: a ZIP, a folder, or a CSV with its photos beside it.

Written aside, synced, renamed: what stands under the name is whole. A full disk raises StoreFull and leaves
nothing half-written; so does whatever else ends the writing.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from ml.durable import FULL, StoreFull, make_folder, sync_file, sync_folder, sync_many
from webapp.exports.errors import ExportError
from webapp.exports.layout import CARD, TABLE

_STEP = 1 << 20
# Stored in English where a job ends with them, see webapp.core.spoken.
_MISSING = gettext_noop(
    "The photo “%(name)s” (%(sha)s…) is not in the store. Restore it from a backup, or remove it from the data set."
)
_DAMAGED = gettext_noop(
    "The stored bytes of the photo “%(name)s” (%(sha)s…) are damaged. Restore it from a backup, or remove it."
)
# The same photos give the same bytes, and with them the same digest, whenever they are exported.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


class Target(ABC):
    """Photos and texts go in by name; `commit` makes them appear, `abort` makes them go."""

    photos = "photos/"
    """The folder of photos that do not lie in folders of classes; ends with "/"."""

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        self.aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
        self.scratch = self.aside.with_name(f"{self.aside.name}.parts")
        self.scratch.mkdir()

    @abstractmethod
    def add(self, name: str, source: BinaryIO, size: int) -> None:
        """Copy `size` bytes under that name."""

    @abstractmethod
    def commit(self) -> None:
        """Everything is there: sync it and give it its name."""

    def abort(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self.aside.is_dir():
            shutil.rmtree(self.aside, ignore_errors=True)
        else:
            self.aside.unlink(missing_ok=True)

    def add_blob(self, name: str, blob: Path, sha256: str) -> int:
        """Copy an original, byte for byte, and check that it is still what its hash says; its size."""
        try:
            with blob.open("rb") as source:
                size = blob.stat().st_size
                checked = _Hashing(source)
                self.add(name, checked, size)  # type: ignore[arg-type]
        except FileNotFoundError:
            raise ExportError(_MISSING % {"name": name, "sha": sha256[:16]}) from None
        if checked.hasher.hexdigest() != sha256:
            raise ExportError(_DAMAGED % {"name": name, "sha": sha256[:16]})
        return size

    def add_part(self, name: str, part: Path) -> None:
        """A text that was written in `scratch`."""
        with part.open("rb") as source:
            self.add(name, source, part.stat().st_size)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Target]:
        """Commits at the end, aborts on any error, and says a full disk plainly."""
        try:
            yield self
            self.commit()
        except OSError as error:
            if error.errno in FULL:
                raise StoreFull(self.path.parent) from error
            raise
        finally:
            self.abort()


class ZipTarget(Target):
    """Stored, not packed: photos are packed already. Larger than 4 GB where need be."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = self.aside.open("xb")
        self._archive = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def add(self, name: str, source: BinaryIO, size: int) -> None:
        info = zipfile.ZipInfo(name, _NO_DATE)
        info.external_attr = 0o100644 << 16
        info.file_size = size
        with self._archive.open(info, "w") as entry:
            shutil.copyfileobj(source, entry, _STEP)

    def commit(self) -> None:
        self._archive.close()
        self._file.close()
        sync_file(self.aside)
        self.aside.replace(self.path)
        sync_folder(self.path.parent)

    def abort(self) -> None:
        # A full disk may strike again while the directory of the archive is written.
        with contextlib.suppress(OSError, ValueError):
            self._archive.close()
        with contextlib.suppress(OSError):
            self._file.close()
        super().abort()


class FolderTarget(Target):
    def __init__(self, path: Path) -> None:
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise ExportError(
                _("%(path)s is there already. Name an empty folder or a new one.") % {"path": path}
            )
        super().__init__(path)
        self.aside.mkdir()
        self._files: list[Path] = []

    def add(self, name: str, source: BinaryIO, size: int) -> None:
        path = self.aside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            shutil.copyfileobj(source, file, _STEP)
        self._files.append(path)

    def commit(self) -> None:
        self._sync()
        if self.path.is_dir():
            self.path.rmdir()
        self.aside.rename(self.path)
        sync_folder(self.path.parent)

    def _sync(self) -> None:
        folders = {
            folder
            for path in self._files
            for folder in path.parents
            if self.aside in (folder, *folder.parents)
        }
        sync_many(self.aside, [*self._files, *sorted(folders)])


class CsvTarget(FolderTarget):
    """`name.csv`, its photos in `name-photos`, its card in `name.sortyard.json`. The CSV appears last."""

    def __init__(self, path: Path) -> None:
        self.photos = f"{path.stem}-photos/"
        self._beside = (path.with_name(self.photos[:-1]), path.with_name(f"{path.stem}.{CARD}"))
        for other in (path, *self._beside):
            if other.exists():
                raise ExportError(_("%(path)s is there already. Choose another name.") % {"path": other})
        super().__init__(path)

    def commit(self) -> None:
        self._sync()
        folder, card = self._beside
        if (self.aside / folder.name).is_dir():
            (self.aside / folder.name).rename(folder)
        (self.aside / CARD).rename(card)
        (self.aside / TABLE).rename(self.path)
        sync_folder(self.path.parent)


def card_beside(table: Path) -> Path | None:
    """The card that belongs to a CSV, if it is one of an export."""
    both = (table.with_name(f"{table.stem}.{CARD}"), table.with_name(CARD))
    return next((path for path in both if path.is_file()), None)


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Hashing:
    """A stream that hashes what is read from it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.hasher = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.hasher.update(data)
        return data
