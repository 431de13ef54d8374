"""Reads of the review queue: who has what, what is free, and how the inbox was put in order."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from webapp.accounts.models import Role, User
from webapp.datasets.filters import ImageFilter, images_matching
from webapp.datasets.models import Dataset, Image, ImageState, LabelEvent
from webapp.datasets.selectors_gallery import sorted_images
from webapp.jobs.models import UNFINISHED, Job, JobKind, JobState
from webapp.publishing.models import Bundle
from webapp.reviewing.models import Share

# Given in one act: some two seconds of short writes.
MOST_AT_ONCE = 10_000
MAX_PEOPLE = 100
ACTS_SHOWN = 20
LABELLERS = [role for role in Role if role.rank >= Role.ANNOTATOR.rank]
_MAY_LABEL = Q(annotator__is_active=True, annotator__role__in=LABELLERS)


def people_who_label() -> QuerySet[User]:
    return User.objects.filter(is_active=True, role__in=LABELLERS).order_by("username")


def held_shares(dataset: Dataset) -> QuerySet[Share]:
    """Shares of people who may label. Those of whoever lost that are free again, without anybody doing anything."""
    return Share.objects.filter(_MAY_LABEL, dataset=dataset).order_by()


def is_free(dataset: Dataset) -> Q:
    """Photos that nobody holds."""
    void = Share.objects.filter(dataset=dataset).exclude(_MAY_LABEL).order_by()
    return Q(share=None) | Q(share__in=void.values("pk"))


def held_photos(dataset: Dataset, image_filter: ImageFilter) -> int:
    """How many photos of the inbox that pass the filter somebody holds: counted from the shares, not from the inbox."""
    inbox = image_filter.changed(state=ImageState.INBOX.value)
    return images_matching(dataset, inbox).filter(share__in=held_shares(dataset).values("pk")).count()


def held_by_others(dataset: Dataset, person: User) -> Q:
    return Q(share__in=held_shares(dataset).exclude(annotator=person).values("pk"))


def shares_of(dataset: Dataset, username: str) -> QuerySet[Share]:
    return held_shares(dataset).filter(annotator__username=username)


def waiting_of(dataset: Dataset, person: User) -> QuerySet[Image]:
    """What is left of a person's photos, whether they may still label or not, in the order they were given."""
    shares = Share.objects.filter(dataset=dataset, annotator=person).order_by().values("pk")
    return dataset.images.filter(state=ImageState.INBOX, share__in=shares).order_by("share_place", "pk")


def free_photos(dataset: Dataset, image_filter: ImageFilter) -> QuerySet[Image]:
    """Photos of the inbox that pass the filter and are nobody's, in its order."""
    inbox = image_filter.changed(state=ImageState.INBOX.value)
    return sorted_images(dataset, inbox).filter(is_free(dataset))


def last_place(dataset: Dataset, person: User) -> int:
    """The how-manieth of theirs a person's last photo is."""
    shares = Share.objects.filter(dataset=dataset, annotator=person).order_by().values("pk")
    rows = dataset.images.order_by().filter(state__in=ImageState.values, share__in=shares)
    return rows.aggregate(last=Max("share_place"))["last"] or 0


@dataclass(frozen=True)
class Progress:
    """Photos of shares that are not finished; `held`: of all shares, what was taken back or handed over aside."""

    done: int
    total: int
    held: int = 0

    @property
    def waiting(self) -> int:
        return self.total - self.done

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 0.0


@dataclass
class Act:
    """One giving, to one person or several."""

    operation: uuid.UUID
    given_by: str
    sort: str
    created_at: datetime
    people: list[str] = field(default_factory=list)
    done: int = 0
    total: int = 0

    @property
    def waiting(self) -> int:
        return self.total - self.done


@dataclass(frozen=True)
class Holder:
    """A person, and what they have. `is_gone`: they may not label any more, and theirs is free to be given."""

    person: User
    progress: Progress
    is_gone: bool


@dataclass(frozen=True)
class Board:
    """Who has what: `holders` with something unfinished, and the last acts of giving."""

    holders: list[Holder]
    acts: list[Act]
    waiting: int
    """Photos that somebody holds."""

    @property
    def by_person(self) -> dict[int, int]:
        return {one.person.pk: one.progress.waiting for one in self.holders}


