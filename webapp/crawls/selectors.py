"""Reads of crawls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Avg, Count, Exists, F, OuterRef, Q, QuerySet
from django.http import Http404

from webapp.crawls.homes import classes_at
from webapp.crawls.models import WORKING, Crawl, CrawlItem, CrawlVerdict
from webapp.datasets.models import Dataset, ImageState, LabelClass
from webapp.datasets.selectors import ClassChoice, class_choices
from webapp.datasets.undoing import homes_of_closed
from webapp.jobs.models import UNFINISHED, Job, JobKind

ENOUGH_PHOTOS = 300
"""A class with fewer is thin: the paper cut its classes to so many."""

GOOD = (CrawlVerdict.SAVED, CrawlVerdict.CANDIDATE)
NEUTRAL = (CrawlVerdict.PENDING, CrawlVerdict.NOT_NEEDED, CrawlVerdict.DUPLICATE)


def crawls_of(dataset: Dataset) -> QuerySet[Crawl]:
    """Newest first, each with its class and job."""
    return dataset.crawls.select_related("label_class__category", "job", "created_by").defer("job__log_tail")


def queries_of(crawls: QuerySet[Crawl]) -> dict[int, list[str]]:
    """The search words of crawls by their ids. Lists of addresses are left out: each may be megabytes long."""
    return dict(crawls.order_by().exclude(provider="urls").values_list("pk", "queries"))


def crawl_for(dataset: Dataset, number: int) -> Crawl:
    found = crawls_of(dataset).filter(number=number).first()
    if found is None:
        raise Http404
    return found


@dataclass(frozen=True)
class CrawlCounts:
    """Candidates of a crawl by verdict."""

    by_verdict: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_verdict.values())

    @property
    def pending(self) -> int:
        return self.by_verdict.get(CrawlVerdict.PENDING, 0)

    @property
    def looked_at(self) -> int:
        return self.total - self.pending

    @property
    def saved(self) -> int:
        return self.by_verdict.get(CrawlVerdict.SAVED, 0)

    @property
    def tried(self) -> int:
        return self.by_verdict.get(CrawlVerdict.CANDIDATE, 0)

    @property
    def duplicates(self) -> int:
        return self.by_verdict.get(CrawlVerdict.DUPLICATE, 0)

    @property
    def refused(self) -> int:
        """Candidates that gave no photo."""
        return sum(n for verdict, n in self.by_verdict.items() if verdict not in (*GOOD, *NEUTRAL))


def crawl_counts(crawls: list[Crawl]) -> dict[int, CrawlCounts]:
    """By the crawls' ids, in one query."""
    rows = CrawlItem.objects.filter(crawl__in=[one.pk for one in crawls]).order_by()
    found: dict[int, dict[str, int]] = {one.pk: {} for one in crawls}
    for crawl, verdict, n in rows.values_list("crawl", "verdict").annotate(n=Count("pk")):
        found[crawl][verdict] = n
    return {pk: CrawlCounts(counts) for pk, counts in found.items()}


def _waits() -> Q:
    """Items whose photo is in the inbox without a label. Of several crawls that brought one, the newest has it."""
    newer = CrawlItem.objects.filter(
        image=OuterRef("image"), verdict=CrawlVerdict.SAVED, pk__gt=OuterRef("pk")
    )
    return Q(
        ~Exists(newer.order_by()),
        verdict=CrawlVerdict.SAVED,
        image__state=ImageState.INBOX,
        image__label=None,
    )


def candidates_of_class(label_class: LabelClass) -> QuerySet[CrawlItem]:
    """Candidates that wait for a decision: photos of crawls in the inbox without a label, and those of trials."""
    return CrawlItem.objects.filter(
        _waits() | Q(verdict=CrawlVerdict.CANDIDATE), crawl__label_class__in=classes_at(label_class)
    )


def images_of_crawl(dataset: Dataset, number: int) -> QuerySet[CrawlItem, int | None]:
    """Ids of the photos that a crawl brought."""
    items = CrawlItem.objects.filter(crawl__dataset=dataset, crawl__number=number, verdict=CrawlVerdict.SAVED)
    return items.order_by().values_list("image", flat=True)


def waiting_by_crawl(dataset: Dataset) -> list[tuple[Crawl, int]]:
    """Crawls of which photos wait in the inbox, the newest first, and how many."""
    items = CrawlItem.objects.filter(
        crawl__dataset=dataset, verdict=CrawlVerdict.SAVED, image__state=ImageState.INBOX
    )
    counts = dict(items.order_by().values_list("crawl").annotate(n=Count("pk")))
    crawls = Crawl.objects.filter(pk__in=counts).select_related("label_class__category").defer("queries")
    return [(one, counts[one.pk]) for one in crawls.order_by("-number")] if counts else []


def to_review(label_class: LabelClass) -> QuerySet[CrawlItem]:
    """Photos of crawls for the class that wait in the inbox, those that fit best first, copies last."""
    return best_first(candidates_of_class(label_class).filter(verdict=CrawlVerdict.SAVED))


