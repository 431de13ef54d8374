"""Files of this machine on their way in: a folder per class, a ZIP, or a CSV that names photos and labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from webapp.core.pagination import chunks
from webapp.exports.layout import CARD, TABLE
from webapp.exports.targets import card_beside
from webapp.ingest.folders import class_folder
from webapp.ingest.labels import LabelRow, ListError, NoList, read_labels
from webapp.ingest.models import UploadBatch, Verdict
from webapp.ingest.services import Incoming, batch_add_file, batch_add_files, categories_confirm
from webapp.ingest.verdicts import sentence

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
        found = read_labels(path.read_bytes())
    except NoList as error:
        raise LocalError(
            _("%(file)s: the first line must name the columns path,label[,category].") % {"file": path}
        ) from error
    except ListError as error:
        words = sentence(Verdict.BAD_LIST, error.code)
        raise LocalError(f"{path}: {words}") from error
    rows = [_row(path, row) for row in found]
    if clashing := _twice(rows):
        raise LocalError(
            _("%(csv)s gives “%(name)s” two different labels.") % {"csv": path, "name": clashing}
        )
    return rows


def _twice(rows: Iterable[CsvRow]) -> str:
    """The name of a file with two labels, "" if there is none."""
    said: dict[Path, str] = {}
    clashing = (r.file.name for r in rows if said.setdefault(r.file.path, r.file.folder) != r.file.folder)
    return next(clashing, "")


def _row(csv_path: Path, row: LabelRow) -> CsvRow:
    file = csv_path.parent / row.path
    if not row.path or not file.is_file():
        raise LocalError(_("%(csv)s, line %(line)d: there is no file “%(name)s”.") % {
            "csv": csv_path, "line": row.line, "name": row.path,
        })  # fmt: skip
    return CsvRow(LocalFile(file, row.path, row.folder), row.category)
