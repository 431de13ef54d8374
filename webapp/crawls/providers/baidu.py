"""Baidu Images, by the addresses that its own pages ask. It states no licence, and an operator must turn it on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as _  # stored in English

from webapp.crawls.providers import fields
from webapp.crawls.providers.base import (
    Candidate,
    Get,
    Provider,
    ProviderRefused,
    ResultPage,
    Search,
    Traits,
)

if TYPE_CHECKING:
    from webapp.crawls.fetching.fetcher import Fetched

# Baidu answers nothing past this many results of one search.
DEPTH = 1000
_SIGNS = {"_z2C$q": ":", "_z&e3B": ".", "AzdH3F": "/"}
_LETTERS = str.maketrans("wkv1ju2it3hs4g5rq6fp7eo8dn9cm0bla", "abcdefghijklmnopqrstuvw1234567890")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Baidu(Provider):
    traits = Traits(
        key="baidu",
        name=_("Baidu Images"),
        language="zh",
        needs_consent=True,
        states_licence=False,
        max_per_page=60,
        max_pages=None,
        day_quota=None,
        min_interval=2.0,
    )

    def __init__(self, base_url: str, **options: str) -> None:
        super().__init__(base_url, **options)
        self._has_cookies = False

    def cursor(self, page: int, search: Search) -> dict[str, Any]:
        self.check(search, page)
        return {"page": page}

    def page(self, get: Get, search: Search, cursor: Mapping[str, Any]) -> ResultPage:
        number = self.place(cursor, "page", 1)
        self.check(search, number)
        offset = (number - 1) * search.per_page
        if offset >= DEPTH:
            return ResultPage((), None, None, _depth_note())
        if not self._has_cookies:
            self.ask(get, "/")
            self._has_cookies = True
        params = {
            "tn": "resultjson_com",
            "ipn": "rj",
            "ie": "utf-8",
            "oe": "utf-8",
            "word": search.text.strip(),
            "pn": str(offset),
            "rn": str(search.per_page),
        }
        # Its own page would ask with this.
        answer = self.read(
            self.ask(get, "/search/acjson", params=params, headers={"Referer": self.base_url + "/"})
        )
        if answer.get("antiFlag"):
            raise self.refusal()
        if not isinstance(answer.get("data"), list):
            raise self.unreadable()
        # The last one of `data` is empty.
        found = fields.records(answer["data"])
        total = fields.number(answer.get("listNum")) or fields.number(answer.get("displayNum"))
        end = offset + search.per_page
        is_over = not found or (total is not None and end >= total)
        is_deep = not is_over and end >= DEPTH
        return ResultPage(
            tuple(one for one in map(_candidate, found) if one.urls),
            None if is_over or is_deep else {"page": number + 1},
            total,
            _depth_note() if is_deep else "",
        )

    def read(self, answer: Fetched) -> Mapping[str, Any]:
        text = answer.content.decode("utf-8-sig", "replace")
        try:
            value = fields.read_json_text(repaired(text))
        except ValueError:
            # Its page with a puzzle, which it sends instead of an answer.
            if "wappass" in text or "百度安全验证" in text:
                raise self.refusal() from None
            value = None
        if not isinstance(value, dict):
            raise self.unreadable()
        return value

    def refusal(self) -> ProviderRefused:
        self._has_cookies = False
        return ProviderRefused(
            _(
                "Baidu takes this for a program and refuses to answer. What was saved stays; "
                "try again in some hours, or use another source."
            )
        )


def _depth_note() -> str:
    return _("Baidu shows the first %(n)s results of a search. Other search words find others.") % {
        "n": DEPTH
    }


def repaired(text: str) -> str:
    """JSON without the escapes that JSON does not know (`\\'` above all); those that it knows are left alone."""
    return _ESCAPE.sub(lambda found: found[0] if found[1] in '"\\/bfnrtu' else found[1], text)


def deciphered(value: Any) -> Any:
    """The address that `objURL` or `fromURL` hides; one in plain text as it is."""
    if not isinstance(value, str) or re.match(r"(https?:)?//", value):
        return value
    value = value[: 3 * fields.URL]  # three signs are written with six letters each
    for sign, plain in _SIGNS.items():
        value = value.replace(sign, plain)
    return value.translate(_LETTERS)


def _candidate(result: Mapping[str, Any]) -> Candidate:
    return Candidate(
        urls=fields.urls(
            deciphered(result.get("objURL")),
            result.get("hoverURL"),
            result.get("middleURL"),
            result.get("thumbURL"),
        ),
        page_url=fields.url(deciphered(result.get("fromURL"))),
        title=fields.text(result.get("fromPageTitle"), fields.TITLE)
        or fields.text(result.get("fromPageTitleEnc"), fields.TITLE),
        width=fields.number(result.get("width"), 10**6),
        height=fields.number(result.get("height"), 10**6),
        thumb_url=fields.url(result.get("thumbURL")),
    )
