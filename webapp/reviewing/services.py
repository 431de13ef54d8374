"""Writers of the review queue: who is given which photos, and in which order an inbox is to be looked at."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Case, IntegerField, Q, Value, When

from webapp.accounts.models import User
from webapp.core.pagination import chunks
from webapp.datasets.acts import CHUNK, PAUSE_SECONDS
from webapp.datasets.filters import GIVEN, WORKED_OUT
from webapp.datasets.models import Dataset, Image, ImageState
from webapp.jobs.models import Job, JobKind
from webapp.jobs.services import look_request
from webapp.reviewing.models import Share
from webapp.reviewing.selectors import is_free, last_place, waiting_of


@dataclass(frozen=True)
class Given:
    """What an act gave: photos by person. `left_out` were taken by somebody else, or looked at, meanwhile."""

    operation: uuid.UUID
    by_person: Mapping[User, int]
    left_out: int

    @property
    def n(self) -> int:
        return sum(self.by_person.values())


def photos_give(
    *,
    dataset: Dataset,
    ids: Sequence[int],
    people: Sequence[User],
    given_by: User,
    sort: str = "",
    of_more: bool = False,
) -> Given:
    """Deal photos out, one to each in turn, so that all have as many and as soon of the order of `ids`.

    Only photos of the inbox that nobody holds are given: each UPDATE asks that again, so of two curators who give the
    same photo at the same moment one does. `sort` is the order they were taken in; `of_more`: there were more
    photos to take, so that an order which a model made has chosen these.
    """
    act = _Act(dataset, given_by, sort, of_more and sort in WORKED_OUT, is_free(dataset))
    return act.deal(ids, people)


def photos_hand_over(*, dataset: Dataset, person: User, to: Sequence[User], given_by: User) -> Given:
    """What is left of a person's photos goes to others, in the order it had."""
    waiting = list(waiting_of(dataset, person).values_list("pk", "share", "share__model_chose"))
    # One share that a model chose makes what it is mixed with no fair sample either.
    model_chose = any(chosen for _pk, _share, chosen in waiting)
    act = _Act(dataset, given_by, GIVEN, model_chose, Q(share__in={share for _pk, share, _chosen in waiting}))
    return act.deal([pk for pk, _share, _chosen in waiting], to)


@dataclass(frozen=True)
class _Act:
    """One giving; `held`: whose the photos must be still, when each is written."""

    dataset: Dataset
    given_by: User
    sort: str
    model_chose: bool
    held: Q

    def deal(self, ids: Sequence[int], people: Sequence[User]) -> Given:
        operation = uuid.uuid4()
        by_person: dict[User, int] = {}
        for turn, person in enumerate(people):
            own = list(ids[turn :: len(people)])
            if not own:
                continue
            share = Share.objects.create(
                dataset=self.dataset, annotator=person, given_by=self.given_by, operation=operation,
                sort=self.sort, model_chose=self.model_chose,
            )  # fmt: skip
            first = last_place(self.dataset, person) + 1
            by_person[person] = sum(
                self._give(share, part, first + number * CHUNK)
                for number, part in enumerate(chunks(own, CHUNK))
            )
        return Given(operation, by_person, len(ids) - sum(by_person.values()))

    def _give(self, share: Share, ids: list[int], first: int) -> int:
        """How many of `ids` the share got; each keeps its place even where one before it was not to be had."""
        places = [When(pk=pk, then=Value(first + n)) for n, pk in enumerate(ids)]
        rows = Image.objects.filter(self.held, dataset=self.dataset, state=ImageState.INBOX, pk__in=ids)
        with transaction.atomic():
            n = rows.update(
                share=share, share_place=Case(*places, default=Value(0), output_field=IntegerField())
            )
        time.sleep(PAUSE_SECONDS)  # lets a person's click in between
        return n


def photos_take_back(
    *, dataset: Dataset, person: User | None = None, operation: uuid.UUID | None = None
) -> int:
    """What is left of a person's photos, or of one act, is nobody's again; how many. What has a label stays counted."""
    assert person is not None or operation is not None
    shares = Share.objects.filter(dataset=dataset)
    if person is not None:
        shares = shares.filter(annotator=person)
    if operation is not None:
        shares = shares.filter(operation=operation)
    chosen = list(shares.values_list("pk", flat=True))
    waiting = dataset.images.filter(state=ImageState.INBOX, share__in=chosen).order_by()
    n = 0
    for ids in chunks(list(waiting.values_list("pk", flat=True)), CHUNK):
        # Asked again: it may have been handed over, or got a label, since it was read.
        n += waiting.filter(pk__in=ids).update(share=None, share_place=0)
        time.sleep(PAUSE_SECONDS)
    return n


def order_request(*, dataset: Dataset, created_by: User | None, by_labels: bool = False) -> Job:
    """Asks for the inbox to be put in order: by the current model's doubt, or by what the labels say so far."""
    payload = {"by": "labels"} if by_labels else {}
    return look_request(kind=JobKind.ORDER, dataset=dataset, created_by=created_by, payload=payload)


def order_save(
    *,
    dataset: Dataset,
    rows: Mapping[int, tuple[float, float]],
    check: Callable[[], None] = lambda: None,
    progress: Callable[[float], None] = lambda _share: None,
) -> None:
    """Write (uncertainty, variety) of photos by id; only what differs is written. Safe to repeat after a crash."""
    inbox = dataset.images.filter(state=ImageState.INBOX).order_by()
    stored = inbox.values_list("pk", "uncertainty", "variety")
    changed = [pk for pk, *before in stored.iterator() if pk in rows and tuple(before) != rows[pk]]
    written = 0
    for part in chunks(changed, CHUNK):
        check()
        images = [Image(pk=pk, uncertainty=rows[pk][0], variety=rows[pk][1]) for pk in part]
        Image.objects.bulk_update(images, ["uncertainty", "variety"])
        written += len(part)
        progress(written / len(changed))
        time.sleep(PAUSE_SECONDS)
