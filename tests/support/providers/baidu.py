"""Speaks as image.baidu.com does: cookies from its home page, near-JSON with enciphered addresses."""

from __future__ import annotations

import json

from tests.support.providers.catalogue import Catalogue, Picture
from tests.support.providers.rates import Rate
from tests.support.webserver import Request, Response

SIGNS = {":": "_z2C$q", ".": "_z&e3B", "/": "AzdH3F"}
LETTERS = dict(zip("abcdefghijklmnopqrstuvw1234567890", "wkv1ju2it3hs4g5rq6fp7eo8dn9cm0bla", strict=True))
COOKIE = "BAIDUID"


def enciphered(url: str) -> str:
    """What `objURL` and `fromURL` say instead of `url`."""
    return "".join(SIGNS.get(one) or LETTERS.get(one, one) for one in url)


class BaiduServer:
    """`refuse_after`: after so many answers it takes the asker for a spider."""

    def __init__(self, catalogue: Catalogue, *, rate: float = 0.0, refuse_after: int | None = None) -> None:
        self.catalogue, self.rate, self.refuse_after = catalogue, Rate(rate), refuse_after
        self.answered = 0

    def answer(self, path: str, request: Request, root: str) -> Response:
        if path in ("", "/"):
            cookie = f"{COOKIE}=8D0C3A6EB7:FG=1; path=/; max-age=31536000"
            return Response(
                b"<!doctype html><title>Baidu</title>", type="text/html", headers={"Set-Cookie": cookie}
            )
        if path != "/search/acjson":
            return Response(b"no such page", 404, "text/html")
        if refused := self.rate.refusal():
            return refused
        is_known = f"{COOKIE}=" in request.headers.get("cookie", "") and request.headers.get("referer")
        is_over = self.refuse_after is not None and self.answered >= self.refuse_after
        query = request.query
        if not is_known or is_over or query.get("tn") != "resultjson_com":
            return _page('{"antiFlag":1,"message":"Forbid spider access"}')
        self.answered += 1
        found = self.catalogue.find(query.get("word", ""))
        offset, count = int(query.get("pn", "0") or 0), min(int(query.get("rn", "30") or 30), 60)
        shown = found[offset : offset + count] if offset < 1000 else []
        results = ",".join([*(_result(one, root) for one in shown), "{}"])
        head = json.dumps({"queryEnc": query.get("word", ""), "queryExt": query.get("word", "")})[1:-1]
        return _page(
            f'{{{head},"listNum":{len(found)},"displayNum":{len(found) * 10},"gsm":"1e","data":[{results}]}}'
        )


def _page(text: str) -> Response:
    return Response(text.encode(), type="application/json; charset=utf-8")


def _result(picture: Picture, root: str) -> str:
    width, height = picture.dimensions()
    thumb = f"{root}/pictures/thumb/{picture.name}"
    title = f'<strong>{picture.title.split(" ")[0]}</strong> of {picture.author} \\ "{picture.id}"'
    value = json.dumps(
        {
            "thumbURL": thumb,
            "middleURL": thumb,
            "hoverURL": thumb,
            "objURL": enciphered(f"{root}/pictures/{picture.name}"),
            "fromURL": enciphered(f"https://example.org/photos/{picture.id}.html"),
            "fromURLHost": "example.org",
            "width": width,
            "height": height,
            "type": "jpg",
            "fromPageTitle": title,
            "fromPageTitleEnc": title.replace("<strong>", "").replace("</strong>", ""),
        },
        ensure_ascii=False,
    )
    # Its apostrophes are escaped, which JSON does not know.
    return value.replace("'", "\\'")
