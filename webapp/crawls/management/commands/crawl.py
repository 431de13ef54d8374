from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from difflib import get_close_matches
from pathlib import Path
from signal import SIGINT
from typing import Any

from django.core.management.base import CommandError
from django.urls import reverse

from webapp.core.commands import SortyardCommand, progress_line
from webapp.crawls.errors import CrawlError
from webapp.crawls.models import Crawl, CrawlState, LicenceFilter
from webapp.crawls.providers.registry import PROVIDERS
from webapp.crawls.selectors import crawl_counts
from webapp.crawls.services import USUAL_PAGES, crawl_start
from webapp.crawls.sources import provider_here
from webapp.datasets.models import Dataset, LabelClass
from webapp.jobs.models import JobState
from webapp.jobs.selectors import has_worker
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
            help="one search, in quotes, instead of the class's name; repeat it for further searches",
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
        try:
            job = wait_for(crawl.job, on_progress=progress_line(name_of(crawl)))
        except KeyboardInterrupt:
            raise CommandError(self.left_behind(crawl), returncode=128 + SIGINT) from None
        crawl.refresh_from_db()
        self.answer({**result_of(crawl), "seconds": round(time.monotonic() - begun, 2)})
        if job.state != JobState.SUCCEEDED:
            raise CommandError(job.error or f"It was {job.get_state_display().lower()}.", returncode=1)

    def left_behind(self, crawl: Crawl) -> str:
        """What becomes of a crawl that is no longer waited for."""
        assert crawl.job is not None
        if sys.stderr.isatty():
            sys.stderr.write("\n")  # the progress line has no end yet
        page = reverse("crawls:detail", args=[crawl.dataset.slug, crawl.number])
        crawl.job.refresh_from_db()
        if not crawl.job.is_unfinished:
            return f"Crawl {name_of(crawl)} has ended meanwhile; its page is {page}."
        how = "goes on" if has_worker(crawl.job.queue) else "waits in the queue for the next “manage.py up”"
        return f"Crawl {name_of(crawl)} {how}. Watch it, or cancel it, on its page {page}."

    def label_class(self, dataset: Dataset, name: str) -> LabelClass:
        rows = list(dataset.classes.filter(is_retired=False).order_by("position", "pk"))
        for one in rows:
            if name in names_of(one):
                return one
        by_name = {word: one for one in rows for word in names_of(one)}
        near = dict.fromkeys(by_name[word] for word in get_close_matches(name, by_name, 5, 0.4))
        known = ", ".join(map(told, near or rows[:20])) or "none yet"
        self.refuse(f"The data set “{dataset.slug}” has no class “{name}”. Known: {known}.")

    def queries(self, options: dict[str, Any]) -> list[str]:
        path, words = options["list"], options["query"]
        if not provider_here(options["provider"]).traits.takes_query:
            if words:
                self.refuse("--query goes with a source that is searched; --provider urls reads --list FILE.")
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


def names_of(label_class: LabelClass) -> tuple[str, ...]:
    """Key and names, each once."""
    words = (label_class.key, label_class.name_en, label_class.name_zh)
    return tuple(dict.fromkeys(filter(None, words)))


def told(label_class: LabelClass) -> str:
    """“can”, or “bottle (Bottle, 瓶子)” where it has other names than its key."""
    key, *others = names_of(label_class)
    return f"{key} ({', '.join(others)})" if others else key


def name_of(crawl: Crawl) -> str:
    """“kerbside/5”, as the site numbers it."""
    return f"{crawl.dataset.slug}/{crawl.number}"


def result_of(crawl: Crawl) -> dict[str, Any]:
    """The JSON that scripts rely on."""
    counts = crawl_counts([crawl])[crawl.pk]
    return {
        "crawl": name_of(crawl),
        "state": CrawlState(crawl.state).value,
        "class": crawl.label_class.key,
        "provider": crawl.provider,
        "saved": counts.saved,
        "duplicates": counts.duplicates,
        "rejected": counts.refused,
        "candidates": counts.total,
        "verdicts": dict(counts.by_verdict),
    }
