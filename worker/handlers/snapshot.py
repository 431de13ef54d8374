"""Snapshot: groups near-duplicates, splits, freezes rows and the manifest file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from ml.manifest import ClassInfo, Item, Manifest, Plan
from ml.splits import SplitItem, SplitResult, cap_per_class, plan_splits
from webapp.core.pagination import chunks
from webapp.datasets.models import Image, ImageState, LabelClass, LabelOrigin, Source
from webapp.snapshots.models import (
    Snapshot,
    SnapshotClass,
    SnapshotItem,
    SnapshotState,
    Split,
    SplitAssignment,
)
from webapp.snapshots.services import labels_fingerprint, why_not_trainable
from worker.context import JobContext, JobError
from worker.supervisor import supervise

ROWS_A_WRITE = 200
COLUMNS = ("id", "sha256", "label_id", "label__key", "phash", "phash_mirror", "source", "label_origin")


@dataclass(frozen=True)
class Photo:
    image_id: int
    sha256: str
    label_id: int
    label: str
    phash: str
    phash_mirror: str
    train_only: bool


def handle(context: JobContext) -> dict[str, Any]:
    snapshot = Snapshot.objects.select_related("dataset").get(pk=context.job.payload["snapshot"])
    if snapshot.state == SnapshotState.READY:
        return summary(snapshot)  # an earlier attempt was lost after its last write
    reason = why_not_trainable(snapshot.dataset)
    if reason:
        raise JobError(reason)
    fingerprint = labels_fingerprint(snapshot.dataset)
    photos = capped(snapshot, accepted_photos(snapshot))
    groups, report = group_near_duplicates(context, snapshot, photos)
    context.report(0.9, _("Dealing out the splits"), phase="split")
    result = split(snapshot, photos, groups)
    freeze(context, snapshot, photos, groups, result, report | split_report(result), fingerprint)
    snapshot.refresh_from_db()
    return summary(snapshot)


def accepted_photos(snapshot: Snapshot) -> list[Photo]:
    rows = (
        Image.objects.filter(dataset=snapshot.dataset, state=ImageState.ACCEPTED, label__isnull=False)
        .order_by("id")
        .values_list(*COLUMNS)
    )
    return [
        # What a model chose, or a model's mistakes sent in, must not judge a model.
        Photo(pk, sha, label_id, label, ph, mirror, source == Source.FEEDBACK or origin == LabelOrigin.MODEL)
        for pk, sha, label_id, label, ph, mirror, source, origin in rows.iterator()
    ]


def capped(snapshot: Snapshot, photos: list[Photo]) -> list[Photo]:
    if snapshot.cap is None:
        return photos
    items = [SplitItem(photo.sha256, photo.label, 0) for photo in photos]
    kept = {item.id for item in cap_per_class(items, snapshot.cap, snapshot.seed)}
    return [photo for photo in photos if photo.sha256 in kept]


def group_near_duplicates(
    context: JobContext, snapshot: Snapshot, photos: list[Photo]
) -> tuple[dict[str, int], dict[str, Any]]:
    """(sha256 to group, report). Embeds what is not embedded yet, so the first snapshot takes longest."""
    folder = context.store.run_dir(f"snapshot-{snapshot.pk}")
    folder.mkdir(parents=True, exist_ok=True)
    listing, out = folder / "photos.jsonl", folder / "groups.json"
    listing.write_text(
        "".join(
            json.dumps(
                {"sha256": p.sha256, "label": p.label, "phash": p.phash, "phash_mirror": p.phash_mirror}
            )
            + "\n"
            for p in photos
        )
    )
    progress = folder / "progress.json"

    def relay() -> None:
        try:
            state = json.loads(progress.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return
        context.report(
            0.9 * state["fraction"],
            state["message"],
            phase=state["phase"],
            eta_seconds=state.get("eta_seconds"),
        )

    supervise(
        context,
        [
            "groups", "--store", str(context.store.root), "--list", str(listing), "--out", str(out),
            "--progress", str(progress), "--die-with-parent",
        ],
        console=folder / "console.txt",
        on_poll=relay,
    )  # fmt: skip
    content = json.loads(out.read_text())
    return content["groups"], content["report"]


def split(snapshot: Snapshot, photos: list[Photo], groups: Mapping[str, int]) -> SplitResult:
    """Splits given by earlier snapshots of the same plan stay; new photos follow their group."""
    kept = dict(
        SplitAssignment.objects.filter(dataset=snapshot.dataset, plan=plan_key(snapshot)).values_list(
            "sha256", "split"
        )
    )
    return plan_splits(
        [SplitItem(p.sha256, p.label, groups[p.sha256], train_only=p.train_only) for p in photos],
        val=snapshot.val_fraction,
        test=snapshot.test_fraction,
        seed=snapshot.seed,
        rule=snapshot.rule,
        kept={sha: part for sha, part in kept.items() if sha in groups},
    )


def plan_key(snapshot: Snapshot) -> str:
    """A split plan is its rule, fractions and seed; another seed is another plan. The cap only chooses photos."""
    return f"{snapshot.rule}/{snapshot.val_fraction:g}/{snapshot.test_fraction:g}/{snapshot.seed}"


def split_report(result: SplitResult) -> dict[str, Any]:
    return {
        "held_out": list(result.report.held_out)[:200],
        "too_small": dict(result.report.too_small),
        "missing": {key: list(parts) for key, parts in result.report.missing.items()},
    }


def freeze(
    context: JobContext,
    snapshot: Snapshot,
    photos: list[Photo],
    groups: Mapping[str, int],
    result: SplitResult,
    report: dict[str, Any],
    fingerprint: str,
) -> None:
    classes = freeze_classes(snapshot, {photo.label_id for photo in photos})
    by_key = {row.key: row for row in classes}
    SnapshotItem.objects.filter(snapshot=snapshot).delete()  # rows of an attempt that was lost
    rows = (
        SnapshotItem(
            snapshot=snapshot,
            image_id=photo.image_id,
            sha256=photo.sha256,
            label=by_key[photo.label],
            split=result.assignments[photo.sha256],
            group=groups[photo.sha256],
        )
        for photo in photos
    )
    for number, chunk in enumerate(chunks(rows, ROWS_A_WRITE)):
        context.report(
            0.92 + 0.07 * min(1.0, number * ROWS_A_WRITE / len(photos)), _("Freezing"), phase="freeze"
        )
        SnapshotItem.objects.bulk_create(chunk)
    manifest = write_manifest(context, snapshot, classes, photos, groups, result)
    keep_assignments(context, snapshot, result)
    counts = Counter(result.assignments.values())
    with transaction.atomic():
        context.check()
        Snapshot.objects.filter(pk=snapshot.pk).update(
            state=SnapshotState.READY,
            digest=manifest.digest,
            fingerprint=fingerprint,
            report=report,
            n_train=counts[Split.TRAIN],
            n_val=counts[Split.VAL],
            n_test=counts[Split.TEST],
            n_held_out=counts[Split.HELD_OUT],
            n_groups=len(set(groups.values())),
        )


def freeze_classes(snapshot: Snapshot, used: set[int]) -> list[SnapshotClass]:
    """The classes that have photos, with the names they have now; their order is that of the model's output."""
    SnapshotItem.objects.filter(snapshot=snapshot).delete()
    snapshot.classes.all().delete()
    chosen = LabelClass.objects.filter(pk__in=used).select_related("category").order_by("position", "id")
    return SnapshotClass.objects.bulk_create(
        SnapshotClass(
            snapshot=snapshot,
            key=one.key,
            position=position,
            name_en=one.name_en,
            name_zh=one.name_zh,
            category=one.category.key if one.category else "",
            category_en=one.category.name_en if one.category else "",
            category_zh=one.category.name_zh if one.category else "",
            bin=one.category.bin if one.category else "",
            colour=one.colour,
        )
        for position, one in enumerate(chosen)
    )


