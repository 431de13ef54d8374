"""Reading a bundle's files without loading the model."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import IO, cast

from webapp.core.store import site_store
from webapp.publishing.models import Bundle

CARD_BYTES = 1 << 20


def bundle_folder(bundle: Bundle) -> Path:
    """Where its files lie, whether or not they are there."""
    return site_store().bundle_dir(bundle.digest)


def card_text(bundle: Bundle) -> str | None:
    """The model card, Markdown; None where the file is gone."""
    try:
        with (bundle_folder(bundle) / "card.md").open(encoding="utf-8", errors="replace") as file:
            return file.read(CARD_BYTES)
    except FileNotFoundError:
        return None


def bundle_archive(bundle: Bundle) -> IO[bytes] | None:
    """All files of the bundle as one ZIP, open for reading at its start; None where they are gone.

    Stored, not deflated: weights do not shrink, and the answer begins at once.
    """
    files = sorted(path for path in bundle_folder(bundle).glob("*") if path.is_file())
    if not files:
        return None
    archive = cast(IO[bytes], tempfile.TemporaryFile(dir=site_store().spool))  # noqa: SIM115 — the response closes it
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        for path in files:
            zipped.write(path, path.name)
    archive.seek(0)
    return archive
