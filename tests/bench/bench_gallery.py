"""The studio's pages with 100,000 photos, SQLite: time at the server and queries, beside an empty page of the frame.

Usage: python -m tests.bench.bench_gallery [--photos 100000]
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from typing import Any

from tests.bench import report
from tests.bench.report import Row

ROUNDS = 15
GALLERY_MS, COUNTS_MS = 50, 300
BULK, BULK_SECONDS = 10_000, 2.0


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SORTYARD_DATA"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.config.settings"
        result = measure(arguments.photos)
    return report.finish(rows(result), result, arguments.json)


def rows(result: dict[str, Any]) -> list[Row]:
    """The pages beside the frame around nothing."""
    first, *others = result["pages"]
    base = f"{first}: {result['pages'][first]['median_ms']} ms"
    pages = [
        Row(
            f"{name}, {result['photos']:,} photos",
            f"{result['pages'][name]['median_ms']} ms (p95 {result['pages'][name]['p95_ms']})",
            base,
            result["pages"][name]["ratio"],
            *(aim(name, result["pages"][name]["p95_ms"])),
        )
        for name in others
    ]
    bulk = [
        Row(
            f"{name} {BULK:,} of {result['photos']:,} photos", f"{seconds:.2f} s", "", None,
            f"≤ {BULK_SECONDS:.0f} s", seconds <= BULK_SECONDS,
        )
        for name, seconds in result["bulk"].items()
    ]  # fmt: skip
    return pages + bulk


def aim(name: str, p95: float) -> tuple[str, bool] | tuple[()]:
    if name.startswith("gallery"):
        return f"p95 ≤ {GALLERY_MS} ms", p95 <= GALLERY_MS
    if name.startswith("filter counts"):
        return f"p95 ≤ {COUNTS_MS} ms", p95 <= COUNTS_MS
    return ()


def measure(photos: int) -> dict[str, Any]:
    """Medians and 95th percentiles in milliseconds, over `ROUNDS` requests to each page."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db.models import F
    from django.test import Client

    from tests.support.rows import add_images
    from webapp.accounts.models import User
    from webapp.cleaning.models import Suspect
    from webapp.datasets.models import Image
    from webapp.datasets.services import class_create, dataset_create, dataset_use_preset55

    call_command("migrate", verbosity=0)
    admin = User.objects.create_user("bench", role="admin")
    empty, full = dataset_create(name="Empty"), dataset_create(name="Full")
    dataset_use_preset55(dataset=full)
    classes = [*full.classes.all(), class_create(dataset=full, name="more")]
    for label in classes:
        for _ in range(photos // len(classes) // 500 + 1):
            add_images(full, 500, label)
    # Doubts, sizes and sharpness as various as in a real pile.
    Image.objects.update(
        suspicion=F("pk") % 97 / 97.0, width=200 + F("pk") % 1300, sharpness=F("pk") % 701 * 1.0
    )
    doubted = full.images.order_by("-suspicion")[: photos // 40]
    Suspect.objects.bulk_create(
        Suspect(
            dataset=full, image=one, kind="label", score=one.suspicion, given_id=one.label_id,
            suggested=classes[0],
        )
        for one in doubted
    )  # fmt: skip
    client = Client(headers={"host": "localhost"})
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    pages = {
        "frame around nothing (the measure)": f"/studio/d/{empty.slug}/snapshots/",
        "gallery": f"/studio/d/{full.slug}/images/",
        "gallery, one class": f"/studio/d/{full.slug}/images/?class={classes[3].key}",
        "gallery, two classes, oldest first": (
            f"/studio/d/{full.slug}/images/?class={classes[3].key}&class={classes[9].key}&sort=oldest"
        ),
        "gallery, half way down": f"/studio/d/{full.slug}/images/?after={photos // 2}",
        "gallery, most doubtful first": f"/studio/d/{full.slug}/images/?sort=suspicion",
        "gallery, largest first, half way down": f"/studio/d/{full.slug}/images/?sort=largest&after={photos // 2}",
        "filter counts, by class": f"/studio/d/{full.slug}/images/counts.json?class={classes[3].key}",
        "filter counts, by labeller": f"/studio/d/{full.slug}/images/counts.json?by=bench",
        "filter counts, by day": f"/studio/d/{full.slug}/images/counts.json?since=2026-01-01",
        "filter counts, in doubt": f"/studio/d/{full.slug}/images/counts.json?doubt=label",
        "filter counts, by name": f"/studio/d/{full.slug}/images/counts.json?q=cup",
        "sorted inbox": f"/studio/d/{full.slug}/guesses/",
        "labels in doubt": f"/studio/d/{full.slug}/clean/labels/",
        "overview": f"/studio/d/{full.slug}/",
        "data sets": "/studio/",
        "classes": f"/studio/d/{full.slug}/classes/",
    }
    rows = {name: timed(client, address) for name, address in pages.items()}
    base = rows["frame around nothing (the measure)"]["median_ms"]
    for row in rows.values():
        row["ratio"] = round(row["median_ms"] / base, 2)
    return {"photos": full.images.count(), "pages": rows, "bulk": in_bulk(full, classes[0], admin)}


def in_bulk(dataset: Any, label: Any, actor: Any) -> dict[str, float]:
    """Seconds to label BULK photos and to take that back."""
    from webapp.datasets.labelling import images_label
    from webapp.datasets.undoing import operation_undo

    ids = list(dataset.images.exclude(label=label).values_list("pk", flat=True)[:BULK])
    begun = time.perf_counter()
    outcome = images_label(dataset=dataset, ids=ids, label=label, actor=actor)
    labelled = time.perf_counter()
    operation_undo(dataset=dataset, operation=outcome.operation, actor=actor)
    return {"label": labelled - begun, "take back": time.perf_counter() - labelled}


def timed(client: Any, address: str) -> dict[str, float]:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        answer = client.get(address)
        times.append(1000 * (time.perf_counter() - begun))
        assert answer.status_code == 200, (address, answer.status_code)
    return {
        "median_ms": round(statistics.median(times), 1),
        "p95_ms": round(sorted(times)[int(0.95 * (ROUNDS - 1))], 1),
    }


if __name__ == "__main__":
    raise SystemExit(main())
