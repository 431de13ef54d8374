"""Tables and paragraphs of Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

Table = list[Sequence[str]]

WIDTH = 120


def wrapped(paragraph: str) -> str:
    """A paragraph or list broken anew at WIDTH; tables, code, pictures and headings as they are."""
    if paragraph.startswith(("|", "```", "!", "#")):
        return paragraph
    if not paragraph.startswith("- "):
        return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)
    points = paragraph.replace("\n  ", " ").split("\n")
    return "\n".join(
        textwrap.fill(one, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for one in points
    )


def table(head: Sequence[str], lines: Table) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