def best_first(waiting: QuerySet[CrawlItem]) -> QuerySet[CrawlItem]:
    """Those that are decided about, without the copies that stand behind them."""
    return (
        waiting.filter(is_lead=True)
        .select_related("image", "crawl", "copy_of")
        # A list of addresses is long, and would be read with each of its photos.
        .defer("urls", "facts", "crawl__queries", "crawl__cursor")
        .order_by(F("copy_of").asc(nulls_first=True), F("fit").desc(nulls_last=True), "pk")
    )


def to_review_of(crawl: Crawl) -> int:
    """How many photos of the crawl wait for a review."""
    return crawl.items.filter(_waits()).order_by().count()


def state_counts(dataset: Dataset) -> dict[str, int]:
    return dict(dataset.crawls.order_by().values_list("state").annotate(n=Count("pk")))


def waiting_by_class(dataset: Dataset) -> dict[int | None, int]:
    """How many photos of crawls wait for a review, by the class that takes them; None: theirs was deleted."""
    rows = CrawlItem.objects.filter(_waits(), crawl__dataset=dataset)
    found: dict[int | None, int] = {}
    counted = rows.order_by().values_list("crawl__label_class", "crawl__label_class__is_retired")
    closed = None
    for pk, is_retired, n in counted.annotate(n=Count("pk")):
        home = pk
        if is_retired:
            closed = homes_of_closed(dataset) if closed is None else closed
            home = closed.get(pk)
        found[home] = found.get(home, 0) + n
    return found


@dataclass(frozen=True)
class UnderWay:
    """What closing classes reaches: photos of crawls that wait for a review, and crawls that are at work."""

    waiting: int
    working: int


def under_way(label_classes: Sequence[LabelClass]) -> UnderWay:
    """For classes of one data set."""
    dataset = label_classes[0].dataset
    waiting = waiting_by_class(dataset)
    own = [pk for one in label_classes for pk in classes_at(one)]
    return UnderWay(
        sum(waiting.get(one.pk, 0) for one in label_classes),
        dataset.crawls.filter(label_class__in=own, state__in=WORKING).count(),
    )


def unfinished_rank(label_class: LabelClass) -> Job | None:
    jobs = Job.objects.filter(
        dataset=label_class.dataset_id,
        kind=JobKind.RANK,
        payload={"class": label_class.pk},
        state__in=UNFINISHED,
    )
    return jobs.defer("log_tail").order_by("id").first()


@dataclass(frozen=True)
class ThinClass:
    """A class with too few photos. `lacking` does not count what waits for a review or is being fetched."""

    choice: ClassChoice
    waiting: int
    is_crawled: bool
    lacking: int


def thin_classes(dataset: Dataset, enough: int = ENOUGH_PHOTOS) -> list[ThinClass]:
    """Classes with fewer than `enough` accepted photos, the thinnest first."""
    waiting = waiting_by_class(dataset)
    homes = homes_of_closed(dataset)
    working = dataset.crawls.filter(state__in=WORKING).order_by()
    busy = {homes.get(pk, pk) for pk in working.values_list("label_class", flat=True)}
    found = [
        ThinClass(
            one, waiting.get(one.pk, 0), one.pk in busy, max(0, enough - one.n - waiting.get(one.pk, 0))
        )
        for one in class_choices(dataset)
        if one.n < enough
    ]
    return sorted(found, key=lambda one: (one.choice.n, one.choice.pk))


@dataclass(frozen=True)
class ItemPage:
    items: list[CrawlItem]
    next_after: int | None


def items_page(crawl: Crawl, *, verdict: str = "", after: int | None = None, size: int = 60) -> ItemPage:
    """Candidates in the order they were found, optionally of one verdict, past the id `after`."""
    rows = crawl.items.select_related("image").defer("facts").order_by("id")
    if verdict:
        rows = rows.filter(verdict=verdict)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    return ItemPage(found, found[-1].pk if more else None)


def newest_good(crawl: Crawl, limit: int = 24) -> list[CrawlItem]:
    """What the crawl, or its trial, took last."""
    verdict = CrawlVerdict.CANDIDATE if crawl.is_trial else CrawlVerdict.SAVED
    rows = crawl.items.filter(verdict=verdict).select_related("image").defer("facts")
    return list(rows.order_by("-id")[:limit])


def trial_sheet(crawl: Crawl) -> list[CrawlItem]:
    """All that the trial took, what fits best first."""
    rows = (
        crawl.items.filter(verdict=CrawlVerdict.CANDIDATE).select_related("image", "copy_of").defer("facts")
    )
    return list(rows.order_by(F("fit").desc(nulls_last=True), "pk"))


@dataclass(frozen=True)
class QueryShare:
    """How much of what a query brought can be used, and how well it fits on average (None: not ranked yet)."""

    words: str
    found: int
    usable: int
    fit: float | None

    @property
    def share(self) -> float:
        return self.usable / self.found if self.found else 0.0


def query_shares(crawl: Crawl) -> list[QueryShare]:
    """Of a crawl's queries in their order, in one query; none for a list of addresses."""
    if crawl.provider == "urls":
        return []
    is_good = Q(verdict__in=GOOD)
    rows = (
        crawl.items.order_by()
        .values_list("query")
        .annotate(n=Count("pk"), usable=Count("pk", filter=is_good), fit=Avg("fit", filter=is_good))
    )
    found = {place: figures for place, *figures in rows}
    return [QueryShare(words, *found.get(place, (0, 0, None))) for place, words in enumerate(crawl.queries)]
