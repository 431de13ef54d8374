"""Photos alike: those of a data set that look most like one of them, by their cached embeddings."""

from __future__ import annotations

import json
from typing import Any

from webapp.guessing.selectors import newest_rows
from webapp.guessing.services import likeness_save
from worker.context import JobContext, JobError
from worker.supervisor import NICE_AWAITED, supervise

# Stored in English, see webapp.core.spoken.
GONE = "The photo is no longer in the data set."


def handle(context: JobContext) -> dict[str, Any]:
    dataset = context.job.dataset
    assert dataset is not None
    seen = newest_rows(dataset)["image"]
    image = dataset.images.filter(pk=context.job.payload["image"]).first()
    if image is None:
        raise JobError(GONE)
    photos = list(dataset.images.order_by("pk").values_list("pk", "sha256"))
    folder = context.store.run_dir(f"alike-{context.job.pk}")
    folder.mkdir(parents=True, exist_ok=True)
    listing, out, console = (folder / name for name in ("photos.jsonl", "alike.json", "console.txt"))
    with listing.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"sha256": sha}) + "\n" for _pk, sha in photos)
    try:
        supervise(
            context,
            [
                "alike", "--store", str(context.store.root), "--list", str(listing), "--to", image.sha256,
                "--out", str(out), "--die-with-parent",
            ],
            console=console,
            nice=NICE_AWAITED,
        )  # fmt: skip
        content: dict[str, Any] = json.loads(out.read_text())
    finally:
        for path in (listing, out, console):
            path.unlink(missing_ok=True)
        folder.rmdir()
    found = [(photos[line][0], cosine) for line, cosine in content["rows"]]
    context.check()
    likeness_save(image=image, photos=found, seen=seen)
    return {"found": len(found), "missing": content["missing"]}
