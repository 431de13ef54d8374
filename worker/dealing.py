"""Dealing out a snapshot: which photos, near-duplicate groups, splits. A preview deals alike, and freezes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from ml.splits import SplitItem, SplitResult, cap_per_class, item_key, plan_splits, with_flips
from webapp.datasets.models import LabelOrigin, Source
from webapp.snapshots.models import Snapshot, SplitAssignment
from webapp.snapshots.plans import PhotoFilter
from webapp.snapshots.services import why_not_trainable
from worker.context import JobContext, JobError
from worker.freezing import Dealt, Photo, plan_key, split_report
from worker.supervisor import relay_progress, supervise

COLUMNS = (
    "id", "sha256", "label_id", "label__key", "phash", "phash_mirror", "source", "label_origin", "channel_sums",
)  # fmt: skip


@dataclass(frozen=True)
class Dealing:
    """Everything that freezing needs. `report` says what a person should know; `pairs` are the near pairs asked for."""

    dealt: Dealt
    report: dict[str, Any]
    pairs: list[tuple[str, str]]


def deal(context: JobContext, snapshot: Snapshot, *, workplace: str, most_pairs: int = 0) -> Dealing:
    """Lets photos in, caps, groups and splits them as the snapshot (a row or not) says; writes nothing but files.

    `workplace` names the folder for the lists of the search. JobError where nothing can be trained on.
    """
    reason = why_not_trainable(snapshot.dataset, PhotoFilter.from_json(snapshot.filter))
    if reason:
        raise JobError(reason)
    photos = {photo.sha256: photo for photo in eligible_photos(snapshot)}
    items = chosen_items(snapshot, photos)
    photos = {item.id: photos[item.id] for item in items}
    found = group_near_duplicates(context, list(photos.values()), workplace, most_pairs)
    items = [replace(item, group=found["groups"][item.id]) for item in items]
    context.report(0.9, _("Dealing out the splits"), phase="split")
    result = split(snapshot, items)
    return Dealing(
        Dealt(photos, items, result.assignments),
        found["report"] | split_report(result),
        [(first, second) for first, second in found.get("pairs", ())],
    )


def eligible_photos(snapshot: Snapshot) -> list[Photo]:
    """The accepted, labelled photos that its filter lets in."""
    rows = PhotoFilter.from_json(snapshot.filter).eligible(snapshot.dataset).order_by("id")
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
        for pk, sha, label_id, label, ph, mirror, source, origin, sums in rows.order_by("id")
        .values_list(*COLUMNS)
        .iterator()
    ]


def chosen_items(snapshot: Snapshot, photos: Mapping[str, Photo]) -> list[SplitItem]:
    """What is to be dealt out, in the paper's order: flips first, then the cap. Groups are still to come."""
    items = [SplitItem(one.sha256, one.label, 0, train_only=one.train_only) for one in photos.values()]
    if snapshot.enhanced:
        items = with_flips(items)
    return items if snapshot.cap is None else cap_per_class(items, snapshot.cap, snapshot.seed)


def group_near_duplicates(
    context: JobContext, photos: list[Photo], workplace: str, most_pairs: int
) -> dict[str, Any]:
    """What `ml groups` writes: groups by hash, report, pairs. The first time takes longest: it embeds."""
    folder = context.store.run_dir(workplace)
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
            "--progress", str(progress), "--pairs", str(most_pairs), "--die-with-parent",
        ],
        console=folder / "console.txt",
        on_poll=lambda: relay_progress(context, progress, share=0.9),
    )  # fmt: skip
    content: dict[str, Any] = json.loads(out.read_text())
    return content


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
