"""Writers of data sets and classes. Labels of images are written by `labelling`."""

from __future__ import annotations

import unicodedata

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.datasets.models import Bin, Category, Dataset, LabelClass
from webapp.datasets.names import CATEGORY_OF_BIN, free_slug, has_han, pinyin_of, preset55
from webapp.ingest.folders import clean_name, split_category
from webapp.ingest.selectors import known_category_names


class DatasetError(ValueError):
    """What was asked can't be done; the message says why and what to do."""


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


def dataset_use_preset55(*, dataset: Dataset) -> None:
    """Adds the four categories and the 55 classes of household waste; what is there already stays as it is."""
    with transaction.atomic():
        categories = {bin_: category_for_bin(dataset=dataset, bin=bin_) for bin_ in Bin}
        there = set(dataset.classes.values_list("key", flat=True))
        start = _next_position(dataset)
        missing = [preset for preset in preset55() if preset.zh not in there]
        LabelClass.objects.bulk_create(
            LabelClass(
                dataset=dataset,
                key=preset.zh,
                name_zh=preset.zh,
                name_en=preset.en,
                category=categories[preset.bin],
                position=start + offset,
                pinyin=pinyin_of(preset.zh)[0],
                initials=pinyin_of(preset.zh)[1],
            )
            for offset, preset in enumerate(missing)
        )


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
        defaults={**_names(key), "bin": bin, "position": dataset.categories.count()},
    )
    if not created:
        raise DatasetError(_("A category “%(name)s” exists already.") % {"name": key})
    return category


def class_create(*, dataset: Dataset, name: str, category: Category | None = None) -> LabelClass:
    """Makes a class. Raises DatasetError for an empty or taken name, whatever its upper and lower case.

    A name such as `可回收物_鼠标` is taken apart as an import would, unless another category is asked for.
    """
    head, rest = split_category(name, known_category_names(dataset))
    if head is not None:
        named = category_called(dataset=dataset, name=head)
        if category is None or category == named:
            name, category = rest, named
    wanted = _folded(clean_name(name))
    taken = next(
        (key for key in dataset.classes.values_list("key", flat=True) if _folded(key) == wanted), None
    )
    if taken is not None:
        raise DatasetError(_("A class “%(name)s” exists already.") % {"name": taken})
    label_class, created = class_get_or_create(dataset=dataset, name=name, category=category)
    if not created:
        raise DatasetError(_("A class “%(name)s” exists already.") % {"name": label_class.key})
    return label_class


def class_get_or_create(
    *, dataset: Dataset, name: str, category: Category | None = None
) -> tuple[LabelClass, bool]:
    """The class whose key is `name`, followed to the one it was merged into, or a new one."""
    key = clean_name(name)
    if not key:
        raise DatasetError(_("Give the class a name."))
    known = next((p for p in preset55() if key in (p.zh, p.en)), None)
    names = {"name_zh": known.zh, "name_en": known.en} if known else _names(key)
    pinyin, initials = pinyin_of(names.get("name_zh", ""))
    label_class, created = LabelClass.objects.get_or_create(
        dataset=dataset,
        key=key,
        defaults={
            **names,
            "category": category,
            "pinyin": pinyin,
            "initials": initials,
            "position": _next_position(dataset),
        },
    )
    while label_class.merged_into is not None:
        label_class = label_class.merged_into
    return label_class, created


def class_rename(*, label_class: LabelClass, name_en: str, name_zh: str) -> LabelClass:
    """Changes what is shown. The key, and with it every JSON, snapshot and bundle, stays."""
    label_class.name_en, label_class.name_zh = clean_name(name_en), clean_name(name_zh)
    label_class.pinyin, label_class.initials = pinyin_of(label_class.name_zh)
    label_class.save(update_fields=["name_en", "name_zh", "pinyin", "initials"])
    return label_class


def class_set_category(*, label_class: LabelClass, category: Category | None) -> LabelClass:
    if category is not None and category.dataset_id != label_class.dataset_id:
        raise DatasetError(_("That category belongs to another data set."))
    label_class.category = category
    label_class.save(update_fields=["category"])
    return label_class


def _folded(name: str) -> str:
    """A name as it is compared: people see no difference where only the case or the composition differs."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _names(key: str) -> dict[str, str]:
    return {"name_zh": key, "name_en": ""} if has_han(key) else {"name_en": key, "name_zh": ""}


def _next_position(dataset: Dataset) -> int:
    last = dataset.classes.aggregate(last=Max("position"))["last"]
    return 0 if last is None else int(last) + 1
