"""Reads for the review of what crawls brought: what waits for a class, in which order, and how that order was made."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Max
from django.http import Http404

from webapp.crawls.homes import classes_at
from webapp.crawls.models import CrawlItem, CrawlVerdict
from webapp.crawls.selectors import best_first, candidates_of_class, to_review, waiting_by_class
from webapp.datasets.models import Dataset, LabelClass
from webapp.datasets.selectors import classes_of
from webapp.datasets.undoing import homes_of_closed
from webapp.jobs.models import Job, JobKind, JobState

SHOWN = 60
"""Photos on the page at a time."""


class ClassClosed(Exception):
    """`into` takes the photos that are found for the class; None where it was deleted without one."""

    def __init__(self, into: int | None) -> None:
        super().__init__()
        self.into = into


def class_for(dataset: Dataset, pk: int) -> LabelClass:
    """ClassClosed where it was merged or deleted."""
    found = dataset.classes.select_related("category").filter(pk=pk).first()
    if found is None:
        raise Http404
    if found.is_retired:
        raise ClassClosed(homes_of_closed(dataset).get(pk))
    return found


@dataclass(frozen=True)
class WaitingClass:
    label_class: LabelClass
    n: int


@dataclass(frozen=True)
class Waiting:
    """Classes for which photos of crawls wait, those with the most first; `homeless`: of classes that were deleted."""

    classes: list[WaitingClass]
    homeless: int


def waiting_classes(dataset: Dataset) -> Waiting:
    waiting = waiting_by_class(dataset)
    homeless = waiting.pop(None, 0)
    rows = classes_of(dataset).filter(pk__in=[pk for pk in waiting if pk]) if waiting else []
    found = sorted((WaitingClass(one, waiting[one.pk]) for one in rows), key=lambda one: -one.n)
    return Waiting(found, homeless)


@dataclass(frozen=True)
class Candidate:
    """A photo to decide about. `copies`: near-duplicates that are decided with it."""

    item: CrawlItem
    copies: int


@dataclass(frozen=True)
class Inbox:
    """What waits for a class: the best `shown`, and how many stand `below` them.

    `newest` is the last candidate that was there: what came later has not been seen by whoever decides.
    """

    shown: list[Candidate]
    total: int
    copies: int
    newest: int
    is_of_merged: bool = False
    """Whether some were found, and ranked, for a class that was merged into this one."""

    @property
    def below(self) -> int:
        return max(0, self.total - len(self.shown))


def inbox_of(label_class: LabelClass, size: int = SHOWN) -> Inbox:
    """In four queries, however many wait."""
    waiting = candidates_of_class(label_class).filter(verdict=CrawlVerdict.SAVED)
    counted = waiting.order_by().values_list("is_lead").annotate(n=Count("pk"), newest=Max("pk"))
    figures = {is_lead: (n, newest) for is_lead, n, newest in counted}
    leads, newest = figures.get(True, (0, 0))
    items = list(best_first(waiting)[:size]) if leads else []
    groups = {item.group for item in items if item.group}
    behind = waiting.filter(group__in=groups, is_lead=False).order_by().values_list("group")
    copies = dict(behind.annotate(n=Count("pk"))) if groups else {}
    shown = [Candidate(item, copies.get(item.group, 0) if item.group else 0) for item in items]
    is_of_merged = any(one.item.crawl.label_class_id != label_class.pk for one in shown)
    return Inbox(shown, leads, figures.get(False, (0, 0))[0], newest, is_of_merged)


def below(label_class: LabelClass, *, shown: set[int], newest: int) -> dict[int, int]:
    """Image ids to versions of what waits besides the photos shown, but for what came after `newest`."""
    rows = to_review(label_class).filter(pk__lte=newest).order_by().values_list("image_id", "image__version")
    return {image: version for image, version in rows if image not in shown}


def of_class(label_class: LabelClass, images: set[int]) -> set[int]:
    """Those of the images that a crawl for the class brought, whatever was decided about them."""
    rows = CrawlItem.objects.filter(
        crawl__label_class__in=classes_at(label_class), verdict=CrawlVerdict.SAVED, image__in=images
    )
    return set(rows.values_list("image_id", flat=True))


def latest_rank(label_class: LabelClass) -> Job | None:
    """The ranking that the order of the page comes from."""
    jobs = Job.objects.filter(
        dataset=label_class.dataset_id,
        kind=JobKind.RANK,
        payload={"class": label_class.pk},
        state=JobState.SUCCEEDED,
    )
    return jobs.defer("log_tail").order_by("-id").first()
