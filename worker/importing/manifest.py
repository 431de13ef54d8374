"""What an export's own description says about the photos of a batch: labels, states and provenance come back.

Folders only say a class. Whoever sends the files may have written them, so every value is held to what the tables
take, and what is there already wins: classes and categories are only added.
"""

from __future__ import annotations

from typing import Any

from webapp.datasets.models import Dataset, ImageState, LabelClass, LabelOrigin, Source
from webapp.datasets.restoring import taxonomy_restore
from webapp.datasets.services import class_get_or_create
from webapp.exports.layout import PhotoCard
from webapp.ingest.described import description_read
from webapp.ingest.models import UploadBatch


class BatchDescription:
    """Empty for an upload that no export made: `covers` is False for every photo then."""

    def __init__(self, batch: UploadBatch) -> None:
        self._batch, self._dataset = batch, batch.dataset
        described = description_read(batch=batch)
        self._photos = described.photos
        self._labels: dict[str, LabelClass] = {}
        for card in described.cards:
            taxonomy_restore(dataset=self._dataset, categories=card.categories, classes=card.classes)

    def covers(self, sha256: str) -> bool:
        return sha256 in self._photos

    def label_of(self, sha256: str) -> LabelClass | None:
        """The class that the description names; one that was merged here since is followed."""
        key = self._photos[sha256].label
        if key and key not in self._labels:
            self._labels[key] = _class_of(self._dataset, key)
        return self._labels.get(key)

    def fields(self, sha256: str, label: LabelClass | None) -> dict[str, Any]:
        """Fields of the image's row that differ from those of a plain upload."""
        if not self.covers(sha256):
            return {}
        card = self._photos[sha256]
        state = card.state if card.state in ImageState.values else ""
        origin = card.label_origin if card.label_origin in LabelOrigin.values else LabelOrigin.FOLDER
        return {
            "state": state or (ImageState.ACCEPTED if label else ImageState.INBOX),
            "state_reason": card.state_reason,
            "label_origin": origin if label else "",
            "source": card.source if card.source in Source.values else self._batch.source,
            "is_reference": card.reference,
            **_provenance(card),
        }

    def original_name(self, sha256: str, sent_as: str) -> str:
        """The name that an image keeps of a file that came as `sent_as`."""
        return self._photos[sha256].original_name if self.covers(sha256) else sent_as[-500:]


def _provenance(card: PhotoCard) -> dict[str, Any]:
    """As it was; a photo without author or licence keeps none, whoever sends it."""
    found: dict[str, Any] = {"author": card.author, "licence": card.licence, "page_url": card.page_url}
    if card.provenance:
        found["provenance"] = card.provenance
    return found | ({"taken_at": card.taken_at} if card.taken_at else {})


def _class_of(dataset: Dataset, key: str) -> LabelClass:
    return class_get_or_create(dataset=dataset, name=key)[0]
