"""Writers of exports: asked for here, written by a worker or a command, cleaned up by a stated rule."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.core.store import site_store
from webapp.datasets.models import Dataset
from webapp.exports.content import Content
from webapp.exports.errors import ExportError
from webapp.exports.models import Export, ExportFormat
from webapp.exports.targets import file_digest
from webapp.exports.writing import Progress, write_export
from webapp.jobs.models import JobKind
from webapp.jobs.services import job_create
from webapp.snapshots.models import Snapshot, SnapshotState

KEPT_DAYS = 7
KEPT_A_DATASET = 3
"""A file goes after KEPT_DAYS days, or when its data set has KEPT_A_DATASET newer ones."""

_LEFT_ASIDE = re.compile(r"\.[0-9]+\.zip\.[0-9a-f]{16}(\.parts)?\Z")


def why_not_exportable(dataset: Dataset, snapshot: Snapshot | None = None) -> str:
    """Why there is nothing to export, as a sentence; "" if there is."""
    if snapshot is not None and snapshot.state != SnapshotState.READY:
        return _("That snapshot is not ready. Export it when it is made.")
    if snapshot is None and not dataset.images.exists():
        return _("There are no photos yet. Add some first.")
    return ""


def export_request(
    *,
    dataset: Dataset,
    created_by: User | None,
    format: str = ExportFormat.IMAGEFOLDER,
    snapshot: Snapshot | None = None,
) -> Export:
    """Asks for a ZIP; a job makes it. Raises ExportError where there is nothing to export."""
    if format not in ExportFormat.values:
        raise ExportError(_("The format is one of %(names)s.") % {"names": ", ".join(ExportFormat.values)})
    if reason := why_not_exportable(dataset, snapshot):
        raise ExportError(reason)
    with transaction.atomic():
        export = Export.objects.create(
            dataset=dataset, snapshot=snapshot, format=format, created_by=created_by
        )
        export.job = job_create(
            kind=JobKind.EXPORT, dataset=dataset, payload={"export": export.pk}, created_by=created_by
        )
        export.save(update_fields=["job"])
    return export


def export_path(export: Export) -> Path:
    """Where its ZIP lies: the name is ours, never a person's."""
    return site_store().exports / f"{export.pk}.zip"


def export_make(*, export: Export, progress: Progress) -> Export:
    """Writes the ZIP and notes its digest. Raises ExportError and StoreFull; made again, it replaces the file."""
    path = export_path(export)
    content = Content(export.dataset, export.snapshot)
    written = write_export(
        content=content, format=export.format, path=path, store=site_store(), progress=progress
    )
    export.digest, export.size, export.images = file_digest(path), written.size, written.images
    export.made_at, export.removed_at = timezone.now(), None
    export.save(update_fields=["digest", "size", "images", "made_at", "removed_at"])
    return export


def exports_clean() -> int:
    """Removes the files that the rule lets go, and what killed writers left; how many exports lost their file."""
    horizon = timezone.now() - timedelta(days=KEPT_DAYS)
    seen: dict[int, int] = {}
    removed = 0
    for export in Export.objects.filter(made_at__isnull=False, removed_at=None).order_by("-made_at", "-pk"):
        seen[export.dataset_id] = seen.get(export.dataset_id, 0) + 1
        if (
            export.made_at is not None
            and export.made_at >= horizon
            and seen[export.dataset_id] <= KEPT_A_DATASET
        ):
            continue
        export_path(export).unlink(missing_ok=True)
        removed += Export.objects.filter(pk=export.pk, removed_at=None).update(removed_at=timezone.now())
    _sweep(site_store().exports)
    return removed


def _sweep(folder: Path) -> None:
    """Files aside of writers that were killed a day ago or longer, and ZIPs whose data set is gone."""
    if not folder.is_dir():
        return
    horizon = (timezone.now() - timedelta(days=1)).timestamp()
    old = [path for path in folder.iterdir() if path.stat().st_mtime < horizon]
    if not old:
        return
    known = {f"{pk}.zip" for pk in Export.objects.filter(removed_at=None).values_list("pk", flat=True)}
    for path in old:
        if path.is_dir() and _LEFT_ASIDE.match(path.name):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file() and path.name not in known:
            path.unlink(missing_ok=True)