def write_manifest(
    context: JobContext,
    snapshot: Snapshot,
    classes: list[SnapshotClass],
    photos: list[Photo],
    groups: Mapping[str, int],
    result: SplitResult,
) -> Manifest:
    manifest = Manifest(
        name=f"{snapshot.dataset.slug}/{snapshot.number}",
        plan=Plan(snapshot.rule, snapshot.val_fraction, snapshot.test_fraction, snapshot.seed, snapshot.cap),
        classes=tuple(
            ClassInfo(c.key, c.name_en, c.name_zh, c.category, c.category_en, c.category_zh, c.bin, c.colour)
            for c in classes
        ),
        items=tuple(Item(p.sha256, p.label, result.assignments[p.sha256], groups[p.sha256]) for p in photos),
    )
    path: Path = context.store.manifest_path(manifest.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    manifest.write(path)
    return manifest


def keep_assignments(context: JobContext, snapshot: Snapshot, result: SplitResult) -> None:
    """A photo's split is given once: what is there already is left alone."""
    rows = (
        SplitAssignment(dataset=snapshot.dataset, plan=plan_key(snapshot), sha256=sha, split=part)
        for sha, part in result.assignments.items()
        if part != Split.HELD_OUT
    )
    for chunk in chunks(rows, ROWS_A_WRITE):
        context.check()
        SplitAssignment.objects.bulk_create(chunk, ignore_conflicts=True)


def summary(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "snapshot": snapshot.number,
        "digest": snapshot.digest,
        "train": snapshot.n_train,
        "val": snapshot.n_val,
        "test": snapshot.n_test,
        "groups": snapshot.n_groups,
    }
