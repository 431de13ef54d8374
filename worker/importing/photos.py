"""From stored bytes to image rows: each waiting item of a batch gets its verdict."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ml.durable import StoreFull
from ml.images.pool import PreparePool, PrepareRequest, PrepareResult
from webapp.core.pagination import chunks
from webapp.datasets.models import Image, ImageState, LabelClass, LabelEvent, LabelOrigin
from webapp.ingest.models import UploadBatch, UploadItem, Verdict
from worker.context import JobContext
from worker.importing.classes import ClassFinder
from worker.importing.manifest import BatchDescription
from worker.importing.rows import photo_row, take_turns

# SQLite has one write lock: a short transaction lets others in between.
ROWS_A_WRITE = 200


@dataclass(frozen=True)
class _Prepared:
    item: UploadItem
    facts: PrepareResult


class PhotoImporter:
    def __init__(self, context: JobContext, batch: UploadBatch) -> None:
        self._context, self._batch, self._dataset = context, batch, batch.dataset
        self._classes = ClassFinder(batch.dataset)
        self._described = BatchDescription(batch)
        self._total = batch.items.filter(verdict=Verdict.PENDING).count()
        self._done = 0
        self._by_id: dict[int | str, UploadItem] = {}

    def run(self) -> None:
        """Gives every waiting item its verdict. What an earlier attempt finished is not done again."""
        with PreparePool(self._context.store, processes=settings.PREP_PROCESSES) as pool:
            results = pool.prepare(self._requests())
            for group in chunks(results, ROWS_A_WRITE):
                self._context.check()
                self._settle(group)
        # Copies of a photo that was being prepared: by now it has its row.
        self._settle_copies()
        self._context.write(progress=1.0, message=f"{self._done:,} / {self._total:,}")

    def _requests(self) -> Iterator[PrepareRequest]:
        """One request per new photo; copies inside the batch wait until the first of them has a row."""
        asked: set[str] = set()
        last = 0
        while True:
            waiting = list(self._batch.items.filter(verdict=Verdict.PENDING, pk__gt=last)[:ROWS_A_WRITE])
            if not waiting:
                return
            last = waiting[-1].pk
            there = self._already_here({item.sha256 for item in waiting})
            self._mark_duplicates([item for item in waiting if item.sha256 in there], there)
            for item in waiting:
                if item.sha256 not in there and item.sha256 not in asked:
                    asked.add(item.sha256)
                    self._by_id[item.pk] = item
                    yield PrepareRequest(id=item.pk, sha256=item.sha256)

    def _settle(self, results: Iterable[PrepareResult]) -> None:
        good: list[_Prepared] = []
        bad: list[UploadItem] = []
        for result in results:
            item = self._by_id.pop(result.id)
            if result.ok:
                good.append(_Prepared(item, result))
                continue
            if result.code == "store_full":
                raise StoreFull(self._context.store.root)
            item.verdict, item.detail = Verdict(result.code), result.detail[:500]
            bad.append(item)
        UploadItem.objects.bulk_update(bad, ["verdict", "detail"])
        self._save(good)
        self._advance(len(good) + len(bad))

    def _save(self, prepared: list[_Prepared]) -> None:
        """Rows, first label events and verdicts in one short transaction."""
        labels = {one.item.pk: self._label(one.item) for one in prepared}
        with transaction.atomic():
            take_turns(self._dataset)
            # Another import may have brought the same photo while this one was being decoded.
            there = self._already_here({one.item.sha256 for one in prepared})
            new = [one for one in prepared if one.item.sha256 not in there]
            images = Image.objects.bulk_create([self._image(one, labels[one.item.pk]) for one in new])
            LabelEvent.objects.bulk_create(self._event(image) for image in images)
            for one, image in zip(new, images, strict=True):
                one.item.verdict, one.item.image = Verdict.SAVED, image
            UploadItem.objects.bulk_update([one.item for one in new], ["verdict", "image"])
        late = [one.item for one in prepared if one.item.sha256 in there]
        self._mark_duplicates(late, there)

    def _label(self, item: UploadItem) -> LabelClass | None:
        if self._described.covers(item.sha256):
            return self._described.label_of(item.sha256)
        return self._classes.of_folder(item.folder)

    def _image(self, one: _Prepared, label: LabelClass | None) -> Image:
        batch = self._batch
        fields = {
            "state": ImageState.ACCEPTED if label else ImageState.INBOX,
            "label_origin": LabelOrigin.FOLDER if label else "",
            "source": batch.source,
            "author": batch.author,
            "licence": batch.licence,
            **self._described.fields(one.item.sha256, label),
        }
        return photo_row(
            self._dataset,
            one.facts,
            size=one.item.size,
            label=label,
            labelled_by=batch.created_by if label else None,
            labelled_at=timezone.now() if label else None,
            original_name=self._described.original_name(one.item.sha256, one.item.name),
            batch=batch,
            **fields,
        )

    def _event(self, image: Image) -> LabelEvent:
        return LabelEvent(
            image=image,
            operation=self._operation,
            actor=self._batch.created_by,
            origin=image.label_origin or LabelOrigin.FOLDER,
            new_label=image.label,
            new_state=image.state,
            reason="import",
        )

    @property
    def _operation(self) -> uuid.UUID:
        """One act for the whole batch, the same when the job is begun again."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"sortyard-import-{self._batch.pk}")

    def _already_here(self, hashes: set[str]) -> dict[str, Image]:
        rows = Image.objects.filter(dataset=self._dataset, sha256__in=hashes).select_related("label")
        return {image.sha256: image for image in rows}

    def _mark_duplicates(self, items: list[UploadItem], there: dict[str, Image]) -> None:
        for item in items:
            first = there[item.sha256]
            # An attempt that was killed after its rows were written: these are its own photos.
            name = self._described.original_name(item.sha256, item.name)
            own = first.batch_id == self._batch.pk and first.original_name == name
            item.verdict = Verdict.SAVED if own else Verdict.DUPLICATE
            item.image, item.detail = first, "" if own else self._conflict(item, first)
        UploadItem.objects.bulk_update(items, ["verdict", "image", "detail"])
        self._advance(len(items))

    def _conflict(self, item: UploadItem, first: Image) -> str:
        """Says so where the copy came in another class's folder: the label that is there stays."""
        label = self._label(item)
        if label is None or label == first.label:
            return ""
        if first.label is None:
            words = _(
                "It came in the folder “%(new)s”; the photo that is here has no label yet, and stays so."
            )
            return words % {"new": label.key}
        return _("It came in the folder “%(new)s” but is labelled “%(old)s” here, which stays.") % {
            "new": label.key,
            "old": first.label.key,
        }

    def _settle_copies(self) -> None:
        for group in chunks(self._batch.items.filter(verdict=Verdict.PENDING), ROWS_A_WRITE):
            self._context.check()
            there = self._already_here({item.sha256 for item in group})
            self._mark_duplicates([item for item in group if item.sha256 in there], there)
            self._copy_verdicts([item for item in group if item.sha256 not in there])

    def _copy_verdicts(self, items: list[UploadItem]) -> None:
        """Copies of a file that was refused are refused with the same words."""
        for item in items:
            first = self._batch.items.filter(sha256=item.sha256).exclude(verdict=Verdict.PENDING).first()
            item.verdict = first.verdict if first else Verdict.BROKEN
            item.detail = first.detail if first else ""
        UploadItem.objects.bulk_update(items, ["verdict", "detail"])
        self._advance(len(items))

    def _advance(self, count: int) -> None:
        self._done += count
        fraction = self._done / self._total if self._total else 1.0
        self._context.report(fraction, f"{self._done:,} / {self._total:,}", phase="prepare")
