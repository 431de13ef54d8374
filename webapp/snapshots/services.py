"""Writers of snapshots: asked for here, filled by a worker, frozen for good."""

from __future__ import annotations

import hashlib

from django.db import transaction
from django.db.models import Count, F, Max, Sum
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.datasets.labelling import images_relabel
from webapp.datasets.models import ClassAct, ClassOperation, Dataset, ImageState
from webapp.datasets.operations import name_of, operation_begin, operation_finish
from webapp.jobs.models import Job, JobKind
from webapp.jobs.services import job_create
from webapp.snapshots.contents import content_now, packed
from webapp.snapshots.models import (
    Snapshot,
    SnapshotContent,
    SnapshotItem,
    SnapshotState,
    SplitRule,
    Transform,
)
from webapp.snapshots.plans import PhotoFilter, SnapshotPlan

EVERYTHING = PhotoFilter()
MIN_PHOTOS_A_CLASS = 3
MAX_SEED = 2**31 - 1
MAX_NOTE = 500


class SnapshotError(ValueError):
    """The data set can't be frozen or trained on as it is; the message says what is missing."""


def labels_fingerprint(dataset: Dataset) -> str:
    """Changes whenever a label, a class's name or category, or the set of accepted photos does.

    A digest over (class, number of photos, sum of versions) rows, so that 100,000 photos cost one query.
    """
    rows = (
        dataset.images.filter(state=ImageState.ACCEPTED, label__isnull=False)
        .values_list(
            "label_id", "label__name_en", "label__name_zh", "label__category_id", "label__category__bin"
        )
        .annotate(n=Count("id"), last=Max("id"), versions=Sum("version"))
        .order_by("label_id")
    )
    return hashlib.sha256(repr(list(rows)).encode()).hexdigest()


def why_not_trainable(dataset: Dataset, passing: PhotoFilter = EVERYTHING) -> str:
    """What is missing before this data set, or what a filter leaves of it, can be trained on; "" if nothing."""
    counts = dict(passing.eligible(dataset).order_by().values_list("label").annotate(n=Count("id")))
    if not counts and passing != EVERYTHING:
        return _("The filter lets no photo in. Loosen it.")
    if not counts:
        return _(
            "There are no labelled photos yet. Add photos in one folder per class, or label those in the inbox."
        )
    if len(counts) < 2:
        return _("All labelled photos are of one class. Add photos of a second one.")
    enough = [key for key, n in counts.items() if n >= MIN_PHOTOS_A_CLASS]
    if len(enough) < 2:
        return _(
            "At least two classes need %(n)d photos each: one to train on, one to validate, one to test."
        ) % {"n": MIN_PHOTOS_A_CLASS}
    return ""


def snapshot_request(
    *,
    dataset: Dataset,
    created_by: User | None,
    rule: str = SplitRule.GROUPED,
    val: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    cap: int | None = None,
    enhanced: bool = False,
    filter: PhotoFilter = EVERYTHING,
    note: str = "",
) -> Snapshot:
    """Asks for a snapshot of the labels as they are at this moment; a job deals them out and freezes them.

    Raises SnapshotError where the data set can't be frozen.

    `enhanced`: each photo also mirrored and upside down, made before the cap and the split. `filter`: which photos
    are let in at all.
    """
    plan = SnapshotPlan(rule, val, test, seed, cap, enhanced, filter)
    plan_check(dataset=dataset, plan=plan)
    # Read before the content: labels that change in between then count as changed since, and none is missed.
    fingerprint = labels_fingerprint(dataset)
    content = packed(content_now(dataset, filter))
    with transaction.atomic():
        last = dataset.snapshots.aggregate(last=Max("number"))["last"] or 0
        snapshot = plan.unsaved(dataset)
        snapshot.number, snapshot.note, snapshot.created_by = last + 1, note.strip(), created_by
        snapshot.fingerprint = fingerprint
        snapshot.save()
        SnapshotContent.objects.create(snapshot=snapshot, packed=content)
        snapshot.job = job_create(
            kind=JobKind.SNAPSHOT, dataset=dataset, payload={"snapshot": snapshot.pk}, created_by=created_by
        )
        snapshot.save(update_fields=["job"])
    return snapshot


