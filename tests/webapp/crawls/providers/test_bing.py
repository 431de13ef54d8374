"""Bing Images, against a server that speaks as its endless page does."""

from __future__ import annotations

import html
import json
import time

import pytest

from tests.support.providers import Catalogue, Picture, ProviderSite
from tests.support.providers.asking import names, walk
from webapp.crawls.providers.base import Licence, ProviderError, Search
from webapp.crawls.providers.bing import Bing, results_in


def test_every_result_comes_once_and_in_order_until_a_page_is_empty(get):
    catalogue = Catalogue.drawn(80)
    with ProviderSite(catalogue) as site:
        pages = walk(Bing(site.base_urls["bing"]), get, Search("cup", 35))
        asked = [entry["query"]["first"] for entry in site.log]
    assert names(pages) == [one.name for one in catalogue.pictures]
    assert asked == ["1", "36", "71", "81"]


def test_a_crawl_begins_at_the_page_it_is_told(get):
    with ProviderSite(Catalogue.drawn(45)) as site:
        pages = walk(Bing(site.base_urls["bing"]), get, Search("cup", 20), page=3)
    assert names(pages)[0] == "drawn-0040.jpg"


@pytest.mark.parametrize("mime", ["image/png", "image/webp", "image/jpeg"])
def test_a_candidate_of_any_kind_says_where_it_is_from(get, mime):
    picture = Picture("a", 'A "cup" > mug', "Jane & Co", words=("cup",), mime=mime)
    with ProviderSite(Catalogue([picture])) as site:
        page = Bing(site.base_urls["bing"]).page(get, Search("cup", 35), {"first": 1})
        base = site.url
    (found,) = page.candidates
    assert found.urls == (f"{base}/pictures/{picture.name}", f"{base}/pictures/thumb/{picture.name}")
    assert found.title == 'A "cup" > mug by Jane & Co'
    assert found.page_url == "https://example.org/photos/a?a=1&b=2"
    assert found.licence == ""


def anchor(value, classes="iusc"):
    return f"<a class='{classes}' m=\"{html.escape(value if isinstance(value, str) else json.dumps(value))}\">x</a>"


def test_only_anchors_of_the_class_with_readable_json_are_results():
    good = {"murl": "http://example.org/a.png"}
    page = "".join(
        [
            anchor(good),
            anchor(good, "other iusc more"),
            anchor(good, "iuscx"),
            anchor("{'murl': 1}"),
            anchor("[1]"),
            anchor("7"),
            anchor("[" * 100_000),
            "<a class=iusc>no m</a><a class=iusc m>empty</a><a m='{}'>",
            '<div class="iusc" m="{}">http://example.org/not.jpg</div>',
            '<!-- <a class="iusc" m="{&quot;murl&quot;:1}"> -->',
        ]
    )
    assert results_in(page) == [good, good]
    assert results_in(page + '<a class="iusc" m="{&quot;cut') == [good, good]
    assert results_in(anchor(good) + "<![x[" + anchor(good)) == [good]


@pytest.mark.parametrize("piece", ["<a ", "<!--", "<a class='", "<![", "</", "&", "<a a=", "<!", "<?"])
def test_two_megabytes_of_hostile_html_do_not_hold_it_up(piece):
    began = time.monotonic()
    results_in(piece * (2 * 2**20 // len(piece)))
    assert time.monotonic() - began < 5


def test_it_cannot_be_searched_by_licence():
    with pytest.raises(ProviderError, match="states no licences"):
        Bing("http://127.0.0.1:9").cursor(1, Search("cup", 30, Licence.COMMERCIAL))
