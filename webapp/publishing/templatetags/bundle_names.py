"""Names of classes as a bundle holds them: dicts, frozen when the model was trained."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

from webapp.core.templatetags.sortyard import localised

register = template.Library()


@register.filter
def class_label(one: Mapping[str, str]) -> str:
    """The class's name in the reader's language."""
    return localised(one.get("name_en", ""), one.get("name_zh", ""), one.get("key", ""))


@register.filter
def category_label(one: Mapping[str, str]) -> str:
    """Its category's name in the reader's language, "" without one."""
    return localised(one.get("category_en", ""), one.get("category_zh", ""), one.get("category", ""))
