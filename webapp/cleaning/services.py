"""Writers of what people decide about near-duplicates: each act names what was seen, is audited, and can be undone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from webapp.accounts.models import User
from webapp.cleaning.arranging import group_dissolve, likeness
from webapp.cleaning.models import ACTIVE, Decision, DuplicateGroup, DuplicateMember, GroupState
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import Dataset, ImageState, LabelClass
from webapp.datasets.undoing import operation_undo
from webapp.jobs.models import JobKind
from webapp.jobs.services import look_request

# Stored in English, see webapp.core.spoken.
REASON = gettext_noop("near-duplicate of %(name)s")
MAX_NAME = 150


class GroupTaken(Exception):
    """Somebody changed the group since it was shown; the message says so to the second one."""


@dataclass(frozen=True)
class Act:
    """What was done: `act` undoes it; how many groups and how many photos changed."""

    act: uuid.UUID
    groups: int = 0
    photos: int = 0
    stale: int = 0


def stamp(group: DuplicateGroup, members: Sequence[DuplicateMember]) -> str:
    """What a person has seen of a group: it differs once the group, a label or a state in it has changed."""
    versions = sum(one.image.version for one in members if one.image.state in ACTIVE)
    return f"{group.version}.{versions}"


def group_keep_best(*, group: DuplicateGroup, seen: str, actor: User, act: uuid.UUID | None = None) -> Act:
    """Keeps the best and puts the others into quarantine. GroupTaken where the group changed since it was `seen`."""
    act = act or uuid.uuid4()
    with transaction.atomic():
        members = _seen_members(group, seen)
        best = best_of(group, members)
        others = [one.image for one in members if one.image_id != best.image_id]
        _decide(group, Decision.KEPT_BEST, actor, best_id=best.image_id)
        outcome = images_set_state(
            dataset=group.dataset,
            ids=[image.pk for image in others],
            state=ImageState.QUARANTINED,
            actor=actor,
            reason=REASON % {"name": str(best.image)[-MAX_NAME:]},
            versions={image.pk: image.version for image in others},
        )
        if outcome.stale:
            raise GroupTaken(_taken_said())  # takes all of it back
        _remember(group, act, "kept_best", operation=str(outcome.operation))
    return Act(act, groups=1, photos=len(outcome.changed))


def group_keep_all(*, group: DuplicateGroup, seen: str, actor: User) -> Act:
    """These are no duplicates: remembered, and not asked again. GroupTaken as above."""
    act = uuid.uuid4()
    with transaction.atomic():
        _seen_members(group, seen)
        _decide(group, Decision.KEPT_ALL, actor)
        _remember(group, act, "kept_all")
    return Act(act, groups=1)


def group_choose_best(*, group: DuplicateGroup, seen: str, image: int) -> Act:
    """Another of its photos is to stay. GroupTaken as above."""
    act = uuid.uuid4()
    with transaction.atomic():
        members = _seen_members(group, seen)
        if image not in {one.image_id for one in members}:
            raise GroupTaken(_taken_said())
        was = {"best": group.best_id, "chosen": group.best_is_chosen}
        _change(group, best_id=image, best_is_chosen=True)
        _measure(group, image)
        _remember(group, act, "best", **was)
    return Act(act, groups=1)


def group_label_all(*, group: DuplicateGroup, seen: str, label: LabelClass, actor: User) -> Act:
    """Gives all its photos one label; the group stays open. GroupTaken as above, LabelError for a foreign class."""
    act = uuid.uuid4()
    with transaction.atomic():
        members = _seen_members(group, seen)
        _change(group)
        outcome = images_label(
            dataset=group.dataset,
            ids=[one.image_id for one in members if one.image.label_id != label.pk],
            label=label,
            actor=actor,
            versions={one.image_id: one.image.version for one in members},
        )
        if outcome.stale:
            raise GroupTaken(_taken_said())
        _remember(group, act, "labelled", operation=str(outcome.operation))
    return Act(act, groups=1, photos=len(outcome.changed))


def groups_keep_best(*, groups: Sequence[tuple[DuplicateGroup, str]], actor: User) -> Act:
    """Keeps the best of each (group, what was seen of it); groups whose labels differ, or that changed, are left."""
    act = uuid.uuid4()
    done = photos = stale = 0
    for group, seen in groups:
        members = list(active_members(group))
        if len({one.image.label_id for one in members if one.image.label_id}) > 1:
            continue
        try:
            photos += group_keep_best(group=group, seen=seen, actor=actor, act=act).photos
            done += 1
        except GroupTaken:
            stale += 1
    return Act(act, done, photos, stale)


def act_undo(*, dataset: Dataset, act: uuid.UUID, actor: User) -> Act:
    """Takes back the last act of each group that shares it. Photos changed since are left and counted as stale."""
    done = photos = stale = 0
    for group in dataset.duplicate_groups.filter(last_act=act):
        with transaction.atomic():
            entry = group.acts[-1]
            if not _back(group, entry):
                stale += 1
                continue
            done += 1
            if entry.get("operation"):
                operation = uuid.UUID(entry["operation"])
                outcome = operation_undo(dataset=dataset, operation=operation, actor=actor)
                photos += len(outcome.changed)
                stale += len(outcome.stale)
    return Act(act, done, photos, stale)


def active_members(group: DuplicateGroup) -> list[DuplicateMember]:
    """Its photos that are not in quarantine, with what a decision needs of them."""
    rows = group.members.select_related("image").filter(image__state__in=ACTIVE)
    return sorted(rows, key=lambda one: worth(one))


def worth(member: DuplicateMember) -> tuple[int, float, int, int]:
    """Smallest for the best copy: most pixels, then the sharpest, then most bytes, then the oldest."""
    image = member.image
    return (-image.width * image.height, -image.sharpness, -image.size, image.pk)


def best_of(group: DuplicateGroup, members: Sequence[DuplicateMember]) -> DuplicateMember:
    """The one to stay: as the group says, or the next best where that is in quarantine meanwhile."""
    return next((one for one in members if one.image_id == group.best_id), min(members, key=worth))


def _seen_members(group: DuplicateGroup, seen: str) -> list[DuplicateMember]:
    group.refresh_from_db(fields=["state", "version", "best", "best_is_chosen", "acts", "decided_by"])
    members = active_members(group)
    if group.state != GroupState.OPEN or len(members) < 2 or stamp(group, members) != seen:
        raise GroupTaken(_taken_said(group))
    return members


def _taken_said(group: DuplicateGroup | None = None) -> str:
    if group is not None and group.state == GroupState.DECIDED and group.decided_by is not None:
        return _("%(name)s has decided about this group meanwhile; nothing was changed.") % {
            "name": group.decided_by.get_username()
        }
    return _("Someone else changed this group meanwhile; nothing was changed. Look again.")


def _change(group: DuplicateGroup, **values: Any) -> None:
    """One conditional UPDATE: of two people the second finds no row."""
    rows = DuplicateGroup.objects.filter(pk=group.pk, version=group.version, state=GroupState.OPEN)
    if rows.update(version=F("version") + 1, **values) != 1:
        raise GroupTaken(_taken_said())


def _decide(group: DuplicateGroup, decision: Decision, actor: User, **values: Any) -> None:
    _change(
        group,
        state=GroupState.DECIDED,
        decision=decision,
        decided_by=actor,
        decided_at=timezone.now(),
        **values,
    )
    DuplicateMember.objects.filter(group=group).update(is_open=False)


def _remember(group: DuplicateGroup, act: uuid.UUID, what: str, **more: Any) -> None:
    acts = [*group.acts, {"act": str(act), "what": what, **more}]
    DuplicateGroup.objects.filter(pk=group.pk).update(last_act=act, acts=acts)


def _measure(group: DuplicateGroup, best: int) -> None:
    """What is said of the members is said beside the best one."""
    beside = likeness(group.pairs, best)
    for member in group.members.all():
        cosine, bits, mirrored = beside.get(member.image_id, (None, 0, False))
        member.similarity, member.bits, member.is_mirrored = cosine, bits, mirrored
        member.save(update_fields=["similarity", "bits", "is_mirrored"])


def _back(group: DuplicateGroup, entry: dict[str, Any]) -> bool:
    """The group as it was before its last act; False where somebody else was quicker."""
    before = group.acts[:-1]
    values: dict[str, Any] = {
        "version": F("version") + 1,
        "acts": before,
        "last_act": uuid.UUID(before[-1]["act"]) if before else None,
    }
    if entry["what"] == "best":
        values |= {"best_id": entry["best"], "best_is_chosen": entry["chosen"]}
    if group.state == GroupState.DECIDED:
        values |= {"state": GroupState.OPEN, "decision": "", "decided_by": None, "decided_at": None}
    rows = DuplicateGroup.objects.filter(pk=group.pk, version=group.version, last_act=group.last_act)
    if rows.update(**values) != 1:
        return False
    if entry["what"] == "best":
        _measure(group, entry["best"])
    if group.state == GroupState.DECIDED:
        _reopen(group)
    return True


def _reopen(group: DuplicateGroup) -> None:
    """An image is in one open group: one that it came into since is taken apart, and a new look puts it together."""
    images = list(group.members.values_list("image", flat=True))
    since = DuplicateGroup.objects.filter(state=GroupState.OPEN, members__image__in=images).exclude(
        pk=group.pk
    )
    others = list(since.distinct().values_list("pk", "version"))
    for pk, version in others:
        group_dissolve(pk=pk, version=version)
    group.members.update(is_open=True)
    if others:
        look_request(kind=JobKind.DUPLICATES, dataset=group.dataset, created_by=None)
