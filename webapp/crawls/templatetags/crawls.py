"""Filters for what strangers said about their photos."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext

from webapp.crawls.presenting import host_of, outward, provider_name

register = template.Library()
register.filter("provider_name", provider_name)
register.filter("outward", outward)
register.filter("host_of", host_of)


@register.filter
def moment(text: str) -> datetime | None:
    """“2026-03-01T08:00:00+00:00” as a time; None for anything else."""
    try:
        return parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None


@register.filter
def language_of_words(language: str) -> str:
    """What search words a source is asked with."""
    return {"en": gettext("English words"), "zh": gettext("Chinese words")}.get(language, "")
