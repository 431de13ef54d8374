"""The way back: label and state of the images of an operation as they were before it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from webapp.accounts.models import User
from webapp.datasets.acts import Act, Change, LabelOutcome, Row
from webapp.datasets.models import Dataset, ImageState, LabelEvent, LabelOrigin


class _Past(NamedTuple):
    """What an older event says of an image."""

    old_label_id: int | None
    new_label_id: int | None
    new_state: str
    reason: str
    origin: str
    actor_id: int | None
    created_at: datetime


def operation_undo(
    *, dataset: Dataset, operation: uuid.UUID, actor: User | None, undoing: uuid.UUID | None = None
) -> LabelOutcome:
    """Put back label and state of every image of an operation that nothing has changed since.

    The others are reported as stale and left alone, as is what has no state before it (an import). The
    undoing is an operation of its own (`undoing`, or a new one): undoing that one does the first again.
    A label whose class was merged since comes back as the class it was merged into.
    """
    events = {
        event.image_id: event
        for event in LabelEvent.objects.filter(operation=operation, image__dataset=dataset).order_by("id")
    }
    act = Act(dataset, actor, LabelOrigin.PERSON, undoes=operation, operation=undoing or uuid.uuid4())
    homes = homes_of_closed(dataset)
    refused: list[int] = []

    def decide(rows: Sequence[Row]) -> Mapping[int, Change]:
        chosen = {row.pk: events[row.pk] for row in rows}
        later = _changed_after(chosen)
        restorable = {pk: event for pk, event in chosen.items() if pk not in later and event.old_state}
        before = _history_before(restorable)
        refused.extend(pk for pk in chosen if pk not in restorable and pk not in refused)
        changes = {pk: _restored(event, before.get(pk, [])) for pk, event in restorable.items()}
        return {
            pk: replace(change, label_id=homes.get(change.label_id, change.label_id))
            for pk, change in changes.items()
        }

    outcome = act.run(events, decide)
    return LabelOutcome(outcome.operation, outcome.changed, (*outcome.stale, *refused))


def homes_of_closed(dataset: Dataset) -> dict[int | None, int]:
    """Closed class → the open one it was merged into, over any number of merges; deleted ones are left out."""
    into = dict(dataset.classes.filter(is_retired=True).values_list("pk", "merged_into"))
    homes: dict[int | None, int] = {}
    for pk in into:
        home: int | None = pk
        while home in into:
            home = into[home]
        if home is not None:
            homes[pk] = home
    return homes


def _changed_after(events: Mapping[int, LabelEvent]) -> set[int]:
    """Images that were changed after the event given for them. A change that was taken back again is none: acts are
    undone one after the other, the newest first.
    """
    standing: dict[int, list[uuid.UUID]] = defaultdict(list)
    first = min((event.pk for event in events.values()), default=0)
    rows = LabelEvent.objects.filter(image_id__in=events, pk__gt=first).order_by("id")
    for pk, image_id, operation, undoes in rows.values_list("pk", "image_id", "operation", "undoes"):
        if pk <= events[image_id].pk:
            continue
        later = standing[image_id]
        if undoes is not None and later and later[-1] == undoes:
            later.pop()
        else:
            later.append(operation)
    return {image_id for image_id, later in standing.items() if later}


def _history_before(events: Mapping[int, LabelEvent]) -> Mapping[int, list[_Past]]:
    """Per image its older events, newest first."""
    history: dict[int, list[_Past]] = defaultdict(list)
    rows = LabelEvent.objects.filter(image_id__in=events).order_by("-id")
    for row in rows.values_list(
        "image_id",
        "pk",
        "old_label_id",
        "new_label_id",
        "new_state",
        "reason",
        "origin",
        "actor_id",
        "created_at",
    ):
        if row[1] < events[row[0]].pk:
            history[row[0]].append(_Past(*row[2:]))
    return history


def _restored(event: LabelEvent, before: list[_Past]) -> Change:
    """The row as it was before `event`; who labelled it and why it was quarantined is in older events."""
    reason = ""
    if event.old_state == ImageState.QUARANTINED:
        reason = next((e.reason for e in before if e.new_state == ImageState.QUARANTINED), "")
    labelled: tuple[str, int | None, datetime | None] | None = None
    if event.old_label_id != event.new_label_id:
        giver = next((e for e in before if e.new_label_id == event.old_label_id != e.old_label_id), None)
        if event.old_label_id is None:
            labelled = ("", None, None)
        elif giver is not None:
            # To the second: rows of one import differ by microseconds, and equal changes are one UPDATE.
            labelled = (giver.origin, giver.actor_id, giver.created_at.replace(microsecond=0))
        else:
            # A label without an event came with the import.
            labelled = (LabelOrigin.FOLDER.value, None, None)
    return Change(event.old_label_id, event.old_state, reason, labelled)
