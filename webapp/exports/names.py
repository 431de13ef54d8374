"""Names that every file system and ZIP program takes, each once. Standard library only."""

from __future__ import annotations

import re
import unicodedata

from webapp.ingest.archives import is_left_behind
from webapp.ingest.folders import one_line

MAX_BYTES = 180
"""Of UTF-8 a part, so that a suffix still fits into the 255 that file systems take."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_SIGNS = {"/": "∕", "\\": "∖", ":": "꞉", "?": "？", "*": "∗", '"': "”", "<": "‹", ">": "›", "|": "∣"}


def safe_part(name: str, *, otherwise: str = "_") -> str:
    """One part of a path: NFC on one line, no separators, nothing that Windows or an unpacker refuses.

    A sign that is not allowed becomes one that looks like it; the true name stands in `labels.csv`.
    """
    text = _FORBIDDEN.sub(lambda found: _SIGNS[found[0]], one_line(name))
    text = _cut(text.strip().rstrip(". "), MAX_BYTES).rstrip(". ")
    if text.startswith(".") or _RESERVED.match(text) or is_left_behind(text) or is_left_behind(f"{text}/x"):
        text = f"_{text.lstrip('.')}"
    return text or otherwise


def _cut(text: str, size: int) -> str:
    return text.encode("utf-8")[:size].decode("utf-8", "ignore")


class Names:
    """Gives each path once: upper and lower case are one name, as on Windows and macOS."""

    def __init__(self, *taken: str) -> None:
        self._taken = {_folded(name) for name in taken}
        # Thousands of photos of a crawl may be called alike: the next number is known, not searched for.
        self._next: dict[str, int] = {}

    def free(self, folder: str, stem: str, suffix: str = "") -> str:
        """`folder/stem suffix`, with “ (2)” and on where that is taken; `folder` is "" or ends in "/"."""
        name = first = f"{folder}{stem}{suffix}"
        number = self._next.get(first, 2)
        while _folded(name) in self._taken:
            name, number = f"{folder}{stem} ({number}){suffix}", number + 1
        self._taken.add(_folded(name))
        self._next[first] = number
        return name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
