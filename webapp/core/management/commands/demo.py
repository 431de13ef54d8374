"""`manage.py demo`: a drawn data set, imported, trained on and published; what is there is left alone."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.urls import reverse

from ml.durable import make_folder
from webapp.core.commands import SortyardCommand, progress_line
from webapp.datasets.models import Bin, Dataset, Source
from webapp.datasets.services import category_for_bin, dataset_create
from webapp.ingest.models import BatchState, UploadBatch
from webapp.jobs.models import UNFINISHED, JobState
from webapp.jobs.selectors import has_worker
from webapp.jobs.waiting import wait_for
from webapp.publishing.services import PublishError, run_publish
from webapp.runs.models import Run
from webapp.runs.services import run_start
from webapp.snapshots.services import SnapshotError, current_or_new_snapshot

NAME = "Demo: drawn household waste"
DESCRIPTION = (
    "Twelve kinds of household waste, drawn by a program and not photographed: its figures say nothing "
    "about real photos. Planted on purpose: wrong labels, copies, broken files, and two classes that are "
    "hard to tell apart."
)
# The first takes seconds, so that there is a model to look at; the second shows its curves as they grow.
FIRST_RECIPE, SECOND_RECIPE = "linear_probe", "partial_finetune"


class Command(SortyardCommand):
    help = "Makes a drawn data set, trains on it and publishes it; a second start finishes what is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--per-class", type=int, default=40, metavar="N", help="photos of a class")
        parser.add_argument("--size", type=int, default=320, metavar="PX", help="long side of a photo")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        with only_one() as is_first:
            if not is_first:
                self.say("The demo is being made by another process; nothing to do here.")
                return
            dataset = self.dataset_with_photos(options)
            run = self.trained(dataset)
            self.published(dataset, run)
            self.second_run(dataset)
            self.say(f"The demo is ready: {reverse('datasets:overview', args=[dataset.slug])}")

    def dataset_with_photos(self, options: dict[str, Any]) -> Dataset:
        dataset = Dataset.objects.filter(is_drawn=True).order_by("pk").first()
        if dataset is None:
            dataset = dataset_create(name=NAME, description=DESCRIPTION, is_drawn=True)
            self.say(f"Made the data set “{dataset.name}”.")
        # The folders are called category_class: with the four bins there, both levels are read from the name.
        for one in Bin:
            category_for_bin(dataset=dataset, bin=one)
        if self.is_imported(dataset):
            self.say(f"Its {dataset.images.count()} drawn photos are there already.")
        else:
            with tempfile.TemporaryDirectory(prefix="sortyard-demo-") as folder:
                self.draw(Path(folder) / "photos", options)
                self.bring_in(dataset, Path(folder) / "photos")
        return dataset

    def is_imported(self, dataset: Dataset) -> bool:
        """Whether an import of drawn photos came to its end; one that is under way is waited for."""
        for batch in dataset.batches.filter(source=Source.DRAWN, job__state__in=UNFINISHED):
            self.say("An import is under way; waiting for it.")
            assert batch.job is not None
            wait_for(batch.job, on_progress=progress_line())
        return UploadBatch.objects.filter(
            dataset=dataset, source=Source.DRAWN, state=BatchState.FINISHED, job__state=JobState.SUCCEEDED
        ).exists()

    def draw(self, folder: Path, options: dict[str, Any]) -> None:
        """Draws in a process of its own, since the site's loads no imaging library."""
        self.say("Drawing photos of twelve kinds of household waste …")
        command = [sys.executable, "-m", "ml", "draw", "--out", str(folder)]
        for name in ("per_class", "size", "seed"):
            command += [f"--{name.replace('_', '-')}", str(options[name])]
        done = subprocess.run(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, check=False)
        if done.returncode == 2:
            self.refuse("The photos were not drawn; the sentence above says why.")
        if done.returncode:
            raise CommandError(f"Drawing ended with code {done.returncode}.", returncode=1)
        drawn = json.loads(done.stdout)
        # The answers stand outside the folder that is imported, for whoever wants to check what they found.
        answers = settings.DATA_DIR / "demo-planted.json"
        make_folder(answers.parent)
        answers.write_bytes((folder / "planted.json").read_bytes())
        (folder / "planted.json").unlink()
        self.say(
            f"Drew {drawn['photos']} files. Planted among them: {drawn['wrong_labels']} wrong labels, "
            f"{drawn['near_duplicates']} near-duplicates, {drawn['exact_duplicates']} exact copies and "
            f"{drawn['broken']} broken files; {answers} lists them."
        )

    def bring_in(self, dataset: Dataset, folder: Path) -> None:
        self.say("Importing them …")
        told = StringIO()
        call_command(
            "import_images",
            dataset.slug,
            str(folder),
            source=Source.DRAWN.value,
            author="Sortyard",
            stdout=told,
        )
        counts = json.loads(told.getvalue().splitlines()[-1])
        self.say(
            f"Imported {counts['saved']} photos in {counts['seconds']:.0f} s; {counts['duplicates']} were "
            f"there already and {counts['rejected']} could not be used."
        )

    def trained(self, dataset: Dataset) -> Run:
        """The finished first run: an earlier one, one that is under way, or a new one."""
        runs = Run.objects.select_related("job").filter(dataset=dataset, recipe=FIRST_RECIPE)
        run = (
            runs.filter(job__state=JobState.SUCCEEDED).first()
            or runs.filter(job__state__in=UNFINISHED).first()
        )
        if run is None:
            self.say("Freezing a snapshot and training the first model …")
            run = self.start(dataset, FIRST_RECIPE)
        if run.job.is_unfinished:
            self.succeeded(wait_for(run.job, on_progress=progress_line()))
            run.refresh_from_db()
        if run.test_accuracy is not None:
            self.say(
                f"Run {run.number} names {run.test_accuracy:.0%} of {run.test_n} drawn test photos as they "
                "are labelled; some of those labels are wrong on purpose."
            )
        return run

    def start(self, dataset: Dataset, recipe: str) -> Run:
        with self.refusing(SnapshotError):
            snapshot = current_or_new_snapshot(dataset=dataset, created_by=None)
        return run_start(
            dataset=dataset, recipe=recipe, overrides={}, seed=0, snapshot=snapshot, created_by=None
        )

    def published(self, dataset: Dataset, run: Run) -> None:
        """A person's own choice of model is never replaced."""
        if dataset.published_models.filter(is_current=True).exists():
            self.say("A model is published already.")
            return
        with self.refusing(PublishError):
            run_publish(run=run, published_by=None)
        self.say(f"Published it: {reverse('publishing:model', args=[dataset.slug])}")

    def second_run(self, dataset: Dataset) -> None:
        """Queues the default recipe for a worker, so that there are two runs to compare; does not wait."""
        if Run.objects.filter(dataset=dataset, recipe=SECOND_RECIPE).exists() or not has_worker("train"):
            return
        run = self.start(dataset, SECOND_RECIPE)
        page = reverse("runs:detail", args=[dataset.slug, run.number])
        self.say(f"Run {run.number} trains in the background: {page}")

    def say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


@contextmanager
def only_one() -> Iterator[bool]:
    """True for the one process that holds the demo's lock; it goes with the process."""
    make_folder(settings.DATA_DIR)
    with (settings.DATA_DIR / "demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