def plan_check(*, dataset: Dataset, plan: SnapshotPlan) -> None:
    """Raises SnapshotError where the data set can't be frozen like that."""
    reason = why_not_trainable(dataset, plan.filter)
    if reason:
        raise SnapshotError(reason)
    if plan.rule not in SplitRule.values:
        raise SnapshotError(_("The split rule is one of %(rules)s.") % {"rules": ", ".join(SplitRule.values)})
    if not (0 < plan.val < 1 and 0 < plan.test < 1 and plan.val + plan.test < 1):
        raise SnapshotError(
            _("Validation and test take a share between 0 and 1 each, and together less than all.")
        )
    if not 0 <= plan.seed <= MAX_SEED:
        raise SnapshotError(_("A seed is a whole number from 0 to %(n)d.") % {"n": MAX_SEED})
    if plan.cap is not None and plan.cap < MIN_PHOTOS_A_CLASS:
        raise SnapshotError(_("A cap per class is %(n)d or more.") % {"n": MIN_PHOTOS_A_CLASS})


def preview_request(*, dataset: Dataset, created_by: User | None, plan: SnapshotPlan) -> Job:
    """Queues a look at what that plan would give, near-duplicates and leaks included; nothing is frozen.

    Raises SnapshotError as `snapshot_request` would.
    """
    plan_check(dataset=dataset, plan=plan)
    with transaction.atomic():
        return job_create(
            kind=JobKind.PREVIEW, dataset=dataset, payload={"plan": plan.as_json()}, created_by=created_by
        )


def current_or_new_snapshot(*, dataset: Dataset, created_by: User | None) -> Snapshot:
    """The newest default snapshot, also one still being made, if nothing changed since it was asked for; else a new
    one.
    """
    newest = (
        dataset.snapshots.filter(cap=None, enhanced=False, filter={}, rule=SplitRule.GROUPED, seed=0)
        .exclude(state=SnapshotState.FAILED)
        .first()
    )
    if newest is not None:
        # One that was asked for before contents were kept is dealt out as things are when its turn comes.
        is_open = newest.state == SnapshotState.BUILDING and not newest.fingerprint
        if is_open or newest.fingerprint == labels_fingerprint(dataset):
            return newest
    return snapshot_request(dataset=dataset, created_by=created_by)


def snapshot_end_unfinished(job: Job) -> None:
    """Its job failed or was cancelled, so it will not become ready."""
    Snapshot.objects.filter(job=job, state=SnapshotState.BUILDING).update(state=SnapshotState.FAILED)


def snapshot_set_note(*, snapshot: Snapshot, note: str) -> None:
    snapshot.note = note.strip()[:MAX_NOTE]
    snapshot.save(update_fields=["note"])


def snapshot_restore_labels(*, snapshot: Snapshot, actor: User | None) -> ClassOperation:
    """Give the photos that the snapshot holds the labels they had in it, in one act that can be taken back.

    Photos added since stay as they are; one in quarantine stays there. A class that was deleted or merged
    since is opened again. The act stands among the changes of classes.
    """
    dataset = snapshot.dataset
    classes = {row.key: row for row in dataset.classes.all()}
    items = SnapshotItem.objects.filter(snapshot=snapshot, transform=Transform.ORIGINAL, image__isnull=False)
    rows = items.exclude(image__label__key=F("label__key"), image__state=ImageState.ACCEPTED).order_by()
    labels = {image: classes[key] for image, key in rows.values_list("image", "label__key")}
    closed = {row for row in labels.values() if row.is_retired}
    with transaction.atomic():
        opened = {name_of(row): {"is_retired": False, "merged_into_id": None} for row in closed}
        made = operation_begin(dataset=dataset, kind=ClassAct.RESTORE, actor=actor, values=opened)
    reason = _("restored from snapshot %(n)d") % {"n": snapshot.number}
    images_relabel(dataset=dataset, labels=labels, actor=actor, operation=made.operation, reason=reason)
    operation_finish(operation=made)
    return made
