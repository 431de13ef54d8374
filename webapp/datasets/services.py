"""Writers of data sets, and of classes and categories that come to be.

Those that exist are changed by `class_services`; labels of images are written by `labelling`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.datasets.errors import DatasetError
from webapp.datasets.models import Bin, Category, ClassAct, ClassOperation, Dataset, LabelClass
from webapp.datasets.names import (
    CATEGORY_OF_BIN,
    PresetClass,
    folded,
    free_slug,
    has_han,
    names_shown,
    pinyin_of,
    preset55,
    preset_called,
    shown_alike,
)
from webapp.datasets.operations import name_of, operation_apply, operation_record
from webapp.datasets.undoing import homes_of_closed
from webapp.ingest.folders import clean_name, split_category
from webapp.ingest.selectors import known_category_names


def dataset_create(
    *, name: str, description: str = "", created_by: User | None = None, is_drawn: bool = False
) -> Dataset:
    """Makes an empty data set. Raises DatasetError for an empty name."""
    name = clean_name(name)
    if not name:
        raise DatasetError(_("Give the data set a name."))
    for _attempt in range(5):
        taken = set(Dataset.objects.values_list("slug", flat=True))
        try:
            with transaction.atomic():
                return Dataset.objects.create(
                    slug=free_slug(name, taken),
                    name=name,
                    description=description.strip(),
                    created_by=created_by,
                    is_drawn=is_drawn,
                )
        except IntegrityError:
            continue  # another took the slug between the look and the write
    raise DatasetError(_("The name is being used by others at this moment. Try again."))


def dataset_use_preset55(*, dataset: Dataset, actor: User | None = None) -> ClassOperation | None:
    """Add the four categories and the 55 classes of household waste with their advice, in one act.

    Of what is there already, only empty advice is filled. A class that was deleted or merged comes back. One that
    would be shown under the name of an open class is there already under another key, and left out.
    None where nothing was missing.
    """
    with transaction.atomic():
        categories = {bin_: category_for_bin(dataset=dataset, bin=bin_) for bin_ in Bin}
        rows = list(dataset.classes.all())
        there = {row.key for row in rows}
        start = _next_position(dataset)
        missing = [
            preset
            for preset in preset55()
            if preset.zh not in there and not class_shown_like(rows, (preset.en, preset.zh))
        ]
        LabelClass.objects.bulk_create(
            LabelClass(
                dataset=dataset,
                key=preset.zh,
                category=categories[preset.bin],
                position=start + offset,
                is_retired=True,
                **_preset_fields(preset),
            )
            for offset, preset in enumerate(missing)
        )
        values = {
            name_of(row): _preset_gaps(row)
            for row in dataset.classes.all()
            if not (row in rows and row.is_retired and class_shown_like(rows, shown_of(row)))
        }
        return operation_apply(dataset=dataset, kind=ClassAct.PRESET, actor=actor, values=values)


def _preset_gaps(row: LabelClass) -> dict[str, Any]:
    """What the preset adds to a class of its own: it opens a closed one, and advises where nobody has."""
    preset = preset_called(row.key)
    if preset is None:
        return {}
    gaps: dict[str, Any] = {"is_retired": False, "merged_into_id": None}
    for field in ("advice_en", "advice_zh"):
        if not getattr(row, field):
            gaps[field] = getattr(preset, field)
    return gaps


def category_for_bin(*, dataset: Dataset, bin: str) -> Category:
    """The category of that bin; made with the standard's name in both languages where it is missing."""
    found = dataset.categories.filter(bin=bin).first()
    if found is not None:
        return found
    key = CATEGORY_OF_BIN[Bin(bin)]
    english = next(p.category_en for p in preset55() if p.category_zh == key)
    category, _created = Category.objects.get_or_create(
        dataset=dataset,
        key=key,
        defaults={"name_zh": key, "name_en": english, "bin": bin, "position": list(Bin).index(Bin(bin))},
    )
    return category


def category_called(*, dataset: Dataset, name: str) -> Category:
    """The category that has `name` in either language, else that of the bin whose standard name it is.

    Raises KeyError for a name that is neither.
    """
    for category in dataset.categories.all():
        if name in (category.key, category.name_en, category.name_zh):
            return category
    of_name = {name: preset.bin for preset in preset55() for name in (preset.category_zh, preset.category_en)}
    return category_for_bin(dataset=dataset, bin=Bin(of_name[name]))


def category_create(*, dataset: Dataset, name: str, bin: str = "") -> Category:
    """A category of the data set's own, such as "Textiles". Raises DatasetError for an empty or taken name."""
    key = clean_name(name)
    if not key:
        raise DatasetError(_("Give the category a name."))
    category, created = Category.objects.get_or_create(
        dataset=dataset,
        key=key,
        defaults={
            "name_zh" if has_han(key) else "name_en": key,
            "bin": bin,
            "position": dataset.categories.count(),
        },
    )
    if not created:
        raise DatasetError(_("A category “%(name)s” exists already.") % {"name": key})
    return category


