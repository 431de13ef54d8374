"""Dealing out a snapshot: which photos, near-duplicate groups, splits. A preview deals alike, and freezes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from ml.splits import SplitItem, SplitResult, cap_per_class, item_key, plan_splits, with_flips
from webapp.core.pagination import chunks
from webapp.datasets.models import Image
from webapp.snapshots.contents import Content, content_of
from webapp.snapshots.models import Snapshot, SplitAssignment
from webapp.snapshots.plans import PhotoFilter
from webapp.snapshots.services import why_not_trainable
from worker.context import JobContext, JobError
from worker.freezing import Dealt, Photo, plan_key, split_report
from worker.supervisor import relay_progress, supervise

COLUMNS = ("id", "sha256", "phash", "phash_mirror", "channel_sums")
PHOTOS_A_QUERY = 2000


@dataclass(frozen=True)
class Dealing:
    """Everything that freezing needs. `report` says what a person should know; `pairs` are the near pairs asked for."""

    dealt: Dealt
    report: dict[str, Any]
    pairs: list[tuple[str, str]]


def deal(context: JobContext, snapshot: Snapshot, *, workplace: str, most_pairs: int = 0) -> Dealing:
    """Lets photos in, caps, groups and splits them as the snapshot (a row or not) says; writes nothing but files.

    What it holds is what was kept when it was asked for; without that, what is there now. `workplace` names the folder
    for the lists of the search. JobError where nothing can be trained on.
    """
    content = content_of(snapshot)
    if reason := why_no_content(snapshot, content):
        raise JobError(reason)
    photos = {photo.sha256: photo for photo in photos_of(content)}
    items = chosen_items(snapshot, photos)
    photos = {item.id: photos[item.id] for item in items}
    found = group_near_duplicates(context, list(photos.values()), workplace, most_pairs)
    items = [replace(item, group=found["groups"][item.id]) for item in items]
    context.report(0.9, _("Dealing out the splits"), phase="split")
    result = split(snapshot, items)
    return Dealing(
        Dealt(photos, items, result.assignments, content.classes),
        found["report"] | split_report(result),
        [(first, second) for first, second in found.get("pairs", ())],
    )


def why_no_content(snapshot: Snapshot, content: Content) -> str:
    """A content that was kept was found good then, whatever became of its photos since."""
    if snapshot.fingerprint and content.photos:
        return ""
    return why_not_trainable(snapshot.dataset, PhotoFilter.from_json(snapshot.filter))


def photos_of(content: Content) -> list[Photo]:
    """The photos with what never changes of them, in the order of ids."""
    found = []
    for ids in chunks(content.photos, PHOTOS_A_QUERY):
        rows = Image.objects.filter(pk__in=ids).order_by("id").values_list(*COLUMNS)
        for pk, sha, phash, mirror, sums in rows.iterator():
            label_id, train_only = content.photos[pk].label_id, content.photos[pk].train_only
            key = content.classes[label_id]["key"]
            found.append(Photo(pk, sha, label_id, key, phash, mirror, train_only, sums))
    return found


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
