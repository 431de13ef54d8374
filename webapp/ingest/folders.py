"""What a folder name says: the class of its photos, and sometimes its category. Standard library only."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

MAX_CLASS_NAME = 120


def class_folder(path_name: str) -> str:
    """The class folder of a relative path: the last folder above the file, "" if there is none.

    NFC, so that a folder from macOS (decomposed) and one from Windows name the same class; control characters
    and line breaks become one space. Both kinds of slash divide. At most 120 characters.
    """
    parts = [part for part in path_name.replace("\\", "/").split("/")[:-1] if part not in ("", ".", "..")]
    return clean_name(parts[-1]) if parts else ""


def clean_name(raw: str) -> str:
    """The name of a class, category or data set: one line of at most 120 characters."""
    return one_line(raw)[:MAX_CLASS_NAME].strip()


def one_line(name: str) -> str:
    """NFC on one line, without control, format or surrogate characters that would hide what the name is."""
    composed = unicodedata.normalize("NFC", name)
    return " ".join("".join(" " if unicodedata.category(c) in _HIDDEN else c for c in composed).split())


def visible(name: str) -> str:
    """A name for people to read: what would not be seen, or would turn the text round, shows as a sign."""
    return "".join(_sign(char) if unicodedata.category(char) in _HIDDEN else char for char in name)


def _sign(char: str) -> str:
    code = ord(char)
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"


def split_category(folder: str, known_categories: Iterable[str]) -> tuple[str | None, str]:
    """`可回收物_鼠标` → (`可回收物`, `鼠标`) where `可回收物` is known, else (None, the folder).

    `plastic_bottle` is one class as long as no category is called `plastic`. `known_categories` are keys and
    names in any language; upper and lower case are the same. The answer has the spelling of the known one; of
    several that fit the longest wins.
    """
    folder = one_line(folder)
    known = {one_line(name).casefold(): name for name in known_categories if one_line(name)}
    for cut in range(len(folder) - 1, 0, -1):
        if folder[cut] != "_":
            continue
        head, rest = folder[:cut].strip(), folder[cut + 1 :].strip()
        if rest and head.casefold() in known:
            return known[head.casefold()], rest
    return None, folder


# Cc control, Cf format (bidirectional overrides), Cs surrogate, Zl and Zp line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
