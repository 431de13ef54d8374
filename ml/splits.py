"""Which photo trains, which validates, which tests: stratified, seeded, group-aware, and kept for good.

Standard library only, because the site freezes snapshots. Everything is decided by hashes of ids and the
seed, so the order of the input never matters and a photo's lot does not move because another photo came.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ml.manifest import RULES, TRANSFORMS

TRAIN, VAL, TEST, HELD_OUT = "train", "val", "test", "held_out"
_PARTS = (TRAIN, VAL, TEST)
_ORIGINAL = TRANSFORMS[0]


@dataclass(frozen=True, slots=True)
class SplitItem:
    """A photo to be placed, or a mirrored copy of one: `id` is the photo's, `key` tells the two apart.

    `train_only` marks those a model chose: they must never judge a model.
    """

    id: str
    label: str
    group: int
    train_only: bool = False
    transform: str = _ORIGINAL

    @property
    def key(self) -> str:
        """The photo's id for an original, `id/hflip` or `id/vflip` for a copy."""
        return item_key(self.id, self.transform)


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What a person should know about a split.

    `held_out`: keys left out because they stand near photos of two different parts (or near a test or
    validation photo while being allowed in train only). `too_small`: class to its number of groups, where
    these are too few for every part. `missing`: class to the parts in which it has no photo although it is
    large enough, because earlier assignments are kept.
    """

    held_out: tuple[str, ...]
    too_small: Mapping[str, int]
    missing: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SplitResult:
    """`assignments`: an item's key (a photo's id, or a copy's key) to `train | val | test | held_out`."""

    assignments: dict[str, str]
    report: SplitReport


@dataclass(slots=True)
class _Group:
    """Photos that must lie in one part, `size` without copies. `part` is None while it is to be decided."""

    key: str
    label: str
    size: int
    part: str | None
    free: bool = field(init=False)

    def __post_init__(self) -> None:
        self.free = self.part is None


def item_key(photo: str, transform: str = _ORIGINAL) -> str:
    """What names a photo, or a mirrored copy of it, in assignments."""
    return photo if transform == _ORIGINAL else f"{photo}/{transform}"


def with_flips(items: Iterable[SplitItem]) -> list[SplitItem]:
    """Each photo, then its copy mirrored left to right, then the one upside down: the paper's augmentation.

    Made first, capped and dealt out after: that is the paper's order.
    """
    return [replace(item, transform=transform) for item in items for transform in TRANSFORMS]


