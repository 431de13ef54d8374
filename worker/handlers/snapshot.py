"""Snapshot: mirrors and caps if asked, groups near-duplicates, deals out the splits, freezes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from ml.splits import SplitItem, SplitResult, cap_per_class, item_key, plan_splits, with_flips
from webapp.datasets.models import Image, ImageState, LabelOrigin, Source
from webapp.snapshots.models import Snapshot, SnapshotState, SplitAssignment
from webapp.snapshots.services import labels_fingerprint, why_not_trainable
from worker.context import JobContext, JobError
from worker.freezing import Dealt, Photo, freeze, plan_key, split_report
from worker.supervisor import relay_progress, supervise

COLUMNS = (
    "id", "sha256", "label_id", "label__key", "phash", "phash_mirror", "source", "label_origin", "channel_sums",
)  # fmt: skip


def handle(context: JobContext) -> dict[str, Any]:
    snapshot = Snapshot.objects.select_related("dataset").get(pk=context.job.payload["snapshot"])
    if snapshot.state == SnapshotState.READY:
        return summary(snapshot)  # an earlier attempt was lost after its last write
    reason = why_not_trainable(snapshot.dataset)
    if reason:
        raise JobError(reason)
    fingerprint = labels_fingerprint(snapshot.dataset)
    photos = {photo.sha256: photo for photo in accepted_photos(snapshot)}
    items = chosen_items(snapshot, photos)
    photos = {item.id: photos[item.id] for item in items}
    groups, report = group_near_duplicates(context, snapshot, list(photos.values()))
    items = [replace(item, group=groups[item.id]) for item in items]
    context.report(0.9, _("Dealing out the splits"), phase="split")
    result = split(snapshot, items)
    freeze(
        context,
        snapshot,
        Dealt(photos, items, result.assignments),
        report | split_report(result),
        fingerprint,
    )
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
        Photo(
            pk,
            sha,
            label_id,
            label,
            ph,
            mirror,
            source == Source.FEEDBACK or origin == LabelOrigin.MODEL,
            sums,
        )
        for pk, sha, label_id, label, ph, mirror, source, origin, sums in rows.iterator()
    ]


def chosen_items(snapshot: Snapshot, photos: Mapping[str, Photo]) -> list[SplitItem]:
    """What is to be dealt out, in the paper's order: flips first, then the cap. Groups are still to come."""
    items = [SplitItem(one.sha256, one.label, 0, train_only=one.train_only) for one in photos.values()]
    if snapshot.enhanced:
        items = with_flips(items)
    return items if snapshot.cap is None else cap_per_class(items, snapshot.cap, snapshot.seed)


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
    supervise(
        context,
        [
            "groups", "--store", str(context.store.root), "--list", str(listing), "--out", str(out),
            "--progress", str(progress), "--die-with-parent",
        ],
        console=folder / "console.txt",
        on_poll=lambda: relay_progress(context, progress, share=0.9),
    )  # fmt: skip
    content = json.loads(out.read_text())
    return content["groups"], content["report"]


def split(snapshot: Snapshot, items: list[SplitItem]) -> SplitResult:
    """Splits given by earlier snapshots of the same plan stay; new photos follow their group."""
    given = SplitAssignment.objects.filter(dataset=snapshot.dataset, plan=plan_key(snapshot))
    rows = given.values_list("sha256", "transform", "split")
    present = {item.id for item in items}
    return plan_splits(
        items,
        val=snapshot.val_fraction,
        test=snapshot.test_fraction,
        seed=snapshot.seed,
        rule=snapshot.rule,
        kept={item_key(sha, transform): part for sha, transform, part in rows if sha in present},
    )


def summary(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "snapshot": snapshot.number,
        "digest": snapshot.digest,
        "train": snapshot.n_train,
        "val": snapshot.n_val,
        "test": snapshot.n_test,
        "groups": snapshot.n_groups,
    }
