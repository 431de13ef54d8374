"""What other pages show of the guesses."""

from __future__ import annotations

from typing import Any

from django import template

from webapp.datasets.models import Dataset
from webapp.guessing.models import GuessGroup
from webapp.guessing.selectors import LEAST_LABELS, labels_given

register = template.Library()


@register.inclusion_tag("guessing/_banner.html")
def guess_banner(dataset: Dataset) -> dict[str, Any]:
    """The line above the inbox that leads to its sorted view, once there are labels to learn from."""
    groups = GuessGroup.objects.filter(dataset=dataset, label_class__is_retired=False)
    first = groups.select_related("label_class").defer("photos").first()
    labels, classes = labels_given(dataset)
    return {"dataset": dataset, "first": first, "is_ready": labels >= LEAST_LABELS and classes > 1}
