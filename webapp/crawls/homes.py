"""Where the photos of a crawl belong now: its class may have been merged into another, or deleted, since it began.

A crawl keeps the class it was started for. Nothing is written when classes close, so undoing that brings all back.
"""

from __future__ import annotations

from webapp.crawls.models import Crawl
from webapp.datasets.models import LabelClass
from webapp.datasets.undoing import homes_of_closed


def home_of(crawl: Crawl) -> LabelClass | None:
    """The class that takes the crawl's photos; None where it was deleted without one. As it stands in the table."""
    found = LabelClass.objects.select_related("category").get(pk=crawl.label_class_id)
    if not found.is_retired:
        return found
    home = homes_of_closed(crawl.dataset).get(found.pk)
    return LabelClass.objects.select_related("category").get(pk=home) if home is not None else None


def classes_at(label_class: LabelClass) -> list[int]:
    """Ids of the class and of those that were merged into it: what was crawled for any of them is its own."""
    homes = homes_of_closed(label_class.dataset)
    return [label_class.pk, *(pk for pk, home in homes.items() if pk and home == label_class.pk)]
