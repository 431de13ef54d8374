"""Openverse, against a server that speaks as it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.providers import Catalogue, Picture, ProviderSite
from tests.support.providers.asking import BadStatus, PlainGet, names, walk
from tests.support.providers.openverse import CLIENT
from webapp.crawls.providers.base import Licence, ProviderBusy, ProviderError, ProviderRefused, Search
from webapp.crawls.providers.openverse import Openverse, licence_name

ACCOUNT = dict(zip(("client_id", "client_secret"), CLIENT, strict=True))


def test_every_result_comes_once_and_in_order(get):
    catalogue = Catalogue.drawn(45)
    with ProviderSite(catalogue) as site:
        pages = walk(Openverse(site.base_urls["openverse"]), get, Search("cup", 20))
    assert [len(page.candidates) for page in pages] == [20, 20, 5]
    assert names(pages) == [one.name for one in catalogue.pictures]
    assert {page.total for page in pages} == {45}
    assert pages[-1].note == ""


def test_a_crawl_begins_at_the_page_it_is_told(get):
    with ProviderSite(Catalogue.drawn(45)) as site:
        pages = walk(Openverse(site.base_urls["openverse"]), get, Search("cup", 20), page=3)
    assert names(pages)[0] == "drawn-0040.jpg"


def test_a_candidate_says_where_it_is_from_and_what_is_allowed(get):
    picture = Picture("a", "A <i>cup</i>", "Jane &amp; Co", "by-sa", "4.0", ("cup",), width=800, height=600)
    with ProviderSite(Catalogue([picture])) as site:
        base = site.url
        (page,) = walk(Openverse(site.base_urls["openverse"]), get, Search("cup", 20))
    (found,) = page.candidates
    assert found.urls == (f"{base}/pictures/a.jpg", f"{base}/pictures/thumb/a.jpg")
    assert (found.title, found.author) == ("A cup", "Jane & Co")
    assert (found.licence, found.licence_url) == (
        "CC BY-SA 4.0",
        "https://creativecommons.org/licenses/by-sa/4.0/",
    )
    assert (found.width, found.height) == (800, 600)
    assert found.page_url == "https://example.org/photos/a"
    assert found.thumb_url == f"{base}/pictures/thumb/a.jpg"


@pytest.mark.parametrize(
    ("licence", "sent", "found"),
    [
        (Licence.ANY, {}, {"by", "by-sa", "cc0", "pdm", "by-nc"}),
        (Licence.OPEN, {}, {"by", "by-sa", "cc0", "pdm", "by-nc"}),
        (Licence.COMMERCIAL, {"license_type": "commercial"}, {"by", "by-sa", "cc0", "pdm"}),
        (Licence.PUBLIC_DOMAIN, {"license": "cc0,pdm"}, {"cc0", "pdm"}),
    ],
)
def test_only_pictures_of_the_licence_asked_for_are_found(get, licence, sent, found):
    catalogue = Catalogue.drawn(10)
    with ProviderSite(catalogue) as site:
        pages = walk(Openverse(site.base_urls["openverse"]), get, Search("cup", 20, licence))
        query = site.log[-1]["query"]
    assert {key: value for key, value in query.items() if key.startswith("license")} == sent
    codes = {one.name: one.licence for one in catalogue.pictures}
    assert {codes[name] for name in names(pages)} == found


@pytest.mark.parametrize(
    ("code", "version", "name"),
    [
        ("by", "2.0", "CC BY 2.0"),
        ("by-nc-nd", "3.0", "CC BY-NC-ND 3.0"),
        ("BY-SA", 4.0, "CC BY-SA 4.0"),
        ("by", None, "CC BY"),
        ("by", "</b>", "CC BY"),
        ("cc0", None, "CC0 1.0"),
        ("pdm", "1.0", "Public domain mark"),
        ("sampling+", "1.0", "CC Sampling+ 1.0"),
        ("<b>odd</b>", "1.0", "odd"),
        (None, None, ""),
        ({"code": "by"}, ["4.0"], ""),
    ],
)
def test_licences_are_named_as_people_write_them(code, version, name):
    assert licence_name(code, version) == name


def test_without_an_account_it_ends_at_page_20_and_says_so(get):
    with ProviderSite(Catalogue.drawn(50)) as site:
        provider = Openverse(site.base_urls["openverse"])
        page = provider.page(get, Search("cup", 2), {"page": 20})
        with pytest.raises(ProviderError, match="no more than 20 pages"):
            provider.cursor(21, Search("cup", 2))
    assert page.next is None
    assert "shows the first 40 without an account" in page.note


@pytest.mark.parametrize(("page", "per_page"), [(0, 20), (-3, 20), (1, 0), (1, 21), (1, -1)])
def test_what_the_source_does_not_give_is_not_asked_for(page, per_page):
    with pytest.raises(ProviderError):
        Openverse("http://127.0.0.1:9").cursor(page, Search("cup", per_page))


@pytest.mark.parametrize(
    "cursor", [{}, {"page": None}, {"page": 0}, {"page": "x"}, {"page": [1]}, {"offset": 3}]
)
def test_a_damaged_place_is_told_and_not_guessed(get, cursor):
    with pytest.raises(ProviderError, match="place is lost"):
        Openverse("http://127.0.0.1:9").page(get, Search("cup", 20), cursor)


def test_no_words_are_no_search(get):
    with pytest.raises(ProviderError, match="no search words"):
        Openverse("http://127.0.0.1:9").page(get, Search("  ", 20), {"page": 1})


def test_with_an_account_pages_are_larger_and_one_token_serves_them_all(get):
    with ProviderSite(Catalogue.drawn(1100)) as site:
        provider = Openverse(site.base_urls["openverse"], **ACCOUNT)
        pages = walk(provider, get, Search("cup", 500))
        assert site.openverse.tokens == 1
    assert [len(page.candidates) for page in pages] == [500, 500, 100]
    assert (provider.traits.max_per_page, provider.traits.min_interval) == (500, 0.6)
    assert Openverse.traits.max_per_page == 20


def test_a_token_is_fetched_again_before_it_ends(get):
    with ProviderSite(Catalogue.drawn(4), openverse={"expires_in": 60}) as site:
        walk(Openverse(site.base_urls["openverse"], **ACCOUNT), get, Search("cup", 2))
        assert site.openverse.tokens == 2


@pytest.mark.parametrize("raises", [True, False])
def test_a_wrong_secret_is_a_refusal_that_says_what_to_do(raises):
    with ProviderSite(Catalogue.drawn(1)) as site, PlainGet(raises=raises) as get:
        provider = Openverse(site.base_urls["openverse"], client_id=CLIENT[0], client_secret="wrong")
        with pytest.raises(ProviderRefused, match="correct them in the settings"):
            provider.page(get, Search("cup", 20), {"page": 1})
    assert all("wrong" not in str(entry) for entry in site.log)


@pytest.mark.parametrize("raises", [True, False])
def test_a_page_too_large_for_the_anonymous_is_a_refusal(raises):
    with ProviderSite(Catalogue.drawn(1)) as site, PlainGet(raises=raises) as get:
        provider = Openverse(site.base_urls["openverse"])
        provider.traits = replace(provider.traits, max_per_page=500)
        with pytest.raises(ProviderRefused, match="What was saved stays"):
            provider.page(get, Search("cup", 21), {"page": 1})


def test_too_many_questions_pass_as_the_fetchers_own_error(get):
    with ProviderSite(Catalogue.drawn(1), openverse={"rate": 30.0}) as site:
        provider = Openverse(site.base_urls["openverse"])
        provider.page(get, Search("cup", 20), {"page": 1})
        with pytest.raises(BadStatus) as refused:
            provider.page(get, Search("cup", 20), {"page": 1})
    assert refused.value.status == 429


def test_too_many_questions_that_get_returns_name_the_wait():
    with ProviderSite(Catalogue.drawn(1), openverse={"rate": 30.0}) as site, PlainGet(raises=False) as get:
        provider = Openverse(site.base_urls["openverse"])
        provider.page(get, Search("cup", 20), {"page": 1})
        with pytest.raises(ProviderBusy) as busy:
            provider.page(get, Search("cup", 20), {"page": 1})
    assert 25 < busy.value.wait <= 31


def test_a_cancel_inside_get_passes_at_once():
    class Cancelled(Exception):
        pass

    def cancelled(url, **_options):
        raise Cancelled

    with pytest.raises(Cancelled):
        Openverse("http://127.0.0.1:9").page(cancelled, Search("cup", 20), {"page": 1})
