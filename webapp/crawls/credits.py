"""Who made the photos that crawls brought, and under which licence: for a page to print and a table to keep."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from webapp.datasets.models import Dataset, Image, ImageState, Source
from webapp.exports.layout import shielded

COLUMNS = (
    "sha256", "label", "state", "title", "author", "licence", "licence_url", "page_url", "image_url", "provider",
    "query", "fetched_at",
)  # fmt: skip
ROWS_A_READ = 1_000


def credited(dataset: Dataset, *, licence: str | None = None, everything: bool = False) -> QuerySet[Image]:
    """Photos of crawls, the accepted ones unless `everything` is asked for; of one licence ("": none stated)."""
    rows = dataset.images.filter(source=Source.CRAWL).select_related("label")
    if not everything:
        rows = rows.filter(state=ImageState.ACCEPTED)
    return rows if licence is None else rows.filter(licence=licence)


@dataclass(frozen=True)
class LicenceCount:
    licence: str
    n: int


def licence_counts(dataset: Dataset) -> list[LicenceCount]:
    """Of the accepted photos of crawls, the most frequent first."""
    rows = (
        credited(dataset).order_by().values_list("licence").annotate(n=Count("pk")).order_by("-n", "licence")
    )
    return [LicenceCount(licence, n) for licence, n in rows]


def credits_table(photos: QuerySet[Image]) -> Iterator[str]:
    """`photos`, as `credited` chose them, as a CSV, a piece at a time: UTF-8 with a byte order mark for Excel.

    No cell is taken for a formula.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(COLUMNS)
    last = 0
    while True:
        rows = list(photos.filter(pk__gt=last).order_by("pk")[:ROWS_A_READ])
        for image in rows:
            writer.writerow(shielded(cell) for cell in _cells(image))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        if len(rows) < ROWS_A_READ:
            return
        last = rows[-1].pk


def _cells(image: Image) -> tuple[str, ...]:
    known = image.provenance
    return (
        image.sha256,
        image.label.key if image.label else "",
        image.state,
        known.get("title", ""),
        image.author,
        image.licence,
        known.get("licence_url", ""),
        image.page_url,
        known.get("url", ""),
        known.get("provider", ""),
        known.get("query", ""),
        known.get("fetched_at", ""),
    )
