"""Serves the pictures' bytes, and plays the ways in which a picture can fail to come."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from functools import lru_cache

from tests.support import photos
from tests.support.providers.catalogue import Catalogue, Picture
from tests.support.webserver import Request, Response

# What it looks like from outside, and what a crawl should say of it.
TROUBLES = (
    "missing",  # 404
    "once",  # 500 at the first request, then good
    "slow",  # 64 bytes a fifth of a second, and so on to the end
    "endless",  # the photo, and then zeros for ever
    "html",  # a page with a picture's name and type
    "cut",  # the first half of a JPEG, with the length of that half
    "length",  # a Content-Length of twice what comes
    "redirect",  # to the good photo
    "inside",  # a redirect to the address where clouds keep their credentials
    "huge",  # a PNG of 900 million pixels in 100 kB
)
INSIDE = "http://169.254.169.254/latest/meta-data/"


@lru_cache(maxsize=1)
def _huge() -> bytes:
    return photos.huge_png()


class Images:
    """Answers NAME, thumb/NAME (640 px wide) and plain/NAME (the photo, whatever its trouble)."""

    def __init__(self, catalogue: Catalogue, *, pace: float = 0.2) -> None:
        self.catalogue, self.pace = catalogue, pace
        self._failed: set[str] = set()
        if any(one.trouble == "huge" for one in catalogue.pictures):
            _huge()  # drawn before anybody waits for it

    def answer(self, path: str, request: Request) -> Response:
        folder, _, name = path.strip("/").rpartition("/")
        picture = self.catalogue.by_name.get(name)
        if picture is None or folder not in ("", "thumb", "plain"):
            return Response(b"no such picture", 404, "text/plain")
        if folder == "thumb":
            return Response(picture.rendering(), type="image/jpeg")
        if folder == "plain" or not picture.trouble:
            return Response(picture.data(), type=picture.mime)
        return self._in_trouble(picture, request.path.removesuffix(name))

    def _in_trouble(self, picture: Picture, base: str) -> Response:
        data, kind, trouble = picture.data(), picture.mime, picture.trouble
        if trouble == "missing":
            return Response(b"gone", 404, "text/plain")
        if trouble == "once" and picture.id not in self._failed:
            self._failed.add(picture.id)
            return Response(b"out of order", 500, "text/plain")
        if trouble == "redirect":
            return Response(status=302, headers={"Location": f"{base}plain/{picture.name}"})
        if trouble == "inside":
            return Response(status=302, headers={"Location": INSIDE})
        bodies: dict[str, Response] = {
            "once": Response(data, type=kind),
            "slow": Response(self._slowly(data), type=kind),
            "endless": Response(itertools.chain([data], itertools.repeat(bytes(65_536))), type=kind),
            "html": Response(b"<!doctype html><title>Please sign in</title><h1>Sign in</h1>", type=kind),
            "cut": Response(data[: len(data) // 2], type=kind),
            "length": Response([data], type=kind, headers={"Content-Length": str(2 * len(data))}),
        }
        return Response(_huge(), type="image/png") if trouble == "huge" else bodies[trouble]

    def _slowly(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), 64):
            yield data[start : start + 64]
            time.sleep(self.pace)
