"""How long the sorted inbox takes to learn from the last labels: from the request to groups that can be accepted.

The job with all its parts (reading rows, a process of its own, the fit, writing groups) beside scikit-learn's logistic
regression on the same embeddings. Embeddings are drawn around a centre per class and lie in the cache, as after an
upload.

Usage: python -m tests.bench.bench_guesses [--photos 100000]
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import report
from tests.bench.report import Row

MOST_SECONDS = 2.0
ROUNDS = 5
CASES = (
    ("20 labels, 6 classes", 20, 6),
    ("400 labels, 6 classes", 400, 6),
    ("2,200 labels, 55 classes", 2200, 55),
)


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    arguments = parser.parse_args()
    result = {}
    for name, labels, classes in CASES:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["SORTYARD_DATA"] = folder
            os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.config.settings"
            result[name] = measure(Path(folder), f"set-{labels}-{classes}", arguments.photos, labels, classes)
    return report.finish(rows(result, arguments.photos), result, arguments.json)


def rows(result: dict[str, dict[str, float]], photos: int) -> list[Row]:
    return [
        Row(
            f"{name}, {photos:,} photos in the inbox", f"{one['job']:.2f} s, {one['right']:.1%} of guesses right",
            f"scikit-learn's fit and answers alone: {one['sklearn']:.2f} s", one["job"] / one["sklearn"],
            f"≤ {MOST_SECONDS:.0f} s", one["job"] <= MOST_SECONDS,
        )
        for name, one in result.items()
    ]  # fmt: skip


def measure(root: Path, name: str, photos: int, labels: int, classes: int) -> dict[str, float]:
    """Median seconds of the job, the share of its guesses that are right, seconds of the alternative."""
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
    dataset, truth, embeddings = make(name, photos, labels, classes)
    times = [fit(dataset) for _ in range(ROUNDS)]
    return {
        "job": statistics.median(times),
        "right": share_right(dataset, truth),
        "sklearn": alternative(embeddings, list(truth.values()), labels),
    }


def make(name: str, photos: int, labels: int, classes: int) -> tuple[Any, dict[int, int], Any]:
    """A data set of rows without pictures, their true classes by id, their embeddings."""
    from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
    from ml.backbones.registry import backbone
    from tests.support.rows import image_row
    from webapp.core.store import site_store
    from webapp.datasets.models import Image, ImageState
    from webapp.datasets.services import class_create, dataset_create

    rng = np.random.default_rng(0)
    dataset = dataset_create(name=name)
    kinds = [class_create(dataset=dataset, name=f"class {n}") for n in range(classes)]
    cache = feature_cache(site_store(), DEFAULT_BACKBONE, DEFAULT_SIZE)
    width = backbone(DEFAULT_BACKBONE).embedding
    centres = rng.standard_normal((classes, width)).astype(np.float32)
    truth = np.arange(labels + photos) % classes
    kept = []
    for start in range(0, len(truth), 5000):
        part = truth[start : start + 5000]
        rows = Image.objects.bulk_create(
            image_row(
                dataset, start + n, label=kinds[kind] if start + n < labels else None,
                state=ImageState.ACCEPTED if start + n < labels else ImageState.INBOX,
            )
            for n, kind in enumerate(part)
        )  # fmt: skip
        vectors = np.zeros((len(part), cache.width), np.float16)
        vectors[:, :width] = 0.25 * centres[part] + rng.standard_normal((len(part), width), np.float32)
        cache.write([bytes.fromhex(row.sha256) for row in rows], vectors)
        kept.append(vectors[:, :width])
    ids = list(dataset.images.order_by("pk").values_list("pk", flat=True))
    return dataset, dict(zip(ids, truth.tolist(), strict=True)), np.concatenate(kept)


def fit(dataset: Any) -> float:
    from webapp.guessing.services import fit_request
    from webapp.jobs.models import JobState
    from worker.runner import run_job

    begun = time.perf_counter()
    job = fit_request(dataset=dataset, created_by=None)
    run_job(job.pk)
    seconds = time.perf_counter() - begun
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return seconds


def share_right(dataset: Any, truth: dict[int, int]) -> float:
    from webapp.guessing.selectors import offers

    right = [one.label_class.name_en == f"class {truth[pk]}" for one in offers(dataset) for pk in one.waiting]
    return float(np.mean(right)) if right else 0.0


def alternative(embeddings: Any, truth: list[int], labels: int) -> float:
    """Seconds for a fit on all labels and the answers for as many photos as one fit asks about."""
    from sklearn.linear_model import LogisticRegression

    from webapp.guessing.selectors import MOST_ASKED

    known, asked = (part.astype(np.float32) for part in (embeddings[:labels], embeddings[-MOST_ASKED:]))
    begun = time.perf_counter()
    LogisticRegression(max_iter=100).fit(known, truth[:labels]).predict_proba(asked)
    return time.perf_counter() - begun


if __name__ == "__main__":
    raise SystemExit(main())
