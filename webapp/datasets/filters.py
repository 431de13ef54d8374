"""Which images a gallery shows: a filter that lives in the URL, and the query it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import CombinedExpression, OrderBy
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.core.pagination import whole_number
from webapp.datasets.models import Dataset, Image, ImageState, LabelOrigin, Source
from webapp.datasets.other_rooms import NOBODY, alike_ids, by_other_rooms

ANY_STATE = "any"
MAX_TEXT = 200

PIXELS: CombinedExpression = F("width") * F("height")


@dataclass(frozen=True)
class Sort:
    """An order of the gallery: by `key` (None: by id alone), then by id, both upwards or both downwards."""

    label: Any
    key: F | CombinedExpression | Case | None = None
    downwards: bool = False

    @property
    def order(self) -> tuple[OrderBy, ...]:
        return tuple(
            OrderBy(one, descending=self.downwards) for one in (self.key, F("id")) if one is not None
        )


# Only orders that an index serves: any depth of a gallery must cost the same.
SORTS = {
    "newest": Sort(_("Newest first"), downwards=True),
    "oldest": Sort(_("Oldest first")),
    "suspicion": Sort(_("Most doubtful labels first"), F("suspicion"), downwards=True),
    "blurred": Sort(_("Least sharp first"), F("sharpness")),
    "smallest": Sort(_("Smallest first"), PIXELS),
    "largest": Sort(_("Largest first"), PIXELS, downwards=True),
    "uncertain": Sort(_("Most uncertain first"), F("uncertainty"), downwards=True),
    "varied": Sort(_("Most varied first"), F("variety"), downwards=True),
    "queue": Sort(_("In the order given"), F("share_place")),
}
DEFAULT_SORT = "newest"
# Orders of the inbox that a job works out, and the one of what a person was given.
WORKED_OUT, GIVEN = ("uncertain", "varied"), "queue"
ALIKE = _("Most alike first")
# Bounds in pixels, both included: the field and how it compares.
SIDES = {
    "min_width": "width__gte",
    "max_width": "width__lte",
    "min_height": "height__gte",
    "max_height": "height__lte",
}
SPLITS = ("train", "val", "test", "held_out")
DOUBTS = ("label", "odd")
# Labels that no single person gave, as the address names them; a colon is in no user's name.
ORIGINS = {":folder": LabelOrigin.FOLDER, ":model": LabelOrigin.MODEL}


@dataclass(frozen=True)
class ImageFilter:
    """Empty fields do not restrict. `classes`, `categories` are keys; `split` is of the latest snapshot; `since` and
    `until` are the first and the last day of arrival, in the site's time zone; `labeller` is a user's name, or one of
    ORIGINS; `doubt` a kind of doubt that waits for a decision; `like` the id of an image that the others look like,
    which also decides their order; `crawl` the number of the crawl that found them; `assigned` the name of the user who
    was given them, in whose order they stand then, or NOBODY.
    """

    state: str = ImageState.ACCEPTED.value
    classes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    unlabelled: bool = False
    source: str = ""
    split: str = ""
    batch: int | None = None
    text: str = ""
    since: date | None = None
    until: date | None = None
    labeller: str = ""
    doubt: str = ""
    like: int | None = None
    crawl: int | None = None
    assigned: str = ""
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
        doubt = query.get("doubt", "")
        assigned = _text(query, "assigned")
        return cls(
            state=asked_state if asked_state in (*ImageState.values, ANY_STATE) else state,
            classes=tuple(dict.fromkeys(key for key in query.getlist("class") if key)),
            categories=tuple(dict.fromkeys(key for key in query.getlist("category") if key)),
            unlabelled=query.get("unlabelled", "") == "1",
            source=source if source in Source.values else "",
            split=split if split in SPLITS else "",
            batch=whole_number(query.get("batch")),
            since=_day(query.get("since")),
            until=_day(query.get("until")),
            crawl=whole_number(query.get("crawl")),
            assigned=assigned,
            labeller=_text(query, "by"),
            doubt=doubt if doubt in DOUBTS else "",
            like=whole_number(query.get("like")),
            text=_text(query, "q"),
            sort=sort if sort in SORTS and (sort != GIVEN or _is_person(assigned)) else usual_sort(assigned),
            **{name: whole_number(query.get(name)) for name in SIDES},
        )

    def to_query(self, *, state: str = ImageState.ACCEPTED.value) -> str:
        """The shortest query string that `from_query` reads back as this filter ("" for the default view)."""
        query = QueryDict(mutable=True)
        if self.state != state:
            query["state"] = self.state
        query.setlist("class", list(self.classes))
        query.setlist("category", list(self.categories))
        since, until = (day.isoformat() if day else "" for day in (self.since, self.until))
        for name, value in (
            ("source", self.source), ("split", self.split), ("q", self.text), ("since", since), ("until", until),
            ("by", self.labeller), ("doubt", self.doubt), ("assigned", self.assigned),
        ):  # fmt: skip
            if value:
                query[name] = value
        if self.unlabelled:
            query["unlabelled"] = "1"
        for name, number in (("batch", self.batch), ("like", self.like), ("crawl", self.crawl)):
            if number is not None:
                query[name] = str(number)
        for name, bound in self.sides.items():
            query[name] = str(bound)
        # What was given is the usual order where it is one at all.
        if self.sort not in (GIVEN, usual_sort(self.assigned)):
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
            or self.since
            or self.until
            or self.labeller
            or self.doubt
            or self.batch is not None
            or self.like is not None
            or self.crawl is not None
            or self.assigned
            or self.sides
        )

    @property
    def sides(self) -> dict[str, int]:
        """The bounds of width and height that are given."""
        bounds = {name: getattr(self, name) for name in SIDES}
        return {name: bound for name, bound in bounds.items() if bound is not None}


def usual_sort(assigned: str) -> str:
    """The order where an address names none: what somebody was given stands as it was given."""
    return GIVEN if _is_person(assigned) else DEFAULT_SORT


def _is_person(assigned: str) -> bool:
    return bool(assigned) and assigned != NOBODY


def _text(query: QueryDict, name: str) -> str:
    return query.get(name, "").replace("\0", "").strip()[:MAX_TEXT]


def images_matching(dataset: Dataset, image_filter: ImageFilter) -> QuerySet[Image]:
    """The images of a data set that pass a filter, unordered."""
    rows = dataset.images.order_by()
    if image_filter.state == ANY_STATE:
        # Naming all states lets the index by state answer, instead of reading every row.
        rows = rows.filter(state__in=ImageState.values)
    else:
        # Not as a list of one: indexes that hold the inbox only would not be taken.
        rows = rows.filter(state=image_filter.state)
    rows = _by_class(rows, dataset, image_filter)
    if image_filter.source:
        rows = rows.filter(source=image_filter.source)
    if image_filter.batch is not None:
        rows = rows.filter(batch_id=image_filter.batch)
    if image_filter.text:
        rows = rows.filter(original_name__icontains=image_filter.text)
    for name, bound in image_filter.sides.items():
        rows = rows.filter(**{SIDES[name]: bound})
    rows = _by_time_and_person(rows, image_filter)
    return by_other_rooms(rows, dataset, image_filter)


def sort_of(dataset: Dataset, image_filter: ImageFilter) -> Sort:
    """The order of a gallery: that of its `sort`, or the most alike first."""
    if image_filter.like is None:
        return SORTS[image_filter.sort]
    ids = alike_ids(dataset, image_filter.like)
    places = [When(pk=pk, then=Value(place)) for place, pk in enumerate(ids)]
    if not places:
        return SORTS[DEFAULT_SORT]
    return Sort(ALIKE, Case(*places, default=Value(len(ids)), output_field=IntegerField()))


def _by_class(rows: QuerySet[Image], dataset: Dataset, image_filter: ImageFilter) -> QuerySet[Image]:
    wanted = Q()
    if image_filter.classes:
        wanted |= Q(label__in=dataset.classes.filter(key__in=image_filter.classes).order_by().values("pk"))
    if image_filter.unlabelled:
        wanted |= Q(label=None)
    rows = rows.filter(wanted)
    if image_filter.categories:
        classes = dataset.classes.filter(category__key__in=image_filter.categories).order_by()
        rows = rows.filter(label__in=classes.values("pk"))
    return rows


def _by_time_and_person(rows: QuerySet[Image], image_filter: ImageFilter) -> QuerySet[Image]:
    if image_filter.since:
        rows = rows.filter(created_at__gte=_midnight(image_filter.since))
    if image_filter.until:
        rows = rows.filter(created_at__lt=_midnight(image_filter.until + timedelta(days=1)))
    if image_filter.labeller in ORIGINS:
        return rows.filter(label__isnull=False, label_origin=ORIGINS[image_filter.labeller])
    if image_filter.labeller:
        people = User.objects.filter(username=image_filter.labeller)
        return rows.filter(labelled_by__in=people.values("pk"), label_origin=LabelOrigin.PERSON)
    return rows


def _day(text: str | None) -> date | None:
    """2026-11-25; None for what is no day, or so near the calendar's end that none follows it."""
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if 1900 <= found.year < 9000 else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
