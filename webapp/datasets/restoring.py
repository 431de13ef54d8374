"""Classes and categories as an export describes them: what is missing is added, what is there stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Max

from webapp.datasets.models import Bin, Category, Dataset, LabelClass
from webapp.datasets.names import pinyin_of
from webapp.exports.layout import CategoryCard, ClassCard


def taxonomy_restore(
    *, dataset: Dataset, categories: Sequence[CategoryCard], classes: Sequence[ClassCard]
) -> None:
    """Adds them in their order, with names, colours, advice and bins; closed classes come closed.

    Safe to repeat. A class is found by its key, so one that was renamed here since keeps its names.
    """
    with transaction.atomic():
        groups = _categories(dataset, categories)
        there = set(dataset.classes.values_list("key", flat=True))
        missing = [one for one in _once(classes) if one.key not in there]
        last = dataset.classes.aggregate(last=Max("position"))["last"]
        start = 0 if last is None else last + 1
        LabelClass.objects.bulk_create(
            LabelClass(
                dataset=dataset,
                key=one.key,
                name_en=one.name_en,
                name_zh=one.name_zh,
                category=groups.get(one.category),
                colour=one.colour,
                advice_en=one.advice_en,
                advice_zh=one.advice_zh,
                is_retired=one.closed,
                pinyin=pinyin_of(one.name_zh)[0],
                initials=pinyin_of(one.name_zh)[1],
                position=start + place,
            )
            for place, one in enumerate(missing)
        )
        _merge(dataset, missing)


def _once(classes: Sequence[ClassCard]) -> list[ClassCard]:
    return list({one.key: one for one in reversed(classes)}.values())[::-1]


def _categories(dataset: Dataset, cards: Sequence[CategoryCard]) -> dict[str, Category]:
    found: dict[str, Category] = {row.key: row for row in dataset.categories.all()}
    used = set(dataset.categories.filter(classes__isnull=False).values_list("key", flat=True))
    for place, card in enumerate(cards, start=len(used)):
        if card.key in used:
            continue
        fields = {
            "name_en": card.name_en,
            "name_zh": card.name_zh,
            "bin": card.bin if card.bin in Bin.values else "",
            "colour": card.colour,
            "position": place,
        }
        # One without classes was only confirmed when the files were sent: it says nothing of its own yet.
        found[card.key], _new = Category.objects.update_or_create(
            dataset=dataset, key=card.key, defaults=fields
        )
    return found


def _merge(dataset: Dataset, missing: Sequence[ClassCard]) -> None:
    """Closed classes point to where their photos went; a ring, which only a forged file has, stays open-ended."""
    into = {one.key: one.merged_into for one in missing if one.closed and one.merged_into}
    rows = {row.key: row for row in dataset.classes.all()}
    moved = []
    for key, target in into.items():
        if target in rows and not _leads_back(key, into):
            rows[key].merged_into = rows[target]
            moved.append(rows[key])
    LabelClass.objects.bulk_update(moved, ["merged_into"])


def _leads_back(key: str, into: dict[str, str]) -> bool:
    seen, here = {key}, into.get(key)
    while here is not None:
        if here in seen:
            return True
        seen.add(here)
        here = into.get(here)
    return False
