"""What the inbox shows of the review queue: its sources, how it was put in order, and how far somebody is."""

from __future__ import annotations

from typing import Any

from django import template

from webapp.datasets.chips import FilterBar
from webapp.datasets.filters import GIVEN, SORTS, ImageFilter
from webapp.datasets.models import Dataset, ImageState
from webapp.reviewing.selectors import MAX_PEOPLE, order_state, people_who_label, queue_progress
from webapp.reviewing.sources import inbox_sources

register = template.Library()


@register.inclusion_tag("reviewing/_sources.html")
def inbox_from(dataset: Dataset, bar: FilterBar) -> dict[str, Any]:
    return {"sources": inbox_sources(dataset, bar)}


@register.inclusion_tag("reviewing/_order.html", takes_context=True)
def order_note(context: template.Context, dataset: Dataset, sort: str = "") -> dict[str, Any]:
    """The line above an inbox that stands in an order a job worked out."""
    shared = {name: context.get(name) for name in ("may_annotate", "csrf_token")}
    return {**shared, "dataset": dataset, "order": order_state(dataset), "ended": False, "sort": sort}


@register.inclusion_tag("reviewing/_progress.html")
def queue_line(dataset: Dataset, bar: FilterBar) -> dict[str, Any]:
    """How far the person is with what they were given. It takes the place of the switch between states, whose figures
    are those of the whole data set.
    """
    own = ImageFilter(assigned=bar.chosen.assigned, sort=GIVEN)
    return {
        "progress": queue_progress(dataset, bar.chosen.assigned),
        "here": bar.chosen,
        "done_url": bar.url(own.changed(state=ImageState.ACCEPTED.value)),
        "waiting_url": bar.url(own.changed(state=ImageState.INBOX.value)),
    }


@register.simple_tag
def annotators() -> list[Any]:
    """Who may be given photos: (id, name)."""
    return list(people_who_label().values_list("pk", "username")[:MAX_PEOPLE])


@register.filter
def sort_name(sort: str) -> Any:
    """What an order of the gallery is called; nothing for photos that were chosen by hand."""
    return SORTS[sort].label if sort in SORTS else ""
