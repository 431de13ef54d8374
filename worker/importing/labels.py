"""Lists of labels in a batch: each row gives a file of the batch, or a photo of the data set, its class."""

from __future__ import annotations

import posixpath
import re
import uuid
from collections.abc import Iterable

from django.db.models import Q

from webapp.core.pagination import chunks
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Image, LabelClass, LabelOrigin
from webapp.ingest.labels import (
    MAX_LIST_BYTES,
    LabelRow,
    ListError,
    Names,
    NoList,
    is_label_list,
    plain_path,
    read_labels,
    without_contradictions,
)
from webapp.ingest.models import UploadBatch, UploadItem, Verdict
from webapp.ingest.services import categories_confirm
from worker.context import JobContext
from worker.importing.classes import ClassFinder

ROWS_A_WRITE = 200
_SHA256 = re.compile(r"[0-9a-f]{64}\Z", re.IGNORECASE)


def apply_lists(context: JobContext, batch: UploadBatch) -> None:
    """Uses what lists wait. Killed in the middle and begun again, it says nothing twice."""
    is_list = Q(name__iendswith=".csv") | Q(name__iendswith=".tsv")
    for item in list(batch.items.filter(is_list, verdict=Verdict.PENDING, is_archive=False).order_by("id")):
        context.report(0.0, item.name, phase="labels")
        try:
            rows = _read(context, item)
        except NoList as error:
            verdict, detail = Verdict.IGNORED, error.code
        except ListError as error:
            verdict, detail = Verdict.BAD_LIST, error.code
        else:
            _ListUse(context, batch, item).run(rows)
            verdict, detail = Verdict.LABELS, f"rows:{len(rows)}"
        UploadItem.objects.filter(pk=item.pk).update(verdict=verdict, detail=detail)


def _read(context: JobContext, item: UploadItem) -> list[LabelRow]:
    with context.store.open_blob(item.sha256) as stream:
        return read_labels(stream.read(MAX_LIST_BYTES + 1))


class _ListUse:
    def __init__(self, context: JobContext, batch: UploadBatch, item: UploadItem) -> None:
        self._context, self._batch, self._item = context, batch, item
        self._dataset = batch.dataset
        self._told: list[tuple[int, UploadItem]] = []

    def run(self, rows: list[LabelRow]) -> None:
        for row in rows:
            if row.fault:
                self._tell(row, row.fault)
        good = [row for row in rows if not row.fault]
        categories_confirm(dataset=self._dataset, names={row.category for row in good if row.category})
        elsewhere = self._give_to_files(good)
        if elsewhere:
            self._give_to_photos(elsewhere)
        self._write()

    def _give_to_files(self, rows: list[LabelRow]) -> list[LabelRow]:
        """Puts the files of the batch into the classes of their rows; the rows that name none of them."""
        waiting = self._batch.items.filter(verdict=Verdict.PENDING).values_list("pk", "name", "sha256")
        files = [(pk, name, sha256) for pk, name, sha256 in waiting.iterator() if not is_label_list(name)]
        by_content = {sha256: pk for pk, _name, sha256 in files}
        names = Names((pk, name) for pk, name, _sha256 in files)
        folder = posixpath.dirname(plain_path(self._item.name))
        found, elsewhere = [], []
        for row in rows:
            keys = _keys(row, names, by_content, folder)
            if len(keys) > 1:
                self._tell(row, "row_several")
            elif keys:
                found.append((row, keys[0]))
            else:
                elsewhere.append(row)
        items = []
        for row, pk, is_clear in without_contradictions(found):
            if not is_clear:
                self._tell(row, "row_two_labels")
            items.append(UploadItem(pk=pk, folder=row.folder[:255] if is_clear else ""))
        for group in chunks(items, ROWS_A_WRITE):
            self._context.check()
            UploadItem.objects.bulk_update(group, ["folder"])
        return elsewhere

    def _give_to_photos(self, rows: list[LabelRow]) -> None:
        """Labels photos that are in the data set without one; a label that is there stays, and that is said."""
        images = self._dataset.images.order_by().values_list("pk", "original_name", "sha256")
        photos = list(images.iterator(chunk_size=5000))
        names = Names((pk, name) for pk, name, _sha256 in photos)
        by_content = {sha256: pk for pk, _name, sha256 in photos}
        found = []
        for row in rows:
            keys = _keys(row, names, by_content, "")
            if len(keys) == 1:
                found.append((row, keys[0]))
            else:
                self._tell(row, "row_several" if keys else "row_unknown")
        clear = []
        for row, pk, is_clear in without_contradictions(found):
            if is_clear:
                clear.append((row, pk))
            else:
                self._tell(row, "row_two_labels", pk)
        for group in chunks(clear, ROWS_A_WRITE):
            self._context.check()
            self._label(group)

    def _label(self, group: list[tuple[LabelRow, int]]) -> None:
        images = Image.objects.select_related("label").in_bulk([pk for _row, pk in group])
        finder = ClassFinder(self._dataset)
        wanted: dict[LabelClass, list[int]] = {}
        for row, pk in group:
            image = images.get(pk)
            label = finder.of_folder(row.folder)
            if image is None or label is None:
                self._tell(row, "row_unknown")
            elif image.label is None:
                wanted.setdefault(label, []).append(pk)
                self._tell(row, f"label:{label.key}", pk, Verdict.LABELLED)
            elif image.label == label:
                self._tell(row, f"label:{label.key}", pk, Verdict.LABELLED)
            else:
                self._tell(row, f"label_stays:{image.label.key}", pk)
        for label, ids in wanted.items():
            images_label(
                dataset=self._dataset,
                ids=ids,
                label=label,
                actor=self._batch.created_by,
                # The version that was seen: a label that somebody gives meanwhile stays as well.
                versions={pk: images[pk].version for pk in ids},
                origin=LabelOrigin.FOLDER,
                operation=uuid.uuid5(uuid.NAMESPACE_OID, f"sortyard-labels-{self._item.pk}"),
            )

    def _tell(
        self, row: LabelRow, detail: str, image: int | None = None, verdict: Verdict = Verdict.ROW_NOT_USED
    ) -> None:
        # As compilers name a line: it needs no language.
        name = f"{self._item.name}:{row.line} {row.path}"[:1000]
        item = UploadItem(batch=self._batch, name=name, verdict=verdict, detail=detail[:500], image_id=image)
        self._told.append((row.line, item))

    def _write(self) -> None:
        in_order = sorted(self._told, key=lambda told: told[0])
        for group in chunks((item for _line, item in in_order), ROWS_A_WRITE):
            self._context.check()
            there = _names_there(self._batch, group)
            UploadItem.objects.bulk_create(item for item in group if item.name not in there)


def _names_there(batch: UploadBatch, items: Iterable[UploadItem]) -> set[str]:
    """Rows that an earlier attempt told of; they have no content."""
    rows = batch.items.filter(sha256="", name__in=[item.name for item in items])
    return set(rows.values_list("name", flat=True))


def _keys(row: LabelRow, names: Names, by_content: dict[str, int], folder: str) -> list[int]:
    if _SHA256.match(row.path) and (key := by_content.get(row.path.lower())) is not None:
        return [key]
    return names.find(row.path, folder)
