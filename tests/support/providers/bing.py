"""Speaks as www.bing.com/images/async does: HTML whose anchors of the class iusc hold JSON."""

from __future__ import annotations

import html
import json

from tests.support.providers.catalogue import Catalogue, Picture
from tests.support.providers.rates import Rate
from tests.support.webserver import Request, Response


class BingServer:
    def __init__(self, catalogue: Catalogue, *, rate: float = 0.0) -> None:
        self.catalogue, self.rate = catalogue, Rate(rate)

    def answer(self, path: str, request: Request, root: str) -> Response:
        if path != "/images/async":
            return Response(b"no such page", 404, "text/html")
        if refused := self.rate.refusal():
            return refused
        found = self.catalogue.find(request.query.get("q", ""))
        first, count = int(request.query.get("first", "1")), int(request.query.get("count", "35"))
        start = max(first, 1) - 1
        shown = found[start : start + min(count, 35)]
        items = "".join(
            f'<li data-idx="{start + n + 1}">{_anchor(one, root)}</li>' for n, one in enumerate(shown)
        )
        page = f'<div class="dgControl"><ul class="dgControl_list">{items}</ul></div><a class="more" href="#">more</a>'
        return Response(page.encode(), type="text/html; charset=utf-8")


def _anchor(picture: Picture, root: str) -> str:
    value = {
        "cid": picture.id,
        "purl": f"https://example.org/photos/{picture.id}?a=1&b=2",
        "murl": f"{root}/pictures/{picture.name}",
        "turl": f"{root}/pictures/thumb/{picture.name}",
        "md5": "d41d8cd98f00b204e9800998ecf8427e",
        "t": f"\ue000{picture.title}\ue001 by {picture.author}",
        "desc": "",
    }
    return (
        f'<div class="imgpt"><a class="iusc" style="height:180px" m="{html.escape(json.dumps(value))}" '
        f'href="/images/search?view=detailV2&amp;mediaurl=x.jpg"><img class="mimg" src="x.jpg" alt="a>b"></a></div>'
    )
