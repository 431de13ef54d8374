"""Whether the order in which photos are labelled is worth anything, and what it costs to work it out.

Labels: TrashNet, three photos in ten kept aside for the test. Twenty labels by chance begin; then, in rounds of fifty,
the next photos of the order are labelled, the probe of the sorted inbox is fitted again and the test photos are asked.
The table says how many labels it took to reach an accuracy, as the median over seeds, beside labelling by chance from
the same beginning. "Once" is an order that is worked out at 120 labels and then followed without looking again.

Speed: drawn embeddings that lie in the cache, as after an upload; rows without pictures. The job with all its parts,
and giving out 10,000 photos to three people.

Usage: python -m tests.bench.bench_order [--seeds 10] [--photos 100000] [--cache FOLDER]
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.bundle.familiarity import unit
from ml.evaluation.guesses import fit_guesser
from ml.evaluation.order import PICKS, Matrix, Photos, directions, doubt, farthest_first
from ml.store import Store
from tests.bench import report
from tests.bench.report import Row

BEGIN, ROUND, MOST = 20, 50, 1020
ONCE_AT = 120
LEVELS = (0.70, 0.80, 0.85)
ORDERS = ("chance", "uncertain", "varied", "uncertain, once", "varied, once")
GIVEN = 10_000


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--cache", type=Path, help="a folder that keeps the features for the next time")
    arguments = parser.parse_args()
    if report.photos_missing():
        return 1
    with tempfile.TemporaryDirectory() as folder:
        found = curves(Store(arguments.cache or Path(folder)), arguments.seeds)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SORTYARD_DATA"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.config.settings"
        speed = speeds(Path(folder), arguments.photos)
    rows = [*label_rows(found), *speed_rows(speed, arguments.photos)]
    return report.finish(rows, {"labels": found, "speed": speed}, arguments.json)


# Labels


@dataclass(frozen=True)
class Kept:
    """Embeddings by key, as the cache gives them."""

    vectors: dict[bytes, Any]

    def read(self, keys: Sequence[bytes], columns: slice) -> Any:
        return np.stack([self.vectors[key] for key in keys])[:, columns]


def curves(store: Store, seeds: int) -> dict[str, list[list[float]]]:
    """Order to, for each seed, the accuracy after BEGIN, BEGIN + ROUND, … labels."""
    from tests.support.ranking import Photos as Real

    real = Real.of(report.TRASHNET, store)
    embeddings = real.features[:, :1280]
    labels = np.unique(real.labels, return_inverse=True)[1]
    return {order: [curve(order, embeddings, labels, seed) for seed in range(seeds)] for order in ORDERS}


def curve(order: str, embeddings: Any, labels: Any, seed: int) -> list[float]:
    rng = np.random.default_rng([seed, len(labels)])
    places = rng.permutation(len(labels))
    test, pool = places[: len(places) * 3 // 10], places[len(places) * 3 // 10 :]
    known, rest = list(pool[:BEGIN]), list(pool[BEGIN:])  # in the order of chance
    found = [accuracy(embeddings, labels, known, test)]
    while len(known) < MOST:
        name, _comma, once = order.partition(",")
        if name != "chance" and (not once or len(known) == ONCE_AT):
            rest = put_in_order(name, embeddings, labels, known, rest)
        known, rest = known + rest[:ROUND], rest[ROUND:]
        found.append(accuracy(embeddings, labels, known, test))
    return found


def fitted(embeddings: Any, labels: Any, known: list[int]) -> tuple[Any, Any]:
    classes, given = np.unique(labels[known], return_inverse=True)
    return fit_guesser(embeddings[known], given, len(classes)), classes


def accuracy(embeddings: Any, labels: Any, known: list[int], test: Any) -> float:
    guesser, classes = fitted(embeddings, labels, known)
    answers = classes[guesser.probabilities(embeddings[test]).argmax(1)]
    return float((answers == labels[test]).mean())


def put_in_order(name: str, embeddings: Any, labels: Any, known: list[int], rest: list[int]) -> list[int]:
    if name == "uncertain":
        guesser, _classes = fitted(embeddings, labels, known)
        values = doubt(guesser.probabilities(embeddings[rest]))
        return [rest[place] for place in np.argsort(-values, kind="stable")]
    both = [*known, *rest]
    keys = [place.item().to_bytes(32, "big") for place in np.array(both)]
    cache = Kept(dict(zip(keys, embeddings[both], strict=True)))
    centre, basis = directions(Photos(keys, np.array(labels)[both]), cache, slice(None))
    points: Matrix = np.asarray((unit(embeddings[both]) - centre) @ basis, np.float32)
    order, _reach, _picked = farthest_first(points[len(known) :], points[: len(known)], PICKS)
    return [rest[place] for place in order]


def needed(curves_of: list[list[float]], level: float) -> float | None:
    """Median number of labels after which the accuracy is reached for the first time; None where it mostly is not."""
    counts = [
        next((BEGIN + n * ROUND for n, one in enumerate(curve) if one >= level), MOST * 10)
        for curve in curves_of
    ]
    found = statistics.median(counts)
    return found if found <= MOST else None


def label_rows(found: dict[str, list[list[float]]]) -> list[Row]:
    rows = []
    for level in LEVELS:
        chance = needed(found["chance"], level)
        for order in ORDERS[1:]:
            ours = needed(found[order], level)
            ratio = ours / chance if ours and chance else None
            rows.append(
                Row(
                    f"labels to {level:.0%} right, {order}", f"{ours:.0f}" if ours else f"more than {MOST}",
                    f"by chance: {chance:.0f}" if chance else f"by chance: more than {MOST}", ratio,
                )
            )  # fmt: skip
    chance_end = statistics.mean(one[-1] for one in found["chance"])
    for order in ORDERS[1:]:
        end = statistics.mean(one[-1] for one in found[order])
        rows.append(Row(f"right after {MOST} labels, {order}", f"{end:.1%}", f"by chance: {chance_end:.1%}"))
    return rows


# Speed


def speeds(root: Path, photos: int) -> dict[str, float]:
    import django
    from django.conf import settings

    django.setup()
    settings.DATA_DIR = root
    settings.CACHE_DIR = root / "cache"
    settings.DATABASES["default"]["NAME"] = str(root / "bench.sqlite3")
    from django.core.management import call_command
    from django.db import connections

    connections.close_all()
    connections["default"].settings_dict["NAME"] = str(root / "bench.sqlite3")
    call_command("migrate", verbosity=0)
    from tests.bench.bench_guesses import make

    dataset, _truth, _embeddings = make("order", photos, 2200, 55)
    first, again = order_seconds(dataset), order_seconds(dataset)
    return {"first": first, "again": again, **give_seconds(dataset)}


def order_seconds(dataset: Any) -> float:
    from webapp.jobs.models import JobState
    from webapp.reviewing.services import order_request
    from worker.runner import run_job

    begun = time.perf_counter()
    job = order_request(dataset=dataset, created_by=None)
    run_job(job.pk)
    seconds = time.perf_counter() - begun
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return seconds


def give_seconds(dataset: Any) -> dict[str, float]:
    from webapp.accounts.models import User
    from webapp.datasets.filters import ImageFilter
    from webapp.datasets.selectors_gallery import first_rows
    from webapp.reviewing.selectors import board, free_photos
    from webapp.reviewing.services import photos_give, photos_take_back

    people = [User.objects.create_user(username=name, role="annotator") for name in ("ann", "bob", "cem")]
    order = ImageFilter(state="inbox", sort="uncertain")

    def timed(act: Any) -> float:
        begun = time.perf_counter()
        act()
        return time.perf_counter() - begun

    def give() -> None:
        ids = list(free_photos(dataset, order).values_list("pk", flat=True)[:GIVEN])
        assert photos_give(dataset=dataset, ids=ids, people=people, given_by=people[0]).n == len(ids)

    mine = ImageFilter(state="inbox", assigned="ann", sort="queue")
    return {
        "give": timed(give),
        "queue": timed(lambda: first_rows(dataset, mine, after=None, size=42)),
        "sorted": timed(lambda: first_rows(dataset, order, after=None, size=42)),
        "board": timed(lambda: board(dataset)),
        "back": timed(lambda: photos_take_back(dataset=dataset, person=people[0])),
    }


def speed_rows(speed: dict[str, float], photos: int) -> list[Row]:
    many = f"{photos:,} photos in the inbox"
    return [
        Row(f"the job by the labels, {many}", f"{speed['first']:.0f} s", "again: " + f"{speed['again']:.0f} s"),
        Row(
            f"give {GIVEN:,} of them to three people", f"{speed['give']:.2f} s", "", None, "≤ 2 s", speed["give"] <= 2
        ),
        Row(f"take {GIVEN // 3:,} back", f"{speed['back']:.2f} s"),
        Row("first page of a queue", f"{1000 * speed['queue']:.0f} ms"),
        Row("first page, most uncertain first", f"{1000 * speed['sorted']:.0f} ms"),
        Row("who has what", f"{1000 * speed['board']:.0f} ms"),
    ]  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
