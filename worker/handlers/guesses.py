"""Guesses: fits a probe on the labels given so far and sorts the photos of the inbox by what they look like."""

from __future__ import annotations

import json
from typing import Any

from webapp.guessing.selectors import newest_rows, photos_to_fit
from webapp.guessing.services import FittedGroup, groups_replace
from worker.context import JobContext
from worker.supervisor import NICE_AWAITED, supervise


def handle(context: JobContext) -> dict[str, Any]:
    dataset = context.job.dataset
    assert dataset is not None
    # Before the photos are read: a label given in between makes this fit stale, never the other way round.
    seen = newest_rows(dataset)
    photos = photos_to_fit(dataset)
    # One folder a data set: a fit runs alone, and what the last one left serves nobody.
    folder = context.store.run_dir(f"guesses-{dataset.pk}")
    folder.mkdir(parents=True, exist_ok=True)
    listing, out, console = (folder / name for name in ("photos.jsonl", "groups.json", "console.txt"))
    with listing.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in photos)
    console.unlink(missing_ok=True)
    supervise(
        context,
        [
            "guess", "--store", str(context.store.root), "--list", str(listing), "--out", str(out),
            "--die-with-parent",
        ],
        console=console,
        nice=NICE_AWAITED,
    )  # fmt: skip
    content: dict[str, Any] = json.loads(out.read_text())
    groups = [
        FittedGroup(int(label), one["total"], [(photos[line]["id"], sure) for line, sure in one["rows"]])
        for label, one in content["groups"].items()
    ]
    context.check()
    groups_replace(dataset=dataset, groups=groups)
    return {
        "labels": content["labels"],
        "asked": content["asked"],
        "missing": content["missing"],
        "accuracy": content["accuracy"],
        "offered": sum(one.total for one in groups),
        "seen": seen,
    }
