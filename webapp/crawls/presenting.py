"""Crawls as pages show them. Whatever a source said (titles, addresses) may have been written by anybody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.crawls.models import Crawl, CrawlItem, CrawlVerdict
from webapp.crawls.providers.registry import PROVIDERS
from webapp.crawls.providers.urllist import address_of, as_written
from webapp.crawls.selectors import GOOD, NEUTRAL, CrawlCounts
from webapp.crawls.services import default_query, usual_per_page
from webapp.crawls.sources import Source, sources
from webapp.crawls.words import sentence, what_happened, what_to_do
from webapp.datasets.models import ImageState, LabelClass
from webapp.datasets.selectors import ClassChoice

SHORT_NAME = 80
"""Characters of an address in a list: four lines on a phone."""


def outward(url: object) -> str:
    """The address where it may become a link: http or https to some host; "" for anything else.

    A page that shows what a stranger wrote must not make a `javascript:` or `data:` address of it.
    """
    text = url.strip() if isinstance(url, str) else ""
    if not text or any(ord(one) < 33 for one in text):
        return ""
    try:
        parts = urlsplit(text)
        is_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return text if is_web else ""


def host_of(url: object) -> str:
    """“commons.wikimedia.org”; "" where there is none."""
    link = outward(url)
    return (urlsplit(link).hostname or "").removeprefix("www.") if link else ""


def provider_name(key: object) -> str:
    """The name of a source in the reader's language; its key where it is no longer known."""
    kind = PROVIDERS.get(key) if isinstance(key, str) else None
    return _(kind.traits.name) if kind else str(key or "")


@dataclass(frozen=True)
class SourceCard:
    """A source to choose for one class: `words` are the class's name in its language."""

    source: Source
    words: str
    per_page: int

    @property
    def share_used(self) -> float | None:
        """Of today's requests, 0 to 1."""
        quota = self.source.traits.day_quota
        return min(1.0, self.source.used_today / quota) if quota else None


def source_cards(label_class: LabelClass | ClassChoice | None) -> list[SourceCard]:
    """All sources in two queries."""
    return [
        SourceCard(
            one, _words(label_class, one.traits.language) if label_class else "", usual_per_page(one.traits)
        )
        for one in sources()
    ]


def _words(label_class: LabelClass | ClassChoice, language: str) -> str:
    return default_query(label_class, language) if language else ""


@dataclass(frozen=True)
class VerdictChip:
    """A verdict of a crawl with how many candidates have it; `tone`: good, bad or ""."""

    verdict: str
    label: str
    n: int
    tone: str

    @property
    def told(self) -> str:
        """What became of them, and what to do about it."""
        return sentence(self.verdict)


def verdict_chips(counts: CrawlCounts) -> list[VerdictChip]:
    """In the order of the verdicts: what came in first, then why others did not."""
    chips = []
    for verdict in CrawlVerdict:
        if n := counts.by_verdict.get(verdict, 0):
            tone = "good" if verdict in GOOD else "" if verdict in NEUTRAL else "bad"
            chips.append(VerdictChip(verdict.value, str(verdict.label), n, tone))
    return chips


@dataclass(frozen=True)
class ItemRow:
    """A candidate as a line or a tile. Addresses are "" where they must not become links.

    `name`: its title, or of one without its address. `line`: of the list of addresses that it stands in, from 1.
    """

    item: CrawlItem
    name: str
    line: int | None
    what: str
    todo: str
    thumb: str
    page: str
    licence_page: str

    @property
    def host(self) -> str:
        return host_of(self.page or self.item.url or (self.item.urls[0] if self.item.urls else ""))

    @property
    def short(self) -> str:
        """The name, cut in the middle: addresses of one list differ at their ends."""
        name = self.name
        return name if len(name) <= SHORT_NAME else f"{name[: SHORT_NAME // 2]}…{name[1 - SHORT_NAME // 2 :]}"

    @property
    def tone(self) -> str:
        verdict = self.item.verdict
        return "good" if verdict in GOOD else "" if verdict in NEUTRAL else "bad"


def item_rows(items: Iterable[CrawlItem], crawl: Crawl) -> list[ItemRow]:
    """Items of the crawl, loaded with their image."""
    return [_item_row(item, crawl) for item in items]


def _item_row(item: CrawlItem, crawl: Crawl) -> ItemRow:
    first = str(item.urls[0]) if item.urls else ""
    is_list = crawl.provider == "urls"
    # Of a search the end of an address says as much as the whole; of a list people look for what they wrote.
    untitled = as_written(first) if is_list else first.rsplit("/", 1)[-1] or first
    return ItemRow(
        item=item,
        name=item.title or untitled or _("without a title"),
        line=_line(item, first, crawl.queries) if is_list else None,
        what=_became(item) or what_happened(item.verdict, item.detail),
        todo=what_to_do(item.verdict),
        thumb=_thumb(item, crawl.dataset.slug),
        page=outward(item.page_url),
        licence_page=outward(item.licence_url),
    )


def _line(item: CrawlItem, address: str, lines: list[str]) -> int | None:
    """None where the line is another one's: crawls of before kept no lines."""
    is_there = item.query < len(lines) and address_of(lines[item.query]) == address
    return item.query + 1 if is_there else None


def _became(item: CrawlItem) -> str:
    """What people decided about a saved photo; "" while it waits, and for all that was not saved."""
    if item.verdict != CrawlVerdict.SAVED:
        return ""
    if item.image is None:
        return _("Saved; the photo was removed since.")
    return {
        ImageState.ACCEPTED.value: _("Saved, and accepted by review."),
        ImageState.QUARANTINED.value: _("Saved, and refused by review: it is in quarantine."),
    }.get(item.image.state, "")


def _thumb(item: CrawlItem, slug: str) -> str:
    """The photo's thumbnail, or that of a trial's candidate, which has no photo row yet; "" where nothing was kept."""
    if item.image is not None:
        return reverse("datasets:thumb", args=[slug, item.image.sha256])
    return reverse("crawls:thumb", args=[slug, item.pk]) if item.verdict == CrawlVerdict.CANDIDATE else ""


def crawl_words(crawl: Crawl, queries: list[str] | None = None) -> list[str]:
    """What was searched for; [] for a list of addresses, which may be long and is shown as a number."""
    return [] if crawl.provider == "urls" else (crawl.queries if queries is None else queries)


def prefill(crawl: Crawl) -> dict[str, Any]:
    """A crawl's values for the form of another one."""
    is_list = crawl.provider == "urls"
    lines = "\n".join(crawl.queries)
    return {
        "provider": crawl.provider,
        "queries": "" if is_list else lines,
        "addresses": lines if is_list else "",
        "start_page": crawl.start_page,
        "total_page": crawl.total_page,
        "per_page": crawl.per_page,
        "min_side": crawl.min_side or None,
        "licence": crawl.licence,
        "target": crawl.target,
    }
