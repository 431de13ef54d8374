"""Pasted lists of addresses."""

from __future__ import annotations

import json

import pytest

from webapp.crawls.providers.base import Candidate, Licence, ProviderError, Search
from webapp.crawls.providers.urllist import UrlList, address_of, as_written


def nobody(url, **_options):
    raise AssertionError(f"{url} was asked for")


def candidates(*lines):
    return UrlList("").page(nobody, Search("", 100, lines=lines), {"page": 1}).candidates


def test_blank_lines_and_comments_are_skipped():
    found = candidates(
        "\ufeffhttps://example.org/1.jpg\r",
        "",
        "  ",
        "# https://example.org/2.jpg",
        " https://example.org/3.jpg ",
    )
    assert [one.urls for one in found] == [("https://example.org/1.jpg",), ("https://example.org/3.jpg",)]


@pytest.mark.parametrize(
    "line",
    [
        "https://example.org/a\tJane, of York\tCC BY 4.0\thttps://example.org/about",
        'https://example.org/a, "Jane, of York", CC BY 4.0, https://example.org/about',
    ],
)
def test_further_columns_say_author_licence_and_page(line):
    assert candidates(line) == (
        Candidate(
            ("https://example.org/a",),
            author="Jane, of York",
            licence="CC BY 4.0",
            page_url="https://example.org/about",
        ),
    )


@pytest.mark.parametrize(
    ("line", "url", "author", "licence"),
    [
        ("https://x.org/w_100,h_100/a.jpg", "https://x.org/w_100,h_100/a.jpg", "", ""),
        ("https://x.org/w_100,h_100/a.jpg,Jane,CC0", "https://x.org/w_100,h_100/a.jpg", "Jane", "CC0"),
        ("https://x.org/a.PNG,,CC0", "https://x.org/a.PNG", "", "CC0"),
        ("https://x.org/a?b=1,,CC0", "https://x.org/a?b=1", "", "CC0"),
        ("https://x.org/a,", "https://x.org/a", "", ""),
        ("https://x.org/a\t\tCC0", "https://x.org/a", "", "CC0"),
        ('https://x.org/a, "open', "https://x.org/a", "open", ""),
        ("//x.org/a.jpg, <b>Jane</b>", "https://x.org/a.jpg", "Jane", ""),
        ("https://x.org/a, Jane, CC0, p, more, and more", "https://x.org/a", "Jane", "CC0"),
    ],
)
def test_commas_separate_columns_but_not_the_parts_of_an_address(line, url, author, licence):
    (found,) = candidates(line)
    assert (found.urls, found.author, found.licence) == ((url,), author, licence)


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        ("not an address", "not an address"),
        ("ftp://example.org/a.jpg", "ftp://example.org/a.jpg"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("C:\\photos\\a.jpg", "C:\\photos\\a.jpg"),
        ("http:///a.jpg", "http:///a.jpg"),
        ("https://a.example:x/1.jpg", "https://a.example:x/1.jpg"),
        ("https://example.org/\x00a.jpg", "? https://example.org/ a.jpg"),
        ("\x00\ud800", "?"),
    ],
)
def test_lines_that_are_no_address_stay_for_the_fetcher_to_refuse(line, stored):
    (found,) = candidates(line)
    assert found.urls == (stored,)


def test_an_endless_address_does_not_become_a_shorter_one():
    (found,) = candidates("https://example.org/" + "x" * 1_000_000)
    assert found.urls[0].startswith("? https://example.org/")
    assert len(found.urls[0]) < 2_100
    assert found.fault == "The address is longer than 2000 characters. Give a shorter one."


def test_what_is_stored_otherwise_than_it_was_written_is_refused_for_what_it_is():
    (found,) = candidates("https://example.org/\x00a.jpg")
    assert found.fault.startswith("The address holds characters that no address has.")
    assert [one.fault for one in candidates("http:///a.jpg", "data:image/png;base64,AAAA")] == ["", ""]


def test_each_candidate_names_its_line_blank_ones_and_notes_counted():
    lines = ("# cups", "", "https://example.org/1.jpg", "not an address, Jane", "", "//example.org/2.jpg")
    found = candidates(*lines)
    assert [one.line for one in found] == [2, 3, 5]
    assert [address_of(lines[one.line]) for one in found] == [one.urls[0] for one in found]


@pytest.mark.parametrize(
    ("line", "shown"),
    [("https://example.org/\x00a.jpg", "https://example.org/ a.jpg"), ("?", "?"), ("ftp://a/1", "ftp://a/1")],
)
def test_an_address_is_shown_as_it_was_written(line, shown):
    (found,) = candidates(line)
    assert as_written(found.urls[0]) == shown


def test_pages_are_slices_of_the_list():
    search = Search("", 2, lines=tuple(f"https://example.org/{n}.jpg" for n in range(5)))
    provider, cursor, seen = UrlList(""), UrlList("").cursor(1, search), []
    while cursor is not None:
        page = provider.page(nobody, search, json.loads(json.dumps(cursor)))
        seen.append([one.urls[0][-5] for one in page.candidates])
        assert page.total == 5
        cursor = page.next
    assert seen == [["0", "1"], ["2", "3"], ["4"]]
    assert provider.page(nobody, search, provider.cursor(9, search)).candidates == ()


def test_an_empty_list_is_an_empty_page():
    page = UrlList("").page(nobody, Search("", 100), {"page": 1})
    assert (page.candidates, page.next, page.total) == ((), None, 0)


def test_a_list_needs_no_words_and_is_not_searched_by_licence():
    search = Search("", 100, Licence.OPEN, lines=("https://example.org/1.jpg",))
    assert UrlList("").cursor(1, search) == {"page": 1}
    with pytest.raises(ProviderError):
        UrlList("").cursor(0, search)
    with pytest.raises(ProviderError, match="1 to 100 results"):
        UrlList("").cursor(1, Search("", 101))
