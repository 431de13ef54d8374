"""A model card's Markdown as HTML: headings, paragraphs, lists, tables, code, emphasis; nothing that acts.

The card holds names that people typed, so everything is escaped first and no link or HTML of it comes alive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_INLINE = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])"), r"<em>\1</em>"),
)
_HEADING = re.compile(r"(#{1,4}) +(.+)")
_ITEM = re.compile(r"\s*[-*] +(.+)")
_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|[\s:|-]+\|?\s*\Z")


def render_card(text: str) -> SafeString:
    """HTML whose headings begin at the second level, since the page has its own first one."""
    # Each piece is escaped before any tag of ours is put around it.
    return mark_safe("\n".join(_blocks(text.splitlines())))  # noqa: S308


def _blocks(lines: list[str]) -> Iterator[str]:
    position = 0
    while position < len(lines):
        line = lines[position]
        kind = _kind(line)
        if kind == "blank":
            position += 1
        elif kind == "heading":
            yield _heading(line)
            position += 1
        elif kind == "fence":
            end = next(
                (at for at in range(position + 1, len(lines)) if _kind(lines[at]) == "fence"), len(lines)
            )
            yield f'<pre class="log">{escape(chr(10).join(lines[position + 1 : end]))}</pre>'
            position = end + 1
        else:
            end = position
            while end < len(lines) and _kind(lines[end]) == kind:
                end += 1
            yield {"item": _list, "table": _table, "text": _paragraph}[kind](lines[position:end])
            position = end


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if line.startswith("```"):
        return "fence"
    if _HEADING.match(line):
        return "heading"
    if _ITEM.match(line):
        return "item"
    return "table" if line.startswith("|") else "text"


def _heading(line: str) -> str:
    found = _HEADING.match(line)
    assert found is not None
    level = min(len(found[1]) + 1, 4)
    return f"<h{level}>{_inline(found[2])}</h{level}>"


def _paragraph(lines: list[str]) -> str:
    return f"<p>{_inline(' '.join(line.strip() for line in lines))}</p>"


def _list(lines: list[str]) -> str:
    items = "".join(f"<li>{_inline(found[1])}</li>" for line in lines if (found := _ITEM.match(line)))
    return f"<ul>{items}</ul>"


def _table(lines: list[str]) -> str:
    rows = [_cells(line) for line in lines if not _RULE.match(line)]
    head, *body = rows or [[]]
    head_cells = "".join(f"<th>{cell}</th>" for cell in head)
    body_rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body)
    table = f'<table class="table"><thead><tr>{head_cells}</tr></thead><tbody>{body_rows}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _cells(line: str) -> list[str]:
    """The cells of one row; a bar inside a cell is written with a backslash before it."""
    cells = _BAR.split(line.strip().removeprefix("|").removesuffix("|"))
    return [_inline(cell.strip().replace("\\|", "|")) for cell in cells]


def _inline(text: str) -> str:
    escaped = str(escape(text))
    for pattern, replacement in _INLINE:
        escaped = pattern.sub(replacement, escaped)
    return escaped
