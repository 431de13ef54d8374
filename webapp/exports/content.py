"""What goes into an export: the photos of a data set as they are now, or those of a frozen snapshot.

Rows come in pages by key, so that 100,000 photos never stand in memory at once and no read is held open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from django.db.models import Sum

from webapp.datasets.models import Dataset, Image, ImageState, LabelOrigin
from webapp.exports.layout import Card, CategoryCard, ClassCard
from webapp.exports.names import Names, safe_part
from webapp.snapshots.models import Snapshot, SnapshotItem, Transform

ROWS_A_READ = 1000
SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "WEBP": (".webp",), "HEIC": (".heic", ".heif")}
_PROVENANCE = (
    "state", "state_reason", "label_origin", "source", "author", "licence", "page_url", "original_name", "taken_at",
    "is_reference", "width", "height", "format", "size", "provenance",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One photo, or one item of a snapshot. `label` is the class's row id, None without one."""

    sha256: str
    label: int | None
    split: str
    group: str
    transform: str
    fields: dict[str, Any]

    @property
    def in_class_folder(self) -> bool:
        """Only what trains may lie in a class's folder: the inbox and the quarantine lie beside the folders."""
        return self.label is not None and self.fields["state"] == ImageState.ACCEPTED


class Content:
    """`card`, `count` and `records` of what is exported; `class_of` and `folder_of` by a record's label."""

    def __init__(self, dataset: Dataset, snapshot: Snapshot | None) -> None:
        self.dataset, self.snapshot = dataset, snapshot
        self.classes: dict[int, ClassCard] = {}
        self.categories: dict[str, CategoryCard] = {}
        if snapshot is None:
            self._look_at_dataset()
        else:
            self._look_at_snapshot(snapshot)
        names = Names()
        self.folders = {pk: names.free("", safe_part(_folder(one))) for pk, one in self.classes.items()}

    @property
    def title(self) -> str:
        number = f"-snapshot-{self.snapshot.number}" if self.snapshot else ""
        return f"{self.dataset.slug}{number}"

    @property
    def card(self) -> Card:
        about = None
        if self.snapshot is not None:
            one = self.snapshot
            about = {
                "number": one.number,
                "digest": one.digest,
                "rule": one.rule,
                "seed": one.seed,
                "note": one.note,
            }
        categories, classes = tuple(self.categories.values()), tuple(self.classes.values())
        return Card(self.dataset.name, categories, classes, about)

    def count(self) -> int:
        """How many records there are."""
        rows = self.snapshot.items if self.snapshot else self.dataset.images
        return rows.count()

    def bytes(self) -> int:
        """How many bytes the photos take, as far as their rows tell."""
        if self.snapshot is None:
            return int(self.dataset.images.aggregate(n=Sum("size"))["n"] or 0)
        originals = self.snapshot.items.filter(transform=Transform.ORIGINAL)
        return int(originals.aggregate(n=Sum("image__size"))["n"] or 0)

    def records(self) -> Iterator[Record]:
        return self._of_dataset() if self.snapshot is None else self._of_snapshot(self.snapshot)

    def _look_at_dataset(self) -> None:
        for one in self.dataset.categories.all():
            self.categories[one.key] = CategoryCard(one.key, one.name_en, one.name_zh, one.bin, one.colour)
        for row in self.dataset.classes.select_related("category", "merged_into"):
            self.classes[row.pk] = ClassCard(
                key=row.key,
                name_en=row.name_en,
                name_zh=row.name_zh,
                category=row.category.key if row.category else "",
                colour=row.colour,
                advice_en=row.advice_en,
                advice_zh=row.advice_zh,
                closed=row.is_retired,
                merged_into=row.merged_into.key if row.merged_into else "",
            )

    def _look_at_snapshot(self, snapshot: Snapshot) -> None:
        """Names as they were frozen; advice, which is not frozen, as it is now."""
        advice = {
            key: (english, chinese)
            for key, english, chinese in self.dataset.classes.values_list("key", "advice_en", "advice_zh")
        }
        for row in snapshot.classes.all():
            if row.category:
                category = CategoryCard(row.category, row.category_en, row.category_zh, row.bin)
                self.categories.setdefault(row.category, category)
            english, chinese = advice.get(row.key, ("", ""))
            self.classes[row.pk] = ClassCard(
                row.key, row.name_en, row.name_zh, row.category, row.colour, english, chinese
            )

    def _of_dataset(self) -> Iterator[Record]:
        last = 0
        while True:
            rows = Image.objects.filter(dataset=self.dataset, pk__gt=last).order_by("pk")
            page = list(rows.values("pk", "sha256", "label_id", *_PROVENANCE)[:ROWS_A_READ])
            if not page:
                return
            last = page[-1]["pk"]
            for row in page:
                # A class that came since the export began: its photos stand without a label.
                label = row["label_id"] if row["label_id"] in self.classes else None
                yield Record(row["sha256"], label, "", "", Transform.ORIGINAL, row)

    def _of_snapshot(self, snapshot: Snapshot) -> Iterator[Record]:
        last = 0
        wanted = {f"image__{name}": name for name in _PROVENANCE}
        while True:
            rows = SnapshotItem.objects.filter(snapshot=snapshot, pk__gt=last).order_by("pk")
            page = list(
                rows.values(
                    "pk", "sha256", "label_id", "split", "group", "transform", "image__label__key", *wanted
                )[:ROWS_A_READ]
            )
            if not page:
                return
            last = page[-1]["pk"]
            for row in page:
                fields = {name: row[column] for column, name in wanted.items()}
                same = row["image__label__key"] == self.classes[row["label_id"]].key
                fields["label_origin"] = (fields["label_origin"] if same else "") or LabelOrigin.FOLDER
                fields |= {"state": ImageState.ACCEPTED, "state_reason": ""}
                yield Record(
                    row["sha256"], row["label_id"], row["split"], str(row["group"]), row["transform"], fields
                )


def _folder(one: ClassCard) -> str:
    """As the importer takes it apart again: category, underscore, class."""
    return f"{one.category}_{one.key}" if one.category else one.key


def photo_name(record: Record, head: bytes) -> tuple[str, str]:
    """(stem, suffix) of a photo's file: its own name made safe, its suffix that of its true format."""
    own = str(record.fields["original_name"] or "").replace("\\", "/").rsplit("/", 1)[-1]
    path = PurePosixPath(own) if own.strip("./ ") else PurePosixPath(record.sha256[:16])
    suffixes = SUFFIXES.get(record.fields["format"] or "") or (_sniffed(head),)
    if path.suffix.lower() in suffixes:
        return safe_part(path.stem, otherwise=record.sha256[:16]), path.suffix
    return safe_part(path.name, otherwise=record.sha256[:16]), suffixes[0]


def _sniffed(head: bytes) -> str:
    """For a photo whose row is gone: one of the formats that are taken in."""
    if head.startswith(b"\x89PNG"):
        return ".png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    return ".heic" if head[4:8] == b"ftyp" else ".jpg"
