"""What a snapshot holds, as it is at one moment: which photos, how each is labelled, and what its classes are called.

Kept when a snapshot is asked for, so that what happens while its job waits in the queue changes nothing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.datasets.models import Dataset, LabelClass, LabelOrigin, Source
from webapp.snapshots.models import Snapshot, SnapshotContent
from webapp.snapshots.plans import PhotoFilter

_OF_CLASS = ("key", "name_en", "name_zh", "colour")


@dataclass(frozen=True)
class Labelled:
    """What a photo counts as. What a model chose, or a model's mistakes sent in, must not judge a model."""

    label_id: int
    train_only: bool


@dataclass(frozen=True)
class Content:
    """Photos by id in the order of ids; classes by id, with the fields of SnapshotClass, in the order of the output."""

    photos: Mapping[int, Labelled]
    classes: Mapping[int, Mapping[str, Any]]


def content_now(dataset: Dataset, passing: PhotoFilter) -> Content:
    """In two queries. 100,000 photos take about half a second."""
    rows = passing.eligible(dataset).order_by("id")
    told = rows.values_list("id", "label_id", "source", "label_origin", "share__model_chose")
    photos = {
        pk: Labelled(label, source == Source.FEEDBACK or origin == LabelOrigin.MODEL or bool(model_chose))
        for pk, label, source, origin, model_chose in told.iterator()
        if label is not None
    }
    used = {one.label_id for one in photos.values()}
    classes = LabelClass.objects.filter(pk__in=used).select_related("category").order_by("position", "id")
    return Content(photos, {one.pk: _class_fields(one) for one in classes})


def packed(content: Content) -> bytes:
    """As it is kept: a few bytes a photo."""
    photos = [[pk, one.label_id, int(one.train_only)] for pk, one in content.photos.items()]
    told = {"photos": photos, "classes": list(content.classes.items())}
    return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), level=1)


def content_of(snapshot: Snapshot) -> Content:
    """What was kept for it; what is there now for one that is no row, or was asked for before contents were kept."""
    kept = SnapshotContent.objects.filter(snapshot=snapshot.pk).first() if snapshot.pk else None
    if kept is None:
        return content_now(snapshot.dataset, PhotoFilter.from_json(snapshot.filter))
    told = json.loads(zlib.decompress(kept.packed))
    photos = {pk: Labelled(label, bool(train_only)) for pk, label, train_only in told["photos"]}
    return Content(photos, {int(pk): fields for pk, fields in told["classes"]})


def _class_fields(one: LabelClass) -> dict[str, Any]:
    category = one.category
    return {name: getattr(one, name) for name in _OF_CLASS} | {
        "category": category.key if category else "",
        "category_en": category.name_en if category else "",
        "category_zh": category.name_zh if category else "",
        "bin": category.bin if category else "",
    }
