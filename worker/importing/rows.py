"""The row of a photo that was prepared, for everything that brings photos in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ml.images.pool import PrepareResult
from webapp.datasets.models import Dataset, Image


def take_turns(dataset: Dataset) -> None:
    """At the beginning of the transaction that adds photos: another that does waits, so no photo is added twice.

    SQLite's transactions take turns anyway.
    """
    Dataset.objects.select_for_update(no_key=True).only("pk").get(pk=dataset.pk)


def photo_row(dataset: Dataset, facts: PrepareResult, *, size: int, **fields: Any) -> Image:
    """Unsaved. `size`: bytes of the original; `fields` say where the photo comes from, its state and label."""
    assert facts.channel_sums is not None
    return Image(
        **{
            "dataset": dataset,
            "sha256": facts.sha256,
            "width": facts.width,
            "height": facts.height,
            "format": facts.format,
            "size": size,
            "phash": facts.phash,
            "phash_mirror": facts.phash_mirror,
            "brightness": facts.brightness,
            "sharpness": facts.sharpness,
            "entropy": facts.entropy,
            "channel_sums": asdict(facts.channel_sums),
            "taken_at": (facts.exif_date or "")[:32],
            **fields,
        }
    )
