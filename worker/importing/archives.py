"""Unpacks the archives of a batch: each file becomes an item of its own, with its bytes in the blob store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from webapp.core.pagination import chunks
from webapp.ingest.archives import ArchiveEntry, ArchiveRefusal, BadArchive, read_archive
from webapp.ingest.models import UploadBatch, UploadItem, Verdict
from webapp.ingest.services import Incoming, batch_store_files
from webapp.ingest.spool import archive_path
from worker.context import JobContext

MAX_ENTRIES = 200_000
MAX_RATIO = 200
FILES_A_WRITE = 100


def expand_archives(context: JobContext, batch: UploadBatch) -> None:
    """Unpacks what waits. Killed in the middle and begun again, it stores nothing twice."""
    for item in batch.items.filter(is_archive=True, verdict=Verdict.PENDING):
        path = archive_path(item)
        try:
            count = _expand(context, batch, item, path)
        except BadArchive as error:
            verdict, detail = Verdict.BAD_ARCHIVE, error.detail
        except FileNotFoundError:
            # Another attempt had removed it before it was lost: what it stored is there.
            verdict, detail = Verdict.EXPANDED, ""
        else:
            verdict, detail = Verdict.EXPANDED, f"files:{count}"
        UploadItem.objects.filter(pk=item.pk).update(verdict=verdict, detail=detail)
        path.unlink(missing_ok=True)


def _expand(context: JobContext, batch: UploadBatch, item: UploadItem, path: Path) -> int:
    count = 0
    parts = read_archive(
        path,
        max_entries=MAX_ENTRIES,
        max_file_bytes=settings.MAX_FILE_BYTES,
        max_total_bytes=settings.MAX_ARCHIVE_BYTES,
        max_ratio=MAX_RATIO,
    )
    for group in _in_groups(parts):
        context.report(0.0, f"{item.name}: {count:,}", phase="unpack")
        entries = [part for part in group if isinstance(part, ArchiveEntry)]
        refusals = [part for part in group if isinstance(part, ArchiveRefusal)]
        batch_store_files(
            batch=batch,
            files=(Incoming(f"{item.name}/{entry.name}", entry.folder, entry.open()) for entry in entries),
        )
        _refuse(batch, item, refusals)
        count += len(entries)
    return count


def _in_groups(
    parts: Iterator[ArchiveEntry | ArchiveRefusal],
) -> Iterator[list[ArchiveEntry | ArchiveRefusal]]:
    """Groups of parts; what came before a fault in the archive is handed on before the fault is raised."""
    group: list[ArchiveEntry | ArchiveRefusal] = []
    try:
        for part in parts:
            group.append(part)
            if len(group) == FILES_A_WRITE:
                yield group
                group = []
    except BadArchive:
        if group:
            yield group
        raise
    if group:
        yield group


def _refuse(batch: UploadBatch, archive: UploadItem, refusals: list[ArchiveRefusal]) -> None:
    names = {f"{archive.name}/{refusal.name}"[:1000] for refusal in refusals}
    there = set(batch.items.filter(name__in=names).values_list("name", flat=True))
    rows = (
        UploadItem(
            batch=batch,
            name=f"{archive.name}/{refusal.name}"[:1000],
            verdict=refusal.verdict,
            detail=refusal.detail,
        )
        for refusal in refusals
        if f"{archive.name}/{refusal.name}"[:1000] not in there
    )
    for chunk in chunks(rows, FILES_A_WRITE):
        UploadItem.objects.bulk_create(chunk)
