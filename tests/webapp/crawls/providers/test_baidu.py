"""Baidu Images, against a server that speaks as it does: cookies, near-JSON, enciphered addresses."""

from __future__ import annotations

import json

import pytest

from tests.support.providers import Catalogue, Picture, ProviderSite
from tests.support.providers.asking import names, walk
from tests.support.providers.baidu import LETTERS, SIGNS, enciphered
from tests.support.webserver import Response, WebServer
from webapp.crawls.providers.baidu import Baidu, deciphered, repaired
from webapp.crawls.providers.base import Licence, ProviderError, ProviderRefused, Search


def answering(content):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return WebServer(
        {"/": lambda _request: Response(b"home"), "/search/acjson": lambda _request: Response(body)}
    )


def test_every_result_comes_once_and_in_order(get):
    catalogue = Catalogue.drawn(75, words=("杯子",))
    with ProviderSite(catalogue) as site:
        pages = walk(Baidu(site.base_urls["baidu"]), get, Search("杯子", 30))
        asked = [entry for entry in site.log if entry["path"] == "/baidu/search/acjson"]
    assert names(pages) == [one.name for one in catalogue.pictures]
    assert [(one["query"]["pn"], one["query"]["rn"]) for one in asked] == [
        ("0", "30"),
        ("30", "30"),
        ("60", "30"),
    ]
    assert {page.total for page in pages} == {75}


def test_it_gets_its_cookies_from_the_home_page_once(get):
    with ProviderSite(Catalogue.drawn(4)) as site:
        walk(Baidu(site.base_urls["baidu"]), get, Search("cup", 2))
        paths = [entry["path"] for entry in site.log]
    assert paths == ["/baidu/", "/baidu/search/acjson", "/baidu/search/acjson"]


def test_a_candidate_says_where_it_is_from_and_claims_no_licence(get):
    picture = Picture("a-9z", "杯子 1", "O'Neill", words=("杯子",), width=800, height=600)
    with ProviderSite(Catalogue([picture])) as site:
        (page,) = walk(Baidu(site.base_urls["baidu"]), get, Search("杯子", 30))
        base = site.url
    (found,) = page.candidates
    assert found.urls == (f"{base}/pictures/a-9z.jpg", f"{base}/pictures/thumb/a-9z.jpg")
    assert found.page_url == "https://example.org/photos/a-9z.html"
    assert found.title == '杯子 of O\'Neill \\ "a-9z"'
    assert (found.width, found.height) == (800, 600)
    assert (found.licence, found.author) == ("", "")


def test_the_cipher_gives_back_every_address():
    assert sorted(LETTERS) == sorted(LETTERS.values())
    for url in (
        "http://www.abcdefghijklmnopqrstuvwxyz.org/0123456789/A_b-C.jpg?x=1&y=%E4%BD%A0#z",
        "https://img.example.cn:8080/it/u=3178635078,662413851&fm=26.png",
    ):
        hidden = enciphered(url)
        assert not any(sign in hidden for sign in SIGNS)
        assert deciphered(hidden) == url


def test_the_cipher_is_baidus_own():
    assert deciphered("ippr_z2C$qAzdH3FAzdH3Fkwthj_z&e3Bkwt17_z&e3Bv54") == "http://baike.baidu.com"


@pytest.mark.parametrize("plain", ["http://example.org/wkv.jpg", "https://example.org/1", "//example.org/2"])
def test_an_address_in_plain_text_is_left_alone(plain):
    assert deciphered(plain) == plain


@pytest.mark.parametrize("hostile", [None, 7, [], {"a": 1}, "", "x" * 10_000_000, "AzdH3F" * 100_000])
def test_nothing_that_is_deciphered_breaks_it(hostile):
    deciphered(hostile)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r'"it\'s"', "it's"),
        (r'"a\"b"', 'a"b'),
        (r'"a\\b"', r"a\b"),
        (r'"a\\\'b"', r"a\'b"),
        (r'"a\\"', "a\\"),
        (r'"\u4f60\n\/\t"', "你\n/\t"),
        (r'"\x\-\ "', "x- "),
    ],
)
def test_bad_escapes_are_repaired_and_good_ones_left_alone(sent, meant):
    assert json.loads(repaired(sent)) == meant


def test_other_addresses_of_a_picture_are_tried_after_it(get):
    result = {
        "objURL": enciphered("http://example.org/a.jpg"),
        "hoverURL": "http://example.org/hover.jpg",
        "middleURL": "http://example.org/middle.jpg",
        "thumbURL": "http://example.org/thumb.jpg",
    }
    only_thumb = {"objURL": "nonsense", "thumbURL": "http://example.org/thumb.jpg"}
    with answering({"data": [result, only_thumb, {"fromPageTitle": "no address"}, {}]}) as server:
        page = Baidu(server.url).page(get, Search("cup", 30), {"page": 1})
    assert [one.urls for one in page.candidates] == [
        tuple(f"http://example.org/{name}.jpg" for name in ("a", "hover", "middle", "thumb")),
        ("http://example.org/thumb.jpg",),
    ]


def test_a_refusal_stops_and_says_that_what_was_saved_stays(get):
    catalogue = Catalogue.drawn(90)
    with ProviderSite(catalogue, baidu={"refuse_after": 2}) as site:
        provider, search = Baidu(site.base_urls["baidu"]), Search("cup", 30)
        for number in (1, 2):
            assert len(provider.page(get, search, {"page": number}).candidates) == 30
        with pytest.raises(ProviderRefused, match="What was saved stays"):
            provider.page(get, search, {"page": 3})
        site.baidu.refuse_after = None
        assert len(provider.page(get, search, {"page": 3}).candidates) == 30
        # The cookies were fetched anew: the old ones were known to belong to a program.
        assert [entry["path"] for entry in site.log].count("/baidu/") == 2


def test_its_puzzle_page_is_a_refusal_too(get):
    with answering("<html><title>百度安全验证</title>".encode()) as server, pytest.raises(ProviderRefused):
        Baidu(server.url).page(get, Search("cup", 30), {"page": 1})


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"7", {}, {"data": None}, {"data": {"0": {}}}])
def test_an_answer_that_is_none_is_an_error(get, content):
    with answering(content) as server, pytest.raises(ProviderError, match="cannot be read"):
        Baidu(server.url).page(get, Search("cup", 30), {"page": 1})


def test_it_ends_at_its_depth_and_says_so(get):
    result = {"thumbURL": "http://example.org/a.jpg"}
    with answering({"data": [result], "listNum": "100000"}) as server:
        provider = Baidu(server.url)
        assert provider.page(get, Search("cup", 50), {"page": 19}).next == {"page": 20}
        last = provider.page(get, Search("cup", 50), {"page": 20})
        asked = len(server.seen)
        beyond = provider.page(get, Search("cup", 50), {"page": 21})
        assert len(server.seen) == asked
    assert (last.next, beyond.next, beyond.candidates) == (None, None, ())
    assert "first 1000 results" in last.note
    assert beyond.note == last.note


def test_a_page_without_results_is_the_last(get):
    with answering({"data": [{}], "displayNum": 5000}) as server:
        page = Baidu(server.url).page(get, Search("cup", 30), {"page": 1})
    assert (page.candidates, page.next, page.total) == ((), None, 5000)


def test_it_cannot_be_searched_by_licence():
    with pytest.raises(ProviderError, match="states no licences"):
        Baidu("http://127.0.0.1:9").cursor(1, Search("cup", 30, Licence.OPEN))
