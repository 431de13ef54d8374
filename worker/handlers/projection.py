"""Map: where each photo of a data set lies among the others, by its embedding."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from webapp.mapping.services import map_save
from worker.asking import ask
from worker.context import JobContext, JobError
from worker.giving_way import Watch


def handle(context: JobContext) -> dict[str, Any]:
    dataset = context.job.dataset
    assert dataset is not None
    # Those in quarantine too: a map shows what they have in common, and what was put there by mistake. By content, so
    # that the same photos give the same map in whatever order they came.
    photos = list(dataset.images.order_by("sha256").values_list("pk", "sha256", "label"))
    if not photos:
        raise JobError(_("There are no photos yet. Add photos first."))
    # One folder a data set: of one data set one map is drawn at a time, and what the last one left serves nobody.
    content = ask(
        context,
        "project",
        ({"sha256": sha, "label": label} for _pk, sha, label in photos),
        folder=f"map-{dataset.pk}",
        out="places.json",
        poll=lambda progress: Watch(context, progress).poll,
    )
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
