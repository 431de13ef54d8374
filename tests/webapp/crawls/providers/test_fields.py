"""Reading fields that anyone may have written."""

from __future__ import annotations

import pytest

from webapp.crawls.providers import fields


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("A cup", "A cup"),
        ("  A\tcup\r\n of\u2028tea ", "A cup of tea"),
        ('<a href="//x" title="User:X">Jane &amp; Co</a>', "Jane & Co"),
        ("<strong>垃圾</strong>分类", "垃圾分类"),
        ("one<br>two<p>three", "one two three"),
        ("<script>alert(1)</script>cup<style>a{}</style>", "cup"),
        ("3 < 5 &lt; 7", "3 < 5 < 7"),
        ("&lt;b&gt; stays text", "<b> stays text"),
        ("cup <![x[ cut", "cup"),
        ("\x00\x1b[31mred\x7f", "[31mred"),
        ("\u202egnp.exe", "gnp.exe"),
        ("lone \ud800 half", "lone half"),
        ("👩\u200d🔧", "👩\u200d🔧"),
        (1984, "1984"),
        (None, ""),
        (True, ""),
        (["cup"], ""),
        ({"en": "cup"}, ""),
        (float("nan"), ""),
        (10**400, ""),
    ],
)
def test_text_is_plain_and_in_one_line(written, shown):
    assert fields.text(written, 300) == shown


def test_long_texts_are_cut_and_say_so():
    assert fields.text("x" * 301, 300) == "x" * 299 + "…"
    assert fields.text("x" * 300, 300) == "x" * 300


def test_a_text_of_megabytes_of_tags_is_read_at_once():
    assert len(fields.text("<b" * 4_000_000, 300)) <= 300
    assert len(fields.text("&lt;" * 2_000_000, 300)) == 300


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://example.org/a.jpg?b=1#c", "https://example.org/a.jpg?b=1#c"),
        ("//upload.example.org/a.jpg", "https://upload.example.org/a.jpg"),
        (" http://example.org/a b.jpg ", "http://example.org/a%20b.jpg"),
        ("http://例子.cn/图.jpg", "http://例子.cn/图.jpg"),
        ("javascript:alert(1)", ""),
        ("data:image/png;base64,AAAA", ""),
        ("ftp://example.org/a.jpg", ""),
        ("file:///etc/passwd", ""),
        ("http:///a.jpg", ""),
        ("http://[::1", ""),
        ("http://example.org:port/", ""),
        ("http://example.org/\r\nHost: inside", ""),
        ("http://example.org/\u202egpj.exe", ""),
        ("http://example.org/\ud800", ""),
        ("https://example.org/" + "x" * 1981, ""),
        ("", ""),
        (None, ""),
        (7, ""),
        (["https://example.org"], ""),
    ],
)
def test_only_storable_web_addresses_are_kept(written, kept):
    assert fields.url(written) == kept


def test_the_longest_url_is_kept_whole():
    longest = "https://example.org/" + "x" * 1980
    assert fields.url(longest) == longest


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *(
            (7, 7),
            ("640", 640),
            (3.0, 3),
            (0, 0),
            (-1, None),
            (True, None),
            ("6e2", None),
            ("٣", None),
            (3.5, None),
        ),
        *(
            (float("inf"), None),
            (float("nan"), None),
            (10**7, None),
            (10**400, None),
            (None, None),
            ([1], None),
        ),
    ],
)
def test_numbers_are_whole_and_bounded(written, value):
    assert fields.number(written, 10**6) == value


@pytest.mark.parametrize(
    "content", [b"", b"{", b"<html>", b"[" * 100_000, b"9" * 5_000, b'{"a": ' * 50_000, b"\xff\xfe\x00"]
)
def test_what_is_no_json_is_a_value_error(content):
    with pytest.raises(ValueError):
        fields.read_json(content)


def test_json_with_raw_control_characters_and_bad_bytes_is_read():
    assert fields.read_json(b'\xef\xbb\xbf{"a": "one\ntwo \xff"}') == {"a": "one\ntwo \ufffd"}


def test_records_are_the_objects_that_hold_anything():
    assert fields.records([{}, None, 7, {"a": 1}, [], "x"]) == [{"a": 1}]
    assert fields.records({"a": 1}) == []
    assert len(fields.records([{"a": 1}] * 10_000)) == fields.MOST_RECORDS
