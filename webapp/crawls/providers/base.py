"""What a source of pictures is to a crawl: a search becomes pages of candidates. No Django but gettext.

Providers ask through the `Get` they are handed and read answers that anyone may have written. They raise nothing but
`ProviderRefused` and `ProviderError`. What `Get` itself raises (an error of the network, the person's cancelling)
passes through, except that a refusal by status, 401 or 403, becomes `ProviderRefused`: asking again would not help. A
429 that `Get` raises passes too: it was waited for already, and its sentence tells for how long to stay away.
Sentences are English, to be shown with `|spoken`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from django.utils.translation import gettext_noop as _  # stored in English

from webapp.crawls.providers import fields

if TYPE_CHECKING:
    from webapp.crawls.fetching.fetcher import Fetched

# A source that says "wait" is waited for this long at most, then asked again, so many times in all.
LONGEST_WAIT_SECONDS = 120.0
TRIES = 5


class Get(Protocol):
    """Asks for a page. Guards, politeness, retries, the day's counter and a cookie jar are behind it.

    `data`: a form to send by POST instead; given for Openverse's token alone, and only where there are credentials.
    The jar keeps the cookies of the provider's own host: a source that wants its home page seen first (Baidu) just
    asks for its home page through the same `Get` before its first search.
    """

    def __call__(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Fetched: ...


class Licence(StrEnum):
    """What a picture's licence must allow. Sources that state none can only be searched with ANY."""

    ANY = "any"
    OPEN = "open"  # any stated open licence
    COMMERCIAL = "commercial"
    PUBLIC_DOMAIN = "public_domain"


