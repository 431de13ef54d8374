"""What differs between two frozen versions of a data set, or between one and the data set as it is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from webapp.datasets.models import Dataset, ImageState
from webapp.snapshots.models import Snapshot, SnapshotClass, SnapshotItem, Transform

# Photos that the page shows of each kind of change; the figures count them all.
SHOWN = 48
KINDS = ("added", "removed", "relabelled", "moved")


@dataclass(frozen=True)
class Names:
    """A class as one of the two sides calls it."""

    key: str
    name_en: str
    name_zh: str
    bin: str
    colour: str


@dataclass(frozen=True)
class Side:
    """One of the two: photos (hash to class key and split, "" where there is none), and its classes by key."""

    photos: Mapping[str, tuple[str, str]]
    classes: Mapping[str, Names]


@dataclass(frozen=True)
class Changed:
    """A photo that differs: where it was and where it is, None on the side that lacks it."""

    sha256: str
    old: Names | None
    new: Names | None
    old_split: str
    new_split: str


@dataclass(frozen=True)
class ClassChange:
    names: Names
    old: int
    new: int
    added: int
    removed: int
    came: int
    went: int

    @property
    def difference(self) -> int:
        return self.new - self.old


@dataclass
class Diff:
    """Counts of all changes by kind, some photos of each, and the classes in which anything changed."""

    counts: Counter[str] = field(default_factory=Counter)
    photos: dict[str, list[Changed]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    pairs: list[tuple[Names, Names, int]] = field(default_factory=list)
    classes: list[ClassChange] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not any(self.counts.values())


def side_of_snapshot(snapshot: Snapshot) -> Side:
    """Photos as they were frozen; mirrored copies follow theirs and are left out."""
    classes = {
        row.pk: Names(row.key, row.name_en, row.name_zh, row.bin, row.colour)
        for row in SnapshotClass.objects.filter(snapshot=snapshot)
    }
    rows = SnapshotItem.objects.filter(snapshot=snapshot, transform=Transform.ORIGINAL).order_by()
    photos = {
        sha256: (classes[label].key, split)
        for sha256, label, split in rows.values_list("sha256", "label", "split").iterator()
    }
    return Side(photos, {one.key: one for one in classes.values()})


def side_of_dataset(dataset: Dataset) -> Side:
    """What a snapshot would hold now: accepted photos with a label. They have no split."""
    classes = {
        row.pk: Names(row.key, row.name_en, row.name_zh, row.category.bin if row.category else "", row.colour)
        for row in dataset.classes.select_related("category")
    }
    rows = dataset.images.filter(state=ImageState.ACCEPTED, label__isnull=False).order_by()
    photos = {
        sha256: (classes[label].key, "") for sha256, label in rows.values_list("sha256", "label").iterator()
    }
    return Side(photos, {one.key: one for one in classes.values()})


def diff_of(old: Side, new: Side) -> Diff:
    """`moved` photos have another split, and are counted only where both sides have splits."""
    found = Diff()
    flows: Counter[tuple[str, str]] = Counter()
    for sha256 in sorted(old.photos.keys() | new.photos.keys()):
        (was, was_split), (now, now_split) = (
            old.photos.get(sha256, ("", "")),
            new.photos.get(sha256, ("", "")),
        )
        if was != now:
            flows[was, now] += 1
            kind = "added" if not was else "removed" if not now else "relabelled"
        elif was_split and now_split and was_split != now_split:
            kind = "moved"
        else:
            continue
        found.counts[kind] += 1
        if len(found.photos[kind]) < SHOWN:
            names = old.classes.get(was), new.classes.get(now)
            found.photos[kind].append(Changed(sha256, *names, was_split, now_split))
    found.pairs = [
        (old.classes[was], new.classes[now], n) for (was, now), n in flows.most_common() if was and now
    ]
    found.classes = _class_changes(old, new, flows)
    return found


def _class_changes(old: Side, new: Side, flows: Counter[tuple[str, str]]) -> list[ClassChange]:
    before = Counter(key for key, _split in old.photos.values())
    after = Counter(key for key, _split in new.photos.values())
    changes = [
        ClassChange(
            names=new.classes.get(key) or old.classes[key],
            old=before[key],
            new=after[key],
            added=flows["", key],
            removed=flows[key, ""],
            came=sum(n for (was, now), n in flows.items() if now == key and was),
            went=sum(n for (was, now), n in flows.items() if was == key and now),
        )
        for key in sorted({key for pair in flows for key in pair if key})
    ]
    return sorted(changes, key=lambda one: -(one.added + one.removed + one.came + one.went))