def class_create(
    *, dataset: Dataset, name: str, category: Category | None = None, actor: User | None = None
) -> LabelClass:
    """Make a class. Raises DatasetError for an empty or taken name, whatever its upper and lower case.

    A name such as `可回收物_鼠标` is taken apart as an import would, unless another category is asked for.
    The name of a class that was deleted or merged opens that one again, without its photos.
    """
    return class_open(dataset=dataset, name=name, category=category, actor=actor)[0]


def class_open(
    *,
    dataset: Dataset,
    name: str,
    category: Category | None = None,
    actor: User | None = None,
    kind: ClassAct = ClassAct.CREATE,
) -> tuple[LabelClass, ClassOperation]:
    """`class_create`, with the record of the act."""
    head, rest = split_category(name, known_category_names(dataset))
    if head is not None:
        named = category_called(dataset=dataset, name=head)
        if category is None or category == named:
            name, category = rest, named
    key = clean_name(name)
    if not key:
        raise DatasetError(_("Give the class a name."))
    rows = list(dataset.classes.all())
    alike = [row for row in rows if folded(row.key) == folded(key)]
    taken = next((row for row in alike if not row.is_retired), None)
    if taken is not None:
        raise DatasetError(_("A class “%(name)s” exists already.") % {"name": taken.key})
    refuse_shown_twice(rows, shown_of(alike[0] if alike else LabelClass(key=key, **_fields_of(key))))
    with transaction.atomic():
        if alike:
            values: dict[str, Any] = {"is_retired": False, "merged_into_id": None}
            if category is not None:
                values["category_id"] = category.pk
            made = operation_apply(
                dataset=dataset, kind=kind, actor=actor, values={name_of(alike[0]): values}
            )
            assert made is not None, "a closed class is open now"
            alike[0].refresh_from_db()
            return alike[0], made
        row, created = _get_or_create(dataset, key, category)
        if not created:
            raise DatasetError(_("A class “%(name)s” exists already.") % {"name": row.key})
        return row, operation_record(dataset=dataset, kind=kind, actor=actor, opened=[row])


def class_get_or_create(
    *, dataset: Dataset, name: str, category: Category | None = None
) -> tuple[LabelClass, bool]:
    """The class whose key is `name`, followed to the one it was merged into, or a new one.

    One that was deleted is opened again: its photos come anew. Only the key counts, here and in exports: a folder
    called as another class is merely shown makes a class of its own, so that an import does not depend on what
    people renamed.
    """
    key = clean_name(name)
    if not key:
        raise DatasetError(_("Give the class a name."))
    row, created = _get_or_create(dataset, key, category)
    if not row.is_retired:
        return row, created
    home = homes_of_closed(dataset).get(row.pk)
    if home is not None:
        return dataset.classes.get(pk=home), False
    values = {name_of(row): {"is_retired": False, "merged_into_id": None}}
    operation_apply(dataset=dataset, kind=ClassAct.CREATE, actor=None, values=values)
    row.refresh_from_db()
    return row, True


def _get_or_create(dataset: Dataset, key: str, category: Category | None) -> tuple[LabelClass, bool]:
    return LabelClass.objects.get_or_create(
        dataset=dataset,
        key=key,
        defaults={**_fields_of(key), "category": category, "position": _next_position(dataset)},
    )


def _fields_of(key: str) -> dict[str, str]:
    preset = preset_called(key)
    return _preset_fields(preset) if preset else _names(key)


def shown_of(row: LabelClass) -> tuple[str, str]:
    return names_shown(row.key, row.name_en, row.name_zh)


def class_shown_like(rows: Iterable[LabelClass], shown: tuple[str, str]) -> LabelClass | None:
    """The open class that a reader of one of the languages would take for one with these names."""
    return next((row for row in rows if not row.is_retired and shown_alike(shown, shown_of(row))), None)


def refuse_shown_twice(rows: Iterable[LabelClass], shown: tuple[str, str]) -> None:
    """DatasetError where an open class of `rows` is shown under one of these names."""
    other = class_shown_like(rows, shown)
    if other is not None:
        names = {"name": shown_alike(shown, shown_of(other)), "key": other.key}
        raise DatasetError(
            _("“%(name)s” is what the class with the key “%(key)s” is called already. Choose another name.")
            % names
        )


def _preset_fields(preset: PresetClass) -> dict[str, str]:
    pinyin, initials = pinyin_of(preset.zh)
    return {
        "name_zh": preset.zh,
        "name_en": preset.en,
        "pinyin": pinyin,
        "initials": initials,
        "advice_en": preset.advice_en,
        "advice_zh": preset.advice_zh,
    }


def _names(key: str) -> dict[str, str]:
    """The names of a class as its key gives them, and how a Chinese one is typed."""
    if not has_han(key):
        return {"name_en": key, "name_zh": ""}
    pinyin, initials = pinyin_of(key)
    return {"name_zh": key, "name_en": "", "pinyin": pinyin, "initials": initials}


def _next_position(dataset: Dataset) -> int:
    last = dataset.classes.aggregate(last=Max("position"))["last"]
    return 0 if last is None else int(last) + 1
