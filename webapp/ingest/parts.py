"""Large files that arrive in parts, each at its offset: after a reload the sending goes on where it was.

A part counts once its bytes are on the disk and the row says so, so that a part sent twice, or by two tabs at
once, changes nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.ingest import spool
from webapp.ingest.archives import is_left_behind
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, UploadPart
from webapp.ingest.services import BatchClosed, batch_touch, closed, part_finish, storable

MAX_PART_BYTES = 8 * 2**20
# So many large files may be under way at once in one upload; a browser sends three.
MAX_OPEN_PARTS = 50


class PartRefused(ValueError):
    """The part makes no sense; the message says why."""


class PartElsewhere(Exception):
    """The file has arrived as far as `received` bytes: go on from there."""

    def __init__(self, received: int) -> None:
        super().__init__(f"the file has arrived as far as byte {received}")
        self.received = received


@dataclass(frozen=True)
class WholeFile:
    """The file that a part belongs to, as its sender describes it. `modified` is in ms since 1970."""

    name: str
    size: int
    modified: int

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.size}\n{self.modified}\n{self.name}".encode()).hexdigest()

    @property
    def is_archive(self) -> bool:
        return self.name.lower().endswith(".zip")


@dataclass(frozen=True)
class PartTaken:
    """How far the file has come, and its item once it is whole (None if another tab finished it)."""

    received: int
    is_whole: bool
    item: UploadItem | None = None


def whole_file(*, name: str, size: int, modified: int) -> WholeFile:
    """PartRefused for a name or size that can't be."""
    name = storable(name)[:1000]
    file = WholeFile(name, size, modified)
    limit = settings.MAX_ARCHIVE_BYTES if file.is_archive else settings.MAX_FILE_BYTES
    if not name.strip() or is_left_behind(name.replace("\\", "/")) or size < 1 or abs(modified) > 2**53:
        raise PartRefused(_("The request must name the path and size of its file."))
    if size > limit:
        raise PartRefused(_("The file is larger than the %(n)s MB allowed.") % {"n": f"{limit >> 20:,}"})
    return file


def part_add(*, batch: UploadBatch, file: WholeFile, offset: int, length: int, stream: BinaryIO) -> PartTaken:
    """Take `length` bytes of a file at `offset`; with its last part the file becomes an item of the batch.

    A part without bytes at the end of a file that has arrived whole only finishes it. PartElsewhere if the file
    has come to another offset, PartRefused, BatchClosed, StoreFull.
    """
    if batch.state != BatchState.RECEIVING:
        raise closed()
    end = offset + length
    if offset < 0 or length > MAX_PART_BYTES or end > file.size or (not length and offset != file.size):
        raise PartRefused(_("The part does not fit into its file."))
    part = _row(batch, file, offset)
    if part is None:
        return PartTaken(file.size, True)
    with spool.locked(part.spool_name) as descriptor:
        try:
            part.refresh_from_db()
        except UploadPart.DoesNotExist:
            return _gone(batch, file, part.spool_name)
        if part.received != offset:
            raise PartElsewhere(part.received)
        if length and spool.write_at(descriptor, offset, stream) != length:
            raise PartRefused(_("The part does not fit into its file."))
        _note(batch, part, end)
        if end < file.size:
            return PartTaken(end, False)
        return PartTaken(end, True, part_finish(part=part))


def _row(batch: UploadBatch, file: WholeFile, offset: int) -> UploadPart | None:
    """The row of the file, made for its first part; None if the file has become an item already."""
    part = batch.parts.filter(key=file.key).first()
    if part is not None:
        return part
    if offset:
        if _is_item(batch, file):
            return None
        raise PartElsewhere(0)
    if batch.parts.count() >= MAX_OPEN_PARTS:
        raise PartRefused(_("Too many large files of this upload are half sent. Finish or discard it first."))
    part, _created = UploadPart.objects.get_or_create(
        batch=batch,
        key=file.key,
        defaults={
            "name": file.name,
            "size": file.size,
            "modified": file.modified,
            "spool_name": spool.new_part_name(),
        },
    )
    return part


def _note(batch: UploadBatch, part: UploadPart, end: int) -> None:
    """Write down that the file has come to `end`, unless the batch was closed or discarded meanwhile."""
    try:
        with transaction.atomic():
            batch_touch(batch)
            moved = UploadPart.objects.filter(pk=part.pk, received=part.received).update(
                received=end, touched_at=timezone.now()
            )
    except BatchClosed:
        part.delete()
        spool.remove(part.spool_name)
        raise
    if not moved:
        raise PartElsewhere(part.received)
    part.received = end


def _gone(batch: UploadBatch, file: WholeFile, spool_name: str) -> PartTaken:
    """While this tab waited, another one finished the file, or the batch ended."""
    is_item = _is_item(batch, file)
    if not (is_item and file.is_archive):
        spool.remove(spool_name)  # opening it made it anew; an archive waits under that name
    if is_item:
        return PartTaken(file.size, True)
    batch_state = UploadBatch.objects.filter(pk=batch.pk).values_list("state", flat=True).first()
    if batch_state != BatchState.RECEIVING:
        raise closed()
    raise PartElsewhere(0)


def _is_item(batch: UploadBatch, file: WholeFile) -> bool:
    return batch.items.filter(name=file.name, size=file.size).exists()
