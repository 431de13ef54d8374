"""Answers that no source should give: any field missing, of another type, huge, or HTML. All end in clean candidates
or in one of the two errors."""

from __future__ import annotations

import copy
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict
from html import escape

import pytest

from tests.support.providers import Catalogue, Picture, ProviderSite
from tests.support.providers.asking import PlainGet
from tests.support.webserver import Response, WebServer
from webapp.crawls.providers import fields
from webapp.crawls.providers.base import ProviderError, ProviderRefused, ResultPage, Search
from webapp.crawls.providers.registry import provider

VALUES = [
    None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), "", "x" * 50_000, "<b>&amp;</b>", "<![x[", "\x00\x07",
    "\ud800", "\u202eabc", "javascript:alert(1)", "http://[::1", "https://a:b@c:99999/", [], {}, [[]], [{}], [None],
    {"value": {}}, {"value": "\n" * 300}, [{"url": 7}], {"a": {"b": {"c": []}}}, "9" * 4000,
]  # fmt: skip
WHOLE = [
    b"", b" ", b"null", b"true", b"7", b'"text"', b"[]", b"[{}]", b"{}", b"{", b"<!doctype html><h1>Hello",
    b"\xff" * 50, b"[" * 200_000,
    b'{"data":' * 100_000, b'{"results": {}, "query": [], "data": "", "error": 0}', b"\x00" * 100,
    b'{"results": [1, null, "x", [[]], {"url": {}}], "data": [1, {"objURL": {}}], "query": {"pages": [1, {}]}}',
    b'{"antiFlag": {"a": 1}, "error": [], "results": null}', b"9" * 10_000,
]  # fmt: skip
PATHS = {
    "openverse": "/v1/images/",
    "commons": "/w/api.php",
    "baidu": "/search/acjson",
    "bing": "/images/async",
}
FIRST = {"openverse": {"page": 1}, "commons": {"offset": 0}, "baidu": {"page": 1}, "bing": {"first": 1}}
LIMITS = {
    "title": 300,
    "author": 200,
    "licence": 120,
    "page_url": 2000,
    "licence_url": 2000,
    "thumb_url": 2000,
}


def variants(value: object) -> Iterator[object]:
    """`value` with each of its parts gone, or replaced by each of VALUES."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            less = copy.copy(value)
            del less[key]
            yield less
            for part in [*VALUES, *variants(value[key])]:
                changed = copy.copy(value)
                changed[key] = part
                yield changed


def good(key: str) -> object:
    """A good answer of the source's server, as a value."""
    catalogue = Catalogue([Picture("a", "A cup", "Jane", words=("cup",), width=900, height=700)])
    with ProviderSite(catalogue) as site, PlainGet() as get:
        if key == "baidu":
            get(site.base_urls[key] + "/")
        questions = {
            "openverse": {"q": "cup"},
            "commons": {"action": "query", "format": "json", "generator": "search", "gsrsearch": "cup",
                        "gsrnamespace": "6", "prop": "imageinfo", "iiurlwidth": "640"},
            "baidu": {"tn": "resultjson_com", "word": "cup"},
            "bing": {"q": "cup"},
        }  # fmt: skip
        answer = get(site.base_urls[key] + PATHS[key], params=questions[key], headers={"Referer": site.url})
    if key == "bing":
        return {
            "murl": "http://a.org/a.png",
            "turl": "http://a.org/b.png",
            "purl": "http://a.org/",
            "t": "A cup",
        }
    return json.loads(answer.content)


def written(key: str, value: object) -> bytes:
    text = json.dumps(value)
    return (f'<a class="iusc" m="{escape(text)}">' if key == "bing" else text).encode()


def outcome(source, get, cursor) -> ResultPage | str:
    try:
        return source.page(get, Search("cup", 20), cursor)
    except (ProviderError, ProviderRefused) as error:
        return str(error)


def check(page: ResultPage | str) -> None:
    if isinstance(page, str):
        assert 20 < len(page.encode()) < 700
        return
    json.dumps(page.next)
    assert page.total is None or page.total >= 0
    for one in page.candidates:
        assert one.urls
        for name, value in asdict(one).items():
            for text in value if isinstance(value, tuple) else [value]:
                if isinstance(text, str):
                    text.encode()
                    assert len(text) <= LIMITS.get(name, 2000)
                    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Cf") for letter in text)
                    assert "url" not in name or not text or fields.url(text) == text
        assert all(side is None or 0 <= side <= 10**6 for side in (one.width, one.height))


@pytest.mark.parametrize("key", PATHS)
def test_no_answer_raises_anything_but_the_two_errors(key, get):
    answers = [*WHOLE, *(written(key, value) for value in variants(good(key)))]
    assert len(answers) > 100
    body = [b""]
    with WebServer({PATHS[key]: lambda _request: Response(body[0])}, lambda _request: Response()) as server:
        outcomes = []
        for body[0] in answers:
            outcomes.append(outcome(provider(key, base_url=server.url), get, FIRST[key]))
    for one in outcomes:
        check(one)
    read = sum(isinstance(one, ResultPage) and bool(one.candidates) for one in outcomes)
    assert read > 20


@pytest.mark.parametrize("status", [204, 301, 400, 404, 418, 500, 503])
@pytest.mark.parametrize("key", PATHS)
def test_a_bad_status_that_get_returns_is_an_error(key, status):
    page = Response(b"", status)
    with WebServer(any_page=lambda _request: page) as server, PlainGet(raises=False) as get:
        source = provider(key, base_url=server.url)
        with pytest.raises(ProviderError):
            source.page(get, Search("cup", 20), FIRST[key])


@pytest.mark.parametrize("key", PATHS)
def test_a_good_answer_is_read_whole(key, get):
    with WebServer(
        {PATHS[key]: lambda _request: Response(written(key, good(key)))}, lambda _r: Response()
    ) as server:
        page = provider(key, base_url=server.url).page(get, Search("cup", 20), FIRST[key])
    check(page)
    assert len(page.candidates) == 1
    assert page.candidates[0].title
