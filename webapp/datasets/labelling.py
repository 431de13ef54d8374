"""Labelling services: every change of an image's label or state, with its audit trail."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.datasets.acts import Act, Change, LabelOutcome, Row
from webapp.datasets.models import Dataset, ImageState, LabelClass, LabelOrigin

MOVED_AT_ONCE = 10_000


class LabelError(ValueError):
    """The change makes no sense; the message says why."""


def class_to_give(*, dataset: Dataset, key: str) -> LabelClass:
    """The open class with that key; LabelError where there is none, or none any more."""
    label = dataset.classes.filter(key=key, is_retired=False).select_related("category").first()
    if label is None:
        raise LabelError(_no_such(key))
    return label


def images_label(
    *,
    dataset: Dataset,
    ids: Iterable[int],
    label: LabelClass | None,
    actor: User | None,
    versions: Mapping[int, int] | None = None,
    origin: LabelOrigin = LabelOrigin.PERSON,
    operation: uuid.UUID | None = None,
) -> LabelOutcome:
    """Give images a label (None takes it away). A labelled inbox image is thereby accepted.

    `versions` maps image id to the version the person saw; a row past it is left alone and reported as stale.
    `operation` joins an act that began elsewhere, such as the split of a class.
    A quarantined image gets its label and stays in quarantine. LabelError for a class of another data set
    or one that was merged or deleted.
    """
    if label is not None and (label.dataset_id != dataset.pk or label.is_retired):
        raise LabelError(_no_such(label.key))
    act = Act(dataset, actor, origin, versions, operation=operation or uuid.uuid4())
    labelled = (origin.value, actor.pk if actor else None, act.at) if label else ("", None, None)

    def decide(rows: Sequence[Row]) -> Mapping[int, Change]:
        changes = {}
        for row in rows:
            state = ImageState.ACCEPTED if label and row.state == ImageState.INBOX else row.state
            changes[row.pk] = Change(label.pk if label else None, state, row.state_reason, labelled)
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
    operation: uuid.UUID | None = None,
) -> LabelOutcome:
    """Accept images, put them into quarantine with a reason, or back into the inbox. Labels stay.

    `operation` joins an act that began elsewhere, such as filter rules with a reason each.
    """
    if state not in ImageState.values:
        raise LabelError(f"{state!r} is not a state; use one of {', '.join(ImageState.values)}.")
    act = Act(
        dataset, actor, LabelOrigin.PERSON, versions, reason=reason[:200], operation=operation or uuid.uuid4()
    )
    kept_reason = reason[:200] if state == ImageState.QUARANTINED else ""

    def decide(rows: Sequence[Row]) -> Mapping[int, Change]:
        return {row.pk: Change(row.label_id, state, kept_reason) for row in rows if row.state != state}

    return act.run(ids, decide)


def images_relabel(
    *,
    dataset: Dataset,
    labels: Mapping[int, LabelClass],
    actor: User | None,
    operation: uuid.UUID,
    reason: str = "",
) -> LabelOutcome:
    """Give each image a label of its own (image id to class). One in the inbox is thereby accepted."""
    act = Act(dataset, actor, LabelOrigin.PERSON, operation=operation, reason=reason[:200])
    labelled = (LabelOrigin.PERSON.value, actor.pk if actor else None, act.at)

    def decide(rows: Sequence[Row]) -> Mapping[int, Change]:
        changes = {}
        for row in rows:
            state = ImageState.ACCEPTED if row.state == ImageState.INBOX else row.state
            changes[row.pk] = Change(labels[row.pk].pk, state, row.state_reason, labelled)
        return changes

    return act.run(labels, decide)


def images_move(
    *,
    dataset: Dataset,
    source: LabelClass,
    to: LabelClass | None,
    actor: User | None,
    operation: uuid.UUID,
    reason: str = "",
) -> LabelOutcome:
    """Move every image of a class to another one, whatever its state; who gave the label stays as it was.

    Without `to` the label goes, and what was accepted returns to the inbox. Looks again until none is left:
    a label given while the first look's images moved is moved too. Safe to call again after a crash.
    """
    act = Act(dataset, actor, LabelOrigin.PERSON, operation=operation, reason=reason[:200])
    bare = ("", None, None)

    def decide(rows: Sequence[Row]) -> Mapping[int, Change]:
        changes = {}
        for row in rows:
            if row.label_id != source.pk:
                continue
            state = ImageState.INBOX if to is None and row.state == ImageState.ACCEPTED else row.state
            changes[row.pk] = Change(to.pk if to else None, state, row.state_reason, None if to else bare)
        return changes

    while ids := list(source.images.order_by("id").values_list("pk", flat=True)[:MOVED_AT_ONCE]):
        before = len(act.changed)
        act.run(ids, decide)
        if len(act.changed) == before:
            break  # the destination was closed meanwhile: what is left stays where it is
    return LabelOutcome(act.operation, tuple(act.changed), tuple(act.stale))


def _no_such(key: str) -> str:
    return _("There is no class “%(key)s” here. Load the page again.") % {"key": key}