@dataclass(frozen=True)
class Search:
    """`lines`: of a pasted list of addresses. `min_side`, pixels: only to choose between sizes of one picture."""

    text: str
    per_page: int
    licence: Licence = Licence.ANY
    min_side: int = 0
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A picture to download. `urls`: best first, the others for when it fails. Texts are cleaned, "" where unknown."""

    urls: tuple[str, ...]
    page_url: str = ""
    title: str = ""
    author: str = ""
    licence: str = ""
    """Short name as people write it: "CC BY-SA 4.0"."""
    licence_url: str = ""
    width: int | None = None
    height: int | None = None
    """Pixels of the first URL, as the source states them."""
    thumb_url: str = ""
    line: int = 0
    """Of a list of addresses: its place among the lines, from 0."""
    fault: str = ""
    """Why it can't be fetched, as a sentence; "" where that is the fetcher's to say."""


@dataclass(frozen=True)
class ResultPage:
    """`next`: the JSON cursor of the next page, None after the last. `total`: results in all, as the source says."""

    candidates: tuple[Candidate, ...]
    next: dict[str, Any] | None
    total: int | None = None
    note: str = ""


class ProviderRefused(Exception):
    """The source does not want us now. What was saved stays."""


class ProviderBusy(ProviderRefused):
    """The source asks to wait `wait` seconds; the same page may be asked for again then (see `page_patiently`)."""

    def __init__(self, sentence: str, wait: float) -> None:
        super().__init__(sentence)
        self.wait = min(max(wait, 1.0), LONGEST_WAIT_SECONDS)


class ProviderError(Exception):
    """The answer is none, or the question cannot be asked."""


@dataclass(frozen=True)
class Traits:
    """`name` is for people and goes through gettext. `language` of its search words; `min_interval`: seconds."""

    key: str
    name: str
    language: str
    needs_consent: bool
    states_licence: bool
    max_per_page: int
    max_pages: int | None
    day_quota: int | None
    min_interval: float
    takes_query: bool = True


class Provider(ABC):
    """One source of pictures. An instance serves one crawl: it may remember a token or that cookies are there."""

    traits: Traits
    """Of the class; an instance may narrow or widen it (Openverse with an account)."""

    def __init__(self, base_url: str, **options: str) -> None:
        self.base_url = base_url.rstrip("/")
        self.options = options

    @abstractmethod
    def cursor(self, page: int, search: Search) -> dict[str, Any]:
        """The cursor of results page `page`, from 1. ProviderError where the source has no such page."""

    @abstractmethod
    def page(self, get: Get, search: Search, cursor: Mapping[str, Any]) -> ResultPage:
        """The page that `cursor` (of `cursor` or of an earlier page's `next`) points at."""

    def check(self, search: Search, page: int = 1) -> None:
        """ProviderError unless the source can be asked this."""
        traits = self.traits
        if page < 1:
            raise ProviderError(_("Pages of results are counted from 1."))
        if not 1 <= search.per_page <= traits.max_per_page:
            raise ProviderError(
                _("%(name)s gives 1 to %(n)s results a page; choose a number between.")
                % {"name": traits.name, "n": traits.max_per_page}
            )
        if traits.max_pages is not None and page > traits.max_pages:
            raise ProviderError(
                _("%(name)s shows no more than %(n)s pages of results; start at an earlier one.")
                % {"name": traits.name, "n": traits.max_pages}
            )
        if not traits.takes_query:
            return
        if not search.text.strip():
            raise ProviderError(_("There are no search words. Give at least one."))
        if search.licence != Licence.ANY and not traits.states_licence:
            raise ProviderError(
                _("%(name)s states no licences. Search with any licence, or use another source.")
                % {"name": traits.name}
            )

    def place(self, cursor: Mapping[str, Any], name: str, least: int = 0) -> int:
        """The number `name` of a cursor, at least `least`."""
        value = fields.number(cursor.get(name))
        if value is None or value < least:
            raise ProviderError(_("The crawl's place is lost. Start it again at the page where it was."))
        return value

    def ask(
        self,
        get: Get,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Fetched:
        """An answer of status 200; 401 and 403 are refusals, whether raised by `get` or returned."""
        try:
            # A `get` that cannot POST serves every source but one.
            form = {} if data is None else {"data": data}
            answer = get(self.base_url + path, params=params, headers=headers, **form)
        except Exception as error:
            if getattr(error, "status", None) in (401, 403):
                raise self.refusal() from error
            raise
        if answer.status in (401, 403):
            raise self.refusal()
        if answer.status == 429:
            raise self.busy(retry_after(answer, 60))
        if answer.status != 200:
            raise ProviderError(
                _("%(name)s answered with status %(status)s. Try again later.")
                % {"name": self.traits.name, "status": answer.status}
            )
        return answer

    def read(self, answer: Fetched) -> Mapping[str, Any]:
        """The answer's JSON object."""
        try:
            value = fields.read_json(answer.content)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self.unreadable()
        return value

    def unreadable(self) -> ProviderError:
        return ProviderError(
            _("%(name)s answered with something that cannot be read. Try again later, or use another source.")
            % {"name": self.traits.name}
        )

    def refusal(self) -> ProviderRefused:
        return ProviderRefused(
            _("%(name)s refuses to answer. What was saved stays; try again later, or use another source.")
            % {"name": self.traits.name}
        )

    def busy(self, wait: float) -> ProviderBusy:
        return ProviderBusy(
            _("%(name)s is busy and asks to wait. What was saved stays; go on later.")
            % {"name": self.traits.name},
            wait,
        )


def left_out(shown: int, found: int) -> str:
    """The note about results that are no candidates; "" when all are."""
    if shown >= found:
        return ""
    return _(
        "%(n)s of the %(all)s results of a page were left out: no photos, or not of the licence asked for."
    ) % {
        "n": found - shown,
        "all": found,
    }


def retry_after(answer: Fetched, default: float) -> float:
    """Seconds that the answer's Retry-After names, else `default`. A date counts as none."""
    value = answer.headers.get("Retry-After", "").strip()
    return float(value) if re.fullmatch(r"\d{1,6}(\.\d+)?", value) else default


def page_patiently(
    provider: Provider,
    get: Get,
    search: Search,
    cursor: Mapping[str, Any],
    wait: Callable[[float], None],
    tries: int = TRIES,
) -> ResultPage:
    """`provider.page`, asked again after each `ProviderBusy`, which passes at the last of `tries`.

    `wait(seconds)` is the caller's: it waits, and raises at once when the person cancels.
    """
    for _try in range(tries - 1):
        try:
            return provider.page(get, search, cursor)
        except ProviderBusy as busy:
            wait(busy.wait)
    return provider.page(get, search, cursor)
