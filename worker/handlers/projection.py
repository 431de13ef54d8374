"""Map: where each photo of a data set lies among the others, by its embedding."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from webapp.mapping.services import map_save
from worker.context import JobContext, JobError
from worker.giving_way import Watch
from worker.supervisor import supervise


def handle(context: JobContext) -> dict[str, Any]:
    dataset = context.job.dataset
    assert dataset is not None
    # Those in quarantine too: a map shows what they have in common, and what was put there by mistake. By content, so
    # that the same photos give the same map in whatever order they came.
    photos = list(dataset.images.order_by("sha256").values_list("pk", "sha256", "label"))
    if not photos:
        raise JobError(_("There are no photos yet. Add photos first."))
    # One folder a data set: of one data set one map is drawn at a time, and what the last one left serves nobody.
    folder = context.store.run_dir(f"map-{dataset.pk}")
    folder.mkdir(parents=True, exist_ok=True)
    listing, out, progress, console = (
        folder / name for name in ("photos.jsonl", "places.json", "progress.json", "console.txt")
    )
    for old in (progress, console):
        old.unlink(missing_ok=True)
    with listing.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"sha256": sha, "label": label}) + "\n" for _pk, sha, label in photos)
    supervise(
        context,
        [
            "project", "--store", str(context.store.root), "--list", str(listing), "--out", str(out),
            "--progress", str(progress), "--die-with-parent",
        ],
        console=console,
        on_poll=Watch(context, progress).poll,
    )  # fmt: skip
    content: dict[str, Any] = json.loads(out.read_text())
    places = {
        pk: (place[0], place[1])
        for (pk, _sha, _label), place in zip(photos, content["places"], strict=True)
        if place is not None
    }
    context.check()
    map_save(
        dataset=dataset,
        places=places,
        missing=content["missing"],
        why=content["why"],
        check=lambda share: context.report(
            0.95 + 0.05 * share, _("Writing the map"), phase="save", eta_seconds=None
        ),
    )
    return {"photos": len(places), "missing": content["missing"]}
