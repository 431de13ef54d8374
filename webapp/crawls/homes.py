"""Where the photos of a crawl belong now: its class may have been merged into another, or deleted, since it began.

A crawl keeps the class it was started for. Nothing is written when classes close, so undoing that brings all back.
"""

from __future__ import annotations

from collections.abc import Iterable

from webapp.crawls.models import Crawl
from webapp.datasets.models import Dataset, LabelClass
from webapp.datasets.undoing import homes_of_closed


def home_of(crawl: Crawl) -> LabelClass | None:
    """The class that takes the crawl's photos; None where it was deleted without one. As it stands in the table."""
    return home_of_class(LabelClass.objects.select_related("category").get(pk=crawl.label_class_id))


def home_of_class(label_class: LabelClass) -> LabelClass | None:
    """The class itself while it is open, else the one that took its photos; None where none did."""
    if not label_class.is_retired:
        return label_class
    home = homes_of_closed(label_class.dataset).get(label_class.pk)
    return LabelClass.objects.select_related("category").get(pk=home) if home is not None else None


def homes_of(dataset: Dataset, crawls: Iterable[Crawl]) -> dict[int, LabelClass]:
    """Of the crawls whose class was merged: by its id the class that takes their photos."""
    closed = {one.label_class_id for one in crawls if one.label_class.is_retired}
    if not closed:
        return {}
    homes = homes_of_closed(dataset)
    classes = LabelClass.objects.in_bulk([homes[pk] for pk in closed if pk in homes])
    return {pk: classes[homes[pk]] for pk in closed if pk in homes}


def classes_at(label_class: LabelClass) -> list[int]:
    """Ids of the class and of those that were merged into it: what was crawled for any of them is its own."""
    homes = homes_of_closed(label_class.dataset)
    return [label_class.pk, *(pk for pk, home in homes.items() if pk and home == label_class.pk)]
