"""An act on many images: rows are read, changed only as they were read, and each change leaves an event.

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
from webapp.datasets.models import Dataset, Image, LabelClass, LabelEvent

# SQLite has one writer: a longer transaction makes the others wait, and without a pause between two of them
# their polling (up to 100 ms apart) may never meet a free moment.
CHUNK = 400
PAUSE_SECONDS = 0.002
_MAX_RACES = 20


@dataclass(frozen=True)
class LabelOutcome:
    """What an act did, by image id.

    `stale` were changed by someone else meanwhile (or are gone) and were left alone; images that already
    were as asked are in neither list. `operation` undoes the whole act.
    """

    operation: uuid.UUID
    changed: tuple[int, ...] = ()
    stale: tuple[int, ...] = ()


class Row(NamedTuple):
    """An image as it was read, before the change."""

    pk: int
    version: int
    label_id: int | None
    state: str
    state_reason: str


@dataclass(frozen=True)
class Change:
    """What a row becomes. Equal changes of equal versions are one UPDATE."""

    label_id: int | None
    state: str
    state_reason: str
    # Only where the label itself is given anew: (origin, labelled_by id, labelled_at).
    labelled: tuple[str, int | None, datetime | None] | None = None


class _RaceLost(Exception):
    """Another writer changed a row between our reading and our UPDATE; the transaction was rolled back."""


@dataclass
class Act:
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
        self, ids: Iterable[int], decide: Callable[[Sequence[Row]], Mapping[int, Change]]
    ) -> LabelOutcome:
        """Apply to each id what `decide` answers for it; ids without an answer stay as they are."""
        for number, chunk in enumerate(_chunks(dict.fromkeys(ids))):
            if number:
                time.sleep(PAUSE_SECONDS)
            self._run_chunk(chunk, decide)
        return LabelOutcome(self.operation, tuple(self.changed), tuple(self.stale))

    def _run_chunk(self, ids: list[int], decide: Callable[[Sequence[Row]], Mapping[int, Change]]) -> None:
        for _attempt in range(_MAX_RACES):
            rows, stale = self._read(ids)
            changes = decide(rows)
            planned = [
                (row, changes[row.pk]) for row in rows if row.pk in changes and _differs(row, changes[row.pk])
            ]
            try:
                with transaction.atomic():
                    closed = _closed_classes(planned)
                    kept = [(row, change) for row, change in planned if change.label_id not in closed]
                    self._write(kept)
            except _RaceLost:
                continue
            self.changed += [row.pk for row, _change in kept]
            self.stale += stale + [row.pk for row, change in planned if change.label_id in closed]
            return
        self.stale += ids

    def _read(self, ids: list[int]) -> tuple[list[Row], list[int]]:
        """The rows that may be changed, and the ids that may not: gone, or past the version that was seen."""
        found = {
            row[0]: Row(*row)
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

    def _write(self, planned: list[tuple[Row, Change]]) -> None:
        groups: dict[tuple[int, Change], list[int]] = defaultdict(list)
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

    def _event(self, row: Row, change: Change) -> LabelEvent:
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


def _closed_classes(planned: list[tuple[Row, Change]]) -> set[int | None]:
    """Of the labels about to be given, those whose class was merged or deleted since the person saw it.

    Read within the transaction, and locked where the database can: closing a class waits for us or we see it.
    """
    given = {change.label_id for row, change in planned if change.label_id not in (None, row.label_id)}
    if not given:
        return set()
    rows = LabelClass.objects.select_for_update(no_key=True).filter(pk__in=given).order_by("pk")
    return {pk for pk, is_retired in rows.values_list("pk", "is_retired") if is_retired}


def _differs(row: Row, change: Change) -> bool:
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
