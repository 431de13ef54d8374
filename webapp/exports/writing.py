"""Writes an export: photos one after the other, their rows in a table, and what the format adds."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from django.utils import timezone
from django.utils.translation import gettext as _

from ml.durable import StoreFull, make_folder
from ml.store import Store
from webapp.exports.coco import NAME as COCO_NAME
from webapp.exports.coco import CocoFile
from webapp.exports.content import Content, Record, photo_name
from webapp.exports.croissant import croissant
from webapp.exports.errors import ExportError
from webapp.exports.layout import CARD, COLUMNS, CRAWL_COLUMNS, TABLE, crawl_cells, shielded
from webapp.exports.models import ExportFormat
from webapp.exports.names import Names
from webapp.exports.targets import CsvTarget, FolderTarget, Target, ZipTarget, file_digest

CROISSANT_NAME = "croissant.json"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Written:
    """Photos in it (each once), and the bytes of the ZIP or of all files."""

    images: int
    size: int


def write_export(
    *,
    content: Content,
    format: str,
    path: Path,
    store: Store,
    progress: Progress = lambda done, total: None,
) -> Written:
    """A ZIP where `path` ends in .zip, a CSV with its photos beside where it ends in .csv, else a folder.

    Raises ExportError, StoreFull on a full disk, and what `progress(done, total)` raises; then nothing is left.
    """
    total = content.count()
    _check_room(content, path)
    target = _target(path, format)
    with target.writing():
        writer = _Writer(content, format, target, store)
        with ExitStack() as stack:
            stack.callback(writer.close)
            for number, record in enumerate(content.records(), start=1):
                writer.add(record)
                progress(number, total)
            writer.finish()
    return Written(writer.images, path.stat().st_size if path.suffix.lower() == ".zip" else writer.size)


def _target(path: Path, format: str) -> Target:
    kind = path.suffix.lower()
    if path.is_dir() and kind in (".zip", ".csv"):
        raise ExportError(_("%(path)s is a folder. Choose another name.") % {"path": path})
    if kind == ".zip":
        return ZipTarget(path)
    if kind == ".csv":
        if format != ExportFormat.CSV:
            raise ExportError(
                _("A path that ends in .csv goes with the format csv. Name a folder or a .zip.")
            )
        return CsvTarget(path)
    return FolderTarget(path)


def _check_room(content: Content, path: Path) -> None:
    """Told before hours of copying, and before the database has no room left either."""
    make_folder(path.parent)
    if content.bytes() > shutil.disk_usage(path.parent).free:
        raise StoreFull(path.parent)


class _Writer:
    def __init__(self, content: Content, format: str, target: Target, store: Store) -> None:
        self._content, self._format, self._target, self._store = content, format, target, store
        self._names = Names(CARD, TABLE, COCO_NAME, CROISSANT_NAME)
        # Where each photo of a snapshot lies: its mirrored copies name the same file.
        self._written: dict[bytes, str] = {}
        self._table_path = target.scratch / TABLE
        self._table: TextIO = self._table_path.open("w", encoding="utf-8-sig", newline="")
        self._rows = csv.writer(self._table)
        self._rows.writerow((*COLUMNS, *CRAWL_COLUMNS))
        self._coco = CocoFile(target.scratch, content) if format == ExportFormat.COCO else None
        self._licences: dict[str, None] = {}
        self.images = self.size = 0

    def add(self, record: Record) -> None:
        key = bytes.fromhex(record.sha256)
        name = self._written.get(key)
        if name is None:
            name = self._copy(record)
            if self._content.snapshot is not None:
                self._written[key] = name
            if self._coco is not None:
                self._coco.add(record, name)
            if licence := record.fields["licence"]:
                self._licences.setdefault(licence)
        self._rows.writerow([shielded(cell) for cell in self._cells(record, name)])

    def finish(self) -> None:
        self._table.close()
        card = self._target.scratch / CARD
        card.write_text(self._content.card.to_json(), encoding="utf-8")
        self._add_part(TABLE, self._table_path)
        self._add_part(CARD, card)
        if self._coco is not None:
            self._add_part(COCO_NAME, self._coco.finish())
        if self._format == ExportFormat.CROISSANT:
            self._add_part(CROISSANT_NAME, self._croissant())

    def close(self) -> None:
        self._table.close()
        if self._coco is not None:
            self._coco.close()

    def _copy(self, record: Record) -> str:
        blob = self._store.blob_path(record.sha256)
        stem, suffix = photo_name(record, _head(blob))
        name = self._names.free(self._folder(record), stem, suffix)
        self.size += self._target.add_blob(name, blob, record.sha256)
        self.images += 1
        return name

    def _folder(self, record: Record) -> str:
        if self._format != ExportFormat.IMAGEFOLDER:
            return self._target.photos
        split = f"{record.split}/" if record.split else ""
        inside = record.in_class_folder and record.label is not None
        return f"{split}{self._content.folders[record.label]}/" if inside and record.label else split

    def _add_part(self, name: str, part: Path) -> None:
        self._target.add_part(name, part)
        self.size += part.stat().st_size

    def _cells(self, record: Record, name: str) -> list[object]:
        one = self._content.classes[record.label] if record.label is not None else None
        category = self._content.categories.get(one.category) if one else None
        fields = {key: "" if value is None else value for key, value in record.fields.items()}
        return [
            name, one.key if one else "", one.category if one else "", record.split, record.group, record.transform,
            fields["state"], fields["state_reason"], fields["label_origin"], fields["source"], fields["author"],
            fields["licence"], fields["page_url"], fields["original_name"], fields["taken_at"],
            1 if fields["is_reference"] else 0, one.name_en if one else "", one.name_zh if one else "",
            category.bin if category else "", record.sha256, fields["width"], fields["height"], fields["size"],
            *crawl_cells(record.fields["provenance"] or {}),
        ]  # fmt: skip

    def _croissant(self) -> Path:
        dataset = self._content.dataset
        about = croissant(
            name=self._content.title,
            description=dataset.description or dataset.name,
            licences=list(self._licences),
            photos=self._target.photos,
            table_digest=file_digest(self._table_path),
            published=timezone.now().date().isoformat(),
            url=f"urn:sortyard:{self._content.title}",  # it has no page of its own on the web
        )
        path = self._target.scratch / CROISSANT_NAME
        path.write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
        return path


def _head(blob: Path) -> bytes:
    try:
        with blob.open("rb") as file:
            return file.read(12)
    except FileNotFoundError:
        return b""  # said when its bytes are copied
