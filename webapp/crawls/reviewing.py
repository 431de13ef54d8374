"""Decisions about the photos that crawls brought: many at once, as one act that is undone as a whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from webapp.accounts.models import User
from webapp.core.pagination import chunks
from webapp.crawls.homes import classes_at
from webapp.crawls.models import CrawlItem, CrawlVerdict
from webapp.crawls.selectors import candidates_of_class
from webapp.crawls.services import rank_request
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass, Source
from webapp.datasets.undoing import operation_undo

NOT_OF_CLASS = _("not %(name)s")
COPY_OF = _("near-duplicate of %(name)s")
# “Refuse everything below” may name thousands.
_LEADS_A_READ = 500


@dataclass(frozen=True)
class Review:
    """What an act did, by image id. `copies` were decided with the photo they stand behind; `stale` were changed by
    someone else meanwhile, and left alone. `operation` undoes it.
    """

    operation: uuid.UUID
    taken: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    copies: tuple[int, ...] = ()
    stale: tuple[int, ...] = ()


def review_decide(
    *,
    label_class: LabelClass,
    take: Mapping[int, int],
    refuse: Mapping[int, int],
    actor: User | None,
) -> Review:
    """Photos (image id to the version seen) become photos of the class, or go to quarantine.

    Near-duplicates of a photo stand behind it on the page: they are decided with it. LabelError where the class was
    closed meanwhile.
    """
    dataset, operation = label_class.dataset, uuid.uuid4()
    behind = copies_of(label_class, [*take, *refuse])
    taken = images_label(
        dataset=dataset, ids=take, label=label_class, actor=actor, versions=take, operation=operation
    )
    reason = NOT_OF_CLASS % {"name": label_class.key}
    refused = images_set_state(
        dataset=dataset,
        ids=refuse,
        state=ImageState.QUARANTINED,
        actor=actor,
        reason=reason,
        versions=refuse,
        operation=operation,
    )
    copies: list[int] = []
    said = {lead: COPY_OF % {"name": _name_of(dataset, lead)} for lead in taken.changed if lead in behind}
    asides = [(behind[lead], words) for lead, words in said.items()]
    # Of the refused there may be thousands: they share a reason, so they are one act.
    asides.append(([one for lead in refused.changed for one in behind.get(lead, ())], reason))
    for ids, words in asides:
        outcome = images_set_state(
            dataset=dataset,
            ids=ids,
            state=ImageState.QUARANTINED,
            actor=actor,
            reason=words,
            operation=operation,
        )
        copies += outcome.changed
    if taken.changed or refused.changed:
        rank_request(label_class=label_class, created_by=actor)
    return Review(operation, taken.changed, refused.changed, tuple(copies), (*taken.stale, *refused.stale))


def review_undo(*, label_class: LabelClass, operation: uuid.UUID, actor: User | None) -> tuple[int, ...]:
    """Take an act back; the ids of the photos that wait again."""
    outcome = operation_undo(dataset=label_class.dataset, operation=operation, actor=actor)
    rank_request(label_class=label_class, created_by=actor)
    return outcome.changed


def refused_for_others(label_class: LabelClass, images: Iterable[int]) -> set[int]:
    """Those of the images that a review refused as not of some other class, and that were never found for this one."""
    own, dataset = classes_at(label_class), label_class.dataset
    keys = dataset.classes.exclude(pk__in=own).values_list("key", flat=True)
    rows = Image.objects.filter(
        pk__in=list(images), state=ImageState.QUARANTINED, label=None, source=Source.CRAWL,
        state_reason__in=[NOT_OF_CLASS % {"name": key} for key in keys],
    )  # fmt: skip
    before = CrawlItem.objects.filter(crawl__label_class__in=own, verdict=CrawlVerdict.SAVED)
    return set(rows.exclude(crawl_items__in=before).values_list("pk", flat=True))


def copies_of(label_class: LabelClass, leads: Iterable[int]) -> dict[int, list[int]]:
    """Image ids that stand behind each of these images on the page, none where there are none."""
    waiting = candidates_of_class(label_class).filter(verdict=CrawlVerdict.SAVED)
    found: dict[int, list[int]] = {}
    for part in chunks(leads, _LEADS_A_READ):
        rows = waiting.filter(image__in=part, group__gt=0, is_lead=True).values_list("group", "image_id")
        group_of = dict(rows)
        members = waiting.filter(group__in=list(group_of), is_lead=False).values_list("group", "image_id")
        for group, image in members:
            found.setdefault(group_of[group], []).append(image)
    return found


def _name_of(dataset: Dataset, image: int) -> str:
    return str(dataset.images.only("original_name", "sha256").get(pk=image))
