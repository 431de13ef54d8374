"""Writers of upload batches: a batch is opened, receives files in any number of requests, and is closed.

Nothing is decoded here. A photo's bytes go to the blob store, an archive to the spool folder; a worker does
the rest.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, cast

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from ml.store import BlobTooLarge, StoredBlob
from webapp.accounts.models import User
from webapp.core.store import site_store
from webapp.datasets.errors import DatasetError
from webapp.datasets.models import Dataset, Source
from webapp.datasets.names import BIN_OF_CATEGORY, preset55
from webapp.datasets.services import category_create, category_for_bin
from webapp.exports.layout import is_description, is_table_of_export
from webapp.ingest import spool
from webapp.ingest.archives import is_left_behind, is_no_photo
from webapp.ingest.described import description_keep
from webapp.ingest.folders import class_folder
from webapp.ingest.labels import is_label_list
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, UploadPart, Verdict
from webapp.jobs.models import Job, JobKind
from webapp.jobs.services import job_create

# Enough for the first line of any table.
_HEAD = 4096
_STEP = 1 << 20
ROWS_A_WRITE = 200


class BatchClosed(Exception):
    """The batch takes no more files."""


@dataclass(frozen=True)
class Incoming:
    """A file as it arrives: the path its sender gave (a label), its class folder, its bytes."""

    name: str
    folder: str
    stream: BinaryIO


def batch_open(
    *,
    dataset: Dataset,
    created_by: User | None,
    source: Source = Source.UPLOAD,
    author: str = "",
    licence: str = "",
    use_folders: bool = True,
    expected_files: int = 0,
) -> UploadBatch:
    """An empty batch; author, licence and what folder names mean hold for all its photos."""
    return UploadBatch.objects.create(
        dataset=dataset,
        created_by=created_by,
        source=source,
        author=author.strip()[:200],
        licence=licence.strip()[:120],
        use_folders=use_folders,
        expected_files=expected_files,
    )


def batch_add_file(*, batch: UploadBatch, name: str, folder: str, stream: BinaryIO) -> UploadItem:
    """Store one file's bytes, or note why they are not stored. BatchClosed; StoreFull on a full disk.

    The same name with the same bytes is the same item, so that a request may be sent again.
    """
    return batch_add_files(batch=batch, files=[Incoming(name, folder, stream)])[0]


def batch_add_files(*, batch: UploadBatch, files: Iterable[Incoming]) -> list[UploadItem]:
    """As `batch_add_file` for many, with two disk syncs in all. What systems leave behind gets no item."""
    if batch.state != BatchState.RECEIVING:
        raise closed()
    return _store_files(batch, files, while_receiving=True)


def batch_store_files(*, batch: UploadBatch, files: Iterable[Incoming]) -> list[UploadItem]:
    """As `batch_add_files`, for the worker that unpacks an archive of a closed batch."""
    return _store_files(batch, files, while_receiving=False)


def closed() -> BatchClosed:
    return BatchClosed(_("This upload is closed. Start another one."))


def batch_touch(batch: UploadBatch) -> None:
    """Inside a transaction: nobody closes or discards the batch until it ends. BatchClosed if somebody has."""
    still = UploadBatch.objects.filter(pk=batch.pk, state=BatchState.RECEIVING)
    if not still.update(touched_at=timezone.now()):
        raise closed()


def _store_files(batch: UploadBatch, files: Iterable[Incoming], *, while_receiving: bool) -> list[UploadItem]:
    items: list[UploadItem] = []
    photos: list[tuple[UploadItem, BinaryIO]] = []
    for file in files:
        if is_left_behind(file.name.replace("\\", "/")):
            continue
        item = UploadItem(batch=batch, name=storable(file.name)[:1000], folder=storable(file.folder)[:255])
        items.append(item)
        if item.name.lower().endswith(".zip"):
            _take_archive(item, file.stream)
        elif is_no_photo(item.name) and not is_label_list(item.name):
            item.verdict = Verdict.IGNORED
            if is_description(item.name):
                description_keep(batch=batch, name=item.name, stream=file.stream)
        else:
            head = file.stream.read(_HEAD)
            whole = cast(BinaryIO, io.BufferedReader(_Rejoined(head, file.stream), _STEP))
            if is_description(item.name) and is_table_of_export(head):
                item.verdict = Verdict.IGNORED
                description_keep(batch=batch, name=item.name, stream=whole)
            elif head:
                photos.append((item, whole))
            else:
                item.verdict = Verdict.EMPTY
    limit = settings.MAX_FILE_BYTES
    stored = site_store().put_blobs((stream for _item, stream in photos), max_bytes=limit)
    for (item, _stream), result in zip(photos, stored, strict=True):
        _note_blob(item, result, limit)
    return _save_items(batch, items, while_receiving)


def batch_close(*, batch: UploadBatch) -> Job:
    """No more files: queue the import. Closing again answers the same job.

    What arrived in part is told as such and its bytes are removed; a large file that arrived whole is kept.
    """
    for part in batch.parts.filter(received=F("size")):
        with contextlib.suppress(BatchClosed):
            part_finish(part=part)
    left: list[str] = []
    with transaction.atomic():
        is_first = UploadBatch.objects.filter(pk=batch.pk, state=BatchState.RECEIVING).update(
            state=BatchState.PROCESSING
        )
        if is_first:
            left = _tell_parts(batch)
            job = job_create(
                kind=JobKind.IMPORT,
                dataset=batch.dataset,
                payload={"batch": batch.pk},
                created_by=batch.created_by,
            )
            UploadBatch.objects.filter(pk=batch.pk).update(job=job)
    for name in left:
        spool.remove(name)
    batch.refresh_from_db()
    if batch.job is None:
        raise closed()
    return batch.job


def batch_discard(*, batch: UploadBatch) -> None:
    """Throw away an upload that is still receiving; its photos were in no data set yet. BatchClosed otherwise.

    Its blobs go with the next collection of what nothing names.
    """
    taken = UploadBatch.objects.filter(
        pk=batch.pk, state__in=(BatchState.RECEIVING, BatchState.DISCARDED)
    ).update(state=BatchState.DISCARDED)
    if not taken:
        raise closed()
    for part in batch.parts.all():
        spool.remove(part.spool_name)
    for item in batch.items.filter(is_archive=True, verdict=Verdict.PENDING):
        spool.remove(item.detail)
    while ids := list(batch.items.order_by("id").values_list("pk", flat=True)[:ROWS_A_WRITE]):
        UploadItem.objects.filter(pk__in=ids).delete()
    batch.delete()


def uploads_sweep(*, older_than: timedelta = timedelta(days=7)) -> int:
    """Remove parts of files that nobody went on sending, and what a killed discard left; how many files.

    The upload stays open with all that arrived whole: a removed file is sent from its beginning.
    """
    before = timezone.now() - older_than
    names = set()
    for part in UploadPart.objects.filter(touched_at__lt=before):
        names.add(part.spool_name)
        part.delete()
    for batch in UploadBatch.objects.filter(state=BatchState.DISCARDED, touched_at__lt=before):
        batch_discard(batch=batch)
    kept = set(UploadPart.objects.values_list("spool_name", flat=True))
    kept |= set(
        UploadItem.objects.filter(is_archive=True, verdict=Verdict.PENDING).values_list("detail", flat=True)
    )
    names |= spool.parts_older_than(before.timestamp()) - kept
    for name in names:
        spool.remove(name)
    return len(names)


def part_finish(*, part: UploadPart) -> UploadItem:
    """A large file has arrived to its last byte: from now on it is an item like the others.

    BatchClosed; StoreFull, after which it may be tried again.
    """
    batch = part.batch
    folder = class_folder(part.name) if batch.use_folders else ""
    if not part.name.lower().endswith(".zip"):
        with spool.path_of(part.spool_name).open("rb") as stream:
            item = batch_add_file(batch=batch, name=part.name, folder=folder, stream=stream)
        part.delete()
        spool.remove(part.spool_name)
        return item
    with transaction.atomic():
        batch_touch(batch)
        # Its content has no digest: reading 4 GB again would keep the sender waiting.
        item = UploadItem.objects.create(
            batch=batch, name=part.name, size=part.size, is_archive=True, detail=part.spool_name
        )
        part.delete()
    return item


def _tell_parts(batch: UploadBatch) -> list[str]:
    """A line for each file that never arrived whole; the names of their files in the spool."""
    parts = list(batch.parts.all())
    UploadItem.objects.bulk_create(
        UploadItem(
            batch=batch,
            name=part.name,
            size=part.received,
            verdict=Verdict.INCOMPLETE,
            detail=f"part:{100 * part.received // part.size}",
        )
        for part in parts
    )
    batch.parts.all().delete()
    return [part.spool_name for part in parts]


def categories_confirm(*, dataset: Dataset, names: Iterable[str]) -> None:
    """A person confirmed that folder names begin with these categories: make the missing ones.

    The four bins of the standard are known by their names in both languages and get their colour.
    """
    english = {preset.category_en.casefold(): preset.category_zh for preset in preset55()}
    for name in names:
        standard = BIN_OF_CATEGORY.get(english.get(name.strip().casefold(), name.strip()))
        if standard is not None:
            category_for_bin(dataset=dataset, bin=standard)
            continue
        try:
            category_create(dataset=dataset, name=name)
        except DatasetError:
            continue  # empty, or there already: both leave nothing to do


def _note_blob(item: UploadItem, result: StoredBlob | BlobTooLarge, limit: int) -> None:
    if isinstance(result, BlobTooLarge):
        item.verdict, item.detail = Verdict.TOO_LARGE, f"max_mb:{limit >> 20}"
    else:
        item.sha256, item.size = result.sha256, result.size


def _take_archive(item: UploadItem, stream: BinaryIO) -> None:
    """Keep an archive in the spool until it is unpacked, or note why it is not kept."""
    limit = settings.MAX_ARCHIVE_BYTES
    item.is_archive = True
    kept = spool.write_archive(stream, limit)
    if kept is None:
        item.verdict, item.detail = Verdict.TOO_LARGE, f"max_mb:{limit >> 20}"
    elif not kept.size:
        item.verdict, item.detail = Verdict.BAD_ARCHIVE, "zero_bytes"
    else:
        item.sha256, item.detail, item.size = kept.sha256, kept.name, kept.size


def _save_items(batch: UploadBatch, items: list[UploadItem], while_receiving: bool) -> list[UploadItem]:
    """Write the new items; those sent before (a retry, another tab) are answered as they are."""
    useless: list[UploadItem] = []
    try:
        with transaction.atomic():
            if while_receiving:
                batch_touch(batch)
            answer, fresh = _known_or_new(batch, items)
            UploadItem.objects.bulk_create(fresh)
        useless = [item for item, told in zip(items, answer, strict=True) if told is not item]
    except BaseException:
        useless = items
        raise
    finally:
        for item in useless:
            if item.is_archive:
                spool.remove(item.detail)
    return answer


def _known_or_new(batch: UploadBatch, items: list[UploadItem]) -> tuple[list[UploadItem], list[UploadItem]]:
    """(the item to answer for each, those to write). Without content (an empty file) the name alone counts."""
    known = {
        (item.name, item.sha256): item
        for item in batch.items.filter(
            sha256__in={item.sha256 for item in items}, name__in={i.name for i in items}
        )
    }
    answer, fresh = [], []
    for item in items:
        before = known.setdefault((item.name, item.sha256), item)
        if before is item:
            fresh.append(item)
        answer.append(before)
    return answer, fresh


def storable(text: str) -> str:
    """As sent, but for what a database can't hold: NUL and lone surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


class _Rejoined(io.RawIOBase):
    """A stream whose beginning was read to see what it is."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._parts: Iterator[bytes] = iter((first,))
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = next(self._parts, None) or self._rest.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
