"""Order: which photos of the inbox are worth looking at first, by a model's doubt and by how varied they are."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from webapp.guessing.selectors import newest_rows
from webapp.reviewing.selectors import current_model, photos_to_order
from webapp.reviewing.services import order_save
from worker.asking import ask
from worker.context import JobContext
from worker.giving_way import Watch
from worker.supervisor import NICE_AWAITED

# Of the job: writing 100,000 rows takes about as long as choosing among them.
_LOOKING = 0.85


def handle(context: JobContext) -> dict[str, Any]:
    dataset = context.job.dataset
    assert dataset is not None
    # Before the photos are read: what comes in between makes this order stale, never the other way round.
    seen = newest_rows(dataset)
    by_labels = context.job.payload.get("by") == "labels"
    model = None if by_labels else current_model(dataset)
    photos = photos_to_order(dataset)
    content = look(context, photos, model.digest if model else None)
    context.write(progress=_LOOKING, message=_("Writing what was found"), phase="save", eta_seconds=None)
    order_save(
        dataset=dataset,
        rows={photos[line]["id"]: (doubt or 0.0, variety) for line, doubt, variety in content["rows"]},
        check=context.check,
        progress=lambda share: context.report(
            _LOOKING + (1 - _LOOKING) * share, _("Writing what was found"), phase="save"
        ),
    )
    return {
        "photos": len(content["rows"]),
        "by": content["by"],
        "model": {"digest": model.digest, "run": model.run.number} if model else None,
        "labels": content["labels"],
        "accuracy": content["accuracy"],
        "seen": seen,
    }


def look(context: JobContext, photos: list[dict[str, Any]], bundle: str | None) -> dict[str, Any]:
    """What `python -m ml order` finds. It embeds and asks what it did not before, so the first look takes longest."""
    return ask(
        context,
        "order",
        photos,
        folder=f"order-{context.job.dataset_id}",
        out="order.json",
        poll=lambda progress: Watch(context, progress, share=_LOOKING).poll,
        options=["--bundle", str(context.store.bundle_dir(bundle))] if bundle else (),
        nice=NICE_AWAITED,
    )