def board(dataset: Dataset) -> Board:
    """In two queries, whatever was given to however many."""
    shares = list(
        Share.objects.filter(dataset=dataset).select_related("annotator", "given_by").order_by("-pk")
    )
    counts = _counts(dataset, shares)
    by_person: dict[User, list[tuple[int, int]]] = defaultdict(list)
    acts: dict[uuid.UUID, Act] = {}
    for one in shares:
        done, total = counts.get(one.pk, (0, 0))
        if not total:
            continue  # all of it was taken back
        if done < total:
            by_person[one.annotator].append((done, total))
        giver = one.given_by.username if one.given_by else "–"
        act = acts.setdefault(one.operation, Act(one.operation, giver, one.sort, one.created_at))
        act.people.insert(0, one.annotator.username)
        act.done, act.total = act.done + done, act.total + total
    holders = [
        Holder(person, _progress(counted), not person.may(Role.ANNOTATOR))
        for person, counted in by_person.items()
    ]
    holders.sort(key=lambda one: one.person.username)
    waiting = sum(one.progress.waiting for one in holders if not one.is_gone)
    return Board(holders, list(acts.values())[:ACTS_SHOWN], waiting)


def queue_progress(dataset: Dataset, username: str) -> Progress:
    """How far a person is with what they were given and have not finished."""
    counted = _counts(dataset, list(shares_of(dataset, username))).values()
    progress = _progress(one for one in counted if one[0] < one[1])
    return replace(progress, held=sum(total for _done, total in counted))


def _progress(counted: Iterable[tuple[int, int]]) -> Progress:
    pairs = list(counted)
    return Progress(sum(done for done, _total in pairs), sum(total for _done, total in pairs))


def _counts(dataset: Dataset, shares: list[Share]) -> dict[int, tuple[int, int]]:
    """Share to (photos that left the inbox, all its photos); an index answers, no row is read."""
    rows = dataset.images.order_by().filter(
        state__in=ImageState.values, share__in=[one.pk for one in shares], share__isnull=False
    )
    found: dict[int, tuple[int, int]] = {}
    for share, state, n in rows.values_list("share", "state").annotate(n=Count("pk")):
        done, total = found.get(share, (0, 0))
        found[share] = (done + (n if state != ImageState.INBOX else 0), total + n)
    return found


# The order of the inbox.


@dataclass(frozen=True)
class OrderState:
    """How the inbox was put in order, and whether that is out of date."""

    job: Job | None
    """The last one that ended well: its `result` says by what."""
    working: Job | None
    failed: Job | None
    """The last one, where it did not end well."""
    fresh: int
    """Photos that came since: they stand at the end."""
    relabelled: bool
    """By a probe, and labels were given since."""
    model_changed: bool
    model: Bundle | None
    """Whose doubt an order would be by now."""

    @property
    def is_stale(self) -> bool:
        return bool(self.fresh or self.relabelled or self.model_changed)

    @property
    def by_choice(self) -> bool:
        """Whether a person chose the probe though there was a model: so does whoever has it done again."""
        return self.job is not None and self.job.payload.get("by") == "labels"

    @property
    def by(self) -> str:
        """model, labels or nothing; "" before the first order."""
        return str(self.job.result.get("by", "")) if self.job else ""


def current_model(dataset: Dataset) -> Bundle | None:
    """The bundle that is published, else that of the newest run that succeeded."""
    bundles = Bundle.objects.filter(run__dataset=dataset).select_related("run").defer("labels", "run__steps")
    published = bundles.filter(publications__is_current=True).first()
    return published or bundles.filter(run__job__state=JobState.SUCCEEDED).order_by("-run__number").first()


def order_state(dataset: Dataset) -> OrderState:
    jobs = Job.objects.filter(dataset=dataset, kind=JobKind.ORDER).defer("log_tail")
    working = jobs.filter(state__in=UNFINISHED).select_related("dataset", "after").order_by("pk").first()
    ended = jobs.exclude(state__in=UNFINISHED).order_by("-pk").first()
    done = jobs.filter(state=JobState.SUCCEEDED).order_by("-pk").first()
    failed = ended if ended is not None and ended.state == JobState.FAILED else None
    model = current_model(dataset)
    if done is None:
        return OrderState(None, working, failed, 0, False, False, model)
    seen: dict[str, int] = done.result.get("seen", {})
    fresh = dataset.images.filter(state=ImageState.INBOX, pk__gt=seen.get("image", 0)).order_by().count()
    by_model = done.result.get("by") == "model"
    events = LabelEvent.objects.filter(pk__gt=seen.get("event", 0), image__dataset=dataset)
    relabelled = not by_model and events.exists()
    asked = (done.result.get("model") or {}).get("digest")
    changed = by_model and model is not None and model.digest != asked
    return OrderState(done, working, failed, fresh, relabelled, changed, model)


def photos_to_order(dataset: Dataset) -> list[dict[str, Any]]:
    """Lines of `python -m ml order`, each with the photo's `id`: the last labels, then the inbox."""
    from webapp.guessing.selectors import labelled_to_fit

    rows = dataset.images.filter(state=ImageState.INBOX).order_by("pk").values_list("pk", "sha256")
    return [*labelled_to_fit(dataset), *({"id": pk, "sha256": sha, "label": None} for pk, sha in rows)]
