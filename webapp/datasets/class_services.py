"""Writers of classes and categories that exist: each act is recorded and can be taken back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.datasets.acts import LabelOutcome
from webapp.datasets.errors import DatasetError
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Category, ClassAct, ClassOperation, Dataset, LabelClass
from webapp.datasets.names import names_shown, pinyin_of
from webapp.datasets.operations import name_of, operation_apply, operation_finish
from webapp.datasets.services import class_open, refuse_shown_twice
from webapp.ingest.folders import clean_name

MAX_ADVICE = 500
MAX_REFERENCES = 100
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_NAMES = ("name_en", "name_zh")
_TEXTS = ("advice_en", "advice_zh")


def class_edit(*, label_class: LabelClass, actor: User | None = None, **values: Any) -> LabelClass:
    """Change names, advice, colour or category: what is shown. The key, and with it every bundle, stays.

    Takes `name_en`, `name_zh`, `advice_en`, `advice_zh`, `colour` ("" or #rrggbb), `category` (or None). DatasetError
    for a new name that another open class is shown under.
    """
    fields = _shown(values)
    before = {name: getattr(label_class, name) for name in _NAMES}
    names = before | {name: fields[name] for name in _NAMES if name in fields}
    if names != before:
        others = label_class.dataset.classes.exclude(pk=label_class.pk)
        refuse_shown_twice(others, names_shown(label_class.key, **names))
    if "category" in values:
        category = values["category"]
        if category is not None and category.dataset_id != label_class.dataset_id:
            raise DatasetError(_("That category belongs to another data set."))
        fields["category_id"] = category.pk if category else None
    if "name_zh" in fields:
        fields["pinyin"], fields["initials"] = pinyin_of(fields["name_zh"])
    for name in _TEXTS:
        if name in values:
            fields[name] = values[name].strip()[:MAX_ADVICE]
    _apply_to(label_class, ClassAct.EDIT, actor, fields)
    label_class.refresh_from_db()
    return label_class


def category_edit(*, category: Category, actor: User | None = None, **values: Any) -> Category:
    """Change names (`name_en`, `name_zh`) or the colour of a category; a bin keeps the standard's colour."""
    fields = _shown(values)
    if category.bin:
        fields.pop("colour", None)
    _apply_to(category, ClassAct.CATEGORY, actor, fields)
    category.refresh_from_db()
    return category


def classes_choose_bins(
    *, dataset: Dataset, chosen: Mapping[LabelClass, Category], actor: User | None
) -> ClassOperation | None:
    """Give several classes their category in one act."""
    values = {name_of(row): {"category_id": category.pk} for row, category in chosen.items()}
    return operation_apply(dataset=dataset, kind=ClassAct.BINS, actor=actor, values=values)


def class_move(*, label_class: LabelClass, step: int, actor: User | None) -> ClassOperation | None:
    """Move a class up (-1) or down (1) among those of its category. None at the end of the list."""
    siblings = list(
        label_class.dataset.classes.filter(is_retired=False, category=label_class.category).order_by(
            "position", "id"
        )
    )
    at = siblings.index(label_class)
    if not 0 <= at + step < len(siblings):
        return None
    siblings.insert(at + step, siblings.pop(at))
    # Positions may be equal among classes of long ago: they are dealt out anew, from the lowest on.
    lowest = min(row.position for row in siblings)
    places = sorted({row.position for row in siblings})
    if len(places) < len(siblings):
        places = list(range(lowest, lowest + len(siblings)))
    values = {name_of(row): {"position": place} for row, place in zip(siblings, places, strict=True)}
    return operation_apply(dataset=label_class.dataset, kind=ClassAct.ORDER, actor=actor, values=values)


def classes_merge(*, sources: Sequence[LabelClass], into: LabelClass, actor: User | None) -> ClassOperation:
    """Close classes and move all their photos into another. DatasetError for a class with itself or a closed one.

    Older snapshots and runs keep the classes they were made with.
    """
    sources = [row for row in sources if row.pk != into.pk]
    if not sources:
        raise DatasetError(_("Choose at least one class to merge, and another one to merge it into."))
    return _close(sources, into, ClassAct.MERGE, actor)


def class_delete(*, label_class: LabelClass, to: LabelClass | None, actor: User | None) -> ClassOperation:
    """Close a class. Its photos go to another one, or (`to` None) lose their label and wait in the inbox."""
    if to is not None and to.pk == label_class.pk:
        raise DatasetError(_("Choose another class for the photos of the one you delete."))
    return _close([label_class], to, ClassAct.DELETE, actor)


def class_split(
    *,
    dataset: Dataset,
    ids: Sequence[int],
    name: str,
    actor: User | None,
    versions: Mapping[int, int] | None = None,
) -> tuple[LabelClass, LabelOutcome]:
    """A new class with these photos, in the category that the first of them is in: one act.

    Raises DatasetError for an empty or taken name, or without photos.
    """
    first = dataset.images.filter(pk__in=list(ids)[:1]).select_related("label__category").first()
    if first is None:
        raise DatasetError(_("Choose the photos that the new class begins with."))
    category = first.label.category if first.label else None
    made, operation = class_open(
        dataset=dataset, name=name, category=category, actor=actor, kind=ClassAct.SPLIT
    )
    outcome = images_label(
        dataset=dataset, ids=ids, label=made, actor=actor, versions=versions, operation=operation.operation
    )
    operation_finish(operation=operation)
    return made, outcome


def images_mark_reference(*, dataset: Dataset, ids: Sequence[int], on: bool) -> int:
    """Make labelled photos pictures that stand for their class, or take that back; answers how many changed.

    DatasetError past MAX_REFERENCES of one class: nobody looks at more, and each costs time when photos are ranked.
    """
    rows = dataset.images.filter(pk__in=ids, label__isnull=False)
    with transaction.atomic():
        changed = rows.exclude(is_reference=on).update(is_reference=on)
        labels = set(rows.values_list("label_id", flat=True))
        for label in labels if on else ():
            if dataset.images.filter(label=label, is_reference=True).count() > MAX_REFERENCES:
                raise DatasetError(
                    _("A class has at most %(n)d reference pictures. Choose those that tell most.")
                    % {"n": MAX_REFERENCES}
                )
    return changed


def _close(
    sources: Sequence[LabelClass], into: LabelClass | None, kind: ClassAct, actor: User | None
) -> ClassOperation:
    dataset = sources[0].dataset
    closed = next((row for row in (*sources, *([into] if into else [])) if row.is_retired), None)
    if closed is not None or (into is not None and into.dataset_id != dataset.pk):
        raise DatasetError(_("That class is not here any more. Load the page again."))
    target = into.pk if into else None
    values = {name_of(row): {"is_retired": True, "merged_into_id": target} for row in sources}
    made = operation_apply(
        dataset=dataset, kind=kind, actor=actor, values=values, moves=[(row.pk, target) for row in sources]
    )
    assert made is not None, "a class that was open is closed now"
    return made


def _apply_to(
    row: LabelClass | Category, kind: ClassAct, actor: User | None, fields: Mapping[str, Any]
) -> None:
    operation_apply(dataset=row.dataset, kind=kind, actor=actor, values={name_of(row): fields})


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Names and colour as they are stored. DatasetError for what is no colour."""
    fields: dict[str, Any] = {name: clean_name(values[name]) for name in _NAMES if name in values}
    if "colour" in values:
        colour = values["colour"].lower()
        if colour and not _COLOUR.fullmatch(colour):
            raise DatasetError(_("A colour is written as # and six digits, such as #2f7d32."))
        fields["colour"] = colour
    return fields
