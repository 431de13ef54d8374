"""Freezing a snapshot: its rows, its manifest, the statistics of its training photos, and who got which split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from ml.images.moments import Moments, Tally
from ml.manifest import ClassInfo, Item, Manifest, Plan
from ml.splits import SplitItem, SplitResult
from webapp.core.pagination import chunks
from webapp.snapshots.models import (
    Snapshot,
    SnapshotClass,
    SnapshotContent,
    SnapshotItem,
    SnapshotState,
    Split,
    SplitAssignment,
    SplitRule,
    Transform,
)
from worker.context import JobContext

ROWS_A_WRITE = 200


@dataclass(frozen=True)
class Photo:
    image_id: int
    sha256: str
    label_id: int
    label: str
    phash: str
    phash_mirror: str
    train_only: bool
    channel_sums: Mapping[str, Any]


@dataclass(frozen=True)
class Dealt:
    """Photos by hash, what became of them (mirrored copies are items too), each item's split by its key, and the
    classes by id with the fields of SnapshotClass.
    """

    photos: Mapping[str, Photo]
    items: list[SplitItem]
    assignments: Mapping[str, str]
    classes: Mapping[int, Mapping[str, Any]]

    def split_of(self, item: SplitItem) -> str:
        return self.assignments[item.key]


def plan_key(snapshot: Snapshot) -> str:
    """A split plan is its rule, fractions and seed; another seed is another plan. The cap only chooses photos.

    Copies are dealt like photos under the paper's rule alone, so only there do they make another plan.
    """
    dealt_with_copies = snapshot.enhanced and snapshot.rule == SplitRule.PAPER
    rule = f"{snapshot.rule}+flips" if dealt_with_copies else snapshot.rule
    return f"{rule}/{snapshot.val_fraction:g}/{snapshot.test_fraction:g}/{snapshot.seed}"


def split_report(result: SplitResult) -> dict[str, Any]:
    return {
        "held_out": list(result.report.held_out)[:200],
        "too_small": dict(result.report.too_small),
        "missing": {key: list(parts) for key, parts in result.report.missing.items()},
    }


def freeze(
    context: JobContext, snapshot: Snapshot, dealt: Dealt, report: dict[str, Any], fingerprint: str
) -> None:
    classes = freeze_classes(snapshot, dealt)
    freeze_items(context, snapshot, dealt, {row.key: row for row in classes})
    manifest = write_manifest(context, snapshot, classes, dealt)
    statistics = training_statistics(dealt)
    if statistics is not None:
        statistics.write(context.store.statistics_path(manifest.digest))
    keep_assignments(context, snapshot, dealt)
    counts = Counter(dealt.split_of(item) for item in dealt.items)
    with transaction.atomic():
        context.check()
        Snapshot.objects.filter(pk=snapshot.pk).update(
            state=SnapshotState.READY,
            digest=manifest.digest,
            fingerprint=fingerprint,
            report=report | photo_counts(manifest),
            statistics=statistics.as_json() if statistics else {},
            n_train=counts[Split.TRAIN],
            n_val=counts[Split.VAL],
            n_test=counts[Split.TEST],
            n_held_out=counts[Split.HELD_OUT],
            n_groups=len({item.group for item in dealt.items}),
        )
        SnapshotContent.objects.filter(snapshot=snapshot).delete()


def photo_counts(manifest: Manifest) -> dict[str, Any]:
    """How many photos stand behind the items, and how many items of val and test are scored."""
    judges = Counter(item.split for item in manifest.items if manifest.judges(item))
    return {
        "photos": len({item.sha256 for item in manifest.items}),
        "judges": {split: judges[split] for split in (Split.VAL.value, Split.TEST.value)},
    }


def freeze_classes(snapshot: Snapshot, dealt: Dealt) -> list[SnapshotClass]:
    """The classes that have photos, with the names they had then; their order is that of the model's output."""
    SnapshotItem.objects.filter(snapshot=snapshot).delete()  # rows of an attempt that was lost
    snapshot.classes.all().delete()
    used = {photo.label_id for photo in dealt.photos.values()}
    chosen = [fields for pk, fields in dealt.classes.items() if pk in used]
    return SnapshotClass.objects.bulk_create(
        SnapshotClass(snapshot=snapshot, position=position, **fields)
        for position, fields in enumerate(chosen)
    )


def freeze_items(
    context: JobContext, snapshot: Snapshot, dealt: Dealt, classes: Mapping[str, SnapshotClass]
) -> None:
    rows = (
        SnapshotItem(
            snapshot=snapshot,
            image_id=dealt.photos[item.id].image_id,
            sha256=item.id,
            label=classes[item.label],
            split=dealt.split_of(item),
            group=item.group,
            transform=item.transform,
        )
        for item in dealt.items
    )
    for number, chunk in enumerate(chunks(rows, ROWS_A_WRITE)):
        done = min(1.0, number * ROWS_A_WRITE / len(dealt.items))
        context.report(0.92 + 0.07 * done, _("Freezing"), phase="freeze")
        SnapshotItem.objects.bulk_create(chunk)


def write_manifest(
    context: JobContext, snapshot: Snapshot, classes: list[SnapshotClass], dealt: Dealt
) -> Manifest:
    plan = Plan(
        snapshot.rule,
        snapshot.val_fraction,
        snapshot.test_fraction,
        snapshot.seed,
        snapshot.cap,
        snapshot.enhanced,
        snapshot.filter,
    )
    manifest = Manifest(
        name=f"{snapshot.dataset.slug}/{snapshot.number}",
        plan=plan,
        classes=tuple(
            ClassInfo(c.key, c.name_en, c.name_zh, c.category, c.category_en, c.category_zh, c.bin, c.colour)
            for c in classes
        ),
        items=tuple(
            Item(item.id, item.label, dealt.split_of(item), item.group, item.transform)
            for item in dealt.items
        ),
    )
    manifest.write(context.store.manifest_path(manifest.digest))
    return manifest


def training_statistics(dealt: Dealt) -> Moments | None:
    """Mean and std of the photos that train, each counted once (a mirrored copy has the same pixels).

    An aggregate of the sums that were kept when a photo was prepared; None where one has none, or none trains.
    """
    trained = {item.id for item in dealt.items if dealt.split_of(item) == Split.TRAIN}
    tally = Tally()
    for sha in sorted(trained):
        sums = dealt.photos[sha].channel_sums
        if not sums:
            return None
        tally.add(sums["n"], sums["sum"], sums["sumsq"])
    return tally.moments() if trained else None


def keep_assignments(context: JobContext, snapshot: Snapshot, dealt: Dealt) -> None:
    """A photo's split is given once: what is there already is left alone.

    Under the paper's rule a copy has a split of its own; else the photo's is kept, even where only a copy of it
    was left by the cap.
    """
    with_copies = snapshot.rule == SplitRule.PAPER
    given = {
        (item.id, item.transform if with_copies else Transform.ORIGINAL.value): dealt.split_of(item)
        for item in dealt.items
    }
    rows = (
        SplitAssignment(
            dataset=snapshot.dataset, plan=plan_key(snapshot), sha256=sha, transform=transform, split=part
        )
        for (sha, transform), part in given.items()
        if part != Split.HELD_OUT
    )
    for chunk in chunks(rows, ROWS_A_WRITE):
        context.check()
        SplitAssignment.objects.bulk_create(chunk, ignore_conflicts=True)
