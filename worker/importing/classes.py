"""Finds the class that a folder names, making it where the data set does not have it yet."""

from __future__ import annotations

from webapp.datasets.models import Bin, Category, Dataset, LabelClass
from webapp.datasets.names import BIN_OF_CATEGORY, preset55
from webapp.datasets.services import category_for_bin, class_get_or_create
from webapp.ingest.folders import split_category


class ClassFinder:
    """Remembers what it found: a folder of 5,000 photos is looked up once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._found: dict[str, LabelClass | None] = {}

    def of_folder(self, folder: str) -> LabelClass | None:
        """The class of the photos in `folder`; None for photos without a folder, which go to the inbox."""
        if folder not in self._found:
            self._found[folder] = self._make(folder) if folder else None
        return self._found[folder]

    def _make(self, folder: str) -> LabelClass:
        name, label = split_category(folder, self._known())
        category = self._category(name) if name else None
        label_class, _created = class_get_or_create(dataset=self._dataset, name=label, category=category)
        return label_class

    def _known(self) -> list[str]:
        """Names of the data set's categories in both languages, and those of the standard's four bins."""
        own = [
            name
            for row in self._dataset.categories.values_list("key", "name_en", "name_zh")
            for name in row
            if name
        ]
        return [*own, *(name for pair in _standard_names() for name in pair)]

    def _category(self, name: str) -> Category:
        for category in self._dataset.categories.all():
            if name in (category.key, category.name_en, category.name_zh):
                return category
        bin_ = next(BIN_OF_CATEGORY[zh] for zh, en in _standard_names() if name in (zh, en))
        return category_for_bin(dataset=self._dataset, bin=Bin(bin_))


def _standard_names() -> set[tuple[str, str]]:
    return {(preset.category_zh, preset.category_en) for preset in preset55()}
