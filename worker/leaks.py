"""What would leak: near-duplicates, and mirrored twins, on both sides of a split that is not frozen yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from webapp.snapshots.models import Split
from worker.freezing import Dealt

_SIDES = (Split.TRAIN, Split.VAL, Split.TEST)


def leak_report(dealt: Dealt, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Counts over photos (mirrored copies stand for their photo).

    `near_pairs`: pairs of near-duplicates that were found; `crossing_pairs`: of these, those with one photo in one
    split and the other in another (held out photos are in none). `twins`: photos whose own copies stand in two
    splits. `known_test`: photos in the test that have a near-duplicate or a copy of themselves in train, of
    `test_photos`.
    """
    sides: dict[str, set[str]] = defaultdict(set)
    for item in dealt.items:
        part = dealt.split_of(item)
        if part in _SIDES:
            sides[item.id].add(part)
    found = crossing = 0
    known = {sha for sha, parts in sides.items() if {Split.TRAIN, Split.TEST} <= parts}
    for first, second in pairs:
        found += 1
        one, other = sides.get(first, set()), sides.get(second, set())
        if one and other and len(one | other) > 1:
            crossing += 1
        if Split.TEST in one and Split.TRAIN in other:
            known.add(first)
        if Split.TEST in other and Split.TRAIN in one:
            known.add(second)
    return {
        "near_pairs": found,
        "crossing_pairs": crossing,
        "twins": sum(len(parts) > 1 for parts in sides.values()),
        "known_test": len(known),
        "test_photos": sum(Split.TEST in parts for parts in sides.values()),
    }
