"""The files of an export that say what folders cannot: kept with their batch until it is imported."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from ml.durable import make_folder
from webapp.core.store import site_store
from webapp.exports.layout import Described, kept_name, read_kept
from webapp.ingest.models import UploadBatch

_STEP = 1 << 20


def description_keep(*, batch: UploadBatch, name: str, stream: BinaryIO) -> None:
    """Keep a describing file; one past the limit of a file is left out. The last of a name counts."""
    path = _folder(batch) / kept_name(name)
    make_folder(path.parent)
    size = 0
    with path.open("wb") as target:
        while chunk := stream.read(_STEP):
            size += len(chunk)
            if size > settings.MAX_FILE_BYTES:
                break
            target.write(chunk)
    if size > settings.MAX_FILE_BYTES:
        path.unlink()


def description_read(*, batch: UploadBatch) -> Described:
    """All that was kept; empty where nothing was, as with most uploads."""
    return read_kept(_folder(batch))


def description_drop(*, batch: UploadBatch) -> None:
    shutil.rmtree(_folder(batch), ignore_errors=True)


def _folder(batch: UploadBatch) -> Path:
    return site_store().spool / f"described-{batch.pk}"
