"""Wikimedia Commons, against a server that speaks as its API does."""

from __future__ import annotations

import json

import pytest

from tests.support.providers import Catalogue, Picture, ProviderSite
from tests.support.providers.asking import PlainGet, names, walk
from tests.support.webserver import Response, WebServer
from webapp.crawls.providers.base import (
    Licence,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    Search,
    page_patiently,
)
from webapp.crawls.providers.commons import Commons


def only(get, picture, **search):
    with ProviderSite(Catalogue([picture])) as site:
        pages = walk(Commons(site.base_urls["commons"]), get, Search("cup", 50, **search))
    return pages[0], site.url


def test_every_result_comes_once_in_the_order_of_the_search(get):
    catalogue = Catalogue.drawn(120)
    with ProviderSite(catalogue) as site:
        pages = walk(Commons(site.base_urls["commons"]), get, Search("cup", 50))
        asked = [entry["query"] for entry in site.log]
    assert names(pages) == [one.name for one in catalogue.pictures]
    assert [query.get("gsroffset") for query in asked] == [None, "50", "100"]
    # All of `continue` comes back, not only the offset.
    assert [query.get("continue") for query in asked] == [None, "gsroffset||", "gsroffset||"]


def test_a_page_whose_infos_come_in_parts_is_read_to_its_end(get):
    catalogue = Catalogue.drawn(70)
    with ProviderSite(catalogue, commons={"most_infos": 20}) as site:
        pages = walk(Commons(site.base_urls["commons"]), get, Search("cup", 50))
    assert names(pages) == [one.name for one in catalogue.pictures]
    assert [len(page.candidates) for page in pages] == [20, 20, 10, 20]
    assert not any(page.note for page in pages)


def test_a_crawl_begins_at_the_page_it_is_told(get):
    with ProviderSite(Catalogue.drawn(45)) as site:
        pages = walk(Commons(site.base_urls["commons"]), get, Search("cup", 20), page=3)
    assert names(pages)[0] == "drawn-0040.jpg"


def test_a_candidate_says_where_it_is_from_and_what_is_allowed(get):
    picture = Picture("a", "A cup. 2", "<b>Jane</b> & Co", "by-sa", "4.0", ("cup",), width=800, height=600)
    page, base = only(get, picture)
    (found,) = page.candidates
    assert found.urls == (f"{base}/pictures/a.jpg", f"{base}/pictures/thumb/a.jpg")
    assert (found.title, found.author) == ("A cup. 2", "<b>Jane</b> & Co")
    assert found.licence == "CC BY-SA 4.0"
    assert found.licence_url == "https://creativecommons.org/licenses/by-sa/4.0"
    assert found.page_url == "https://commons.wikimedia.org/wiki/File:a"
    assert (found.width, found.height) == (800, 600)


@pytest.mark.parametrize(
    ("told", "first", "width"),
    [
        ({"width": 2560, "height": 1920}, "a.jpg", 2560),
        ({"width": 2561, "height": 1920}, "thumb/a.jpg", 640),
        ({"width": 1920, "height": 2561}, "thumb/a.jpg", 640),
        ({"width": 2000, "height": 1500, "size": 8 * 2**20 + 1}, "thumb/a.jpg", 640),
        ({"width": 2000, "height": 1500, "size": 8 * 2**20}, "a.jpg", 2000),
    ],
)
def test_very_large_originals_give_way_to_their_rendering(get, told, first, width):
    page, base = only(get, Picture("a", "A cup", words=("cup",), **told))
    (found,) = page.candidates
    assert found.urls[0] == f"{base}/pictures/{first}"
    assert set(found.urls) == {f"{base}/pictures/a.jpg", f"{base}/pictures/thumb/a.jpg"}
    assert found.width == width


def test_a_rendering_below_the_least_side_does_not_replace_its_original(get):
    page, base = only(get, Picture("a", "A cup", words=("cup",), width=6000, height=4000), min_side=500)
    assert page.candidates[0].urls[0] == f"{base}/pictures/a.jpg"


@pytest.mark.parametrize(
    ("mime", "shown"),
    [
        ("image/png", ("a.png", "thumb/a.png")),
        ("image/webp", ("a.webp", "thumb/a.webp")),
        ("image/svg+xml", ("thumb/a.png",)),
        ("image/tiff", ("thumb/a.jpg",)),
        ("application/pdf", ("thumb/a.jpg",)),
        ("image/gif", None),  # its rendering is a GIF as well
        ("video/webm", None),
        ("audio/ogg", None),
        ("text/html", None),
    ],
)
def test_only_photos_and_renderings_of_drawings_are_taken(get, mime, shown):
    page, base = only(get, Picture("a", "A cup", words=("cup",), mime=mime, width=900, height=700))
    if shown is None:
        assert page.candidates == ()
        assert page.note.startswith("1 of the 1 results")
        return
    assert page.candidates[0].urls == tuple(f"{base}/pictures/{one}" for one in shown)


