from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from ml.durable import StoreFull
from webapp.core.commands import SortyardCommand, count_line
from webapp.core.store import site_store
from webapp.datasets.models import Dataset
from webapp.exports.content import Content
from webapp.exports.errors import ExportError
from webapp.exports.models import ExportFormat
from webapp.exports.services import why_not_exportable
from webapp.exports.targets import file_digest
from webapp.exports.writing import write_export
from webapp.snapshots.models import Snapshot


class Command(SortyardCommand):
    help = "Writes a data set, or a snapshot of it, to a ZIP, a folder or a CSV. Prints one JSON object."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="its slug or name")
        parser.add_argument("path", type=Path, help="a .zip, a new or empty folder, or (format csv) a .csv")
        parser.add_argument("--format", choices=ExportFormat.values, default=ExportFormat.IMAGEFOLDER)
        parser.add_argument("--snapshot", type=int, metavar="N", help="a frozen version, with its splits")

    def handle(self, *args: Any, **options: Any) -> None:
        begun = time.monotonic()
        dataset = self.dataset(options["dataset"])
        snapshot = self.snapshot_of(dataset, options["snapshot"])
        if reason := why_not_exportable(dataset, snapshot):
            self.refuse(reason)
        path: Path = options["path"]
        try:
            with self.refusing(ExportError):
                written = write_export(
                    content=Content(dataset, snapshot),
                    format=options["format"],
                    path=path,
                    store=site_store(),
                    progress=count_line("Export"),
                )
        except StoreFull as error:
            raise CommandError(str(error), returncode=1) from error
        except OSError as error:
            self.refuse(f"{path} can't be written: {error.strerror or error}. Name another place.")
        answer = {
            "format": options["format"],
            "images": written.images,
            "bytes": written.size,
            "seconds": round(time.monotonic() - begun, 2),
            "path": str(path),
            "dataset": dataset.slug,
            "snapshot": snapshot.number if snapshot else None,
        }
        self.answer({**answer, "sha256": file_digest(path)} if path.suffix.lower() == ".zip" else answer)

    def snapshot_of(self, dataset: Dataset, number: int | None) -> Snapshot | None:
        if number is None:
            return None
        found = dataset.snapshots.filter(number=number).first()
        if found is None:
            self.refuse(f"The data set “{dataset.slug}” has no snapshot {number}.")
        return found
