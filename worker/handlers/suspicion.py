"""Label check: how well each label fits by what the other photos say, and which photos are unlike all of them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from webapp.cleaning.models import ACTIVE, DuplicateMember, SuspectKind
from webapp.cleaning.suspects import Doubt, check_save
from webapp.datasets.models import Dataset
from worker.asking import ask
from worker.context import JobContext
from worker.supervisor import relay_progress


def handle(context: JobContext) -> dict[str, Any]:
    dataset = context.job.dataset
    assert dataset is not None
    photos = photos_to_check(dataset)
    labelled = {one["label"] for one in photos} - {None}
    if len(labelled) < 2:
        check_save(dataset=dataset, suspicion={}, doubts=[], check=context.check)
        return {"photos": len(photos), "suspects": 0, "odd": 0, "classes": len(labelled)}
    content = ask(
        context,
        "suspects",
        photos,
        folder=f"suspicion-{dataset.pk}",
        out="found.json",
        poll=lambda progress: lambda: relay_progress(context, progress, share=0.9),
    )
    context.write(progress=0.95, message=_("Writing what was found"), phase="save", eta_seconds=None)
    suspicion = {
        photo["id"]: value
        for photo, value in zip(photos, content["suspicion"], strict=True)
        if value is not None
    }
    check_save(dataset=dataset, suspicion=suspicion, doubts=doubts(photos, content), check=context.check)
    return {
        "photos": len(photos),
        "suspects": len(content["suspects"]),
        "odd": len(content["odd"]),
        "classes": len(labelled),
    }


def photos_to_check(dataset: Dataset) -> list[dict[str, Any]]:
    """Lines of `python -m ml suspects`, each with the photo's `id`. Photos of one group of near-duplicates are copies:
    none of them may vouch for another.
    """
    groups = dict(
        DuplicateMember.objects.filter(group__dataset=dataset).order_by().values_list("image", "group")
    )
    rows = dataset.images.filter(state__in=ACTIVE).order_by("pk").values_list("pk", "sha256", "label")
    return [
        {"id": pk, "sha256": sha, "label": label, "group": -groups[pk] if pk in groups else pk}
        for pk, sha, label in rows.iterator()
    ]


def doubts(photos: list[dict[str, Any]], content: dict[str, Any]) -> list[Doubt]:
    labels = [
        Doubt(photos[line]["id"], SuspectKind.LABEL, round(1 - fit, 4), photos[line]["label"], suggested)
        for line, suggested, fit in content["suspects"]
    ]
    odd = [
        Doubt(photos[line]["id"], SuspectKind.ODD, score, photos[line]["label"])
        for line, score in content["odd"]
    ]
    return labels + odd
