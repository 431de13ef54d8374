"""Writers of upload batches: a batch is opened, receives files in any number of requests, and is closed.

Nothing is decoded here. A photo's bytes go to the blob store, an archive to the spool folder; a worker does
the rest.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from ml.durable import make_folder
from ml.store import BlobTooLarge, StoredBlob
from webapp.accounts.models import User
from webapp.core.store import site_store
from webapp.datasets.errors import DatasetError
from webapp.datasets.models import Dataset, Source
from webapp.datasets.names import BIN_OF_CATEGORY, preset55
from webapp.datasets.services import category_create, category_for_bin
from webapp.exports.layout import is_description
from webapp.ingest.archives import is_left_behind, is_no_photo
from webapp.ingest.described import description_keep
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, Verdict
from webapp.jobs.models import Job, JobKind
from webapp.jobs.services import job_create

_STEP = 1 << 20
_SPOOL_NAME = re.compile(r"upload-[0-9a-f]{32}\.zip\Z")


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
) -> UploadBatch:
    """An empty batch; author and licence hold for all its photos."""
    return UploadBatch.objects.create(
        dataset=dataset,
        created_by=created_by,
        source=source,
        author=author.strip()[:200],
        licence=licence.strip()[:120],
    )


def batch_add_file(*, batch: UploadBatch, name: str, folder: str, stream: BinaryIO) -> UploadItem:
    """Store one file's bytes, or note why they are not stored. BatchClosed; StoreFull on a full disk.

    The same name with the same bytes is the same item, so that a request may be sent again.
    """
    return batch_add_files(batch=batch, files=[Incoming(name, folder, stream)])[0]


def batch_add_files(*, batch: UploadBatch, files: Iterable[Incoming]) -> list[UploadItem]:
    """As `batch_add_file` for many, with two disk syncs in all. What systems leave behind gets no item."""
    if batch.state != BatchState.RECEIVING:
        raise BatchClosed(_("This upload is closed. Start another one."))
    return batch_store_files(batch=batch, files=files)


def batch_store_files(*, batch: UploadBatch, files: Iterable[Incoming]) -> list[UploadItem]:
    """As `batch_add_files`, for the worker that unpacks an archive of a closed batch."""
    items: list[UploadItem] = []
    photos: list[tuple[UploadItem, BinaryIO]] = []
    for file in files:
        if is_left_behind(file.name.replace("\\", "/")):
            continue
        item = UploadItem(batch=batch, name=_storable(file.name)[:1000], folder=_storable(file.folder)[:255])
        items.append(item)
        if item.name.lower().endswith(".zip"):
            _spool_archive(item, file.stream)
        elif is_no_photo(item.name):
            item.verdict = Verdict.IGNORED
            if is_description(item.name):
                description_keep(batch=batch, name=item.name, stream=file.stream)
        else:
            first = file.stream.read(1)
            if first:
                photos.append((item, cast(BinaryIO, io.BufferedReader(_Rejoined(first, file.stream), _STEP))))
            else:
                item.verdict = Verdict.EMPTY
    limit = settings.MAX_FILE_BYTES
    stored = site_store().put_blobs((stream for _item, stream in photos), max_bytes=limit)
    for (item, _stream), result in zip(photos, stored, strict=True):
        _note_blob(item, result, limit)
    return _save_items(batch, items)


def batch_close(*, batch: UploadBatch) -> Job:
    """No more files: queue the import. Closing again answers the same job."""
    with transaction.atomic():
        closed = UploadBatch.objects.filter(pk=batch.pk, state=BatchState.RECEIVING).update(
            state=BatchState.PROCESSING
        )
        if closed:
            job = job_create(
                kind=JobKind.IMPORT,
                dataset=batch.dataset,
                payload={"batch": batch.pk},
                created_by=batch.created_by,
            )
            UploadBatch.objects.filter(pk=batch.pk).update(job=job)
    batch.refresh_from_db()
    if batch.job is None:
        raise BatchClosed(_("This upload is closed. Start another one."))
    return batch.job


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


def archive_path(item: UploadItem) -> Path:
    """Where an archive waits to be unpacked. While it is pending, `detail` is its random name in the spool.

    Read it before a verdict replaces `detail`; whoever unpacks the archive removes the file. ValueError for
    an item that is no waiting archive.
    """
    if not (item.is_archive and item.verdict == Verdict.PENDING and _SPOOL_NAME.match(item.detail)):
        raise ValueError(f"upload item {item.pk} is no archive that waits")
    return site_store().spool / item.detail


def _note_blob(item: UploadItem, result: StoredBlob | BlobTooLarge, limit: int) -> None:
    if isinstance(result, BlobTooLarge):
        item.verdict, item.detail = Verdict.TOO_LARGE, f"max_mb:{limit >> 20}"
    else:
        item.sha256, item.size = result.sha256, result.size


def _spool_archive(item: UploadItem, stream: BinaryIO) -> None:
    """Copy an archive into the spool under a random name; what is empty or too large is not kept."""
    item.is_archive = True
    spool = site_store().spool
    make_folder(spool)
    path = spool / f"upload-{secrets.token_hex(16)}.zip"
    hasher, limit = hashlib.sha256(), settings.MAX_ARCHIVE_BYTES
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        try:
            while item.size <= limit and (chunk := stream.read(_STEP)):
                item.size += len(chunk)
                hasher.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    if 0 < item.size <= limit:
        item.sha256, item.detail = hasher.hexdigest(), path.name
        return
    path.unlink()
    if item.size:
        item.verdict, item.detail, item.size = Verdict.TOO_LARGE, f"max_mb:{limit >> 20}", 0
    else:
        item.verdict, item.detail = Verdict.BAD_ARCHIVE, "zero_bytes"


def _save_items(batch: UploadBatch, items: list[UploadItem]) -> list[UploadItem]:
    """Write the new items; those sent before (a retry after a lost answer) are answered as they are."""
    known = {
        (item.name, item.sha256): item
        for item in batch.items.filter(name__in={item.name for item in items})
        if item.sha256
    }
    fresh, answer = [], []
    for item in items:
        before = known.get((item.name, item.sha256))
        if before is None:
            fresh.append(item)
            if item.sha256:
                known[item.name, item.sha256] = item
        elif item.is_archive:
            (site_store().spool / item.detail).unlink(missing_ok=True)
        answer.append(before or item)
    UploadItem.objects.bulk_create(fresh)
    return answer


def _storable(text: str) -> str:
    """As sent, but for what a database can't hold: NUL and lone surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


class _Rejoined(io.RawIOBase):
    """A stream whose first byte was read to see whether there is one."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._parts: Iterator[bytes] = iter((first,))
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = next(self._parts, None) or self._rest.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
