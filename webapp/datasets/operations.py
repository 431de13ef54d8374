"""Acts on the classes themselves: recorded with what was before, so that each can be taken back as a whole.

An act changes fields of class and category rows, and may move photos from class to class. The rows change
in one transaction with its record; the photos follow in short ones, and whoever finds a record without an end
(a process died in between) goes on with it. Taking back is such an act too, so it can be taken back itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.core.templatetags.sortyard import display_name
from webapp.datasets.errors import DatasetError
from webapp.datasets.labelling import images_move
from webapp.datasets.models import Category, ClassAct, ClassOperation, Dataset, Image, LabelClass, LabelEvent
from webapp.datasets.undoing import operation_undo
from webapp.jobs.services import looks_again

# Row ("class:12", "category:3") to the fields it gets.
Values = Mapping[str, Mapping[str, Any]]
Move = tuple[int, int | None]
# The same with the values before and after, as the record keeps them.
Changes = dict[str, dict[str, dict[str, Any]]]

_CLOSED = {"is_retired": True}
# After these a photo may look like a class that is closed, or carry one that nothing has judged.
_STIRS_LABELS = frozenset({ClassAct.MERGE, ClassAct.DELETE, ClassAct.SPLIT, ClassAct.RESTORE})
_GRACE = timedelta(minutes=2)


def name_of(row: LabelClass | Category) -> str:
    return f"{'class' if isinstance(row, LabelClass) else 'category'}:{row.pk}"


def pk_of(name: str) -> int:
    """The other way round."""
    return int(name.partition(":")[2])


def operation_apply(
    *,
    dataset: Dataset,
    kind: ClassAct,
    actor: User | None,
    values: Values,
    moves: Sequence[Move] = (),
) -> ClassOperation | None:
    """Do an act and record it; None where everything is so already.

    Raises DatasetError where a class to merge into is closed.
    """
    with transaction.atomic():
        changes = _change_rows(dataset, values)
        if not changes and not moves:
            return None
        made = _record(dataset, kind, actor, changes, moves)
    operation_finish(operation=made)
    return made


def operation_begin(
    *, dataset: Dataset, kind: ClassAct, actor: User | None, values: Values
) -> ClassOperation:
    """Record an act whose photos the caller changes under its `operation`, and ends by `operation_finish`.

    In a transaction of the caller's.
    """
    return _record(dataset, kind, actor, _change_rows(dataset, values), ())


def _record(
    dataset: Dataset, kind: ClassAct, actor: User | None, changes: Changes, moves: Sequence[Move]
) -> ClassOperation:
    _refuse_closed_destinations(change["after"] for change in changes.values())
    return ClassOperation.objects.create(
        dataset=dataset, kind=kind, actor=actor, changes=changes, moves=[list(move) for move in moves]
    )


def operation_record(
    *, dataset: Dataset, kind: ClassAct, actor: User | None, opened: Sequence[LabelClass]
) -> ClassOperation:
    """Record classes that were just made: to take that back is to close them. Call it in their transaction."""
    changes = {name_of(row): {"before": dict(_CLOSED), "after": {"is_retired": False}} for row in opened}
    return ClassOperation.objects.create(
        dataset=dataset, kind=kind, actor=actor, changes=changes, finished_at=timezone.now()
    )


def class_operation_undo(
    *, operation: ClassOperation, actor: User | None
) -> tuple[ClassOperation, list[LabelClass]]:
    """Take an act back; answers the new act, and the classes that stay open because photos joined them since.

    Photos that someone labelled again since keep their newer label. Raises DatasetError where a row of the
    act was changed again, or the act was taken back already.
    """
    if operation.finished_at is None:
        operation_finish(operation=operation)
        operation.refresh_from_db()
    back = {name: change["before"] for name, change in operation.changes.items()}
    expected = {name: change["after"] for name, change in operation.changes.items()}
    opening = {name: fields for name, fields in back.items() if not _closes(fields)}
    try:
        with transaction.atomic():
            made = ClassOperation.objects.create(
                dataset=operation.dataset, kind=ClassAct.UNDO, actor=actor, undoes=operation.operation
            )
            _refuse_changed_since(operation.dataset, expected)
            made.changes = _change_rows(operation.dataset, opening)
            _refuse_closed_destinations(back.values())
            made.save(update_fields=["changes"])
    except IntegrityError as error:
        raise DatasetError(_("That was undone already. Load the page again.")) from error
    operation_finish(operation=made)
    made.refresh_from_db()
    kept = [name for name in back if name not in opening and name not in made.changes]
    return made, [row for row in operation.dataset.classes.all() if name_of(row) in kept]


def operation_finish(*, operation: ClassOperation) -> None:
    """Move the photos of an act that has changed its rows already. Safe to repeat and to run twice at once.

    Where that changes what labels mean, doubts and guesses are looked for again.
    """
    kind = ClassAct(operation.kind)
    if operation.undoes is not None:
        kind = _finish_undo(operation)
    rows = operation.dataset.classes.in_bulk([pk for move in operation.moves for pk in move if pk])
    for source, to in operation.moves:
        images_move(
            dataset=operation.dataset,
            source=rows[source],
            to=rows[to] if to else None,
            actor=operation.actor,
            operation=operation.operation,
            reason=str(ClassAct(operation.kind).label),
        )
    operation.photos = LabelEvent.objects.filter(operation=operation.operation).count()
    operation.finished_at = timezone.now()
    operation.save(update_fields=["photos", "finished_at"])
    if kind in _STIRS_LABELS:
        looks_again(dataset=operation.dataset, created_by=operation.actor)


def operations_settle() -> int:
    """Go on with acts that a dead process left half done; answers how many there were."""
    left = ClassOperation.objects.filter(finished_at=None, created_at__lt=timezone.now() - _GRACE)
    operations = list(left.select_related("dataset", "actor").order_by("id"))
    for operation in operations:
        operation_finish(operation=operation)
    return len(operations)


def _finish_undo(operation: ClassOperation) -> ClassAct:
    """Answers what kind of act was taken back in the end: an undo undone does the act again."""
    assert operation.undoes is not None
    first = ClassOperation.objects.get(operation=operation.undoes)
    operation_undo(
        dataset=operation.dataset,
        operation=first.operation,
        actor=operation.actor,
        undoing=operation.operation,
    )
    closing = {name: change["before"] for name, change in first.changes.items() if _closes(change["before"])}
    with transaction.atomic():
        closing = {name: fields for name, fields in closing.items() if not _has_photos(name)}
        operation.changes = {**operation.changes, **_change_rows(operation.dataset, closing)}
        operation.save(update_fields=["changes"])
    while first.undoes is not None:
        first = ClassOperation.objects.get(operation=first.undoes)
    return ClassAct(first.kind)


def _closes(fields: Mapping[str, Any]) -> bool:
    return bool(fields.get("is_retired"))


def _has_photos(name: str) -> bool:
    return Image.objects.filter(label=pk_of(name)).exists()


def _row(dataset: Dataset, name: str) -> LabelClass | Category:
    rows = dataset.classes if name.startswith("class:") else dataset.categories
    return rows.select_for_update(no_key=True).get(pk=pk_of(name))


def _change_rows(dataset: Dataset, values: Values) -> Changes:
    """Write the fields that differ; answers them before and after. In a transaction of the caller's."""
    changes: Changes = {}
    for name in sorted(values):
        row = _row(dataset, name)
        before = {field: getattr(row, field) for field in values[name]}
        after = {field: value for field, value in values[name].items() if value != before[field]}
        if not after:
            continue
        for field, value in after.items():
            setattr(row, field, value)
        row.save(update_fields=list(after))
        changes[name] = {"before": {field: before[field] for field in after}, "after": after}
    return changes


def _refuse_changed_since(dataset: Dataset, expected: Values) -> None:
    for name, fields in expected.items():
        row = _row(dataset, name)
        if any(getattr(row, field) != value for field, value in fields.items()):
            raise DatasetError(
                _("“%(name)s” was changed again since. Undo that change first.") % {"name": display_name(row)}
            )


def _refuse_closed_destinations(values: Iterable[Mapping[str, Any]]) -> None:
    """Photos can't go to a class that is closed itself, and two classes merged into each other would be lost."""
    into = [pk for fields in values if (pk := fields.get("merged_into_id"))]
    closed = LabelClass.objects.filter(pk__in=into, is_retired=True).first()
    if closed is not None:
        raise DatasetError(
            _("“%(name)s” was merged or deleted itself meanwhile. Choose another class.")
            % {"name": display_name(closed)}
        )
