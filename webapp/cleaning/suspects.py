"""Writers of doubts: what a check of labels found, and what a person says to each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.cleaning.models import Suspect, SuspectKind, Verdict
from webapp.cleaning.selectors_suspects import suggested_now
from webapp.core.pagination import chunks
from webapp.datasets.acts import CHUNK, LabelOutcome
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass, LabelOrigin
from webapp.datasets.undoing import operation_undo

# Stored in English, see webapp.core.spoken.
REASONS = {
    SuspectKind.LABEL: "label in doubt",
    SuspectKind.ODD: "unlike the other photos",
}


class SuspectTaken(Exception):
    """Somebody decided it, or changed the photo, since it was shown; the message says so to the second one."""


@dataclass(frozen=True)
class Doubt:
    """One finding of a check: the label the photo had (None: none), and the class it looks like, if another one."""

    image: int
    kind: SuspectKind
    score: float
    given: int | None
    suggested: int | None = None


def check_save(
    *,
    dataset: Dataset,
    suspicion: Mapping[int, float],
    doubts: Sequence[Doubt],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write what a check found: how little each image's label fits (id to 0 … 1), and the doubts in place of the open
    ones from before. What a person decided stays decided while the photo keeps the label it had then.
    """
    decided = dict(
        dataset.suspects.exclude(verdict="").values_list("image", "given").filter(kind=SuspectKind.LABEL)
    )
    vouched = {
        one.image for one in doubts if one.kind == SuspectKind.LABEL and decided.get(one.image) == one.given
    }
    _write_suspicion(dataset, {**suspicion, **dict.fromkeys(vouched, 0.0)}, check)
    known = {(one.image_id, one.kind): one for one in dataset.suspects.all()}
    found = {(one.image, one.kind.value): one for one in doubts}
    for part in chunks(found.items(), CHUNK):
        check()
        with transaction.atomic():
            for key, doubt in part:
                _write_doubt(dataset, known.get(key), doubt)
    gone = [one.pk for key, one in known.items() if not one.verdict and key not in found]
    for ids in chunks(gone, CHUNK):
        Suspect.objects.filter(pk__in=ids, verdict="").delete()


def _write_suspicion(dataset: Dataset, suspicion: Mapping[int, float], check: Callable[[], None]) -> None:
    stored = dataset.images.order_by().values_list("pk", "suspicion")
    changed: dict[float, list[int]] = defaultdict(list)
    for pk, before in stored.iterator():
        now = round(suspicion.get(pk, 0.0), 2)
        if now != before:
            changed[now].append(pk)
    # Equal values are one UPDATE: a hundred of them serve 100,000 photos.
    for value, ids in changed.items():
        for part in chunks(ids, CHUNK):
            check()
            Image.objects.filter(pk__in=part).update(suspicion=value)


def _write_doubt(dataset: Dataset, row: Suspect | None, doubt: Doubt) -> None:
    values: dict[str, Any] = {
        "score": doubt.score, "given_id": doubt.given, "suggested_id": doubt.suggested,
    }  # fmt: skip
    if row is None:
        Suspect.objects.create(dataset=dataset, image_id=doubt.image, kind=doubt.kind, **values)
    elif not row.verdict:
        Suspect.objects.filter(pk=row.pk, verdict="").update(**values)
    elif row.given_id != doubt.given:
        # Another label than the one that was decided about: a new question.
        Suspect.objects.filter(pk=row.pk).update(verdict="", decided_by=None, decided_at=None, **values)


def suspect_accept(*, suspect: Suspect, seen: int, actor: User, label: LabelClass | None = None) -> None:
    """Give the photo the suggested class, or `label`, which the person chose instead. LabelError where that is closed.

    The suggested one counts as a model's guess that a person accepted: it trains, but does not test. One that was
    merged since the check stands for the class it was merged into.
    """
    target = label or suggested_now(suspect.dataset, [suspect])[0].suggested
    if target is None:
        raise SuspectTaken(_("There is no suggested class any more. Choose one."))
    origin = LabelOrigin.PERSON if label else LabelOrigin.MODEL

    def act() -> LabelOutcome:
        return images_label(
            dataset=suspect.dataset, ids=[suspect.image_id], label=target, actor=actor,
            versions={suspect.image_id: seen}, origin=origin,
        )  # fmt: skip

    _decide(suspect, Verdict.ACCEPTED, actor, act)


def suspect_keep(*, suspect: Suspect, seen: int, actor: User) -> None:
    """The label (or the photo) is right: it is not asked about again."""
    with transaction.atomic():
        if Image.objects.filter(pk=suspect.image_id, version=seen).update(suspicion=0.0) != 1:
            raise SuspectTaken(_taken())
        _decide(suspect, Verdict.KEPT, actor, None)


def suspect_quarantine(*, suspect: Suspect, seen: int, actor: User) -> None:
    """Out of the data set, with the doubt as its reason; it can be put back like any other."""

    def act() -> LabelOutcome:
        return images_set_state(
            dataset=suspect.dataset, ids=[suspect.image_id], state=ImageState.QUARANTINED, actor=actor,
            reason=REASONS[SuspectKind(suspect.kind)], versions={suspect.image_id: seen},
        )  # fmt: skip

    _decide(suspect, Verdict.OUT, actor, act)


def suspect_undo(*, suspect: Suspect, actor: User) -> None:
    """Take the last verdict back: the photo is as before, and the question is asked again."""
    with transaction.atomic():
        rows = Suspect.objects.filter(pk=suspect.pk, verdict=suspect.verdict, decided_at=suspect.decided_at)
        if (
            not suspect.verdict
            or rows.update(verdict="", decided_by=None, decided_at=None, operation=None) != 1
        ):
            raise SuspectTaken(_("There is nothing to undo: somebody was quicker."))
        if suspect.operation:
            operation_undo(dataset=suspect.dataset, operation=suspect.operation, actor=actor)
        if suspect.kind == SuspectKind.LABEL:
            Image.objects.filter(pk=suspect.image_id).update(suspicion=round(suspect.score, 2))


def _decide(suspect: Suspect, verdict: Verdict, actor: User, act: Callable[[], LabelOutcome] | None) -> None:
    with transaction.atomic():
        values = {"verdict": verdict, "decided_by": actor, "decided_at": timezone.now()}
        if Suspect.objects.filter(pk=suspect.pk, verdict="").update(**values) != 1:
            raise SuspectTaken(_taken())
        if act is None:
            return
        outcome = act()
        if outcome.stale:
            raise SuspectTaken(_taken())
        Suspect.objects.filter(pk=suspect.pk).update(operation=outcome.operation)
        Image.objects.filter(pk=suspect.image_id).update(suspicion=0.0)


def _taken() -> str:
    return _("Somebody changed this photo meanwhile. Look at it again.")
