"""The list of data sets, each with its counts, four photos and its best figure: a fixed number of queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from django.db.models import Count

from webapp.accounts.models import User
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass
from webapp.datasets.selectors import datasets_for, photos_of_datasets
from webapp.runs.models import Run

PHOTOS = 4


@dataclass(frozen=True)
class DatasetCard:
    dataset: Dataset
    accepted: int
    inbox: int
    classes: int
    photos: list[str]
    best: Run | None


def dataset_cards(user: User) -> list[DatasetCard]:
    datasets = list(datasets_for(user))
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for owner, state, n in Image.objects.order_by().values_list("dataset", "state").annotate(n=Count("id")):
        counts[owner][state] = n
    open_classes = LabelClass.objects.filter(is_retired=False).order_by()
    classes = dict(open_classes.values_list("dataset").annotate(n=Count("id")))
    photos = photos_of_datasets(datasets, PHOTOS)
    best = _best_runs(datasets)
    return [
        DatasetCard(
            dataset=one,
            accepted=counts[one.pk][ImageState.ACCEPTED],
            inbox=counts[one.pk][ImageState.INBOX],
            classes=classes.get(one.pk, 0),
            photos=photos.get(one.pk, []),
            best=best.get(one.pk),
        )
        for one in datasets
    ]


def _best_runs(datasets: list[Dataset]) -> dict[int, Run]:
    """The run with the highest test accuracy of each data set; of two alike the newer."""
    best: dict[int, Run] = {}
    tested = Run.objects.filter(dataset__in=datasets, test_accuracy__isnull=False)
    for run in tested.order_by("test_accuracy", "number").defer("steps", "spec"):
        best[run.dataset_id] = run
    return best
