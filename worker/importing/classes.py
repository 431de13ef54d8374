"""Finds the class that a folder names, making it where the data set does not have it yet."""

from __future__ import annotations

from webapp.datasets.models import Dataset, LabelClass
from webapp.datasets.services import category_called, class_get_or_create
from webapp.ingest.folders import split_category
from webapp.ingest.selectors import known_category_names


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
        name, label = split_category(folder, known_category_names(self._dataset))
        category = category_called(dataset=self._dataset, name=name) if name else None
        label_class, _created = class_get_or_create(dataset=self._dataset, name=label, category=category)
        return label_class
