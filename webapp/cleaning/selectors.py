"""Reads of near-duplicates: how many wait for a decision, and a page of groups with their photos."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)

from webapp.cleaning.models import ACTIVE, ComparedImage, DuplicateGroup, DuplicateMember, GroupState
from webapp.cleaning.services import best_of, stamp, worth
from webapp.core.pagination import whole_number
from webapp.datasets.models import Dataset
from webapp.jobs.models import UNFINISHED, Job, JobKind

PAGE = 20
SHOWS = ("all", "conflicts", "decided")


@dataclass(frozen=True)
class GroupCounts:
    open: int
    conflicts: int
    """Of the open ones, those whose photos carry different labels."""


def open_groups(dataset: Dataset) -> QuerySet[Any, Any]:
    """(id, conflict) of the groups that still ask something: two photos or more are not in quarantine. `conflict` is 1
    where labels differ, else 0.

    Both are read from the photos themselves: they change in the gallery, by an import, by an undo. Of the group only
    its id is read, since SQLite would sort by every column that is.
    """
    active = Q(members__image__state__in=ACTIVE)
    return (
        DuplicateGroup.objects.filter(dataset=dataset, state=GroupState.OPEN)
        .order_by()
        .values("pk")
        .annotate(
            n=Count("members", filter=active),
            least=Min("members__image__label_id", filter=active),
            most=Max("members__image__label_id", filter=active),
        )
        .filter(n__gte=2)
        .annotate(
            conflict=Case(
                When(least__lt=F("most"), then=Value(1)), default=Value(0), output_field=IntegerField()
            )
        )
        .values_list("pk", "conflict")
    )


def group_counts(dataset: Dataset) -> GroupCounts:
    rows = list(open_groups(dataset))
    return GroupCounts(len(rows), sum(conflict for _pk, conflict in rows))


def decided_count(dataset: Dataset) -> int:
    return dataset.duplicate_groups.filter(state=GroupState.DECIDED).count()


def has_fresh(dataset: Dataset) -> bool:
    """Whether a photo is there that was not compared with the others."""
    compared = ComparedImage.objects.filter(image=OuterRef("pk"))
    return dataset.images.filter(~Exists(compared), state__in=ACTIVE).order_by().exists()


def has_unplaced(dataset: Dataset) -> bool:
    """Whether a pair waits for a next look because one of its photos stood in another group."""
    return ComparedImage.objects.filter(dataset=dataset, again=True, image__state__in=ACTIVE).exists()


def latest_look(dataset: Dataset) -> Job | None:
    return (
        Job.objects.filter(dataset=dataset, kind=JobKind.DUPLICATES)
        .select_related("dataset", "created_by")
        .defer("log_tail")
        .first()
    )


def unfinished_look(dataset: Dataset) -> Job | None:
    looks = Job.objects.filter(dataset=dataset, kind=JobKind.DUPLICATES, state__in=UNFINISHED)
    return looks.select_related("dataset", "after").defer("log_tail").order_by("id").first()


@dataclass(frozen=True)
class GroupRow:
    """A group with its photos, the best first."""

    group: DuplicateGroup
    members: list[DuplicateMember]
    best: DuplicateMember
    seen: str
    """What a decision has to name; see `services.stamp`."""
    labels: int
    """How many different ones its photos carry."""
    is_labelled: bool
    """Whether all its photos carry one."""

    @property
    def is_conflict(self) -> bool:
        return self.labels > 1

    @property
    def others(self) -> int:
        return len(self.members) - 1


@dataclass(frozen=True)
class GroupPage:
    rows: list[GroupRow]
    next_after: str
    """Names the row that the next page begins after; "" on the last one."""


def group_page(dataset: Dataset, *, show: str, after: str = "", size: int = PAGE) -> GroupPage:
    """A keyset page: open groups, those with different labels first and the newest first among equals; or decided
    ones, the last decision first. `after` is what the page before ended with; what is none begins at the top.
    """
    if show == "decided":
        keys = _decided_keys(dataset, after, size + 1)
    else:
        keys = _open_keys(dataset, after, size + 1, only_conflicts=show == "conflicts")
    groups = DuplicateGroup.objects.select_related("decided_by", "dataset").in_bulk(list(keys)[:size])
    found = [groups[pk] for pk in list(keys)[:size] if pk in groups]
    last = list(keys.values())[size - 1] if len(keys) > size else ""
    return GroupPage(rows_of(found), last)


def group_row(group: DuplicateGroup) -> GroupRow | None:
    """One group as the page shows it; None where it asks nothing any more."""
    return next(iter(rows_of([group])), None)


def rows_of(groups: list[DuplicateGroup]) -> list[GroupRow]:
    """Members of all of them in one query."""
    members: dict[int, list[DuplicateMember]] = defaultdict(list)
    rows = DuplicateMember.objects.filter(group__in=groups).select_related("image__label__category")
    for member in rows.defer("image__channel_sums"):
        members[member.group_id].append(member)
    return [row for group in groups if (row := _row(group, members[group.pk])) is not None]


def _row(group: DuplicateGroup, members: list[DuplicateMember]) -> GroupRow | None:
    if group.state == GroupState.OPEN:
        members = [one for one in members if one.image.state in ACTIVE]
    if len(members) < 2:
        return None
    best = best_of(group, members)
    members = sorted(members, key=lambda one: (one.pk != best.pk, worth(one)))
    labels = {one.image.label_id for one in members if one.image.label_id}
    is_labelled = all(one.image.label_id for one in members)
    return GroupRow(group, members, best, stamp(group, members), len(labels), is_labelled)


def _open_keys(dataset: Dataset, after: str, most: int, *, only_conflicts: bool) -> dict[int, str]:
    """Ids of the page's groups, each with the name of the place after it."""
    rows = open_groups(dataset)
    if only_conflicts:
        rows = rows.filter(conflict=1)
    conflict, _dash, pk = after.partition("-")
    if conflict in ("0", "1") and (number := whole_number(pk)) is not None:
        same = Q(conflict=int(conflict), pk__lt=number)
        rows = rows.filter(same | Q(conflict__lt=int(conflict)))
    return {pk: f"{conflict}-{pk}" for pk, conflict in rows.order_by("-conflict", "-pk")[:most]}


def _decided_keys(dataset: Dataset, after: str, most: int) -> dict[int, str]:
    rows = dataset.duplicate_groups.filter(state=GroupState.DECIDED)
    if (number := whole_number(after)) is not None:
        here = DuplicateGroup.objects.filter(pk=number).values("decided_at")[:1]
        rows = rows.filter(Q(decided_at__lt=here) | Q(decided_at=here, pk__lt=number))
    ids = rows.order_by("-decided_at", "-pk").values_list("pk", flat=True)[:most]
    return {pk: str(pk) for pk in ids}
