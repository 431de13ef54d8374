"""Reads: which models are published, and which one a public page uses."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from webapp.datasets.models import Dataset, LabelClass
from webapp.publishing.models import PublishedModel
from webapp.runs.models import Run


def current_models() -> QuerySet[PublishedModel]:
    """Every data set's current model, the one published last first."""
    models = PublishedModel.objects.filter(is_current=True).order_by("-published_at", "-pk")
    return models.select_related("dataset", "bundle__run")


def current_model(slug: str) -> PublishedModel | None:
    """The model behind a data set's public page."""
    return current_models().filter(dataset__slug=slug).first()


def models_of(dataset: Dataset) -> QuerySet[PublishedModel]:
    """All that was published of a data set: the current one first, then the newest."""
    models = PublishedModel.objects.filter(dataset=dataset).order_by("-is_current", "-published_at", "-pk")
    return models.select_related("bundle__run", "bundle__run__snapshot", "published_by")


@dataclass(frozen=True)
class Standing:
    """How a run stands to the one whose model the public page uses now (`current`; None before there is one)."""

    has_bundle: bool
    is_current: bool
    current: Run | None
    is_worse: bool
    """Whether its test accuracy is lower than that of the current one."""
    on_other_photos: bool
    """Whether the two were tested on different photos."""


def standing(run: Run) -> Standing:
    """One query beside the run's bundle."""
    models = PublishedModel.objects.filter(dataset=run.dataset_id, is_current=True)
    found = models.select_related("bundle__run").defer("bundle__labels", "bundle__run__steps").first()
    current = found.bundle.run if found else None
    here, there = run.test_accuracy, current.test_accuracy if current else None
    return Standing(
        has_bundle=hasattr(run, "bundle"),
        is_current=current == run,
        current=current,
        is_worse=here is not None and there is not None and here < there,
        on_other_photos=current is not None and current.snapshot_id != run.snapshot_id,
    )


def advice_for(dataset: Dataset, key: str) -> LabelClass | None:
    """The class with its advice in both languages, or None where it has been removed since."""
    return LabelClass.objects.filter(dataset=dataset, key=key).first()
