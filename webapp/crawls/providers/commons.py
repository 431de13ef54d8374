"""Wikimedia Commons, by the search of its API. https://www.mediawiki.org/wiki/API:Search, API:Imageinfo"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop as _  # stored in English

from webapp.crawls.providers import fields
from webapp.crawls.providers.base import (
    Candidate,
    Get,
    Licence,
    Provider,
    ProviderError,
    ResultPage,
    Search,
    Traits,
    left_out,
    retry_after,
)

RENDERING_WIDTH = 640
# Above either, the rendering serves a classifier as well and spares both sides the bytes.
MOST_BYTES = 8 * 2**20
MOST_SIDE = 2560
# Seconds that Wikimedia's databases may lag before it would rather not be asked (their own advice for programs).
_MAXLAG = 5
_PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})
# Kinds that are taken as Commons draws them. Sound and film are none.
_DRAWN = frozenset({"image/svg+xml", "image/gif", "image/tiff", "image/vnd.djvu", "application/pdf"})
_RASTER = (".jpg", ".jpeg", ".png", ".webp")
_FREE = re.compile(r"cc0|cc-zero|public domain|pdm|pd\b|no restrictions|no known", re.IGNORECASE)


class Commons(Provider):
    traits = Traits(
        key="commons",
        name="Wikimedia Commons",
        language="en",
        needs_consent=False,
        states_licence=True,
        max_per_page=50,
        max_pages=None,
        day_quota=None,
        min_interval=1.0,
    )

    def cursor(self, page: int, search: Search) -> dict[str, Any]:
        self.check(search, page)
        return {"offset": (page - 1) * search.per_page}

    def page(self, get: Get, search: Search, cursor: Mapping[str, Any]) -> ResultPage:
        self.check(search)
        goes_on = _continuation(cursor.get("continue"))
        if not goes_on and (offset := self.place(cursor, "offset")):
            goes_on = {"gsroffset": str(offset)}
        fetched = self.ask(get, "/w/api.php", params={**goes_on, **_question(search)})
        answer = self.read(fetched)
        if "error" in answer:
            self._complain(fields.record(answer["error"]), retry_after(fetched, _MAXLAG))
        found = _pages(fields.record(answer.get("query")).get("pages"))
        candidates = tuple(
            one for page in found if (one := _candidate(page, search)) and _is_allowed(one, search.licence)
        )
        following = _continuation(answer.get("continue"))
        # A source that continues with the question just asked would be asked it for ever.
        is_over = not following or following == goes_on
        note = left_out(len(candidates), len(found))
        return ResultPage(candidates, None if is_over else {"continue": following}, None, note)

    def _complain(self, error: Mapping[str, Any], wait: float) -> None:
        code = fields.plain(error.get("code"), 60)
        if code == "maxlag":
            raise self.busy(max(wait, float(fields.number(error.get("lag")) or 0)))
        if code == "ratelimited":
            raise self.busy(max(wait, 30.0))
        reason = fields.text(error.get("info"), 200) or code or "?"
        raise ProviderError(
            _("Wikimedia Commons could not answer: “%(reason)s” Change the search words, or try again later.")
            % {"reason": reason}
        )


def _question(search: Search) -> dict[str, str]:
    return {
        "action": "query",
        "format": "json",
        "generator": "search",
        "gsrsearch": search.text.strip(),
        "gsrnamespace": "6",
        "gsrlimit": str(search.per_page),
        "prop": "imageinfo",
        "iiprop": "url|size|mime|sha1|extmetadata",
        "iiurlwidth": str(RENDERING_WIDTH),
        "maxlag": str(_MAXLAG),
    }


def _continuation(value: Any) -> dict[str, str]:
    """What is echoed with the same question to go on: all of it, as MediaWiki asks, as far as it is names and texts."""
    kept = {
        name: str(one)
        for name, one in fields.record(value).items()
        if re.fullmatch(r"[a-z]{1,40}", name) and type(one) in (str, int) and _can_be_echoed(str(one))
    }
    return kept if len(kept) <= 10 else {}


def _can_be_echoed(value: str) -> bool:
    return len(value) <= 500 and value.isprintable()


def _pages(value: Any) -> list[Mapping[str, Any]]:
    """Pages of the answer by their place in the search; MediaWiki sends them by number, or as a list."""
    pages = fields.records(list(value.values()) if isinstance(value, dict) else value)
    pages = [page for page in pages if fields.records(page.get("imageinfo"))]
    return sorted(pages, key=lambda page: fields.number(page.get("index")) or 10**9)


def _candidate(page: Mapping[str, Any], search: Search) -> Candidate | None:
    info = fields.records(page["imageinfo"])[0]
    about = fields.record(info.get("extmetadata"))
    urls, width, height = _sizes(info, search.min_side)
    if not urls:
        return None
    rendering = fields.url(info.get("thumburl"))
    return Candidate(
        urls=urls,
        page_url=fields.url(info.get("descriptionurl")),
        title=_title(page.get("title")),
        author=_about(about, "Artist", fields.AUTHOR),
        licence=_about(about, "LicenseShortName", fields.LICENCE),
        licence_url=fields.url(fields.record(about.get("LicenseUrl")).get("value")),
        width=width,
        height=height,
        thumb_url=rendering if _is_raster(rendering) else "",
    )


def _sizes(info: Mapping[str, Any], min_side: int) -> tuple[tuple[str, ...], int | None, int | None]:
    """URLs, best first, with width and height of the first; no URL where there is no photo."""
    mime = fields.plain(info.get("mime"), 60).lower()
    original, rendering = fields.url(info.get("url")), fields.url(info.get("thumburl"))
    if not _is_raster(rendering):
        rendering = ""
    whole = fields.number(info.get("width"), 10**6), fields.number(info.get("height"), 10**6)
    drawn = fields.number(info.get("thumbwidth"), 10**6), fields.number(info.get("thumbheight"), 10**6)
    if mime in _DRAWN:
        return fields.urls(rendering), *drawn
    if mime not in _PHOTOS:
        return (), None, None
    is_large = (fields.number(info.get("size")) or 0) > MOST_BYTES or max(
        whole[0] or 0, whole[1] or 0
    ) > MOST_SIDE
    suffices = min(drawn[0] or 0, drawn[1] or 0) >= min_side
    if rendering and (not original or (is_large and suffices)):
        return fields.urls(rendering, original), *drawn
    return fields.urls(original, rendering), *whole


def _is_raster(url: str) -> bool:
    return bool(url) and urlsplit(url).path.lower().endswith(_RASTER)


def _about(about: Mapping[str, Any], name: str, limit: int) -> str:
    return fields.text(fields.record(about.get(name)).get("value"), limit)


def _title(value: Any) -> str:
    """ "File:A cup.jpg" is the picture "A cup"."""
    name = fields.text(value, fields.TITLE)
    return re.sub(r"^File:|\.[A-Za-z0-9]{2,5}$", "", name).strip()


def _is_allowed(candidate: Candidate, licence: Licence) -> bool:
    """Commons takes only what may be used commercially, so OPEN and COMMERCIAL ask just that a licence is stated."""
    if licence == Licence.ANY:
        return True
    if licence == Licence.PUBLIC_DOMAIN:
        return bool(_FREE.match(candidate.licence))
    return bool(candidate.licence)
