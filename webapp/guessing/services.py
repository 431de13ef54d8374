"""Writers of guesses: a fit's groups, and what a person accepts of them or turns down."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.datasets.acts import LabelOutcome
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Dataset, Image, LabelClass, LabelOrigin
from webapp.datasets.undoing import operation_undo
from webapp.guessing.models import GuessGroup, Likeness, RefusedGuess
from webapp.jobs.models import UNFINISHED, Job, JobKind, JobState
from webapp.jobs.services import job_create, look_request


@dataclass(frozen=True)
class FittedGroup:
    """Photos (id, probability) that look like one class, the surest first; `total` with those not listed."""

    label_class: int
    total: int
    photos: Sequence[tuple[int, float]]


def fit_request(*, dataset: Dataset, created_by: User | None) -> Job:
    return look_request(kind=JobKind.GUESSES, dataset=dataset, created_by=created_by)


def groups_replace(*, dataset: Dataset, groups: Sequence[FittedGroup]) -> None:
    """What a fit found takes the place of what the one before found. Classes closed meanwhile are left out.

    The ended jobs of earlier fits go with their groups: there is one for each handful of labels.
    """
    with transaction.atomic():
        open_classes = set(dataset.classes.filter(is_retired=False).values_list("pk", flat=True))
        GuessGroup.objects.filter(dataset=dataset).delete()
        GuessGroup.objects.bulk_create(
            GuessGroup(
                dataset=dataset, label_class_id=one.label_class, total=one.total, photos=list(one.photos)
            )
            for one in groups
            if one.label_class in open_classes
        )
        Job.objects.filter(dataset=dataset, kind=JobKind.GUESSES, state=JobState.SUCCEEDED).delete()


def group_accept(
    *,
    dataset: Dataset,
    label_class: LabelClass,
    taken: Mapping[int, int],
    refused: Collection[int],
    actor: User,
) -> LabelOutcome:
    """Label the photos `taken` (id to the version that was seen) and never offer those `refused` as this class again.

    The labels are marked as a model's guess that a person accepted, so that snapshots train on these photos but do
    not test on them. A photo changed by somebody else meanwhile is left alone. Asks for the next fit.
    """
    operation = uuid.uuid4()
    with transaction.atomic():
        own = set(Image.objects.filter(dataset=dataset, pk__in=refused).values_list("pk", flat=True))
        RefusedGuess.objects.bulk_create(
            [
                RefusedGuess(image_id=pk, label_class=label_class, refused_by=actor, operation=operation)
                for pk in sorted(own)
            ],
            ignore_conflicts=True,
        )
    outcome = images_label(
        dataset=dataset,
        ids=taken,
        label=label_class,
        actor=actor,
        versions=taken,
        origin=LabelOrigin.MODEL,
        operation=operation,
    )
    fit_request(dataset=dataset, created_by=actor)
    return outcome


def likeness_request(*, image: Image, created_by: User | None) -> Job | None:
    """Asks which photos are most like `image`; None where that is known and no photo came since."""
    dataset = image.dataset
    newest = dataset.images.order_by("-pk").values_list("pk", flat=True)[:1]
    if Likeness.objects.filter(image=image, seen__gte=newest).exists():
        return None
    asked = Job.objects.filter(dataset=dataset, kind=JobKind.LIKENESS, payload={"image": image.pk})
    waiting = asked.filter(state__in=UNFINISHED).first()
    if waiting is not None:
        return waiting
    with transaction.atomic():
        asked.delete()  # what it answered before is out of date
        return job_create(
            kind=JobKind.LIKENESS, dataset=dataset, payload={"image": image.pk}, created_by=created_by
        )


def likeness_save(*, image: Image, photos: Sequence[tuple[int, float]], seen: int) -> None:
    """The photos most like `image` (id, cosine), nearest first; `seen`: the newest photo they are from among."""
    values = {"photos": list(photos), "seen": seen, "made_at": timezone.now()}
    Likeness.objects.update_or_create(image=image, defaults=values)


def accept_undo(*, dataset: Dataset, operation: uuid.UUID, actor: User) -> LabelOutcome:
    """Take back labels and refusals of one `group_accept`, and fit again."""
    RefusedGuess.objects.filter(image__dataset=dataset, operation=operation).delete()
    outcome = operation_undo(dataset=dataset, operation=operation, actor=actor)
    fit_request(dataset=dataset, created_by=actor)
    return outcome
