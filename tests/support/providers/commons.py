"""Speaks as the API of commons.wikimedia.org does, as far as a search for files with their imageinfo goes."""

from __future__ import annotations

import html
import zlib
from collections.abc import Mapping

from tests.support.providers.catalogue import RENDERING, Catalogue, Picture
from tests.support.providers.openverse import URLS
from tests.support.providers.rates import Rate, as_json
from tests.support.webserver import Request, Response

DRAWN = {
    "image/svg+xml": ("svg", "png"),
    "image/tiff": ("tif", "jpg"),
    "application/pdf": ("pdf", "jpg"),
    "image/gif": ("gif", "gif"),
    "video/webm": ("webm", "jpg"),
}


class CommonsServer:
    """`maxlag_every`: so often it lags, by `lag` seconds. `most_infos`: imageinfos that fit into one answer."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        rate: float = 0.0,
        maxlag_every: int = 0,
        lag: int = 7,
        retry_after: int = 5,
        most_infos: int = 50,
    ) -> None:
        self.catalogue, self.rate = catalogue, Rate(rate)
        self.maxlag_every, self.lag, self.retry_after = maxlag_every, lag, retry_after
        self.most_infos = most_infos
        self._asked = 0

    def answer(self, path: str, request: Request, root: str) -> Response:
        agent = request.headers.get("user-agent", "")
        if "@" not in agent and "http" not in agent:
            text = (
                b"Please set a user-agent and respect our robot policy https://w.wiki/4wJS. See also T400119."
            )
            return Response(text, 403, "text/plain")
        if refused := self.rate.refusal():
            return refused
        if path != "/w/api.php":
            return Response(b"no such page", 404, "text/html")
        query, self._asked = request.query, self._asked + 1
        if "maxlag" in query and self.maxlag_every and self._asked % self.maxlag_every == 0:
            return self._lags()
        if (query.get("action"), query.get("format")) != ("query", "json"):
            return _error("badvalue", 'Unrecognized value for parameter "action".')
        if query.get("generator") != "search" or not query.get("gsrsearch"):
            return _error("missingparam", 'The "gsrsearch" parameter must be set.')
        try:
            offset, limit = int(query.get("gsroffset", "0")), int(query.get("gsrlimit", "10"))
        except ValueError:
            return _error("badinteger", 'Invalid value for integer parameter "gsroffset".')
        if query.get("continue", "gsroffset||") not in ("gsroffset||", "||"):
            return _error("badcontinue", "Invalid continue param. You should pass the original value.")
        return self._found(query, offset, min(limit, 500), root)

    def _lags(self) -> Response:
        error = {
            "code": "maxlag",
            "info": f"Waiting for 10.64.32.12: {self.lag} seconds lagged.",
            "host": "10.64.32.12",
            "lag": self.lag,
            "type": "db",
            "*": "See https://commons.wikimedia.org/w/api.php for API usage.",
        }
        return as_json(
            {"error": error, "servedby": "mw1"},
            headers={"Retry-After": str(self.retry_after), "X-Database-Lag": str(self.lag)},
        )

    def _found(self, query: Mapping[str, str], offset: int, limit: int, root: str) -> Response:
        found = self.catalogue.find(query["gsrsearch"]) if query.get("gsrnamespace") == "6" else []
        shown = found[offset : offset + limit]
        begun = int(query.get("iistart", "0"))
        infos = range(begun, begun + self.most_infos) if query.get("prop") == "imageinfo" else range(0)
        pages: dict[str, object] = {}
        for number, picture in enumerate(shown):
            page: dict[str, object] = {
                "pageid": zlib.crc32(picture.id.encode()),
                "ns": 6,
                "title": f"File:{picture.title}.{_extension(picture)}",
                "index": offset + number + 1,
            }
            if number in infos:
                page["imageinfo"] = [_info(picture, query, root)]
            pages[str(page["pageid"])] = page
        # In the order of their numbers, which is not that of the search.
        value: dict[str, object] = {"query": {"pages": dict(sorted(pages.items()))}} if pages else {}
        if begun + self.most_infos < len(shown):
            following = {"iistart": str(begun + self.most_infos), "continue": "||"}
            value["continue"] = {**({"gsroffset": offset} if offset else {}), **following}
        else:
            value["batchcomplete"] = ""
            if offset + limit < len(found):
                value["continue"] = {"gsroffset": offset + limit, "continue": "gsroffset||"}
        return as_json(value)


def _extension(picture: Picture) -> str:
    return DRAWN.get(picture.mime, (picture.name.rpartition(".")[2],))[0]


def _info(picture: Picture, query: Mapping[str, str], root: str) -> dict[str, object]:
    width, height = picture.dimensions()
    author = html.escape(picture.author)
    code = f"CC {picture.licence.upper()} {picture.version}"
    short = {"pdm": "Public domain", "cc0": "CC0"}.get(picture.licence, code if picture.licence else "")
    deed = URLS.get(picture.licence, f"licenses/{picture.licence}")
    about: dict[str, object] = {
        "Artist": {"value": f'<a href="//commons.wikimedia.org/wiki/User:X" title="User:X">{author}</a>'},
        "LicenseShortName": {"value": short, "source": "commons-desc-page", "hidden": ""},
        "LicenseUrl": {"value": f"https://creativecommons.org/{deed}/{picture.version}"},
    }
    value: dict[str, object] = {
        "size": picture.told_size(),
        "width": width,
        "height": height,
        "url": f"{root}/pictures/{picture.name}",
        "descriptionurl": f"https://commons.wikimedia.org/wiki/File:{picture.id}",
        "mime": picture.mime,
        "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "extmetadata": about if picture.licence else {},
    }
    if query.get("iiurlwidth"):
        value |= _thumb(picture, root)
    return value


def _thumb(picture: Picture, root: str) -> dict[str, object]:
    width, height = picture.rendered()
    name, folder = picture.name, "pictures/thumb"
    if picture.mime in DRAWN:
        name = f"{picture.id}.{DRAWN[picture.mime][1]}"
    elif picture.dimensions()[0] <= RENDERING:
        folder = "pictures"  # nothing to render: it names the original
    return {"thumburl": f"{root}/{folder}/{name}", "thumbwidth": width, "thumbheight": height}


def _error(code: str, info: str) -> Response:
    return as_json({"error": {"code": code, "info": info, "*": "See <b>api.php</b> for API usage."}})
