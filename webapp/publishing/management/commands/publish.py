"""`manage.py publish RUN`: point a data set's public page at a finished run."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import PurePath
from typing import Any

from django.urls import reverse

from webapp.core.commands import SortyardCommand
from webapp.publishing.services import PublishError, run_publish
from webapp.runs.models import Run


class Command(SortyardCommand):
    help = "Publishes a finished run: the data set's public page uses its model from now on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="DATASET/NUMBER, the run's folder id, or its key")

    def handle(self, *args: Any, **options: Any) -> None:
        run = find_run(options["run"])
        if run is None:
            self.refuse(
                f"There is no run {options['run']!r}: name it as DATASET/NUMBER, for example trashnet/3."
            )
        with self.refusing(PublishError):
            model = run_publish(run=run, published_by=None)
        url = reverse("publishing:model", args=[run.dataset.slug])
        self.answer({"model": model.pk, "dataset": run.dataset.slug, "run": run.folder, "url": url})


def find_run(name: str) -> Run | None:
    """The run called `DATASET/NUMBER`, by its folder (an id of 32 digits, or a path to it), or by its key."""
    runs = Run.objects.select_related("dataset", "job")
    folder = PurePath(name).name
    slug, _, number = name.rpartition("/")
    if re.fullmatch(r"[0-9a-f]{32}", folder):
        return runs.filter(folder=folder).first()
    if slug and number.isdecimal():
        return runs.filter(dataset__slug=slug, number=int(number)).first()
    return runs.filter(pk=int(name)).first() if name.isdecimal() else None
