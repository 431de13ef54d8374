"""What the page Prepare says of each step, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.jobs.models import JobState
from webapp.preparing.models import Preparation, Step


@dataclass(frozen=True)
class Card:
    step: str
    name: str
    about: str
    latest: Preparation | None
    said: str
    is_next: bool


def about(step: str) -> str:
    texts = {
        Step.SIZES: _(
            "Width × height of every photo and how many each class has: what stands out shows here first."
        ),
        Step.RULES: _(
            "Sends what is too small, too large, blurred, dark, bright or empty to quarantine. Nothing is deleted."
        ),
        Step.FLIPS: _(
            "Each photo also mirrored and upside down: three for one. Looked at here, made in the snapshot."
        ),
        Step.BALANCE: _("Draws at most 300 of each class by a seed. What is left out stays in the data set."),
        Step.STATISTICS: _("Per channel, exactly over all pixels, and as the paper’s loop computes it."),
        Step.ENHANCE: _(
            "Flips, then the cap, then the split 0.9 / 0.1: frozen, to browse and to download as a ZIP."
        ),
    }
    return texts[Step(step)]


def cards(latest: Mapping[str, Preparation]) -> list[Card]:
    """All steps in order; the first that was never done is what comes next."""
    pending = next((step for step in Step.values if not is_done(latest.get(step))), "")
    return [
        Card(step, str(name), about(step), latest.get(step), said(latest.get(step)), step == pending)
        for step, name in Step.choices
    ]


def is_done(one: Preparation | None) -> bool:
    return one is not None and (one.job is None or one.job.state == JobState.SUCCEEDED)


def said(one: Preparation | None) -> str:
    """Its result in a line; "" where there is none."""
    if one is None or not one.result:
        return ""
    return _said(one.step, one.result, one.settings)


def _said(step: str, result: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    if step == Step.SIZES:
        return _("%(n)s photos, %(width)s px wide and %(height)s px high") % {
            "n": f"{result['photos']:,}", "width": _span(result["width"]), "height": _span(result["height"]),
        }  # fmt: skip
    if step == Step.RULES:
        text = ngettext(
            "%(moved)s of %(n)s photo went to quarantine",
            "%(moved)s of %(n)s photos went to quarantine",
            result["photos"],
        )
        return text % {"moved": f"{result['moved']:,}", "n": f"{result['photos']:,}"}
    if step == Step.FLIPS:
        return _("%(before)s photos would become %(after)s") % {
            "before": f"{result['photos']:,}", "after": f"{result['after']:,}"
        }  # fmt: skip
    if step == Step.BALANCE:
        return _("%(before)s before, %(after)s after: at most %(cap)s a class") % {
            "before": f"{result['before']:,}", "after": f"{result['after']:,}", "cap": f"{settings['cap']:,}",
        }  # fmt: skip
    if step == Step.STATISTICS:
        return _("mean %(mean)s, deviation %(std)s") % {
            "mean": _three(result["mean"]), "std": _three(result["std"])
        }  # fmt: skip
    return _("snapshot %(number)s: %(files)s files in one ZIP") % {
        "number": result["snapshot"], "files": f"{result['files']:,}"
    }  # fmt: skip


def _three(values: list[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def _span(values: list[float]) -> str:
    low, high = f"{values[0]:g}", f"{values[-1]:g}"
    return low if low == high else f"{low}–{high}"
