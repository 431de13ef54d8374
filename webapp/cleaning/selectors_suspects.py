"""Reads of doubts: how many are open, and a page of them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from webapp.cleaning.models import ACTIVE, Suspect, SuspectKind
from webapp.core.pagination import whole_number
from webapp.datasets.models import Dataset
from webapp.jobs.models import UNFINISHED, Job, JobKind

PAGE = 24


def _asks(kind: str) -> Q:
    """The photo is not in quarantine and carries the label that was checked."""
    asks = Q(kind=kind, verdict="", image__state__in=ACTIVE)
    return asks & Q(image__label_id=F("given_id")) if kind == SuspectKind.LABEL else asks


def open_suspects(dataset: Dataset, kind: str) -> QuerySet[Suspect]:
    """Doubts that still ask something."""
    return dataset.suspects.filter(_asks(kind))


@dataclass(frozen=True)
class SuspectCounts:
    label: int
    odd: int
    decided: int


def suspect_counts(dataset: Dataset) -> SuspectCounts:
    """All of them in one query."""
    counted = dataset.suspects.order_by().aggregate(
        label=Count("pk", filter=_asks(SuspectKind.LABEL)),
        odd=Count("pk", filter=_asks(SuspectKind.ODD)),
        decided=Count("pk", filter=~Q(verdict="")),
    )
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
    shown = with_all(rows.order_by(f"-{key}", "-pk"))[: size + 1]
    found = list(shown)
    return SuspectPage(found[:size], str(found[size - 1].pk) if len(found) > size else "")


def with_all(rows: QuerySet[Suspect]) -> QuerySet[Suspect]:
    """Everything that one of them shows, in the same query."""
    names = ("image__label", "given__category", "suggested__category", "decided_by", "dataset")
    return rows.select_related(*names).defer("image__channel_sums")


def latest_check(dataset: Dataset) -> Job | None:
    rows = Job.objects.filter(dataset=dataset, kind=JobKind.SUSPICION).exclude(state__in=UNFINISHED)
    return rows.defer("log_tail").order_by("-id").first()


def unfinished_check(dataset: Dataset) -> Job | None:
    rows = Job.objects.filter(dataset=dataset, kind=JobKind.SUSPICION, state__in=UNFINISHED)
    return rows.select_related("dataset", "after").defer("log_tail").order_by("id").first()
