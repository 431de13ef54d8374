"""Reads of data sets and classes. Counts come from the index by state and label, never from the rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Count, IntegerField, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404

from webapp.accounts.models import User
from webapp.datasets.filters import ImageFilter, images_matching
from webapp.datasets.models import Category, Dataset, Image, ImageState, LabelClass, Source

__all__ = [
    "ClassChoice",
    "ImageFilter",
    "class_choice",
    "class_choices",
    "classes_of",
    "dataset_for",
    "datasets_for",
    "images_matching",
    "photos_of_classes",
    "photos_of_datasets",
    "rail_counts",
    "state_label_counts",
]


def datasets_for(user: User) -> QuerySet[Dataset]:
    """The data sets that `user` may see: everyone who may sign in sees all of them."""
    return Dataset.objects.all() if user.is_active else Dataset.objects.none()


def dataset_for(user: User, slug: str) -> Dataset:
    """Raises Http404 where it is not there or not for this person: nobody learns which of the two."""
    found = datasets_for(user).filter(slug=slug).first()
    if found is None:
        raise Http404
    return found


def _count_of(rows: QuerySet, field: str = "dataset") -> Coalesce:  # type: ignore[type-arg]
    counted = (
        rows.filter(**{field: OuterRef("pk")}).order_by().values(field).annotate(n=Count("pk")).values("n")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


def found_photos() -> QuerySet[Image]:
    """Photos that crawls brought and that wait for a review; an index of its own holds those of crawls."""
    return Image.objects.filter(source=Source.CRAWL, state=ImageState.INBOX, label=None).order_by()


def rail_counts(
    dataset: Dataset, photos_counted: StateCounts | None = None, person: User | None = None
) -> dict[str, int]:
    """The figures beside the entries of the rail, in one query; `mine`: photos that `person` was given to label.

    With 100,000 photos half of its time goes into counting them: `photos_counted` is for pages that have already.
    """
    shown = (ImageState.ACCEPTED, ImageState.INBOX)
    known = {state.value: photos_counted.total(state) for state in shown} if photos_counted else {}
    names, sql, params = _rail_query(tuple(known))
    values = {_ANY_DATASET: dataset.pk, _ANY_PERSON: person.pk if person else 0}
    with connection.cursor() as cursor:
        cursor.execute(sql, [values.get(one, one) for one in params])
        row = cursor.fetchone()
    return {**known, **dict(zip(names, row, strict=True))}


# Stand in the compiled query where each page has its own; no row has such an id.
_ANY_DATASET, _ANY_PERSON = -101, -102


@cache
def _rail_query(known: tuple[str, ...]) -> tuple[list[str], str, tuple[Any, ...]]:
    """The names of the figures besides those `known`, and the query for them. Every page asks it, and putting it
    together takes Django several times as long as the database needs to answer: so it is put together once.
    """
    from webapp.cleaning.models import DuplicateGroup, GroupState
    from webapp.publishing.models import PublishedModel
    from webapp.reviewing.models import Share
    from webapp.runs.models import Run
    from webapp.snapshots.models import Snapshot

    photos = Image.objects.order_by()
    own = Share.objects.filter(dataset=_ANY_DATASET, annotator=_ANY_PERSON).order_by()
    counted = {
        ImageState.ACCEPTED.value: _count_of(photos.filter(state=ImageState.ACCEPTED)),
        ImageState.INBOX.value: _count_of(photos.filter(state=ImageState.INBOX)),
        "classes": _count_of(LabelClass.objects.filter(is_retired=False)),
        "found": _count_of(found_photos()),
        "mine": _count_of(photos.filter(state=ImageState.INBOX, share__in=own.values("pk"))),
        "duplicates": _count_of(DuplicateGroup.objects.filter(state=GroupState.OPEN)),
        "snapshots": _count_of(Snapshot.objects.all()),
        "runs": _count_of(Run.objects.all()),
        "models": _count_of(PublishedModel.objects.all()),
    }
    names = [name for name in counted if name not in known]
    # Their own names: several of these are names of the model's relations already.
    annotated = Dataset.objects.filter(pk=_ANY_DATASET).annotate(
        **{f"n_{one}": counted[one] for one in names}
    )
    sql, params = annotated.values_list(*(f"n_{one}" for one in names)).query.sql_with_params()
    return names, sql, tuple(params)


@dataclass(frozen=True)
class StateCounts:
    """Photos of a data set by state and label; None stands for "no label"."""

    by_state: dict[str, dict[int | None, int]]

    def total(self, state: str) -> int:
        return sum(self.by_state[state].values())

    def of(self, state: str, label: int | None) -> int:
        return self.by_state[state].get(label, 0)


def state_label_counts(dataset: Dataset) -> StateCounts:
    counted: dict[str, dict[int | None, int]] = defaultdict(dict)
    rows = dataset.images.order_by().values_list("state", "label").annotate(n=Count("id"))
    for state, label, n in rows:
        counted[state][label] = n
    return StateCounts(defaultdict(dict, counted))


@dataclass(frozen=True)
class ClassChoice:
    """A class to choose from or to show in a row, with the number of its accepted photos."""

    pk: int
    key: str
    name_en: str
    name_zh: str
    category: str
    category_en: str
    category_zh: str
    category_pk: int | None
    category_colour: str
    bin: str
    colour: str
    has_advice: bool
    pinyin: str
    initials: str
    n: int


def classes_of(dataset: Dataset) -> QuerySet[LabelClass]:
    """Classes that photos may carry (one merged into another is history), by category and place."""
    rows = dataset.classes.filter(is_retired=False).select_related("category")
    return rows.order_by("category__position", "category_id", "position", "id")


def class_choices(dataset: Dataset, counts: StateCounts | None = None) -> list[ClassChoice]:
    """Every class with its names and count, in two queries (one where the caller has the counts)."""
    counts = counts or state_label_counts(dataset)
    return [class_choice(row, counts.of(ImageState.ACCEPTED, row.pk)) for row in classes_of(dataset)]


def class_choice(row: LabelClass, n: int = 0) -> ClassChoice:
    category = row.category or Category()
    return ClassChoice(
        pk=row.pk,
        key=row.key,
        name_en=row.name_en,
        name_zh=row.name_zh,
        category=category.key,
        category_en=category.name_en,
        category_zh=category.name_zh,
        category_pk=category.pk,
        category_colour=category.colour,
        bin=category.bin,
        colour=row.colour,
        has_advice=bool(row.advice_en or row.advice_zh),
        pinyin=row.pinyin,
        initials=row.initials,
        n=n,
    )


def photos_of_classes(classes: list[int], dataset: Dataset, each: int) -> dict[int, list[str]]:
    """Hashes of photos that show each class (by id): its reference pictures, then the newest accepted ones.

    One query, two looks at an index for each class.
    """
    found: dict[int, list[str]] = defaultdict(list)
    any_of = Q(pk__in=[])
    for pk in classes:
        look = Image.objects.filter(dataset=dataset, label=pk).order_by("-id").values("pk")
        any_of |= Q(pk__in=look.filter(is_reference=True)[:each])
        any_of |= Q(pk__in=look.filter(state=ImageState.ACCEPTED)[:each])
    rows = Image.objects.filter(any_of).order_by("-is_reference", "-id")
    for label, sha256 in rows.values_list("label", "sha256"):
        if len(found[label]) < each:
            found[label].append(sha256)
    return dict(found)


def photos_of_datasets(datasets: list[Dataset], each: int) -> dict[int, list[str]]:
    """Hashes of a few accepted photos of each data set, of as many classes as can be: its card's mosaic."""
    newest = Image.objects.filter(dataset__in=datasets, state=ImageState.ACCEPTED).order_by()
    by_dataset: dict[int, list[int]] = defaultdict(list)
    rows = newest.values_list("dataset", "label").annotate(last=Max("id")).order_by("dataset", "label")
    for dataset, _label, last in rows:
        by_dataset[dataset].append(last)
    chosen = [pk for ids in by_dataset.values() for pk in _spread(ids, each)]
    found: dict[int, list[str]] = defaultdict(list)
    for owner, sha256 in (
        Image.objects.filter(pk__in=chosen).order_by("label", "-id").values_list("dataset", "sha256")
    ):
        found[owner].append(sha256)
    return found


def _spread(ids: list[int], n: int) -> list[int]:
    """`n` of `ids` at even distances, all of them where there are no more."""
    return ids if len(ids) <= n else [ids[i * len(ids) // n] for i in range(n)]