def test_only_pictures_of_the_licence_asked_for_are_found(get):
    catalogue = Catalogue([*Catalogue.drawn(5).pictures, Picture("none", "cup", licence="")])
    with ProviderSite(catalogue) as site:
        provider = Commons(site.base_urls["commons"])
        found = {one: provider.page(get, Search("cup", 50, one), {"offset": 0}) for one in Licence}
    assert [len(found[one].candidates) for one in Licence] == [6, 5, 5, 2]
    assert {one.licence for one in found[Licence.PUBLIC_DOMAIN].candidates} == {"CC0", "Public domain"}
    assert "4 of the 6 results" in found[Licence.PUBLIC_DOMAIN].note


def test_it_waits_when_the_databases_lag_and_then_goes_on(get):
    waits = []
    catalogue = Catalogue.drawn(30)
    with ProviderSite(catalogue, commons={"maxlag_every": 2, "lag": 7, "retry_after": 5}) as site:
        provider, search, pages = Commons(site.base_urls["commons"]), Search("cup", 10), []
        cursor = provider.cursor(1, search)
        while cursor is not None:
            pages.append(page_patiently(provider, get, search, cursor, waits.append))
            cursor = pages[-1].next
    assert names(pages) == [one.name for one in catalogue.pictures]
    assert waits == [7.0, 7.0]


def test_a_lag_that_does_not_end_is_a_refusal_after_five_tries(get):
    waits = []
    with ProviderSite(Catalogue.drawn(1), commons={"maxlag_every": 1, "retry_after": 5000}) as site:
        with pytest.raises(ProviderBusy, match="What was saved stays") as busy:
            page_patiently(
                Commons(site.base_urls["commons"]), get, Search("cup", 50), {"offset": 0}, waits.append
            )
        assert len(site.log) == 5
    assert waits == [120.0] * 4
    assert isinstance(busy.value, ProviderRefused)


def test_a_cancel_while_waiting_passes_at_once(get):
    class Cancelled(Exception):
        pass

    def cancelled(_seconds):
        raise Cancelled

    with ProviderSite(Catalogue.drawn(1), commons={"maxlag_every": 1}) as site:
        with pytest.raises(Cancelled):
            page_patiently(
                Commons(site.base_urls["commons"]), get, Search("cup", 50), {"offset": 0}, cancelled
            )
        assert len(site.log) == 1


def test_an_agent_without_a_contact_is_refused():
    with ProviderSite(Catalogue.drawn(1)) as site, PlainGet(user_agent="python") as get:
        provider = Commons(site.base_urls["commons"])
        with pytest.raises(ProviderRefused, match="Wikimedia Commons refuses"):
            provider.page(get, Search("cup", 50), {"offset": 0})


def test_other_errors_are_told_in_the_sources_own_words(get):
    cursor = {"continue": {"gsroffset": 50, "continue": "nonsense"}}
    with ProviderSite(Catalogue.drawn(1)) as site:
        provider = Commons(site.base_urls["commons"])
        with pytest.raises(ProviderError, match="You should pass the original value"):
            provider.page(get, Search("cup", 50), cursor)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"code": "search-error", "info": "<b>Bad</b>\nquery &amp; more"}, "“Bad query & more”"),
        ({"code": "odd"}, "“odd”"),
        ("text", "“\\?”"),
        (None, "“\\?”"),
        ({"info": "x" * 5000}, "x{199}…"),
    ],
)
def test_errors_of_any_shape_are_errors(get, error, told):
    content = json.dumps({"error": error}).encode()
    with (
        WebServer({"/w/api.php": lambda _r: Response(content)}) as server,
        pytest.raises(ProviderError, match=told),
    ):
        Commons(server.url).page(get, Search("cup", 50), {"offset": 0})


def test_a_source_that_continues_with_the_same_question_is_left(get):
    content = json.dumps({"continue": {"gsroffset": 50, "continue": "x"}}).encode()
    with WebServer({"/w/api.php": lambda _request: Response(content)}) as server:
        pages = walk(Commons(server.url), get, Search("cup", 50))
    assert len(pages) == 2


def test_what_is_echoed_cannot_change_the_question(get):
    hostile = {
        "gsroffset": 50,
        "action": "edit",
        "format": "php",
        "Bad Name": "x",
        "long": "y" * 501,
        "list": [1],
    }
    content = json.dumps({"continue": {**hostile, "half": "\ud800"}}).encode()
    with WebServer({"/w/api.php": lambda _request: Response(content)}) as server:
        walk(Commons(server.url), get, Search("cup", 50))
        query = dict(server.seen[-1].query)
    assert (query["action"], query["format"], query["gsroffset"]) == ("query", "json", "50")
    assert not {"Bad Name", "long", "list", "half"} & set(query)
