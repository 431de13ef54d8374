"""Near-duplicates: compares what is new in a data set with everything in it, and groups what is alike for a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from webapp.cleaning.arranging import Found, groups_arrange, groups_tidy, images_compared
from webapp.cleaning.models import ACTIVE, ComparedImage, DuplicateMember, GroupState
from webapp.cleaning.selectors import group_counts
from webapp.datasets.models import Dataset
from webapp.jobs.models import JobKind
from webapp.jobs.services import look_request
from worker.context import JobContext
from worker.giving_way import Watch
from worker.supervisor import supervise

COLUMNS = ("id", "sha256", "phash", "phash_mirror", "width", "height", "sharpness", "size")


@dataclass(frozen=True)
class Photo:
    image_id: int
    sha256: str
    phash: str
    phash_mirror: str
    worth: tuple[float, ...]
    """Smallest for the copy most worth keeping; see `webapp.cleaning.services.worth`."""


@dataclass(frozen=True)
class Known:
    """What earlier looks and people's decisions left: read before the look, checked again when it writes."""

    versions: dict[int, int]
    """Of open groups."""
    groups: dict[int, int]
    """Image id to its open group."""
    decided: dict[int, list[int]]
    """Image id to the decided groups it was in."""
    chosen: set[int]
    """Images that a person chose to be the best."""
    compared: set[int]


def handle(context: JobContext) -> dict[str, Any]:
    dataset = context.job.dataset
    assert dataset is not None
    groups_tidy(dataset=dataset)
    known = what_is_known(dataset)
    photos = sorted(active_photos(dataset), key=lambda one: (one.image_id not in known.chosen, one.worth))
    fresh = [one.image_id for one in photos if one.image_id not in known.compared]
    found: dict[str, Any] = {}
    if fresh and len(photos) > 1:
        found = look(context, photos, known)
        save(context, dataset, photos, fresh, known, found)
    elif fresh:
        images_compared(dataset=dataset, ids=fresh, again=())
    if fresh:
        # They are embedded now, and their copies known: what a check of labels needs.
        look_request(kind=JobKind.SUSPICION, dataset=dataset, created_by=context.job.created_by)
    counts = group_counts(dataset)
    return {
        "photos": len(photos),
        "compared": len(fresh),
        "groups": counts.open,
        "conflicts": counts.conflicts,
        "used_embeddings": found.get("used_embeddings"),
        "note": found.get("why_not") or None,
    }


def what_is_known(dataset: Dataset) -> Known:
    # Versions before members: what is changed in between is past the version by then, and left alone.
    opened = dataset.duplicate_groups.filter(state=GroupState.OPEN)
    versions = dict(opened.values_list("pk", "version"))
    chosen = set(opened.filter(best_is_chosen=True).values_list("best", flat=True))
    groups: dict[int, int] = {}
    decided: dict[int, list[int]] = {}
    members = DuplicateMember.objects.filter(group__dataset=dataset).order_by()
    for image, group, is_open in members.values_list("image", "group", "is_open"):
        if is_open:
            groups[image] = group
        else:
            decided.setdefault(image, []).append(group)
    compared = set(ComparedImage.objects.filter(dataset=dataset, again=False).values_list("pk", flat=True))
    return Known(versions, groups, decided, chosen, compared)


def active_photos(dataset: Dataset) -> list[Photo]:
    rows = dataset.images.filter(state__in=ACTIVE).order_by().values_list(*COLUMNS)
    return [
        Photo(pk, sha, phash, mirror, (-width * height, -sharpness, -size, pk))
        for pk, sha, phash, mirror, width, height, sharpness, size in rows.iterator()
    ]


def look(context: JobContext, photos: list[Photo], known: Known) -> dict[str, Any]:
    """What `python -m ml duplicates` finds. It embeds what is not embedded yet, so the first look takes longest."""
    folder = context.store.run_dir(f"duplicates-{context.job.pk}")
    folder.mkdir(parents=True, exist_ok=True)
    listing, out, progress = (folder / name for name in ("photos.jsonl", "groups.json", "progress.json"))
    write_list(listing, photos, known)
    supervise(
        context,
        [
            "duplicates", "--store", str(context.store.root), "--list", str(listing), "--out", str(out),
            "--progress", str(progress), "--die-with-parent",
        ],
        console=folder / "console.txt",
        on_poll=Watch(context, progress).poll,
    )  # fmt: skip
    content: dict[str, Any] = json.loads(out.read_text())
    return content


def write_list(path: Path, photos: list[Photo], known: Known) -> None:
    with path.open("w", encoding="utf-8") as file:
        for one in photos:
            line = {
                "sha256": one.sha256,
                "phash": one.phash,
                "phash_mirror": one.phash_mirror,
                "fresh": one.image_id not in known.compared,
                "group": known.groups.get(one.image_id, 0),
                "decided": known.decided.get(one.image_id, []),
            }
            file.write(json.dumps(line) + "\n")


def save(
    context: JobContext,
    dataset: Dataset,
    photos: list[Photo],
    fresh: list[int],
    known: Known,
    content: dict[str, Any],
) -> None:
    """Groups first, then which images were compared: an attempt that is lost in between is done again in full."""
    context.check()
    ids = {one.sha256: one.image_id for one in photos}
    found = [_found(one, ids) for one in content["groups"]]
    replaced = {pk: known.versions[pk] for pk in content["replaced"] if pk in known.versions}
    context.write(progress=0.96, message=_("Writing the groups"), phase="save", eta_seconds=None)
    arranged = groups_arrange(dataset=dataset, found=found, replaced=replaced, check=context.check)
    again = {ids[sha] for sha in content["left"]} | arranged.again
    # Members too: one that moved from group to group counted as new in between.
    members = [image for one in found for image in one.members]
    images_compared(dataset=dataset, ids=[*fresh, *members], again=again)
    if arranged.again:
        look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=context.job.created_by)


def _found(group: dict[str, Any], ids: dict[str, int]) -> Found:
    members = tuple(ids[sha] for sha in group["members"])
    pairs = tuple(
        (members[a], members[b], cosine, bits, mirrored) for a, b, cosine, bits, mirrored in group["pairs"]
    )
    return Found(members, pairs)