def assign_splits(
    items: Sequence[SplitItem],
    *,
    val: float,
    test: float,
    seed: int,
    rule: str = "grouped",
    kept: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Key to `train | val | test | held_out` for every item; see `plan_splits`."""
    return plan_splits(items, val=val, test=test, seed=seed, rule=rule, kept=kept).assignments


def plan_splits(
    items: Sequence[SplitItem],
    *,
    val: float,
    test: float,
    seed: int,
    rule: str = "grouped",
    kept: Mapping[str, str] | None = None,
) -> SplitResult:
    """Place every photo, stratified by class.

    `val`, `test`: fractions of each class, from 0, together below 1. `kept`: key to the part given by an
    earlier snapshot; it never changes, and new photos of a group follow it. Rules: `grouped` (no group
    crosses), `random` (every photo for itself), `paper` (the usual leaky cut: per class a seeded shuffle, the
    first int(n * (1 - test)) photos train and the rest test, groups ignored; since that protocol knows no
    validation set, round(n * val) photos are taken from the end of the training part, so that the test photos
    do not depend on `val`).
    Mirrored copies (`with_flips`) follow their photo, which is dealt as if it had none, under `grouped` and
    `random`; under `paper` they are dealt like photos, and that is how the paper's split leaks.
    Raises ValueError for a bad fraction, rule, kept part or a repeated key.
    """
    kept = kept or {}
    _check(items, val, test, rule, kept)
    if rule == "paper":
        cut = _cut_like_the_paper(items, val, test, seed, kept)
        return SplitResult(cut, SplitReport((), {}, {}))
    members = _members(items, by_group=rule == "grouped")
    groups = {key: _settled(key, photos, kept) for key, photos in members.items()}
    by_class: dict[str, list[_Group]] = {item.label: [] for item in items}
    for group in groups.values():
        by_class[group.label].append(group)
    too_small: dict[str, int] = {}
    missing: dict[str, tuple[str, ...]] = {}
    for label in sorted(by_class):
        present = [group for group in by_class[label] if group.part != HELD_OUT]
        wanted = [part for part, share in ((TRAIN, 1.0), (TEST, test), (VAL, val)) if share > 0]
        if len(present) < len(wanted):
            too_small[label] = len(present)
            for group in present:
                group.part = group.part or TRAIN
            continue
        _fill(present, {TRAIN: 1 - val - test, VAL: val, TEST: test}, seed)
        lacking = _give_each_part_one(present, wanted, seed)
        if lacking:
            missing[label] = lacking
    assignments = _spread(members, groups, kept)
    held_out = tuple(sorted(name for name, part in assignments.items() if part == HELD_OUT))
    return SplitResult(assignments, SplitReport(held_out, too_small, missing))


def cap_per_class(items: Sequence[SplitItem], cap: int, seed: int) -> list[SplitItem]:
    """At most `cap` items of each class, drawn by the seed, in the input's order; ValueError below 1.

    Copies count like photos, as in the paper, which cut its classes to size after it had made the flips.
    """
    if cap < 1:
        raise ValueError(f"cap must be at least 1, not {cap}")
    by_class: dict[str, list[SplitItem]] = defaultdict(list)
    for item in items:
        by_class[item.label].append(item)
    chosen: set[str] = set()
    for photos in by_class.values():
        chosen.update(sorted((item.key for item in photos), key=lambda name: _lot(seed, "cap", name))[:cap])
    return [item for item in items if item.key in chosen]


def _check(items: Sequence[SplitItem], val: float, test: float, rule: str, kept: Mapping[str, str]) -> None:
    for name, value in (("val", val), ("test", test)):
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be a fraction from 0 to below 1, not {value}")
    if val + test >= 1:
        raise ValueError("val and test together must stay below 1: some photos must train")
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")
    odd = sorted(set(kept.values()) - {*_PARTS, HELD_OUT})
    if odd:
        raise ValueError(f"kept holds an unknown part: {odd[0]!r}")
    repeated = [name for name, n in Counter(item.key for item in items).items() if n > 1]
    if repeated:
        raise ValueError(f"{repeated[0]!r} stands more than once")


def _members(items: Iterable[SplitItem], *, by_group: bool) -> dict[str, list[SplitItem]]:
    """Group key (its smallest id, so that numbering does not matter) to its photos, sorted by id."""
    gathered: dict[int | str, list[SplitItem]] = defaultdict(list)
    for item in sorted(items, key=lambda item: (item.id, item.transform)):
        gathered[item.group if by_group else item.id].append(item)
    return {photos[0].id: photos for photos in gathered.values()}


def _settled(key: str, photos: Sequence[SplitItem], kept: Mapping[str, str]) -> _Group:
    """The group with the part that earlier snapshots or a model's choice force on it, if any."""
    counts = Counter({item.id: item.label for item in photos}.values())
    label = min(counts, key=lambda name: (-counts[name], name))
    earlier = {kept[item.id] for item in photos if item.id in kept} - {HELD_OUT}
    if len(earlier) > 1:
        part: str | None = HELD_OUT  # a bridge between two parts: see _spread
    elif earlier:
        part = earlier.pop()
    elif any(item.train_only for item in photos):
        part = TRAIN
    else:
        part = None
    # Copies do not count: a photo's lot must not depend on whether it has any.
    return _Group(key, label, sum(counts.values()), part)


def _fill(groups: Sequence[_Group], shares: Mapping[str, float], seed: int) -> None:
    """Give each free group to the part that lacks most photos, large groups first, lots drawn by the seed."""
    total = sum(group.size for group in groups)
    lack = {part: shares[part] * total for part in _PARTS}
    for group in groups:
        if group.part is not None:
            lack[group.part] -= group.size
    open_parts = [part for part in (TRAIN, TEST, VAL) if shares[part] > 0]
    free = [group for group in groups if group.part is None]
    for group in sorted(free, key=lambda group: (-group.size, _lot(seed, group.label, group.key))):
        # max() takes the first of equals: train before test before val.
        group.part = max(open_parts, key=lambda part: lack[part])
        lack[group.part] -= group.size


def _give_each_part_one(groups: Sequence[_Group], wanted: Sequence[str], seed: int) -> tuple[str, ...]:
    """Move the smallest free group into a part that has none; returns the parts that stay without."""
    lacking = []
    for part in wanted:
        counts = Counter(group.part for group in groups)
        if counts[part]:
            continue
        movable = [group for group in groups if group.free and counts[group.part] > 1]
        if not movable:
            lacking.append(part)
            continue
        donor = min(movable, key=lambda one: (one.size, -counts[one.part], _lot(seed, one.label, one.key)))
        donor.part = part
    return tuple(lacking)


def _spread(
    members: Mapping[str, Sequence[SplitItem]], groups: Mapping[str, _Group], kept: Mapping[str, str]
) -> dict[str, str]:
    """From groups to photos: kept ones stay, new ones follow their group or are held out."""
    assignments: dict[str, str] = {}
    for key, photos in members.items():
        part = groups[key].part or TRAIN
        for item in photos:
            barred = item.train_only and part != TRAIN
            assignments[item.key] = kept.get(item.id) or (HELD_OUT if barred else part)
    return assignments


def _cut_like_the_paper(
    items: Sequence[SplitItem], val: float, test: float, seed: int, kept: Mapping[str, str]
) -> dict[str, str]:
    assignments = {item.key: kept[item.key] for item in items if item.key in kept}
    by_class: dict[str, list[SplitItem]] = defaultdict(list)
    for item in items:
        by_class[item.label].append(item)
    for label, photos in by_class.items():
        given = Counter(assignments.get(item.key) for item in photos)
        # The small term keeps ten times 0.9 from becoming 8 by way of 8.999….
        n_test = len(photos) - int(len(photos) * (1 - test) + 1e-9)
        n_val = round(len(photos) * val)
        # A photo that a model chose may not judge one, under this rule either.
        free = [item for item in photos if item.key not in assignments]
        free.sort(key=lambda item: (not item.train_only, _lot(seed, label, item.key)))
        judges = [item for item in free if not item.train_only]
        rest, tests = _cut_off(judges, n_test - given[TEST])
        _, vals = _cut_off(rest, n_val - given[VAL])
        parts = {item.key: TEST for item in tests} | {item.key: VAL for item in vals}
        assignments |= {item.key: parts.get(item.key, TRAIN) for item in free}
    return assignments


def _cut_off(photos: list[SplitItem], n: int) -> tuple[list[SplitItem], list[SplitItem]]:
    """The list without its last `n`, and these (none for n below 1, all for n beyond the length)."""
    place = len(photos) - min(max(n, 0), len(photos))
    return photos[:place], photos[place:]


def _lot(seed: int, *words: str) -> bytes:
    """A number drawn for these words under this seed: the same on every machine and in any order."""
    return hashlib.sha256("\0".join((str(seed), *words)).encode("utf-8", "surrogatepass")).digest()
