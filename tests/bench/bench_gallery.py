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
GALLERY_MS = 50


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
    return [
        Row(
            f"{name}, {result['photos']:,} photos",
            f"{result['pages'][name]['median_ms']} ms (p95 {result['pages'][name]['p95_ms']})",
            base,
            result["pages"][name]["ratio"],
            *(
                (f"p95 ≤ {GALLERY_MS} ms", result["pages"][name]["p95_ms"] <= GALLERY_MS)
                if name.startswith("gallery")
                else ()
            ),
        )
        for name in others
    ]


def measure(photos: int) -> dict[str, Any]:
    """Medians and 95th percentiles in milliseconds, over `ROUNDS` requests to each page."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    from tests.support.rows import add_images
    from webapp.accounts.models import User
    from webapp.datasets.services import class_create, dataset_create, dataset_use_preset55

    call_command("migrate", verbosity=0)
    admin = User.objects.create_user("bench", role="admin")
    empty, full = dataset_create(name="Empty"), dataset_create(name="Full")
    dataset_use_preset55(dataset=full)
    classes = [*full.classes.all(), class_create(dataset=full, name="more")]
    for label in classes:
        for _ in range(photos // len(classes) // 500 + 1):
            add_images(full, 500, label)
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
        "overview": f"/studio/d/{full.slug}/",
        "data sets": "/studio/",
        "classes": f"/studio/d/{full.slug}/classes/",
    }
    rows = {name: timed(client, address) for name, address in pages.items()}
    base = rows["frame around nothing (the measure)"]["median_ms"]
    for row in rows.values():
        row["ratio"] = round(row["median_ms"] / base, 2)
    return {"photos": full.images.count(), "pages": rows}


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
