"""Reads of exports."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.http import Http404

from webapp.datasets.models import Dataset
from webapp.exports.models import Export
from webapp.exports.services import KEPT_DAYS


def exports_of(dataset: Dataset) -> QuerySet[Export]:
    """Newest first, each with its job and snapshot."""
    return dataset.exports.select_related("job", "snapshot", "created_by").defer("job__log_tail")


def export_for(dataset: Dataset, pk: int) -> Export:
    found = exports_of(dataset).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def kept_until(export: Export) -> datetime | None:
    """When its file goes at the latest; None where it has none."""
    return export.made_at + timedelta(days=KEPT_DAYS) if export.is_there and export.made_at else None


def download_name(export: Export) -> str:
    """Such as `kerbside-snapshot-3-coco.zip`."""
    number = f"-snapshot-{export.snapshot.number}" if export.snapshot else ""
    return f"{export.dataset.slug}{number}-{export.format}.zip"
