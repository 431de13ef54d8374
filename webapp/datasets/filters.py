"""Which images a gallery shows: a filter that lives in the URL, and the query it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from webapp.core.pagination import whole_number
from webapp.datasets.models import Dataset, Image, ImageState, Source

ANY_STATE = "any"
MAX_TEXT = 200

# Only orders that an index serves: any depth of a gallery must cost the same.
SORTS = {
    "newest": (("-id",), _("Newest first")),
    "oldest": (("id",), _("Oldest first")),
    "blurred": (("sharpness", "id"), _("Least sharp first")),
}
DEFAULT_SORT = "newest"
# Bounds in pixels, both included: the field and how it compares.
SIDES = {
    "min_width": "width__gte",
    "max_width": "width__lte",
    "min_height": "height__gte",
    "max_height": "height__lte",
}
SPLITS = ("train", "val", "test", "held_out")


@dataclass(frozen=True)
class ImageFilter:
    """Empty fields do not restrict. `classes`, `categories` are keys; `split` is of the latest snapshot."""

    state: str = ImageState.ACCEPTED.value
    classes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    unlabelled: bool = False
    source: str = ""
    split: str = ""
    batch: int | None = None
    text: str = ""
    sort: str = DEFAULT_SORT
    min_width: int | None = None
    max_width: int | None = None
    min_height: int | None = None
    max_height: int | None = None

    @classmethod
    def from_query(cls, query: QueryDict, *, state: str = ImageState.ACCEPTED.value) -> ImageFilter:
        """Read a URL's query; what is not understood is left out. `state` holds where the URL names none."""
        asked_state = query.get("state", "")
        source, split, sort = query.get("source", ""), query.get("split", ""), query.get("sort", "")
        return cls(
            state=asked_state if asked_state in (*ImageState.values, ANY_STATE) else state,
            classes=tuple(dict.fromkeys(key for key in query.getlist("class") if key)),
            categories=tuple(dict.fromkeys(key for key in query.getlist("category") if key)),
            unlabelled=query.get("unlabelled", "") == "1",
            source=source if source in Source.values else "",
            split=split if split in SPLITS else "",
            batch=whole_number(query.get("batch")),
            text=query.get("q", "").replace("\0", "").strip()[:MAX_TEXT],
            sort=sort if sort in SORTS else DEFAULT_SORT,
            **{name: whole_number(query.get(name)) for name in SIDES},
        )

    def to_query(self, *, state: str = ImageState.ACCEPTED.value) -> str:
        """The shortest query string that `from_query` reads back as this filter ("" for the default view)."""
        query = QueryDict(mutable=True)
        if self.state != state:
            query["state"] = self.state
        query.setlist("class", list(self.classes))
        query.setlist("category", list(self.categories))
        for name, value in (("source", self.source), ("split", self.split), ("q", self.text)):
            if value:
                query[name] = value
        if self.unlabelled:
            query["unlabelled"] = "1"
        if self.batch is not None:
            query["batch"] = str(self.batch)
        for name, bound in self.sides.items():
            query[name] = str(bound)
        if self.sort != DEFAULT_SORT:
            query["sort"] = self.sort
        return query.urlencode()

    def changed(self, **changes: Any) -> ImageFilter:
        """This filter with some fields replaced."""
        return replace(self, **changes)

    def with_class_toggled(self, key: str) -> ImageFilter:
        if key in self.classes:
            return replace(self, classes=tuple(k for k in self.classes if k != key))
        return replace(self, classes=(*self.classes, key), unlabelled=False)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but state and order restricts the view."""
        return self.has_more or bool(self.classes)

    @property
    def has_more(self) -> bool:
        """Whether one of the less used filters is on."""
        return bool(
            self.categories
            or self.unlabelled
            or self.source
            or self.split
            or self.text
            or self.batch is not None
            or self.sides
        )

    @property
    def sides(self) -> dict[str, int]:
        """The bounds of width and height that are given."""
        bounds = {name: getattr(self, name) for name in SIDES}
        return {name: bound for name, bound in bounds.items() if bound is not None}


def images_matching(dataset: Dataset, image_filter: ImageFilter) -> QuerySet[Image]:
    """The images of a data set that pass a filter, unordered."""
    rows = dataset.images.order_by()
    # Naming all states lets the index by state answer, instead of reading every row.
    rows = rows.filter(
        state__in=ImageState.values if image_filter.state == ANY_STATE else [image_filter.state]
    )
    wanted = Q()
    if image_filter.classes:
        wanted |= Q(label__in=dataset.classes.filter(key__in=image_filter.classes).order_by().values("pk"))
    if image_filter.unlabelled:
        wanted |= Q(label=None)
    rows = rows.filter(wanted)
    if image_filter.categories:
        classes = dataset.classes.filter(category__key__in=image_filter.categories).order_by()
        rows = rows.filter(label__in=classes.values("pk"))
    if image_filter.source:
        rows = rows.filter(source=image_filter.source)
    if image_filter.batch is not None:
        rows = rows.filter(batch_id=image_filter.batch)
    for name, bound in image_filter.sides.items():
        rows = rows.filter(**{SIDES[name]: bound})
    if image_filter.text:
        rows = rows.filter(original_name__icontains=image_filter.text)
    if image_filter.split:
        rows = rows.filter(pk__in=_images_in_split(dataset, image_filter.split))
    return rows


def _images_in_split(dataset: Dataset, split: str) -> QuerySet[Any, int | None]:
    from webapp.snapshots.models import SnapshotItem

    latest = dataset.snapshots.filter(state="ready").order_by("-number").values("pk")[:1]
    return (
        SnapshotItem.objects.filter(snapshot__in=latest, split=split)
        .order_by()
        .values_list("image_id", flat=True)
    )
