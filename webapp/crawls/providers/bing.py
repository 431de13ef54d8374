"""Bing Images, by the HTML of its endless page. It states no licence, and an operator must turn it on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any

from django.utils.translation import gettext_noop as _  # stored in English

from webapp.crawls.providers import fields
from webapp.crawls.providers.base import Candidate, Get, Provider, ResultPage, Search, Traits

# Its pages have some 200 kB; the standard library's parser is slow on hostile HTML.
_MOST_HTML = 2 * 2**20


class Bing(Provider):
    traits = Traits(
        key="bing",
        name=_("Bing Images"),
        language="en",
        needs_consent=True,
        states_licence=False,
        max_per_page=35,
        max_pages=None,
        day_quota=None,
        min_interval=2.0,
    )

    def cursor(self, page: int, search: Search) -> dict[str, Any]:
        self.check(search, page)
        return {"first": (page - 1) * search.per_page + 1}

    def page(self, get: Get, search: Search, cursor: Mapping[str, Any]) -> ResultPage:
        self.check(search)
        first = self.place(cursor, "first", 1)
        params = {"q": search.text.strip(), "first": str(first), "count": str(search.per_page)}
        answer = self.ask(get, "/images/async", params=params)
        found = results_in(answer.content[:_MOST_HTML].decode("utf-8", "replace"))
        candidates = tuple(one for one in map(_candidate, found) if one.urls)
        # Bing gives as many as it likes: the next page begins after those it gave.
        return ResultPage(candidates, {"first": first + len(found)} if found else None)


class _Results(HTMLParser):
    """Collects the JSON objects in attribute `m` of anchors of the class iusc."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Mapping[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag != "a" or "iusc" not in (values.get("class") or "").split():
            return
        try:
            value = fields.read_json_text(values.get("m") or "")
        except ValueError:
            return
        self.found += fields.records([value])


def results_in(html: str) -> list[Mapping[str, Any]]:
    """What the page says of each picture: `murl`, `turl`, `purl`, `t`."""
    parser = _Results()
    # "<![x[" and its like make the parser give up: what it read until there stands.
    with suppress(AssertionError, ValueError):
        # Not closed: what hangs open at the end is no result, and looking for its end is what takes for ever.
        parser.feed(html)
    return parser.found[: fields.MOST_RECORDS]


def _candidate(result: Mapping[str, Any]) -> Candidate:
    return Candidate(
        urls=fields.urls(result.get("murl"), result.get("turl")),
        page_url=fields.url(result.get("purl")),
        # Words that were found stand between these two characters.
        title=fields.text(result.get("t"), fields.TITLE).replace("\ue000", "").replace("\ue001", ""),
        thumb_url=fields.url(result.get("turl")),
    )
