from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.db.models import Count

from webapp.core.commands import SortyardCommand, progress_line
from webapp.datasets.errors import DatasetError
from webapp.datasets.models import Dataset, Source
from webapp.datasets.services import dataset_create
from webapp.ingest.local import LocalError, batch_add_source, read_path
from webapp.ingest.models import UploadBatch, Verdict
from webapp.ingest.selectors import GOOD
from webapp.ingest.services import batch_close, batch_open
from webapp.ingest.verdicts import sentence
from webapp.jobs.waiting import wait_for

# Neither saved, nor a copy, nor a failure: not counted among the rejected.
NEUTRAL = {*GOOD} - {Verdict.PENDING}
SHOWN_REJECTIONS = 50


class Command(SortyardCommand):
    help = "Imports a folder per class, a ZIP, or a CSV (path,label[,category]). Prints one JSON object."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="slug or name; made if there is none of that name")
        parser.add_argument("path", type=Path)
        parser.add_argument("--author", default="", help="who took the photos")
        parser.add_argument("--licence", default="")
        parser.add_argument("--source", choices=Source.values, default=Source.COMMAND)

    def handle(self, *args: Any, **options: Any) -> None:
        begun = time.monotonic()
        # First, so that a mistake in the path leaves no empty data set behind.
        with self.refusing(LocalError):
            source = read_path(options["path"])
        batch = batch_open(
            dataset=self.dataset_or_new(options["dataset"]),
            created_by=None,
            source=Source(options["source"]),
            author=options["author"],
            licence=options["licence"],
        )
        batch_add_source(batch=batch, source=source)
        self.succeeded(wait_for(batch_close(batch=batch), on_progress=progress_line()))
        self.tell_rejections(batch)
        counts = dict(batch.items.order_by().values_list("verdict").annotate(n=Count("id")))
        self.answer(
            {
                "saved": counts.get(Verdict.SAVED, 0),
                "duplicates": counts.get(Verdict.DUPLICATE, 0),
                "rejected": sum(n for verdict, n in counts.items() if verdict not in NEUTRAL),
                "seconds": round(time.monotonic() - begun, 2),
                "dataset": batch.dataset.slug,
                "verdicts": counts,
            }
        )
        if not counts.get(Verdict.SAVED) and not counts.get(Verdict.DUPLICATE):
            self.refuse(f"No photo came out of {options['path']}; the reasons stand above.")

    def dataset_or_new(self, name: str) -> Dataset:
        found = Dataset.objects.filter(slug=name).first() or Dataset.objects.filter(name=name).first()
        if found is not None:
            return found
        with self.refusing(DatasetError):
            return dataset_create(name=name)

    def tell_rejections(self, batch: UploadBatch) -> None:
        rejected = batch.items.exclude(verdict__in=NEUTRAL)
        for item in rejected[:SHOWN_REJECTIONS]:
            sys.stderr.write(f"{item.name!r}: {sentence(item.verdict, item.detail)}\n")
        more = rejected.count() - SHOWN_REJECTIONS
        if more > 0:
            sys.stderr.write(f"… and {more:,} more; the batch's page lists them all.\n")
