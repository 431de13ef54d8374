"""Filters of the gallery whose answer lies in another room: doubts, splits, crawls, and who was given what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from webapp.datasets.models import Dataset, Image

if TYPE_CHECKING:
    from webapp.datasets.filters import ImageFilter

# In the place of a user's name: photos that nobody was given. A colon is in no user's name.
NOBODY = ":nobody"


def by_other_rooms(rows: QuerySet[Image], dataset: Dataset, image_filter: ImageFilter) -> QuerySet[Image]:
    """Those of `rows` that pass these parts of the filter."""
    if image_filter.like is not None:
        rows = rows.filter(pk__in=alike_ids(dataset, image_filter.like))
    if image_filter.doubt:
        rows = rows.filter(pk__in=_images_in_doubt(dataset, image_filter.doubt))
    if image_filter.split:
        rows = rows.filter(pk__in=_images_in_split(dataset, image_filter.split))
    if image_filter.crawl is not None:
        rows = rows.filter(pk__in=_images_of_crawl(dataset, image_filter.crawl))
    if image_filter.assigned:
        rows = rows.filter(_held(dataset, image_filter.assigned))
    return rows


def alike_ids(dataset: Dataset, pk: int) -> list[int]:
    from webapp.guessing.selectors import alike_ids

    return alike_ids(dataset, pk)


def _images_in_doubt(dataset: Dataset, kind: str) -> QuerySet[Any, int]:
    from webapp.cleaning.selectors_suspects import open_suspects

    return open_suspects(dataset, kind).order_by().values_list("image_id", flat=True)


def _images_in_split(dataset: Dataset, split: str) -> QuerySet[Any, int | None]:
    from webapp.snapshots.models import SnapshotItem

    latest = dataset.snapshots.filter(state="ready").order_by("-number").values("pk")[:1]
    return (
        SnapshotItem.objects.filter(snapshot__in=latest, split=split)
        .order_by()
        .values_list("image_id", flat=True)
    )


def _images_of_crawl(dataset: Dataset, number: int) -> QuerySet[Any, int | None]:
    from webapp.crawls.selectors import images_of_crawl

    return images_of_crawl(dataset, number)


def _held(dataset: Dataset, assigned: str) -> Q:
    from webapp.reviewing.selectors import is_free, shares_of

    return is_free(dataset) if assigned == NOBODY else Q(share__in=shares_of(dataset, assigned).values("pk"))
