"""Filters of the pages about runs and their evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.translation import gettext

from webapp.accounts.models import User
from webapp.core.templatetags.sortyard import per_cent
from webapp.runs.models import Run
from webapp.runs.selectors import Intervals, recipe_title

register = template.Library()


@register.filter
def recipe(name: str) -> str:
    """The title of a recipe in the reader's language."""
    return recipe_title(name)


@register.filter
def hundred(share: float) -> str:
    """0.873 → "87.30": a coordinate, so never with a decimal comma."""
    return f"{100 * share:.2f}"


@register.filter
def width_to(low: float, high: float) -> str:
    return f"{100 * (high - low):.2f}"


@register.filter
def of_run(intervals: Mapping[int, Intervals], run: Run) -> Intervals:
    """The intervals of one of the runs that they were read for."""
    return intervals.get(run.pk) or Intervals(None, None)


@register.filter
def between(interval: Any) -> str:
    """(0.853, 0.928) → "85.3 – 92.8 %"."""
    return per_cent(f"{100 * interval[0]:.1f} – {100 * interval[1]:.1f}") if interval else ""


@register.filter
def number3(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


@register.filter
def may(user: object, role: str) -> bool:
    """Whether to show what only people of that role may do."""
    return isinstance(user, User) and user.may(role)


@register.filter
def phase(name: str) -> str:
    """The trainer's phase in the reader's words."""
    return {
        "prepare": gettext("Preparing"),
        "features": gettext("Computing features"),
        "train": gettext("Training"),
        "evaluate": gettext("Evaluating"),
        "export": gettext("Writing the model"),
    }.get(name, gettext("Starting"))
