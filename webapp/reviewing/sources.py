"""Where the photos of an inbox come from: each upload, each crawl, and what else there is; each a filter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from webapp.core.templatetags.sortyard import display_name
from webapp.crawls.selectors import waiting_by_crawl
from webapp.datasets.chips import FilterBar
from webapp.datasets.filters import ImageFilter
from webapp.datasets.models import Dataset, ImageState, Source
from webapp.datasets.other_rooms import NOBODY
from webapp.ingest.models import UploadBatch, UploadItem
from webapp.reviewing.selectors import held_photos

# In the row of chips; the others stand in a list.
MAX_CHIPS = 5


@dataclass(frozen=True)
class From:
    """A source: what it is called, how many of its photos wait, and the address of the inbox with only those."""

    label: str
    n: int
    url: str
    on: bool
    note: str = ""
    review: str = ""
    """Where what this crawl found is reviewed class by class."""


@dataclass(frozen=True)
class Sources:
    chips: list[From]
    more: list[From]
    free: From | None
    """Photos that nobody was given, where some were."""
    review: From | None
    """The crawl that the inbox is narrowed to, if it is."""

    @property
    def is_worth_showing(self) -> bool:
        return len(self.chips) + len(self.more) > 1 or self.free is not None


def inbox_sources(dataset: Dataset, bar: FilterBar) -> Sources:
    """In four queries at most: an index of the inbox's sources answers the first without reading a photo."""
    rows = dataset.images.order_by().filter(state=ImageState.INBOX).values_list("source", "batch")
    by_batch: Counter[int] = Counter()
    by_source: Counter[str] = Counter()
    for source, batch, n in rows.annotate(n=Count("pk")):
        if batch is not None and source != Source.CRAWL:
            by_batch[batch] += n
        else:
            by_source[source] += n
    found = [*_batches(dataset, bar, by_batch), *_crawls(dataset, bar, by_source[Source.CRAWL])]
    found += [_plain(bar, source, n) for source, n in by_source.items() if source != Source.CRAWL]
    # What the view is narrowed to is on screen, wherever it stands.
    shown = [one for place, one in enumerate(found) if place < MAX_CHIPS or one.on]
    total = sum(by_batch.values()) + sum(by_source.values())
    return Sources(
        shown,
        [one for one in found if one not in shown],
        _free(dataset, bar, total),
        next((one for one in found if one.on and one.review), None),
    )


def _link(bar: FilterBar, on: bool, **changes: Any) -> str:
    """Narrowed to one source, or, where it is already, to none."""
    nothing: dict[str, Any] = {"batch": None, "crawl": None, "source": ""}
    return bar.url(bar.chosen.changed(**nothing) if on else bar.chosen.changed(**{**nothing, **changes}))


def _batches(dataset: Dataset, bar: FilterBar, counts: Counter[int]) -> list[From]:
    if not counts:
        return []
    # Numbered as on the page of an upload; those that nothing arrived in do not count.
    arrived = Exists(UploadItem.objects.filter(batch=OuterRef("pk")))
    batches = UploadBatch.objects.filter(arrived, dataset=dataset).order_by("pk")
    numbered = enumerate(batches.values_list("pk", "created_at", "source"), start=1)
    kinds = dict(Source.choices)
    found = []
    for number, (pk, at, source) in numbered:
        if pk in counts:
            on = bar.chosen.batch == pk
            label = _("Upload %(name)s") % {"name": number}
            day = date_format(localtime(at), "SHORT_DATE_FORMAT")
            note = day if source == Source.UPLOAD else f"{kinds.get(source, source)} · {day}"
            found.append(From(label, counts[pk], _link(bar, on, batch=pk), on, note))
    return found[::-1]


def _crawls(dataset: Dataset, bar: FilterBar, total: int) -> list[From]:
    if not total:
        return []
    found = []
    for crawl, n in waiting_by_crawl(dataset):
        on = bar.chosen.crawl == crawl.number
        name = display_name(crawl.label_class)
        label = _("Crawl %(number)d") % {"number": crawl.number}
        review = reverse("crawls:review", args=[dataset.slug, crawl.label_class_id])
        found.append(From(label, n, _link(bar, on, crawl=crawl.number), on, name, review))
    # Photos whose crawl is not known any more.
    known = sum(one.n for one in found)
    if total > known:
        found.append(_plain(bar, Source.CRAWL, total))
    return found


def _plain(bar: FilterBar, source: str, n: int) -> From:
    on = bar.chosen.source == source
    return From(str(dict(Source.choices).get(source, source)), n, _link(bar, on, source=source), on)


def _free(dataset: Dataset, bar: FilterBar, total: int) -> From | None:
    held = held_photos(dataset, ImageFilter())
    on = bar.chosen.assigned == NOBODY
    if not held and not on:
        return None
    url = bar.url(bar.chosen.changed(assigned="" if on else NOBODY))
    return From(_("Given to nobody"), total - held, url, on)
