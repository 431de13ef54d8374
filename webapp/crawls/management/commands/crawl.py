from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from webapp.core.commands import SortyardCommand, progress_line
from webapp.crawls.errors import CrawlError
from webapp.crawls.models import Crawl, CrawlState, LicenceFilter
from webapp.crawls.providers.registry import PROVIDERS
from webapp.crawls.selectors import crawl_counts
from webapp.crawls.services import USUAL_PAGES, crawl_start
from webapp.crawls.sources import provider_here
from webapp.datasets.models import Dataset, LabelClass
from webapp.jobs.models import JobState
from webapp.jobs.waiting import wait_for


class Command(SortyardCommand):
    help = "Fetches photos for a class from the web into the inbox. Prints one JSON object."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="its slug or name")
        parser.add_argument("label_class", metavar="class", help="its key or name, in either language")
        parser.add_argument("--provider", choices=list(PROVIDERS), default=next(iter(PROVIDERS)))
        parser.add_argument("--start-page", type=int, default=1, metavar="A")
        parser.add_argument("--total-page", type=int, default=USUAL_PAGES, metavar="B")
        parser.add_argument(
            "--per-page", type=int, metavar="C", help="photos of a page; the source has a most"
        )
        parser.add_argument(
            "--query",
            action="append",
            default=[],
            metavar="WORDS",
            help="instead of the class's name; may be repeated",
        )
        parser.add_argument(
            "--list", type=Path, metavar="FILE", help="addresses, one a line (with --provider urls)"
        )
        parser.add_argument("--target", type=int, metavar="N", help="end when so many photos are saved")
        parser.add_argument("--min-side", type=int, default=0, metavar="PX")
        parser.add_argument("--licence", choices=LicenceFilter.values, default=LicenceFilter.ANY)

    def handle(self, *args: Any, **options: Any) -> None:
        begun = time.monotonic()
        dataset = self.dataset(options["dataset"])
        with self.refusing(CrawlError):
            crawl = crawl_start(
                dataset=dataset,
                label_class=self.label_class(dataset, options["label_class"]),
                provider=options["provider"],
                created_by=None,
                queries=self.queries(options),
                start_page=options["start_page"],
                total_page=options["total_page"],
                per_page=options["per_page"],
                min_side=options["min_side"],
                licence=options["licence"],
                target=options["target"],
                trial=False,
            )
        assert crawl.job is not None
        job = wait_for(crawl.job, on_progress=progress_line())
        crawl.refresh_from_db()
        self.answer({**result_of(crawl), "seconds": round(time.monotonic() - begun, 2)})
        if job.state != JobState.SUCCEEDED:
            raise CommandError(job.error or f"It was {job.get_state_display().lower()}.", returncode=1)

    def label_class(self, dataset: Dataset, name: str) -> LabelClass:
        rows = list(dataset.classes.filter(is_retired=False).order_by("position", "pk"))
        for one in rows:
            if name in (one.key, one.name_en, one.name_zh):
                return one
        names = [word for one in rows for word in (one.key, one.name_en, one.name_zh) if word]
        near = ", ".join(get_close_matches(name, names, 5, 0.4)) or ", ".join(names[:20]) or "none yet"
        self.refuse(f"The data set “{dataset.slug}” has no class “{name}”. Known: {near}.")

    def queries(self, options: dict[str, Any]) -> list[str]:
        path, words = options["list"], options["query"]
        if not provider_here(options["provider"]).traits.takes_query:
            if path is None:
                self.refuse("--provider urls needs --list FILE, with one address on each line.")
            try:
                text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                self.refuse(f"{path} can't be read as a list: {error}.")
            return text.splitlines()
        if path is not None:
            self.refuse("--list goes with --provider urls.")
        return list(words)


def result_of(crawl: Crawl) -> dict[str, Any]:
    """The JSON that scripts rely on."""
    counts = crawl_counts([crawl])[crawl.pk]
    return {
        "crawl": f"{crawl.dataset.slug}/{crawl.number}",
        "state": CrawlState(crawl.state).value,
        "class": crawl.label_class.key,
        "provider": crawl.provider,
        "saved": counts.saved,
        "duplicates": counts.duplicates,
        "rejected": counts.refused,
        "candidates": counts.total,
        "verdicts": dict(counts.by_verdict),
    }
