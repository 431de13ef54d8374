"""Import: unpack archives, use lists of labels, decode photos in children, make rows, give each file a verdict."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.utils import timezone

from webapp.cleaning.selectors import has_fresh
from webapp.ingest.described import description_drop
from webapp.ingest.models import BatchState, UploadBatch
from webapp.jobs.models import JobKind
from webapp.jobs.services import look_request
from worker.context import JobContext
from worker.importing.archives import expand_archives
from worker.importing.labels import apply_lists
from worker.importing.photos import PhotoImporter


def handle(context: JobContext) -> dict[str, Any]:
    batch = UploadBatch.objects.select_related("dataset", "created_by").get(pk=context.job.payload["batch"])
    expand_archives(context, batch)
    apply_lists(context, batch)
    PhotoImporter(context, batch).run()
    context.check()
    description_drop(batch=batch)
    UploadBatch.objects.filter(pk=batch.pk).update(state=BatchState.FINISHED, finished_at=timezone.now())
    if has_fresh(batch.dataset):
        look_request(kind=JobKind.DUPLICATES, dataset=batch.dataset, created_by=batch.created_by)
    return {"verdicts": dict(batch.items.order_by().values_list("verdict").annotate(n=Count("id")))}
