"""Openverse: openly licensed pictures of many collections, searched by English words. https://api.openverse.org/v1/"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_noop as _  # stored in English

from webapp.crawls.providers import fields
from webapp.crawls.providers.base import (
    Candidate,
    Get,
    Licence,
    Provider,
    ProviderRefused,
    ResultPage,
    Search,
    Traits,
)

# All that Openverse holds is openly licensed, so OPEN asks for nothing that ANY does not.
_ASKED: dict[Licence, dict[str, str]] = {
    Licence.ANY: {},
    Licence.OPEN: {},
    Licence.COMMERCIAL: {"license_type": "commercial"},
    Licence.PUBLIC_DOMAIN: {"license": "cc0,pdm"},
}
_NAMES = {"cc0": "CC0", "sampling+": "CC Sampling+", "nc-sampling+": "CC NC-Sampling+"}
_PDM = "Public domain mark"
# A token that goes into a header holds nothing else.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,4000}")


class Openverse(Provider):
    """Without an account 20 pages of 20; with one (options `client_id` and `client_secret`, both) pages of 500."""

    traits = Traits(
        key="openverse",
        name="Openverse",
        language="en",
        needs_consent=False,
        states_licence=True,
        max_per_page=20,
        max_pages=20,
        day_quota=200,
        min_interval=3.0,
    )

    def __init__(self, base_url: str, **options: str) -> None:
        super().__init__(base_url, **options)
        self._account = bool(options.get("client_id") and options.get("client_secret"))
        self._token = ""
        self._token_ends = 0.0
        if self._account:
            self.traits = replace(
                type(self).traits, max_per_page=500, max_pages=None, day_quota=10_000, min_interval=0.6
            )

    def cursor(self, page: int, search: Search) -> dict[str, Any]:
        self.check(search, page)
        return {"page": page}

    def page(self, get: Get, search: Search, cursor: Mapping[str, Any]) -> ResultPage:
        number = self.place(cursor, "page", 1)
        self.check(search, number)
        params = {
            "q": search.text.strip(),
            "page": str(number),
            "page_size": str(search.per_page),
            "extension": "jpg,jpeg,png,webp",
            **_ASKED[search.licence],
        }
        answer = self.read(self.ask(get, "/v1/images/", params=params, headers=self._headers(get)))
        if not isinstance(answer.get("results"), list):
            raise self.unreadable()
        found = fields.records(answer["results"])
        candidates = tuple(one for one in map(_candidate, found) if one.urls)
        total = fields.number(answer.get("result_count"))
        is_last = self._is_last(number, search.per_page, len(found), fields.number(answer.get("page_count")))
        return ResultPage(
            candidates,
            None if is_last else {"page": number + 1},
            total,
            self._note(number * search.per_page, total) if is_last else "",
        )

    def _is_last(self, number: int, per_page: int, found: int, page_count: int | None) -> bool:
        if self.traits.max_pages is not None and number >= self.traits.max_pages:
            return True
        # Pages are not full where dead pictures were taken out, so only the count says which is the last.
        return number >= page_count if page_count is not None else found < per_page

    def _note(self, seen: int, total: int | None) -> str:
        if total is None or total <= seen:
            return ""
        if self._account:
            return _("Openverse found %(total)s results and shows the first %(n)s.") % {
                "total": total,
                "n": seen,
            }
        return _(
            "Openverse found %(total)s results and shows the first %(n)s without an account. "
            "Other search words find others; so does a client id in the settings."
        ) % {"total": total, "n": seen}

    def _headers(self, get: Get) -> dict[str, str]:
        if not self._account:
            return {}
        if not self._token or time.monotonic() > self._token_ends:
            form = {
                "grant_type": "client_credentials",
                "client_id": self.options["client_id"],
                "client_secret": self.options["client_secret"],
            }
            answer = self.read(self.ask(get, "/v1/auth_tokens/token/", data=form))
            token = answer.get("access_token")
            if not isinstance(token, str) or not _TOKEN.fullmatch(token):
                raise self.unreadable()
            self._token = token
            # A minute early: the search that uses it is still to be sent.
            self._token_ends = time.monotonic() + (fields.number(answer.get("expires_in")) or 3600) - 60
        return {"Authorization": f"Bearer {self._token}"}

    def refusal(self) -> ProviderRefused:
        self._token = ""  # it may have been withdrawn: the next try asks for another
        if self._account:
            return ProviderRefused(
                _(
                    "Openverse refuses the client id and secret. What was saved stays; "
                    "correct them in the settings, or empty them to search without an account."
                )
            )
        return super().refusal()


def _candidate(result: Mapping[str, Any]) -> Candidate:
    return Candidate(
        urls=fields.urls(result.get("url"), result.get("thumbnail")),
        page_url=fields.url(result.get("foreign_landing_url")),
        title=fields.text(result.get("title"), fields.TITLE),
        author=fields.text(result.get("creator"), fields.AUTHOR),
        licence=licence_name(result.get("license"), result.get("license_version")),
        licence_url=fields.url(result.get("license_url")),
        width=fields.number(result.get("width"), 10**6),
        height=fields.number(result.get("height"), 10**6),
        thumb_url=fields.url(result.get("thumbnail")),
    )


def licence_name(code: Any, version: Any) -> str:
    """The code of a licence as people write it: by-sa and 4.0 become "CC BY-SA 4.0"."""
    name = fields.text(code, fields.LICENCE).lower()
    number = fields.plain(version, 10)
    number = number if re.fullmatch(r"\d{1,2}(\.\d{1,2})?", number) else ""
    if name == "pdm":
        return _PDM
    if name == "cc0":
        number = number or "1.0"
    if name in _NAMES:
        return f"{_NAMES[name]} {number}".rstrip()
    if re.fullmatch(r"by(-(nc|nd|sa))*", name):
        return f"CC {name.upper()} {number}".rstrip()
    return name
