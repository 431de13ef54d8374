"""Reads of doubts: how many are open, and a page of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from webapp.cleaning.models import ACTIVE, Suspect, SuspectKind
from webapp.core.pagination import whole_number
from webapp.datasets.models import Dataset, LabelClass
from webapp.datasets.undoing import homes_of_closed
from webapp.jobs.models import UNFINISHED, Job, JobKind

PAGE = 24


_OPEN_SUGGESTION = Q(suggested__is_retired=False)


def _asks(kind: str) -> Q:
    """The photo is not in quarantine and carries the label that was checked."""
    asks = Q(kind=kind, verdict="", image__state__in=ACTIVE)
    return asks & Q(image__label_id=F("given_id")) if kind == SuspectKind.LABEL else asks


def _suggests_heir(dataset: Dataset) -> Q:
    """The suggested class was merged since into one that is open, and that the photo is not in already."""
    merged: dict[int, list[int | None]] = defaultdict(list)
    for closed, home in homes_of_closed(dataset).items():
        merged[home].append(closed)
    found = Q(pk__in=())
    for home, closed_ones in merged.items():
        found |= Q(suggested__in=closed_ones) & ~Q(given=home)
    return found


def open_suspects(dataset: Dataset, kind: str) -> QuerySet[Suspect]:
    """Doubts that still ask something: about a label only while there is another class to suggest."""
    rows = dataset.suspects.filter(_asks(kind))
    return rows.filter(_OPEN_SUGGESTION | _suggests_heir(dataset)) if kind == SuspectKind.LABEL else rows


@dataclass(frozen=True)
class SuspectCounts:
    label: int
    odd: int
    decided: int


def suspect_counts(dataset: Dataset) -> SuspectCounts:
    """All of them in one query, and two more where a suggested class was merged since the check."""
    label = _asks(SuspectKind.LABEL)
    counted = dataset.suspects.order_by().aggregate(
        label=Count("pk", filter=label & _OPEN_SUGGESTION),
        odd=Count("pk", filter=_asks(SuspectKind.ODD)),
        decided=Count("pk", filter=~Q(verdict="")),
        merged=Count("pk", filter=label & Q(suggested__merged_into__isnull=False)),
    )
    if counted.pop("merged"):
        counted["label"] += dataset.suspects.filter(label, _suggests_heir(dataset)).count()
    return SuspectCounts(**counted)


@dataclass(frozen=True)
class SuspectPage:
    rows: list[Suspect]
    next_after: str


def suspect_page(
    dataset: Dataset, *, kind: str, decided: bool, after: str = "", size: int = PAGE
) -> SuspectPage:
    """A keyset page, the strongest doubt first, or the last decision first. `after` is the id that ended the page
    before; what is none begins at the top.
    """
    rows = dataset.suspects.exclude(verdict="") if decided else open_suspects(dataset, kind)
    key = "decided_at" if decided else "score"
    if (number := whole_number(after)) is not None:
        here = Suspect.objects.filter(pk=number).values(key)[:1]
        rows = rows.filter(Q(**{f"{key}__lt": here}) | Q(**{key: here, "pk__lt": number}))
    found = suggested_now(dataset, with_all(rows.order_by(f"-{key}", "-pk"))[: size + 1])
    return SuspectPage(found[:size], str(found[size - 1].pk) if len(found) > size else "")


def with_all(rows: QuerySet[Suspect]) -> QuerySet[Suspect]:
    """Everything that one of them shows, in the same query."""
    names = ("image__label", "given__category", "suggested__category", "decided_by", "dataset")
    return rows.select_related(*names).defer("image__channel_sums")


def suggested_now(dataset: Dataset, rows: Iterable[Suspect]) -> list[Suspect]:
    """The rows, each with the class to suggest now: where the one of the check was merged since, the one that took its
    photos; None where it was deleted, or its photos are where this one is. Nothing is saved: an undone merge brings
    the first suggestion back.
    """
    found = list(rows)
    closed = [one for one in found if one.suggested is not None and one.suggested.is_retired]
    if closed:
        homes = homes_of_closed(dataset)
        classes = LabelClass.objects.select_related("category").in_bulk(list(set(homes.values())))
        for one in closed:
            home = homes.get(one.suggested_id)
            one.suggested = classes[home] if home is not None and home != one.given_id else None
    return found


def latest_check(dataset: Dataset) -> Job | None:
    rows = Job.objects.filter(dataset=dataset, kind=JobKind.SUSPICION).exclude(state__in=UNFINISHED)
    return rows.defer("log_tail").order_by("-id").first()


def unfinished_check(dataset: Dataset) -> Job | None:
    rows = Job.objects.filter(dataset=dataset, kind=JobKind.SUSPICION, state__in=UNFINISHED)
    return rows.select_related("dataset", "after").defer("log_tail").order_by("id").first()
