"""Rank: how well each candidate of a class fits it, and which candidates are copies of one photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from webapp.core.pagination import chunks
from webapp.crawls.homes import home_of_class
from webapp.crawls.models import CrawlItem
from webapp.crawls.selectors import candidates_of_class
from webapp.datasets.models import Dataset, ImageState, LabelClass
from worker.asking import ask
from worker.context import JobContext, JobError
from worker.supervisor import NICE_AWAITED, relay_progress

# Photos of the class that candidates are compared with: the pictures a person marked first, then the newest.
MOST_REFERENCES = 1_000
MOST_OTHERS = 5_000
_COLUMNS = ("pk", "sha256", "phash", "phash_mirror")
_ROWS_A_WRITE = 200


@dataclass(frozen=True)
class Line:
    """A photo of the list: of a candidate (`item`) or of the data set (`image`)."""

    role: str
    sha256: str
    phash: str
    phash_mirror: str
    item: CrawlItem | None = None
    image: int | None = None


def handle(context: JobContext) -> dict[str, Any]:
    dataset = context.job.dataset
    assert dataset is not None
    label_class = LabelClass.objects.filter(pk=context.job.payload["class"], dataset=dataset).first()
    if label_class is None:
        raise JobError(_("This class was closed. Choose another one."))
    label_class = home_of_class(label_class)  # it may have been closed since it was asked for
    if label_class is None:
        return {"candidates": 0, "references": 0}
    lines = [*candidates(label_class), *accepted(dataset, label_class)]
    if not any(line.item for line in lines):
        return {"candidates": 0, "references": 0}
    content = look(context, label_class, lines)
    save(context, lines, content)
    return {
        "candidates": sum(1 for line in lines if line.item),
        "references": content["references"],
        "method": content["method"],
        "missing": content["missing"],
    }


def candidates(label_class: LabelClass) -> list[Line]:
    """What a person has not decided about: photos in the inbox, and those of a trial, which have no row yet."""
    found = []
    for item in candidates_of_class(label_class).select_related("image").order_by("pk"):
        photo = item.image
        phash = photo.phash if photo else item.facts["phash"]
        mirror = photo.phash_mirror if photo else item.facts["phash_mirror"]
        found.append(Line("candidate", item.sha256, phash, mirror, item=item))
    return found


def accepted(dataset: Dataset, label_class: LabelClass) -> list[Line]:
    """Photos of the class, and of the other classes as many of each as make MOST_OTHERS."""
    rows = dataset.images.filter(state=ImageState.ACCEPTED, label__isnull=False).order_by()
    own = rows.filter(label=label_class).order_by("-is_reference", "-pk").values_list(*_COLUMNS)
    found = [_line("reference", row) for row in own[:MOST_REFERENCES]]
    others = list(
        dataset.classes.filter(is_retired=False).exclude(pk=label_class.pk).values_list("pk", flat=True)
    )
    each = max(1, MOST_OTHERS // max(1, len(others)))
    for pk in others:
        of_class = rows.filter(label=pk).order_by("-pk").values_list(*_COLUMNS)
        found += [_line("other", row) for row in of_class[:each]]
    return found


def _line(role: str, row: tuple[Any, ...]) -> Line:
    pk, sha256, phash, mirror = row
    return Line(role, sha256, phash, mirror, image=pk)


def look(context: JobContext, label_class: LabelClass, lines: list[Line]) -> dict[str, Any]:
    """What `python -m ml fit` finds; it embeds what is not embedded yet."""
    return ask(
        context,
        "fit",
        (
            {"sha256": one.sha256, "phash": one.phash, "phash_mirror": one.phash_mirror, "role": one.role}
            for one in lines
        ),
        folder=f"fit-{label_class.pk}",
        out="fit.json",
        poll=lambda progress: lambda: relay_progress(context, progress, share=0.95),
        nice=NICE_AWAITED,
    )


def save(context: JobContext, lines: list[Line], content: dict[str, Any]) -> None:
    items: list[CrawlItem] = []
    for line, fit, group, copy in zip(
        lines, content["fit"], content["group"], content["copy_of"], strict=True
    ):
        if line.item is None:
            continue
        line.item.fit = fit
        line.item.group = 0 if group is None else group + 1
        line.item.copy_of_id = None if copy is None else lines[copy].image
        items.append(line.item)
    choose_leads(items)
    for part in chunks(items, _ROWS_A_WRITE):
        context.check()
        with transaction.atomic():
            CrawlItem.objects.bulk_update(part, ["fit", "group", "copy_of", "is_lead"])


def choose_leads(items: list[CrawlItem]) -> None:
    """Of each group the largest copy, then the one that fits best; a photo of its own leads itself."""

    def worth(item: CrawlItem) -> tuple[bool, int, float, int]:
        # A trial's copy has no photo to be decided about.
        pixels = (item.width or 0) * (item.height or 0)
        return item.image_id is not None, pixels, item.fit or 0.0, -item.pk

    leads: dict[int, CrawlItem] = {}
    for item in items:
        item.is_lead = not item.group
        if item.group and (item.group not in leads or worth(item) > worth(leads[item.group])):
            leads[item.group] = item
    for item in leads.values():
        item.is_lead = True
