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
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop as _  # stored in English

from webapp.crawls.providers import fields
from webapp.crawls.providers.base import Candidate, Get, Provider, ResultPage, Search, Traits

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
        candidates = tuple(map(_candidate, lines[end - search.per_page : end]))
        return ResultPage(candidates, {"page": number + 1} if end < len(lines) else None, len(lines))


def addressed(lines: tuple[str, ...]) -> list[str]:
    """The lines that name an address."""
    stripped = (line.strip("\ufeff \t\r\n") for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]


def _candidate(line: str) -> Candidate:
    address, author, licence, page = (*_columns(line), "", "", "", "")[:4]
    return Candidate(
        urls=(fields.url(address) or _unusable(address),),
        author=fields.text(author, fields.AUTHOR),
        licence=fields.text(licence, fields.LICENCE),
        page_url=fields.url(page),
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


def _unusable(address: str) -> str:
    """A line that is no address, as it is stored: the fetcher refuses it because it begins with no http or https.

    One that does so and is unusable in another way (endless, with control characters) must not turn into a usable one
    by being shortened or cleaned.
    """
    shown = fields.plain(address, 300)
    return f"? {shown}" if re.match(r"https?:", shown, re.IGNORECASE) else shown or "?"
