"""Whether a crawl's right pictures come first: TrashNet's classes, 30 % of each crawl pictures of other classes.

The share of right pictures in the first half of the inbox, by how many photos of the class a person has accepted, and
with or without accepted photos of other classes, beside an order by chance (70 %). In the last cases what is mixed in
is of classes that nobody has seen.

Usage: python -m tests.bench.bench_crawl_ranking [--seeds 5] [--cache FOLDER]
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ml.store import Store
from tests.bench import report
from tests.bench.report import Row
from tests.support.ranking import RIGHT, Photos, mixtures

AIM = 0.9
# Photos of the class, of each other class, and how many other classes are known where it is not all of them.
CASES: tuple[tuple[int, int, int | None], ...] = (
    *((own, 0, None) for own in (0, 10, 100)),
    *((own, 100, None) for own in (0, 10, 100)),
    *((own, 100, 2) for own in (0, 10, 100)),
)
# The method was chosen on seeds 0 to 3.
FIRST_SEED = 10


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="a folder that keeps the features for the next time")
    arguments = parser.parse_args()
    if report.photos_missing():
        return 1
    with tempfile.TemporaryDirectory() as folder:
        photos = Photos.of(report.TRASHNET, Store(arguments.cache or Path(folder)))
    result = [measure(photos, *case, seeds=arguments.seeds) for case in CASES]
    note = "Chosen on seeds 0 to 3, measured on others. *trash* has too few photos for 100 references."
    return report.finish([row(one) for one in result], result, arguments.json, [note])


def measure(photos: Photos, references: int, others: int, known: int | None, *, seeds: int) -> dict[str, Any]:
    chosen = range(FIRST_SEED, FIRST_SEED + seeds)
    found = [
        (one.label, one.ranked(photos))
        for one in mixtures(photos, references=references, others=others, seeds=chosen, known=known)
    ]
    shares = [share for _label, share in found]
    return {
        "references": references,
        "others": others,
        "known": known,
        "mean": sum(shares) / len(shares),
        "worst": min(found, key=lambda one: one[1]),
        "crawls": len(shares),
    }


def row(one: dict[str, Any]) -> Row:
    beside = f", {one['others']} of each other class" if one["others"] else ""
    if one["known"] is not None:
        beside = f", {one['others']} of each of {one['known']} other classes, none of them mixed in"
    label, worst = one["worst"]
    aimed = one["references"] == 100
    return Row(
        f"{one['references']} photos of the class{beside}",
        f"{one['mean']:.1%} (worst of {one['crawls']}: {worst:.1%}, {label})",
        f"by chance {RIGHT:.0%}",
        one["mean"] / RIGHT,
        f"≥ {AIM:.0%}" if aimed else "",
        one["mean"] >= AIM if aimed else None,
    )


if __name__ == "__main__":
    raise SystemExit(main())
