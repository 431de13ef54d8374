"""A pasted list of addresses: no search, no network. The fetcher's guards hold for each as for any other.

One address a line; blank lines and lines that begin with # are skipped. Further columns, each optional, say author,
licence and page of origin. Columns are separated by tabs, or by commas: a comma separates when a blank or another comma
follows it, when it ends the line, or when what is before it ends like a picture's name (.jpg, .png, …). Any other comma
is part of the address. In further columns, "quotes" keep a comma.

    https://example.org/cup.jpg
    https://example.org/cup.jpg, Jane Doe, CC BY 4.0, https://example.org/about-cups
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_noop as _  # stored in English

from webapp.crawls.fetching.errors import URL_CHARACTERS, URL_TOO_LONG
from webapp.crawls.providers import fields
from webapp.crawls.providers.base import Candidate, Get, Provider, ResultPage, Search, Traits

MARK = "?"
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif")


class UrlList(Provider):
    traits = Traits(
        key="urls",
        name=_("List of addresses"),
        language="",
        needs_consent=False,
        states_licence=False,
        max_per_page=100,
        max_pages=None,
        day_quota=None,
        min_interval=0.0,
        takes_query=False,
    )

    def cursor(self, page: int, search: Search) -> dict[str, Any]:
        self.check(search, page)
        return {"page": page}

    def page(self, get: Get, search: Search, cursor: Mapping[str, Any]) -> ResultPage:
        self.check(search)
        number = self.place(cursor, "page", 1)
        lines = addressed(search.lines)
        end = number * search.per_page
        candidates = tuple(_candidate(line, place) for place, line in lines[end - search.per_page : end])
        return ResultPage(candidates, {"page": number + 1} if end < len(lines) else None, len(lines))


def addressed(lines: Sequence[str]) -> list[tuple[int, str]]:
    """The lines that name an address, each with its place among all lines, from 0."""
    stripped = ((place, line.strip("\ufeff \t\r\n")) for place, line in enumerate(lines))
    return [(place, line) for place, line in stripped if line and not line.startswith("#")]


def n_addresses(lines: Sequence[str]) -> int:
    return len(addressed(lines))


def address_of(line: str) -> str:
    """The address of a line as a candidate's first URL holds it."""
    return _address(_columns(line)[0])[0]


def _candidate(line: str, place: int) -> Candidate:
    address, author, licence, page = (*_columns(line), "", "", "", "")[:4]
    url, fault = _address(address)
    return Candidate(
        urls=(url,),
        author=fields.text(author, fields.AUTHOR),
        licence=fields.text(licence, fields.LICENCE),
        page_url=fields.url(page),
        line=place,
        fault=fault,
    )


def _columns(line: str) -> list[str]:
    if "\t" in line:
        return [column.strip() for column in line.split("\t")]
    for comma in re.finditer(",", line[: fields.URL + 1]):
        before, after = line[: comma.start()].strip(), line[comma.end() :]
        if after[:1] in ("", " ", ",") or before.lower().endswith(_ENDINGS):
            return [before, *_separated(after)]
    return [line]


def _separated(rest: str) -> list[str]:
    try:
        return next(csv.reader([rest], skipinitialspace=True), [])
    except csv.Error:
        return rest.split(",")


def _address(address: str) -> tuple[str, str]:
    """The address as it is stored, and why it can't be fetched from, as a sentence; "" leaves that to the fetcher.

    What begins with http or https and is unusable must not turn into a usable one by being shortened or cleaned: it is
    stored behind a mark that no address begins with.
    """
    if usable := fields.url(address):
        return usable, ""
    shown = fields.plain(address, fields.URL)
    if not re.match(r"https?:", shown, re.IGNORECASE) or shown == address:
        return shown or MARK, ""
    fault = URL_TOO_LONG % {"n": fields.URL} if len(address) > fields.URL else URL_CHARACTERS
    return f"{MARK} {shown}", fault


def as_written(url: str) -> str:
    """A stored address without the mark."""
    return url.removeprefix(MARK).lstrip() or url
