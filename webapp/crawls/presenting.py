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
from webapp.crawls.selectors import GOOD, NEUTRAL, CrawlCounts
from webapp.crawls.services import default_query, usual_per_page
from webapp.crawls.sources import Source, sources
from webapp.crawls.words import what_happened, what_to_do
from webapp.datasets.models import ImageState, LabelClass
from webapp.datasets.selectors import ClassChoice


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
    """A candidate as a line or a tile. Addresses are "" where they must not become links."""

    item: CrawlItem
    name: str
    what: str
    todo: str
    thumb: str
    page: str
    licence_page: str

    @property
    def host(self) -> str:
        return host_of(self.page or self.item.url or (self.item.urls[0] if self.item.urls else ""))

    @property
    def tone(self) -> str:
        verdict = self.item.verdict
        return "good" if verdict in GOOD else "" if verdict in NEUTRAL else "bad"


def item_rows(items: Iterable[CrawlItem], slug: str) -> list[ItemRow]:
    """Items loaded with their image."""
    return [_item_row(item, slug) for item in items]


def _item_row(item: CrawlItem, slug: str) -> ItemRow:
    first = item.urls[0] if item.urls else ""
    return ItemRow(
        item=item,
        name=item.title or str(first).rsplit("/", 1)[-1] or _("without a title"),
        what=_became(item) or what_happened(item.verdict, item.detail),
        todo=what_to_do(item.verdict),
        thumb=_thumb(item, slug),
        page=outward(item.page_url),
        licence_page=outward(item.licence_url),
    )


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
