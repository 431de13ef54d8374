"""Pages of results: the next one is asked for, its candidates noted, and where the crawl stands moved on with them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from webapp.core.pagination import chunks
from webapp.crawls.homes import home_of
from webapp.crawls.licences import passes
from webapp.crawls.models import TRIAL_SIZE, Crawl, CrawlItem, CrawlVerdict
from webapp.crawls.providers.base import Candidate, Licence, ProviderError, ResultPage, Search
from webapp.crawls.reviewing import refused_for_others
from worker.context import JobContext, JobError
from worker.crawling.session import Asking, Session

CLAIMED_SMALL = _("Its source gives its shorter side as %(n)s px, the crawl asks for %(least)s.")
SEEN_BEFORE = _("Another crawl fetched this address.")
# A photo row may be made of these addresses again; of others the verdict stands.
_KNOWN = (CrawlVerdict.SAVED, CrawlVerdict.DUPLICATE)
_ROWS_A_WRITE = 200


class Pages:
    """The result pages of a crawl, from where its cursor stands."""

    def __init__(self, context: JobContext, crawl: Crawl, session: Session) -> None:
        self._context, self._crawl, self._session = context, crawl, session
        self._ask = Asking(session)
        self._is_list = not session.traits.takes_query

    def read_next(self) -> bool:
        """Note the candidates of the next page. False where there is none, or the trial has enough.

        JobError with a sentence where the source can't be asked; what was saved stays.
        """
        crawl = self._crawl
        place = self._place()
        if place is None:
            return False
        search = searches(crawl)[place["query"]]
        page = self._ask.page(search, place["at"] or self._first(search))
        read = place["page"] + 1
        is_last = (
            page.next is None or read >= crawl.total_page or self._trial_is_full_of(place["query"], page)
        )
        cursor = (
            {"query": place["query"] + 1, "page": 0, "at": None}
            if is_last
            else {"query": place["query"], "page": read, "at": page.next}
        )
        self._note(page, place["query"], crawl.start_page + place["page"], cursor)
        return True

    def _first(self, search: Search) -> dict[str, Any]:
        try:
            return self._session.provider.cursor(self._crawl.start_page, search)
        except ProviderError as error:
            raise JobError(str(error)) from error

    def _place(self) -> dict[str, Any] | None:
        place = {"query": 0, "page": 0, "at": None} | self._crawl.cursor
        return place if place["query"] < len(searches(self._crawl)) else None

    def _trial_is_full_of(self, query: int, page: ResultPage) -> bool:
        """A trial takes its candidates from all queries alike."""
        return self._crawl.is_trial and self._noted(query) + len(page.candidates) >= self._share()

    def _noted(self, query: int) -> int:
        """Candidates of a search that are there already; those of a list name their lines instead."""
        items = self._crawl.items.all()
        return (items if self._is_list else items.filter(query=query)).count()

    def _share(self) -> int:
        return -(-TRIAL_SIZE // len(searches(self._crawl)))

    def _note(self, page: ResultPage, query: int, number: int, cursor: dict[str, Any]) -> None:
        """Candidates and cursor in one transaction: a crawl that is killed reads no page twice, and misses none."""
        crawl = self._crawl
        candidates: Sequence[Candidate] = page.candidates
        if crawl.is_trial:
            candidates = candidates[: max(0, self._share() - self._noted(query))]
        items = [self._item(one, query, number) for one in candidates]
        self._mark_seen(items)
        self._context.check()
        with transaction.atomic():
            for part in chunks(items, _ROWS_A_WRITE):
                CrawlItem.objects.bulk_create(part, ignore_conflicts=True)
            Crawl.objects.filter(pk=crawl.pk).update(cursor=cursor)
        crawl.cursor = cursor

    def _item(self, one: Candidate, query: int, number: int) -> CrawlItem:
        verdict, detail = self._verdict(one)
        return CrawlItem(
            crawl=self._crawl,
            query=one.line if self._is_list else query,
            page=number,
            urls=list(one.urls),
            url_key=url_key(one),
            page_url=one.page_url,
            title=one.title,
            author=one.author,
            licence=one.licence,
            licence_url=one.licence_url,
            width=one.width,
            height=one.height,
            verdict=verdict,
            detail=detail,
        )

    def _verdict(self, one: Candidate) -> tuple[str, str]:
        """What can be said before anything is fetched."""
        crawl = self._crawl
        if one.fault:
            return CrawlVerdict.REFUSED_URL, one.fault
        if not passes(one.licence, Licence(crawl.licence)):
            return CrawlVerdict.LICENCE, ""
        if one.width and one.height and min(one.width, one.height) < crawl.min_side:
            figures = {"n": min(one.width, one.height), "least": crawl.min_side}
            return CrawlVerdict.TOO_SMALL, CLAIMED_SMALL % figures
        return CrawlVerdict.PENDING, ""

    def _mark_seen(self, items: list[CrawlItem]) -> None:
        """Addresses that an earlier crawl of the data set delivered are not fetched again."""
        earlier = CrawlItem.objects.filter(
            crawl__dataset=self._crawl.dataset,
            url_key__in=[one.url_key for one in items],
            verdict__in=_KNOWN,
            image__isnull=False,
        ).exclude(crawl=self._crawl)
        home = home_of(self._crawl)
        offered = refused_for_others(home, earlier.values_list("image", flat=True)) if home else set()
        known = {one.url_key: one for one in earlier.exclude(image__in=offered).order_by("-id")}
        for item in items:
            if item.verdict == CrawlVerdict.PENDING and (first := known.get(item.url_key)):
                item.verdict, item.detail, item.image_id = CrawlVerdict.DUPLICATE, SEEN_BEFORE, first.image_id
                item.sha256, item.url = first.sha256, first.url


def searches(crawl: Crawl) -> list[Search]:
    """What the provider is asked: one search for each query, or one for a whole list of addresses."""
    licence = Licence(crawl.licence)
    if crawl.provider == "urls":
        return [Search("", crawl.per_page, licence, crawl.min_side, tuple(crawl.queries))]
    return [Search(words, crawl.per_page, licence, crawl.min_side) for words in crawl.queries]


def url_key(one: Candidate) -> str:
    """Digest of the address that stands for the candidate."""
    return hashlib.sha256((one.urls[0] if one.urls else one.page_url).encode()).hexdigest()
