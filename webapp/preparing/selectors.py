"""Reads of preparations: the steps with their last run, counts of rules, the photos of an enhanced snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from webapp.datasets.models import Dataset, Image
from webapp.jobs.models import JobState
from webapp.preparing.models import Preparation, Step
from webapp.preparing.rules import ACTIVE, NAMES, Limits
from webapp.snapshots.models import Snapshot, SnapshotClass, SnapshotItem, Split, Transform

SAMPLES = 6
TILES = 60


def runs_of(dataset: Dataset) -> QuerySet[Preparation]:
    """All runs of all steps with their jobs, without what no list shows."""
    rows = dataset.preparations.select_related("job", "created_by", "dataset")
    return rows.defer("details", "job__log_tail", "job__payload")


def latest_of_steps(dataset: Dataset) -> dict[str, Preparation]:
    """Step → its newest run, in one query."""
    newest = dataset.preparations.order_by().values("step").annotate(last=Max("id")).values("last")
    return {one.step: one for one in runs_of(dataset).filter(pk__in=newest)}


@dataclass(frozen=True)
class RuleCount:
    rule: str
    name: str
    n: int
    sha256s: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleCounts:
    """What the rules would catch now, of `photos` that are not in quarantine; a photo may break several."""

    photos: int
    caught: int
    rules: list[RuleCount]


def rule_counts(dataset: Dataset, limits: Limits) -> RuleCounts:
    """All rules in one aggregate: the rows are read once."""
    queries = limits.queries()
    counted = {rule: Count("pk", filter=query) for rule, query in queries.items()}
    found = _active(dataset).aggregate(photos=Count("pk"), caught=Count("pk", filter=limits.any()), **counted)
    rules = [RuleCount(rule, str(NAMES[rule]), found[rule]) for rule in queries]
    return RuleCounts(found["photos"], found["caught"], rules)


def rule_samples(dataset: Dataset, limits: Limits) -> list[RuleCount]:
    """The newest few photos that each rule catches, a query a rule; `n` is how many are shown."""
    found = []
    for rule, query in limits.queries().items():
        rows = _active(dataset).filter(query).order_by("-id").values_list("sha256", flat=True)[:SAMPLES]
        shas = tuple(rows)
        if shas:
            found.append(RuleCount(rule, str(NAMES[rule]), len(shas), shas))
    return found


def _active(dataset: Dataset) -> QuerySet[Image]:
    return dataset.images.filter(state__in=ACTIVE).order_by()


def caught_photos(preparation: Preparation, size: int = 24) -> list[Image]:
    """The first photos that a run of the rules moved."""
    if preparation.operation is None:
        return []
    rows = Image.objects.filter(events__operation=preparation.operation).order_by("events__id")
    return list(rows.only("sha256", "original_name", "state", "state_reason")[:size])


@dataclass(frozen=True)
class LeftOut:
    """Photos and copies of one class that a cap leaves out, a page of them."""

    key: str
    n: int
    tiles: list[tuple[str, str, str]]
    """(sha256, transform, name)."""
    next_from: int | None


def left_out(preparation: Preparation, key: str, start: int) -> LeftOut | None:
    """None for a class of which nothing was left out. What is gone from the data set is skipped."""
    rows: Sequence[Sequence[int]] = preparation.details.get("left", {}).get(key, ())
    if not rows:
        return None
    part = rows[start : start + TILES]
    images = Image.objects.only("sha256", "original_name").in_bulk([pk for pk, _transform in part])
    transforms = Transform.values
    tiles = [
        (images[pk].sha256, transforms[transform], str(images[pk])) for pk, transform in part if pk in images
    ]
    following = start + TILES
    return LeftOut(key, len(rows), tiles, following if following < len(rows) else None)


@dataclass(frozen=True)
class EnhancedFilter:
    """Empty fields do not restrict."""

    label: str = ""
    split: str = ""
    transform: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> EnhancedFilter:
        split, transform = query.get("split", ""), query.get("transform", "")
        return cls(
            label=str(query.get("class", "")),
            split=split if split in Split.values else "",
            transform=transform if transform in Transform.values else "",
        )


@dataclass(frozen=True)
class EnhancedPage:
    items: list[SnapshotItem]
    next_after: int | None


def enhanced_page(snapshot: Snapshot, chosen: EnhancedFilter, *, after: int | None) -> EnhancedPage:
    """A keyset page of a snapshot's photos and copies, in the order they were frozen: a photo before its copies."""
    rows = SnapshotItem.objects.filter(snapshot=snapshot).select_related("label")
    rows = rows.only("sha256", "split", "transform", "label__key", "label__name_en", "label__name_zh",
                     "label__bin")  # fmt: skip
    if chosen.label:
        rows = rows.filter(label__key=chosen.label)
    if chosen.split:
        rows = rows.filter(split=chosen.split)
    if chosen.transform:
        rows = rows.filter(transform=chosen.transform)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = list(rows.order_by("id")[: TILES + 1])
    return EnhancedPage(found[:TILES], found[TILES - 1].pk if len(found) > TILES else None)


def transform_counts(snapshot: Snapshot) -> dict[str, int]:
    """Photos by transform."""
    rows = SnapshotItem.objects.filter(snapshot=snapshot).order_by()
    return dict(rows.values_list("transform").annotate(n=Count("id")))


def enhanced_classes(snapshot: Snapshot) -> list[SnapshotClass]:
    return list(snapshot.classes.all())


def enhancing_of(snapshot: Snapshot) -> Preparation | None:
    """The newest run that makes, or made, the files of this snapshot."""
    mine = runs_of(snapshot.dataset).filter(step=Step.ENHANCE, settings__snapshot=snapshot.number)
    return mine.exclude(job__state=JobState.CANCELLED).first()


def has_flips(dataset: Dataset, sha256: str) -> bool:
    """Whether the photo is one of the data set's, or stands in one of its snapshots."""
    in_snapshot = Q(snapshot__dataset=dataset, sha256=sha256)
    return dataset.images.filter(sha256=sha256).exists() or SnapshotItem.objects.filter(in_snapshot).exists()


def enhanced_snapshots(dataset: Dataset) -> QuerySet[Snapshot]:
    """Newest first."""
    return dataset.snapshots.filter(enhanced=True).select_related("job")
