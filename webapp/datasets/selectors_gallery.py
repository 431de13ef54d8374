"""Reads of the gallery: counts for its filters, rows for its tiles, the history of one image."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from django.db.models import Count, Q, QuerySet

from webapp.core.spoken import spoken
from webapp.datasets.filters import ANY_STATE, SORTS, ImageFilter, Sort, images_matching, sort_of
from webapp.datasets.models import Dataset, Image, ImageState, LabelEvent
from webapp.datasets.selectors import ClassChoice, StateCounts, state_label_counts

# Ids that one answer of the index carries: 50,000 take some 40 ms and, compressed, a few kB.
INDEX_CHUNK = 50_000
# Beyond so many queries in one, reading the rows of all of them costs no more.
MAX_PARTS = 24
BY_ID = ("newest", "oldest")


@dataclass(frozen=True)
class GalleryCounts:
    """Photos by state in the whole data set; by label among those that the filter, classes aside, passes."""

    by_state: Mapping[str, int]
    by_label: Mapping[int | None, int]

    @property
    def unlabelled(self) -> int:
        return self.by_label.get(None, 0)

    @property
    def any_label(self) -> int:
        return sum(self.by_label.values())

    def matching(self, image_filter: ImageFilter, class_ids: Mapping[str, int]) -> int:
        """How many photos the whole filter lets pass; `class_ids` maps keys to ids."""
        if not image_filter.classes and not image_filter.unlabelled:
            return self.any_label
        chosen: set[int | None] = {class_ids[key] for key in image_filter.classes if key in class_ids}
        if image_filter.unlabelled:
            chosen.add(None)
        return sum(self.by_label.get(one, 0) for one in chosen)


def gallery_counts(
    dataset: Dataset, image_filter: ImageFilter, counted: StateCounts | None = None
) -> GalleryCounts:
    """One aggregate over the index by state and label; a second one only where other filters are on.

    `counted` is that first aggregate where the caller has it already.
    """
    counted = counted or state_label_counts(dataset)
    by_state = {state: counted.total(state) for state in ImageState.values}
    without_classes = image_filter.changed(classes=(), unlabelled=False)
    if without_classes.has_more:
        rows = images_matching(dataset, without_classes).values_list("label_id").annotate(n=Count("pk"))
        return GalleryCounts(by_state, dict(rows))
    states = ImageState.values if image_filter.state == ANY_STATE else [image_filter.state]
    by_label: Counter[int | None] = Counter()
    for state in states:
        by_label.update(counted.by_state[state])
    return GalleryCounts(by_state, by_label)


def sorted_images(dataset: Dataset, image_filter: ImageFilter) -> QuerySet[Image]:
    return images_matching(dataset, image_filter).order_by(*sort_of(dataset, image_filter).order)


def image_ids(
    dataset: Dataset, image_filter: ImageFilter, *, after: int | None = None
) -> tuple[list[int], int | None]:
    """Ids in the order of the gallery, INDEX_CHUNK at most, and the id to go on after (None at the end)."""
    sort = sort_of(dataset, image_filter)
    rows = _after(images_matching(dataset, image_filter).order_by(*sort.order), sort, after)
    ids = list(rows.values_list("pk", flat=True)[: INDEX_CHUNK + 1])
    more = len(ids) > INDEX_CHUNK
    ids = ids[:INDEX_CHUNK]
    return ids, ids[-1] if more else None


def first_rows(
    dataset: Dataset, image_filter: ImageFilter, *, after: int | None, size: int
) -> tuple[list[Image], int | None]:
    """A keyset page of the gallery, and the id after which the next one begins."""
    sort = sort_of(dataset, image_filter)
    wanted = _after(images_matching(dataset, image_filter).order_by(*sort.order), sort, after)
    parts = _parts(dataset, image_filter)
    if parts is not None:
        # Several classes or states: the index is ordered within each of them, so each gives its first rows.
        looks = [_after(part, sort, after).values("pk")[: size + 1] for part in parts]
        any_of = reduce(operator.or_, (Q(pk__in=look) for look in looks))
        wanted = Image.objects.filter(any_of).order_by(*sort.order)
    rows = list(_tile_fields(wanted)[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    return rows, rows[-1].pk if more else None


def _parts(dataset: Dataset, image_filter: ImageFilter) -> list[QuerySet[Image]] | None:
    """The filter as one query per state and class, each of which an index serves in order; None where none would."""
    by_label = bool(image_filter.classes or image_filter.unlabelled)
    if not by_label or image_filter.changed(unlabelled=False).has_more or image_filter.sort not in BY_ID:
        return None
    states = ImageState.values if image_filter.state == ANY_STATE else [image_filter.state]
    labels: list[int | None] = [
        *dataset.classes.filter(key__in=image_filter.classes).order_by("pk").values_list("pk", flat=True)
    ]
    if image_filter.unlabelled:
        labels.append(None)
    if not labels or len(states) * len(labels) > MAX_PARTS:
        return None
    order = SORTS[image_filter.sort].order
    return [
        dataset.images.filter(state=state, label=label).order_by(*order)
        for state in states
        for label in labels
    ]


def rows_by_id(dataset: Dataset, ids: Iterable[int]) -> list[Image]:
    """The tiles of these images, in no particular order; ids of other data sets are left out."""
    return list(_tile_fields(dataset.images.order_by().filter(pk__in=list(ids))))


def _after(rows: QuerySet[Image], sort: Sort, after: int | None) -> QuerySet[Image]:
    if after is None:
        return rows
    beyond = "lt" if sort.downwards else "gt"
    if sort.key is None:
        return rows.filter(**{f"pk__{beyond}": after})
    here = Image.objects.filter(pk=after).values(place=sort.key)[:1]
    # The first bound says the same less exactly: it lets the index begin there, which an OR alone does not.
    rows = rows.annotate(place=sort.key).filter(**{f"place__{beyond}e": here})
    return rows.filter(Q(**{f"place__{beyond}": here}) | Q(place=here, **{f"pk__{beyond}": after}))


def _tile_fields(rows: QuerySet[Image]) -> QuerySet[Image]:
    return rows.only(
        "pk",
        "dataset_id",
        "sha256",
        "original_name",
        "label_id",
        "state",
        "state_reason",
        "is_reference",
        "version",
        "width",
        "height",
    )


def tile_json(image: Image, class_keys: Mapping[int, str]) -> dict[str, Any]:
    """A tile as the browser keeps it. `class_keys` maps label ids to keys."""
    return {
        "id": image.pk,
        "sha": image.sha256,
        "name": image.original_name,
        "label": class_keys.get(image.label_id) if image.label_id else None,
        "state": image.state,
        "reason": spoken(image.state_reason),
        "reference": image.is_reference,
        "version": image.version,
        "width": image.width,
        "height": image.height,
    }


def class_json(one: ClassChoice, digits: Mapping[str, int]) -> dict[str, Any]:
    """A class as the browser keeps it. `digits` maps keys of classes to the keys 1 to 9."""
    return {
        "key": one.key,
        "en": one.name_en,
        "zh": one.name_zh,
        "bin": one.bin,
        "colour": one.colour,
        "pinyin": one.pinyin,
        "initials": one.initials,
        "n": one.n,
        "digit": digits.get(one.key),
    }


def image_history(image: Image, limit: int = 100) -> Sequence[LabelEvent]:
    """Changes of an image, newest first, with who made them and the classes' names."""
    return list(image.events.select_related("actor", "old_label", "new_label").order_by("-id")[:limit])


def image_splits(image: Image, limit: int = 5) -> list[tuple[int, str]]:
    """(snapshot number, name of the split) of the newest snapshots that hold the image."""
    from webapp.snapshots.models import Split

    rows = (
        image.snapshot_items.order_by("-snapshot__number").values_list("snapshot__number", "split").distinct()
    )
    names = dict(Split.choices)
    return [(number, str(names[split])) for number, split in rows[:limit]]


@dataclass(frozen=True)
class Said:
    """What one run's model answered for an image."""

    run: int
    answer: str
    probability: float
    split: str
    is_right: bool


def image_predictions(image: Image, limit: int = 5) -> list[Said]:
    """Answers of the newest runs that had the image, the newest first; classes by their key."""
    from webapp.snapshots.models import Split

    rows = image.predictions.filter(transform="original").select_related("evaluation__run")
    names = dict(Split.choices)
    return [
        Said(
            row.evaluation.run.number,
            row.evaluation.classes[row.answer],
            row.probability,
            str(names[row.split]),
            row.is_right,
        )
        for row in rows.order_by("-evaluation__run__number", "pk")[:limit]
    ]
