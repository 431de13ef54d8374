"""Files of this machine on their way in: a folder per class, a ZIP, or a CSV that names photos and labels."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from webapp.core.pagination import chunks
from webapp.exports.layout import CARD, TABLE
from webapp.exports.targets import card_beside
from webapp.ingest.folders import class_folder, one_line
from webapp.ingest.models import UploadBatch
from webapp.ingest.services import Incoming, batch_add_file, batch_add_files, categories_confirm

FILES_A_WRITE = 200


class LocalError(ValueError):
    """The path can't be imported; the message says why and what to do."""


@dataclass(frozen=True)
class LocalFile:
    path: Path
    name: str
    folder: str


@dataclass(frozen=True)
class LocalSource:
    """What lies at a path: files to store, or an archive to unpack; and the categories that a CSV names."""

    files: Iterable[LocalFile] = ()
    archive: Path | None = None
    categories: frozenset[str] = frozenset()


def read_path(path: Path) -> LocalSource:
    """Looks at `path` without storing anything. Raises LocalError where nothing can be imported from it."""
    if not path.exists():
        raise LocalError(_("There is nothing at %(path)s.") % {"path": path})
    if path.is_dir():
        if next(files_of_folder(path), None) is None:
            raise LocalError(_("There are no files in %(path)s.") % {"path": path})
        return LocalSource(files=files_of_folder(path))
    if path.suffix.lower() == ".zip":
        return LocalSource(archive=path)
    if path.suffix.lower() == ".csv":
        rows = files_of_csv(path)
        categories = frozenset(row.category for row in rows if row.category)
        described = files_of_description(path)
        return LocalSource(files=[*described, *(row.file for row in rows)], categories=categories)
    raise LocalError(_("%(path)s is neither a folder, a .zip nor a .csv file.") % {"path": path})


def batch_add_source(*, batch: UploadBatch, source: LocalSource) -> None:
    """Stores the bytes of all files in the batch; nothing is decoded."""
    categories_confirm(dataset=batch.dataset, names=source.categories)
    if source.archive is not None:
        with source.archive.open("rb") as stream:
            batch_add_file(batch=batch, name=source.archive.name, folder="", stream=stream)
    for group in chunks(source.files, FILES_A_WRITE):
        with ExitStack() as opened:
            batch_add_files(
                batch=batch,
                files=[
                    Incoming(file.name, file.folder, opened.enter_context(file.path.open("rb")))
                    for file in group
                ],
            )


def files_of_folder(root: Path) -> Iterator[LocalFile]:
    """All files below `root`, sorted; the class is the last folder above a file, "" directly in `root`."""
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            relative = path.relative_to(root).as_posix()
            # A name with bytes that are no text is shown with replacement characters.
            shown = os.fsencode(relative).decode("utf-8", "replace")
            if path.is_file():
                yield LocalFile(path, shown, class_folder(shown))


def files_of_description(table: Path) -> list[LocalFile]:
    """What says the rest about the photos of a CSV, where an export wrote it: the card beside it, and itself."""
    card = card_beside(table)
    return [LocalFile(card, CARD, ""), LocalFile(table, TABLE, "")] if card else []


@dataclass(frozen=True)
class CsvRow:
    file: LocalFile
    category: str


def files_of_csv(path: Path) -> list[CsvRow]:
    """Rows of `path,label[,category]`; paths are relative to the CSV. Raises LocalError naming the line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        # Excel in China writes GBK; gb18030 reads all of it.
        text = path.read_bytes().decode("gb18030", "strict")
    reader = csv.DictReader(text.splitlines())
    names = [name.strip().lower() for name in reader.fieldnames or ()]
    if "path" not in names or "label" not in names:
        raise LocalError(
            _("%(file)s: the first line must name the columns path,label[,category].") % {"file": path}
        )
    reader.fieldnames = names
    rows = [_row(path, number, row) for number, row in enumerate(reader, start=2)]
    if not rows:
        raise LocalError(_("%(file)s names no photos.") % {"file": path})
    return rows


def _row(csv_path: Path, number: int, row: dict[str, str | None]) -> CsvRow:
    name = (row.get("path") or "").strip()
    file = csv_path.parent / name
    if not name or not file.is_file():
        raise LocalError(_("%(csv)s, line %(line)d: there is no file “%(name)s”.") % {
            "csv": csv_path, "line": number, "name": name,
        })  # fmt: skip
    label, category = one_line(row.get("label") or ""), one_line(row.get("category") or "")
    folder = f"{category}_{label}" if category and label else label
    return CsvRow(LocalFile(file, name, folder), category)
