"""Reads of what people decided about the photos that crawls brought: which words work."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from webapp.crawls.homes import classes_at
from webapp.crawls.models import Crawl, CrawlItem, CrawlVerdict
from webapp.crawls.selectors import queries_of
from webapp.datasets.models import ImageState, LabelClass
from webapp.datasets.undoing import homes_of_closed


@dataclass(frozen=True)
class Rate:
    """What people decided about the photos that a query to a provider brought."""

    provider: str
    query: str
    found: int
    accepted: int
    rejected: int
    elsewhere: int
    """Accepted as another class."""

    @property
    def decided(self) -> int:
        return self.accepted + self.rejected + self.elsewhere

    @property
    def share(self) -> float | None:
        """Of the decided ones, 0 to 1; None before a decision."""
        return self.accepted / self.decided if self.decided else None


def accept_rates(label_class: LabelClass) -> list[Rate]:
    """By provider and query of all crawls for the class: which words work. The best first, undecided ones last."""
    crawls = Crawl.objects.filter(label_class__in=classes_at(label_class))
    saved = CrawlItem.objects.filter(crawl__in=crawls, verdict=CrawlVerdict.SAVED).order_by()
    is_accepted = Q(image__state=ImageState.ACCEPTED)
    rows = saved.values_list("crawl", "crawl__provider", "query").annotate(
        found=Count("pk"),
        accepted=Count("pk", filter=is_accepted & Q(image__label=label_class)),
        rejected=Count("pk", filter=Q(image__state=ImageState.QUARANTINED)),
        elsewhere=Count("pk", filter=is_accepted & ~Q(image__label=label_class)),
    )
    queries = queries_of(crawls)
    summed: dict[tuple[str, str], list[int]] = {}
    for pk, provider, place, *figures in rows:
        words = queries[pk][place] if pk in queries else ""
        there = summed.setdefault((provider, words), [0, 0, 0, 0])
        for at, figure in enumerate(figures):
            there[at] += figure
    rates = [Rate(provider, words, *figures) for (provider, words), figures in summed.items()]
    return sorted(rates, key=lambda one: (-(one.share if one.share is not None else -1.0), -one.found))


@dataclass(frozen=True)
class Decided:
    """What people decided about the photos of a crawl; the others wait."""

    accepted: int
    decided: int

    @property
    def share(self) -> float | None:
        return self.accepted / self.decided if self.decided else None


def decisions(crawls: list[Crawl]) -> dict[int, Decided]:
    """By the crawls' ids, all of one data set; crawls of which nothing was decided are left out."""
    saved = CrawlItem.objects.filter(crawl__in=[one.pk for one in crawls], verdict=CrawlVerdict.SAVED)
    is_accepted = Q(image__state=ImageState.ACCEPTED, image__label__isnull=False)
    rows = saved.filter(is_accepted | Q(image__state=ImageState.QUARANTINED)).order_by()
    counted = rows.values_list("crawl", "image__state", "image__label").annotate(n=Count("pk"))
    own = {one.pk: {one.label_class_id} for one in crawls}
    if any(one.label_class.is_retired for one in crawls):
        homes = homes_of_closed(crawls[0].dataset)
        for one in crawls:  # photos of before a merge carry its target
            own[one.pk].add(homes.get(one.label_class_id, one.label_class_id))
    found: dict[int, Decided] = {}
    for crawl, state, label, n in counted:
        there = found.get(crawl, Decided(0, 0))
        taken = n if state == ImageState.ACCEPTED and label in own[crawl] else 0
        found[crawl] = Decided(there.accepted + taken, there.decided + n)
    return found
