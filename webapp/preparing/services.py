"""Writers of preparations: asked for here, done by a worker, and what one did to photos can be taken back."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.core.store import site_store
from webapp.datasets.acts import LabelOutcome
from webapp.datasets.models import Dataset, ImageState
from webapp.datasets.undoing import operation_undo
from webapp.jobs.models import UNFINISHED, JobKind, JobState
from webapp.jobs.services import job_create
from webapp.preparing.models import Preparation, Step
from webapp.preparing.rules import ACTIVE, Limits
from webapp.snapshots.models import Snapshot, SnapshotState
from webapp.snapshots.services import MAX_SEED

DEFAULT_CAP = 300
MAX_CAP = 2**31 - 1


class PreparationError(ValueError):
    """The step can't be started; the message says what is missing."""


def sizes_start(*, dataset: Dataset, created_by: User | None) -> Preparation:
    """Looks at widths, heights and photos per class. PreparationError where there are no photos."""
    _need_photos(dataset)
    return _start(dataset, Step.SIZES, {}, created_by)


def rules_start(*, dataset: Dataset, limits: Limits, created_by: User | None) -> Preparation:
    """Sends what breaks a rule to quarantine. PreparationError where no rule is on or there are no photos."""
    if not limits.queries():
        raise PreparationError(_("No rule is on. Give at least one limit."))
    if not dataset.images.filter(state__in=ACTIVE).exists():
        raise PreparationError(_("There are no photos yet. Add photos first."))
    return _start(dataset, Step.RULES, limits.as_json(), created_by)


def flips_start(*, dataset: Dataset, created_by: User | None) -> Preparation:
    """Mirrors a few photos to look at, and counts what all would become."""
    _need_photos(dataset, labelled=True)
    return _start(dataset, Step.FLIPS, {}, created_by)


def balance_start(
    *, dataset: Dataset, cap: int, seed: int, flips: bool, created_by: User | None
) -> Preparation:
    """Draws at most `cap` of each class as a snapshot with that cap and seed would; nothing is deleted."""
    _need_photos(dataset, labelled=True)
    if not (1 <= cap <= MAX_CAP and 0 <= seed <= MAX_SEED):
        raise PreparationError(balance_limits())
    return _start(dataset, Step.BALANCE, {"cap": cap, "seed": seed, "flips": flips}, created_by)


def balance_limits() -> str:
    return _("The cap is a whole number from 1 to %(cap)s, and the seed one from 0 to %(seed)s.") % {
        "cap": f"{MAX_CAP:,}",
        "seed": f"{MAX_SEED:,}",
    }


def statistics_start(*, dataset: Dataset, created_by: User | None) -> Preparation:
    """Mean and deviation of the accepted photos by both estimators."""
    _need_photos(dataset)
    return _start(dataset, Step.STATISTICS, {}, created_by)


def enhance_start(*, snapshot: Snapshot, created_by: User | None) -> Preparation:
    """Writes a snapshot's photos and copies as one ZIP. What is made, or being made, already is answered instead."""
    if snapshot.state != SnapshotState.READY:
        raise PreparationError(_("The snapshot is not ready yet. Wait until it is made."))
    mine = Preparation.objects.filter(
        dataset=snapshot.dataset, step=Step.ENHANCE, settings__snapshot=snapshot.number
    )
    going = mine.filter(job__state__in=UNFINISHED).first()
    if going is not None:
        return going
    made = mine.filter(job__state=JobState.SUCCEEDED).first()
    if made is not None and site_store().enhanced_path(snapshot.digest).is_file():
        return made
    return _start(snapshot.dataset, Step.ENHANCE, {"snapshot": snapshot.number}, created_by)


def preparation_act(*, preparation: Preparation) -> uuid.UUID:
    """The operation under which its photos change: the same for every attempt, so that one undo takes back all."""
    Preparation.objects.filter(pk=preparation.pk, operation=None).update(operation=uuid.uuid4())
    preparation.refresh_from_db(fields=["operation"])
    assert preparation.operation is not None
    return preparation.operation


def preparation_save(
    *, preparation: Preparation, result: dict[str, Any], details: dict[str, Any] | None = None
) -> None:
    preparation.result, preparation.details = result, details or {}
    preparation.save(update_fields=["result", "details"])


def preparation_undo(*, preparation: Preparation, actor: User | None) -> LabelOutcome:
    """Photos that it sent to quarantine come back as they were; those changed since stay and are told as stale.

    PreparationError where it did nothing, still works, or was taken back already.
    """
    if preparation.operation is None or (preparation.job and preparation.job.is_unfinished):
        raise PreparationError(_("There is nothing to take back."))
    first = Preparation.objects.filter(pk=preparation.pk, undone_at=None).update(undone_at=timezone.now())
    if not first:
        raise PreparationError(_("It was taken back already."))
    return operation_undo(dataset=preparation.dataset, operation=preparation.operation, actor=actor)


def _need_photos(dataset: Dataset, *, labelled: bool = False) -> None:
    rows = dataset.images.filter(state=ImageState.ACCEPTED)
    if labelled and not rows.filter(label__isnull=False).exists():
        raise PreparationError(
            _("There are no labelled photos yet. Add photos in class folders, or label some.")
        )
    if not labelled and not rows.exists():
        raise PreparationError(
            _("There are no accepted photos yet. Add photos, or label those in the inbox.")
        )


def _start(dataset: Dataset, step: Step, settings: dict[str, Any], created_by: User | None) -> Preparation:
    with transaction.atomic():
        made = Preparation.objects.create(
            dataset=dataset, step=step, settings=settings, created_by=created_by
        )
        made.job = job_create(
            kind=JobKind.PREPARE, dataset=dataset, payload={"preparation": made.pk}, created_by=created_by
        )
        made.save(update_fields=["job"])
    return made
