"""Export: a data set or a snapshot of it as one ZIP, to be downloaded from its page."""

from __future__ import annotations

from typing import Any

from webapp.exports.errors import ExportError
from webapp.exports.models import Export
from webapp.exports.services import export_make, exports_clean
from worker.context import JobContext, JobError


def handle(context: JobContext) -> dict[str, Any]:
    export = Export.objects.select_related("dataset", "snapshot").get(pk=context.job.payload["export"])
    exports_clean()
    try:
        export_make(
            export=export,
            progress=lambda done, total: context.report(
                done / total if total else 1.0, f"{done:,} / {total:,}", phase="export"
            ),
        )
    except ExportError as error:
        raise JobError(str(error)) from error
    exports_clean()
    return {"images": export.images, "bytes": export.size, "digest": export.digest}
