"""Filters and tags that every template may use."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from webapp.core.spoken import spoken, spoken_log

register = template.Library()
register.filter("spoken", spoken)
register.filter("spoken_log", spoken_log)


@register.filter
def percent(value: float | None, digits: int = 1) -> str:
    """0.873 → "87.3 %"; an en dash where there is nothing."""
    return "–" if value is None else per_cent(f"{100 * value:.{digits}f}")


def per_cent(number: str) -> str:
    """The sign after a number; Chinese puts no space between them."""
    return gettext("%(number)s %%") % {"number": number}


@register.filter
def grouped(value: int | None) -> str:
    """12345 → "12,345"."""
    return "–" if value is None else f"{value:,}"


@register.filter
def hundredths(value: float | None) -> int:
    """A share from 0 to 1 as the number of a width class: `w-0` … `w-100`."""
    return 0 if value is None else max(0, min(100, round(100 * value)))


@register.filter
def display_name(thing: Any) -> str:
    """The name of a class or category in the reader's language, else its other name, else its key."""
    return localised(getattr(thing, "name_en", ""), getattr(thing, "name_zh", ""), getattr(thing, "key", ""))


def localised(name_en: str, name_zh: str, key: str) -> str:
    first, second = (name_zh, name_en) if (get_language() or "").startswith("zh") else (name_en, name_zh)
    return first or second or key


@register.filter
def other_name(thing: Any) -> str:
    """The name in the language the reader did not choose, where it differs."""
    shown = display_name(thing)
    return next((n for n in (thing.name_zh, thing.name_en) if n and n != shown), "")


@register.filter
def duration(seconds: float | None) -> str:
    """75 → "1 min 15 s"."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return gettext("%(s)d s") % {"s": whole}
    if whole < 3600:
        return gettext("%(m)d min %(s)d s") % {"m": whole // 60, "s": whole % 60}
    return gettext("%(h)d h %(m)d min") % {"h": whole // 3600, "m": whole % 3600 // 60}


@register.filter
def roughly(seconds: float | None) -> str:
    """A time to come, said no more exactly than it is known: "about 3 min"."""
    if seconds is None:
        return ""
    if seconds < 60:
        return gettext("less than a minute")
    return gettext("about %(m)d min") % {"m": round(seconds / 60)}


@register.filter
def at(table: dict[Any, Any], key: Any) -> Any:
    """What a table of the page's context holds for a key; nothing where it holds nothing."""
    return table.get(key, ())


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon from the sprite `static/icons.svg`; decoration only, so hidden from screen readers."""
    from django.templatetags.static import static

    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name
    )


@register.simple_tag
def dot(thing: Any) -> SafeString:
    """The mark of a class or category: its own colour where it has one, else that of its bin.

    The colour is data, so it stands in an attribute of a drawing: pages carry no inline styles.
    """
    above = getattr(thing, "category", None)
    colour = getattr(thing, "colour", "")
    if not colour:
        bin_ = getattr(thing, "bin", "") or getattr(above, "bin", "")
        return format_html('<span class="dot bin-{}"></span>', bin_)
    return format_html(
        '<svg class="dot own" viewBox="0 0 8 8" aria-hidden="true"><rect width="8" height="8" rx="2" fill="{}"/></svg>',
        colour,
    )
