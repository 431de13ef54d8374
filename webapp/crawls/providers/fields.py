"""Reads fields of an answer that anyone may have written: each may be missing, of another type, huge, or HTML.

Nothing here raises but `read_json` (ValueError). What cannot be used becomes "", None or an empty collection.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

TITLE, AUTHOR, LICENCE, URL = 300, 200, 120, 2000
# Text before its tags are taken out. The standard library's parser is slow (quadratic) on hostile HTML: a bound on it.
_RAW_TEXT = 6_000
# An answer with more results than any source gives in a page is no answer to what was asked.
MOST_RECORDS = 500
_JOINERS = "\u200c\u200d"  # parts of words and of emoji, unlike the other format characters
_APART = frozenset({"br", "p", "div", "li", "tr", "td", "th", "ul", "ol", "h1", "h2", "h3", "hr"})


def read_json(content: bytes) -> Any:
    """The JSON of an answer. ValueError when it is none; control characters inside strings are let pass."""
    return read_json_text(content.decode("utf-8-sig", "replace"))


def read_json_text(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def record(value: Any) -> Mapping[str, Any]:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a JSON list that hold anything, MOST_RECORDS at most."""
    if not isinstance(value, list):
        return []
    found: list[Mapping[str, Any]] = [one for one in value if isinstance(one, dict) and one]
    return found[:MOST_RECORDS]


def number(value: Any, most: int = 10**9) -> int | None:
    """A whole number from 0 to `most`, also one written as text."""
    if isinstance(value, str):
        value = value.strip()
        if not (value.isascii() and value.isdigit() and len(value) <= 12):
            return None
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # neither NaN nor infinity is
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


def plain(value: Any, limit: int) -> str:
    """Text without control characters, in one line, of at most `limit` characters; a number is written out."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**15 else ""
    if not isinstance(value, str):
        return ""
    cleaned = "".join(map(_visible, value[:_RAW_TEXT]))
    return _cut(" ".join(cleaned.split()), limit)


def text(value: Any, limit: int) -> str:
    """As `plain`, with HTML tags taken out and entities resolved."""
    if isinstance(value, str) and ("<" in value or "&" in value):
        value = _without_tags(value[:_RAW_TEXT])
    return plain(value, limit)


def url(value: Any) -> str:
    """An http or https URL as it may be stored and shown, else "". Whether it may be fetched, the fetcher says."""
    if not isinstance(value, str):
        return ""
    value = value.strip()
    if value.startswith("//"):
        value = "https:" + value
    value = value.replace(" ", "%20")
    if len(value) > URL or any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in value):
        return ""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 — raises ValueError where it is no number
    except ValueError:
        return ""
    return value if parts.scheme in ("http", "https") and parts.hostname else ""


def urls(*values: Any) -> tuple[str, ...]:
    """The usable ones, each once, in their order."""
    return tuple(dict.fromkeys(filter(None, map(url, values))))


def _visible(one: str) -> str:
    kind = unicodedata.category(one)
    if kind in ("Cc", "Zl", "Zp"):
        return " "
    # Lone surrogates cannot be stored; bidirectional marks would turn the sentences around them.
    return "" if kind == "Cs" or (kind == "Cf" and one not in _JOINERS) else one


def _cut(value: str, limit: int) -> str:
    return value if len(value) <= limit else value[: limit - 1].rstrip() + "…"


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._hidden += 1
        if tag in _APART:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._hidden = max(0, self._hidden - 1)
        if tag in _APART:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _without_tags(value: str) -> str:
    parser = _Text()
    # "<![x[" and its like make the parser give up: what it read until there stands.
    with suppress(AssertionError, ValueError):
        parser.feed(value)
        parser.close()
    return "".join(parser.parts)
