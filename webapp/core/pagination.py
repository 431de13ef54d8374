"""Keyset pages: any depth costs the same, and rows that arrive meanwhile shift nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)
T = TypeVar("T")


def whole_number(text: str | None) -> int | None:
    """What an address names, such as a row's id; None for what is no whole number or larger than any row's."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else None


@dataclass(frozen=True)
class KeysetPage(Generic[Row]):
    rows: list[Row]
    next_before: int | None


def page_by_id(rows: QuerySet[Row], *, before: int | None, size: int) -> KeysetPage[Row]:
    """Newest first; `before` is the id that ended the page before this one."""
    chosen = rows.order_by("-id")
    if before is not None:
        chosen = chosen.filter(pk__lt=before)
    found = list(chosen[: size + 1])
    more = len(found) > size
    found = found[:size]
    return KeysetPage(found, found[-1].pk if more else None)


def chunks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` rows: bulk writes hold SQLite's one write lock only briefly."""
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk
