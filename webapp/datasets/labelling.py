"""Labelling services: every change of an image's label or state, its audit trail, and the way back.

Nothing is overwritten unseen: an UPDATE names the version it read, and a row that another person changed
in between is read again or reported as stale. Bulk work goes in short transactions, to let others write.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from webapp.accounts.models import User
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass, LabelEvent, LabelOrigin

# SQLite has one writer: a longer transaction makes the others wait, and without a pause between two of them
# their polling (up to 100 ms apart) may never meet a free moment.
CHUNK = 200
PAUSE_SECONDS = 0.002
_MAX_RACES = 20


class LabelError(ValueError):
    """The change makes no sense; the message says why."""


@dataclass(frozen=True)
class LabelOutcome:
    """What an act did, by image id.

    `stale` were changed by someone else meanwhile (or are gone) and were left alone; images that already
    were as asked are in neither list. `operation` undoes the whole act.
    """

    operation: uuid.UUID
    changed: tuple[int, ...] = ()
    stale: tuple[int, ...] = ()


class _Row(NamedTuple):
    """An image as it was read, before the change."""

    pk: int
    version: int
    label_id: int | None
    state: str
    state_reason: str


@dataclass(frozen=True)
class _Change:
    """What a row becomes. Equal changes of equal versions are one UPDATE."""

    label_id: int | None
    state: str
    state_reason: str
    # Only where the label itself is given anew: (origin, labelled_by id, labelled_at).
    labelled: tuple[str, int | None, datetime | None] | None = None


class _Past(NamedTuple):
    """What an older event says of an image."""

    old_label_id: int | None
    new_label_id: int | None
    new_state: str
    reason: str
    origin: str
    actor_id: int | None
    created_at: datetime


class _RaceLost(Exception):
    """Another writer changed a row between our reading and our UPDATE; the transaction was rolled back."""


@dataclass
class _Act:
    """One operation in the making."""

    dataset: Dataset
    actor: User | None
    origin: str
    versions: Mapping[int, int] | None = None
    undoes: uuid.UUID | None = None
    reason: str = ""
    operation: uuid.UUID = field(default_factory=uuid.uuid4)
    at: datetime = field(default_factory=timezone.now)
    changed: list[int] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)

    def run(
        self, ids: Iterable[int], decide: Callable[[Sequence[_Row]], Mapping[int, _Change]]
    ) -> LabelOutcome:
        """Apply to each id what `decide` answers for it; ids without an answer stay as they are."""
        for number, chunk in enumerate(_chunks(dict.fromkeys(ids))):
            if number:
                time.sleep(PAUSE_SECONDS)
            self._run_chunk(chunk, decide)
        return LabelOutcome(self.operation, tuple(self.changed), tuple(self.stale))

    def _run_chunk(self, ids: list[int], decide: Callable[[Sequence[_Row]], Mapping[int, _Change]]) -> None:
        for _attempt in range(_MAX_RACES):
            rows, stale = self._read(ids)
            changes = decide(rows)
            planned = [
                (row, changes[row.pk]) for row in rows if row.pk in changes and _differs(row, changes[row.pk])
            ]
            try:
                with transaction.atomic():
                    self._write(planned)
            except _RaceLost:
                continue
            self.changed += [row.pk for row, _change in planned]
            self.stale += stale
            return
        self.stale += ids

    def _read(self, ids: list[int]) -> tuple[list[_Row], list[int]]:
        """The rows that may be changed, and the ids that may not: gone, or past the version that was seen."""
        found = {
            row[0]: _Row(*row)
            for row in self.dataset.images.filter(pk__in=ids).values_list(
                "pk", "version", "label_id", "state", "state_reason"
            )
        }
        rows, stale = [], []
        for pk in ids:
            row = found.get(pk)
            if row is None or (
                self.versions is not None and self.versions.get(pk, row.version) != row.version
            ):
                stale.append(pk)
            else:
                rows.append(row)
        return rows, stale

    def _write(self, planned: list[tuple[_Row, _Change]]) -> None:
        groups: dict[tuple[int, _Change], list[int]] = defaultdict(list)
        for row, change in planned:
            groups[row.version, change].append(row.pk)
        for (version, change), ids in groups.items():
            values: dict[str, Any] = {
                "label_id": change.label_id,
                "state": change.state,
                "state_reason": change.state_reason,
                "version": F("version") + 1,
            }
            if change.labelled:
                values["label_origin"], values["labelled_by_id"], values["labelled_at"] = change.labelled
            if Image.objects.filter(pk__in=ids, version=version).update(**values) != len(ids):
                raise _RaceLost
        LabelEvent.objects.bulk_create([self._event(row, change) for row, change in planned])

    def _event(self, row: _Row, change: _Change) -> LabelEvent:
        return LabelEvent(
            image_id=row.pk,
            operation=self.operation,
            undoes=self.undoes,
            actor=self.actor,
            origin=self.origin,
            old_label_id=row.label_id,
            new_label_id=change.label_id,
            old_state=row.state,
            new_state=change.state,
            reason=change.state_reason or self.reason,
            created_at=self.at,
        )


def images_label(
    *,
    dataset: Dataset,
    ids: Iterable[int],
    label: LabelClass | None,
    actor: User | None,
    versions: Mapping[int, int] | None = None,
    origin: LabelOrigin = LabelOrigin.PERSON,
) -> LabelOutcome:
    """Give images a label (None takes it away). A labelled inbox image is thereby accepted.

    `versions` maps image id to the version the person saw; a row past it is left alone and reported as stale.
    A quarantined image gets its label and stays in quarantine. LabelError for a class of another data set
    or a merged one.
    """
    if label is not None and (label.dataset_id != dataset.pk or label.merged_into_id is not None):
        raise LabelError(f"{label.key!r} is not a class of {dataset.name!r} that can be given.")
    act = _Act(dataset, actor, origin, versions)
    labelled = (origin.value, actor.pk if actor else None, act.at) if label else ("", None, None)

    def decide(rows: Sequence[_Row]) -> Mapping[int, _Change]:
        changes = {}
        for row in rows:
            state = ImageState.ACCEPTED if label and row.state == ImageState.INBOX else row.state
            changes[row.pk] = _Change(label.pk if label else None, state, row.state_reason, labelled)
        return changes

    return act.run(ids, decide)


def images_set_state(
    *,
    dataset: Dataset,
    ids: Iterable[int],
    state: str,
    actor: User | None,
    reason: str = "",
    versions: Mapping[int, int] | None = None,
) -> LabelOutcome:
    """Accept images, put them into quarantine with a reason, or back into the inbox. Labels stay."""
    if state not in ImageState.values:
        raise LabelError(f"{state!r} is not a state; use one of {', '.join(ImageState.values)}.")
    act = _Act(dataset, actor, LabelOrigin.PERSON, versions, reason=reason[:200])
    kept_reason = reason[:200] if state == ImageState.QUARANTINED else ""

    def decide(rows: Sequence[_Row]) -> Mapping[int, _Change]:
        return {row.pk: _Change(row.label_id, state, kept_reason) for row in rows if row.state != state}

    return act.run(ids, decide)


def operation_undo(*, dataset: Dataset, operation: uuid.UUID, actor: User | None) -> LabelOutcome:
    """Put back label and state of every image of an operation that nothing has changed since.

    The others are reported as stale and left alone, as is what has no state before it (an import). The
    undoing is an operation of its own: undoing that one does the first again.
    """
    events = {
        event.image_id: event
        for event in LabelEvent.objects.filter(operation=operation, image__dataset=dataset).order_by("id")
    }
    act = _Act(dataset, actor, LabelOrigin.PERSON, undoes=operation)
    refused: list[int] = []

    def decide(rows: Sequence[_Row]) -> Mapping[int, _Change]:
        chosen = {row.pk: events[row.pk] for row in rows}
        later = _changed_after(chosen)
        restorable = {pk: event for pk, event in chosen.items() if pk not in later and event.old_state}
        before = _history_before(restorable)
        refused.extend(pk for pk in chosen if pk not in restorable and pk not in refused)
        return {pk: _restored(event, before.get(pk, [])) for pk, event in restorable.items()}

    outcome = act.run(events, decide)
    return LabelOutcome(outcome.operation, outcome.changed, (*outcome.stale, *refused))


def _changed_after(events: Mapping[int, LabelEvent]) -> set[int]:
    """Images that have an event younger than the one given for them."""
    newest: dict[int, int] = {}
    for pk, image_id in LabelEvent.objects.filter(image_id__in=events).values_list("pk", "image_id"):
        newest[image_id] = max(pk, newest.get(image_id, 0))
    return {image_id for image_id, event in events.items() if newest.get(image_id, 0) > event.pk}


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


def _restored(event: LabelEvent, before: list[_Past]) -> _Change:
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
    return _Change(event.old_label_id, event.old_state, reason, labelled)


def _differs(row: _Row, change: _Change) -> bool:
    return (row.label_id, row.state, row.state_reason) != (change.label_id, change.state, change.state_reason)


def _chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    chunk: list[int] = []
    for pk in ids:
        chunk.append(pk)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
