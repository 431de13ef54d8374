"""What other pages show of the guesses."""

from __future__ import annotations

from typing import Any

from django import template

from webapp.datasets.models import Dataset, Image
from webapp.guessing.models import GuessGroup
from webapp.guessing.selectors import LEAST_LABELS, alike_ids, labels_given, likeness_note

register = template.Library()

FEW_ALIKE = 6


@register.inclusion_tag("guessing/_banner.html")
def guess_banner(dataset: Dataset) -> dict[str, Any]:
    """The line above the inbox that leads to its sorted view, once there are labels to learn from."""
    groups = GuessGroup.objects.filter(dataset=dataset, label_class__is_retired=False)
    first = groups.select_related("label_class").defer("photos").first()
    labels, classes = labels_given(dataset)
    return {"dataset": dataset, "first": first, "is_ready": labels >= LEAST_LABELS and classes > 1}


@register.inclusion_tag("guessing/_alike.html")
def alike_note(dataset: Dataset, pk: int) -> dict[str, Any]:
    """The line above a gallery of photos alike."""
    return likeness_note(dataset, pk)


@register.simple_tag
def alike_photos(image: Image) -> list[Image]:
    """The few photos most like this one, if that is known."""
    ids = alike_ids(image.dataset, image.pk)[1 : FEW_ALIKE + 1]
    rows = Image.objects.only("pk", "dataset_id", "sha256", "original_name").in_bulk(ids)
    return [rows[pk] for pk in ids if pk in rows]
