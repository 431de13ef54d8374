"""Reads: which models are published, and which one a public page uses."""

from __future__ import annotations

from django.db.models import QuerySet

from webapp.datasets.models import Dataset, LabelClass
from webapp.publishing.models import PublishedModel


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


def advice_for(dataset: Dataset, key: str) -> LabelClass | None:
    """The class with its advice in both languages, or None where it has been removed since."""
    return LabelClass.objects.filter(dataset=dataset, key=key).first()
