"""Writers for the worker that looks for near-duplicates: the groups it found, and which images it has compared.

A person may decide while it looks. Each write names the version of the group that the look began with; where that is
past, the person's word stands and the images count as new for the next look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from webapp.cleaning.models import ACTIVE, ComparedImage, DuplicateGroup, DuplicateMember, GroupState
from webapp.core.pagination import chunks
from webapp.datasets.models import Dataset, Image

ROWS_A_WRITE = 200
Pair = tuple[int, int, float | None, int, bool]


@dataclass(frozen=True)
class Found:
    """A group as the look found it: image ids, the best first, and what lies between each two of them."""

    members: tuple[int, ...]
    pairs: tuple[Pair, ...]

    def of(self, members: Sequence[int]) -> Found:
        """What is left of it with these members alone."""
        kept = set(members)
        return Found(tuple(members), tuple(one for one in self.pairs if one[0] in kept and one[1] in kept))


@dataclass
class Arranged:
    """How many groups were written, and the images that have to be looked at again."""

    written: int = 0
    again: set[int] = field(default_factory=set)


def groups_tidy(*, dataset: Dataset) -> None:
    """Before a look: what has left the data set is compared anew if it comes back, as is what it was grouped with."""
    gone = ComparedImage.objects.filter(dataset=dataset).exclude(image__state__in=ACTIVE)
    for chunk in chunks(list(gone.values_list("pk", flat=True)), ROWS_A_WRITE):
        ComparedImage.objects.filter(pk__in=chunk).delete()
    broken = DuplicateMember.objects.filter(group__dataset=dataset, is_open=True).exclude(
        image__state__in=ACTIVE
    )
    groups = dataset.duplicate_groups.filter(state=GroupState.OPEN, pk__in=broken.order_by().values("group"))
    for pk, version in list(groups.values_list("pk", "version")):
        group_dissolve(pk=pk, version=version)


def group_dissolve(*, pk: int, version: int) -> bool:
    """Takes an open group apart; its images count as new. False where somebody changed it meanwhile."""
    with transaction.atomic():
        group = DuplicateGroup.objects.filter(pk=pk, version=version, state=GroupState.OPEN)
        images = list(DuplicateMember.objects.filter(group__in=group).values_list("image", flat=True))
        if not group.delete()[0]:
            return False
        ComparedImage.objects.filter(pk__in=images).delete()
    return True


def groups_arrange(
    *,
    dataset: Dataset,
    found: Sequence[Found],
    replaced: Mapping[int, int],
    check: Callable[[], None] = lambda: None,
) -> Arranged:
    """Writes the groups of a look over the open ones that it replaces (id to the version it knew).

    A group that has the same members as before is left as it is. Safe to repeat after a kill.
    `check` is called between the short transactions and may raise to stop.
    """
    old = {pk: set(members) for pk, members in _members_of(replaced).items()}
    matched = _matched(found, old)
    arranged = Arranged()
    busy: set[int] = set()
    versions = dict(replaced)
    for pk, members in old.items():
        new = matched.get(pk)
        if new is not None and set(found[new].members) == members:
            continue
        leaves = members if new is None else members - set(found[new].members)
        if _released(pk, versions[pk], leaves, is_gone=new is None):
            versions[pk] += 1
        else:
            busy |= members
    groups = {place: pk for pk, place in matched.items()}
    for place, one in enumerate(found):
        check()
        target = groups.get(place)
        if target is not None and set(one.members) == old[target]:
            continue
        if busy.isdisjoint(one.members) and _written(dataset, one, target, versions.get(target or 0, 0)):
            arranged.written += 1
        else:
            arranged.again |= set(one.members)
    return arranged


def _members_of(groups: Iterable[int]) -> dict[int, list[int]]:
    """Image ids by group, also of one that was decided meanwhile."""
    members: dict[int, list[int]] = {pk: [] for pk in groups}
    for chunk in chunks(members, ROWS_A_WRITE):
        rows = DuplicateMember.objects.filter(group__in=chunk).order_by()
        for group, image in rows.values_list("group", "image"):
            members[group].append(image)
    return members


def _matched(found: Sequence[Found], old: Mapping[int, Collection[int]]) -> dict[int, int]:
    """Old group to the place of the new one that goes on under its id: the first that holds any of its members."""
    home = {image: pk for pk, members in old.items() for image in members}
    matched: dict[int, int] = {}
    for place, one in enumerate(found):
        candidates = [home[image] for image in one.members if image in home and home[image] not in matched]
        if candidates:
            matched[candidates[0]] = place
    return matched


def _released(pk: int, version: int, leaves: set[int], *, is_gone: bool) -> bool:
    """Images leave an open group, or it goes altogether; they count as new until they are in their next one."""
    if is_gone:
        return group_dissolve(pk=pk, version=version)
    with transaction.atomic():
        group = DuplicateGroup.objects.filter(pk=pk, version=version, state=GroupState.OPEN)
        if not group.update(version=F("version") + 1):
            return False
        DuplicateMember.objects.filter(group=pk, image__in=leaves).delete()
        ComparedImage.objects.filter(pk__in=leaves).delete()
    return True


def _written(dataset: Dataset, found: Found, pk: int | None, version: int) -> bool:
    active = set(
        Image.objects.filter(pk__in=found.members, state__in=ACTIVE).order_by().values_list("pk", flat=True)
    )
    found = found.of([image for image in found.members if image in active])
    if len(found.members) < 2:
        return False
    # What people did to it was said of other members.
    values: dict[str, Any] = {
        "best_id": found.members[0],
        "best_is_chosen": DuplicateGroup.objects.filter(
            pk=pk or 0, best=found.members[0], best_is_chosen=True
        ).exists(),
        "pairs": [list(pair) for pair in found.pairs],
        "acts": [],
        "last_act": None,
    }
    try:
        with transaction.atomic():
            if pk is None:
                pk = DuplicateGroup.objects.create(dataset=dataset, **values).pk
            elif not DuplicateGroup.objects.filter(pk=pk, version=version, state=GroupState.OPEN).update(
                version=F("version") + 1, **values
            ):
                return False
            DuplicateMember.objects.filter(group=pk).delete()
            DuplicateMember.objects.bulk_create(members_of(pk, found))
    except IntegrityError:
        return False  # an undo has put one of them back into another group meanwhile
    return True


def members_of(group: int, found: Found) -> list[DuplicateMember]:
    """Unsaved rows, each with its likeness to the best."""
    beside = likeness(found.pairs, found.members[0])
    rows = []
    for image in found.members:
        cosine, bits, mirrored = beside.get(image, (None, 0, False))
        rows.append(
            DuplicateMember(
                group_id=group, image_id=image, similarity=cosine, bits=bits, is_mirrored=mirrored
            )
        )
    return rows


def likeness(
    pairs: Iterable[Sequence[int | float | bool | None]], best: int
) -> dict[int, tuple[float | None, int, bool]]:
    """Image id to (cosine, bits, mirrored) between it and `best`."""
    found: dict[int, tuple[float | None, int, bool]] = {}
    for first, second, cosine, bits, mirrored in pairs:
        if best in (first, second):
            other = int((second if first == best else first) or 0)
            found[other] = (None if cosine is None else float(cosine), int(bits or 0), bool(mirrored))
    return found


def images_compared(*, dataset: Dataset, ids: Iterable[int], again: Collection[int]) -> None:
    """These were compared with all others; those in `again` have a pair that found no place in a group."""
    for chunk in chunks(sorted({*ids, *again}), ROWS_A_WRITE):
        there = Image.objects.filter(pk__in=chunk).order_by().values_list("pk", flat=True)
        ComparedImage.objects.bulk_create(
            [ComparedImage(image_id=pk, dataset=dataset, again=pk in again) for pk in there],
            update_conflicts=True,
            unique_fields=["image"],
            update_fields=["again"],
        )
