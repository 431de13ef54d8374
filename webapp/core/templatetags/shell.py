"""The parts of the frame that read something: rail, data set switcher, queue indicator, catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext, gettext_lazy

from webapp.accounts.models import Role, User
from webapp.core.catalog import catalog_url
from webapp.core.templatetags.sortyard import hundredths, per_cent, roughly
from webapp.datasets.models import Dataset

register = template.Library()


@dataclass(frozen=True)
class Entry:
    """A line of the rail: a page, or with `separator` the heading of those that follow."""

    label: Any
    url: str = ""
    icon: str = ""
    on: bool = False
    count: int | None = None
    separator: bool = False


# section, label, icon, URL name, key of its count, least role
DATASET_PAGES = (
    ("overview", gettext_lazy("Overview"), "home", "datasets:overview", "", Role.VIEWER),
    ("images", gettext_lazy("Images"), "photo", "datasets:images", "accepted", Role.VIEWER),
    ("inbox", gettext_lazy("Inbox"), "inbox", "datasets:inbox", "inbox", Role.VIEWER),
    ("mine", gettext_lazy("My queue"), "check", "reviewing:mine", "mine", Role.ANNOTATOR),
    ("clean", gettext_lazy("Clean"), "clean", "cleaning:groups", "duplicates", Role.VIEWER),
    ("prepare", gettext_lazy("Prepare"), "settings", "preparing:home", "", Role.VIEWER),
    ("map", gettext_lazy("Map"), "map", "mapping:page", "", Role.VIEWER),
    ("classes", gettext_lazy("Classes"), "tag", "datasets:classes", "classes", Role.VIEWER),
    ("upload", gettext_lazy("Add photos"), "upload", "ingest:upload", "", Role.CURATOR),
    ("crawls", gettext_lazy("Crawls"), "globe", "crawls:list", "found", Role.VIEWER),
    ("", gettext_lazy("Train"), "", "", "", Role.VIEWER),
    ("snapshots", gettext_lazy("Snapshots"), "snapshot", "snapshots:list", "snapshots", Role.VIEWER),
    ("runs", gettext_lazy("Runs"), "chart", "runs:list", "runs", Role.VIEWER),
    ("models", gettext_lazy("Models"), "model", "publishing:models", "models", Role.VIEWER),
)
# section, label, icon, URL name, least role
STUDIO_PAGES = (
    ("datasets", gettext_lazy("Data sets"), "sets", "datasets:list", Role.VIEWER),
    ("queue", gettext_lazy("Queue"), "queue", "jobs:queue", Role.VIEWER),
    ("people", gettext_lazy("People"), "people", "accounts:people", Role.ADMIN),
    ("account", gettext_lazy("Account"), "person", "accounts:account", Role.VIEWER),
)


@register.simple_tag
def javascript_catalog_url() -> str:
    return catalog_url()


@register.inclusion_tag("components/rail.html", takes_context=True)
def rail(context: Context) -> dict[str, Any]:
    dataset, section = context.get("dataset"), context.get("section", "")
    user = context.get("user")
    if not isinstance(dataset, Dataset) or not isinstance(user, User):
        pages = [
            Entry(label, reverse(name), icon, key == section)
            for key, label, icon, name, role in STUDIO_PAGES
            if isinstance(user, User) and user.may(role)
        ]
        return {"entries": pages, "dataset": None}
    from webapp.datasets.selectors import rail_counts

    counts = context.get("rail_counted") or rail_counts(dataset, context.get("photos_counted"), user)
    entries = []
    for key, label, icon, name, count, role in DATASET_PAGES:
        if not name:
            entries.append(Entry(label, separator=True))
        elif user.may(role) and (url := _reverse_or_none(name, dataset.slug)):
            entries.append(Entry(label, url, icon, key == section, counts.get(count)))
    return {"entries": entries, "dataset": dataset}


def _reverse_or_none(name: str, slug: str) -> str:
    """A part of the site may be left out of the URLs; its entry then leaves the rail with it."""
    try:
        return reverse(name, args=[slug])
    except NoReverseMatch:
        return ""


@register.inclusion_tag("components/switcher.html", takes_context=True)
def dataset_switcher(context: Context) -> dict[str, Any]:
    from webapp.datasets.selectors import datasets_for

    user = context.get("user")
    return {
        "dataset": context.get("dataset"),
        "datasets": datasets_for(user).only("pk", "slug", "name")[:12] if isinstance(user, User) else [],
        "may_create": isinstance(user, User) and user.may(Role.CURATOR),
    }


@register.inclusion_tag("components/queue_indicator.html")
def queue_indicator() -> dict[str, Any]:
    return indicator()


def indicator() -> dict[str, Any]:
    """The queue in one line: what runs, how far it is, how much waits."""
    from webapp.jobs.selectors import queue_summary
    from webapp.jobs.titles import job_title

    summary = queue_summary()
    if summary.first is None:
        return {"running": 0, "waiting": 0}
    title = job_title(summary.first)
    if not summary.running:
        return {"running": 0, "waiting": summary.waiting, "text": gettext("%(job)s waits") % {"job": title}}
    percent = hundredths(summary.first.progress)
    left = roughly(summary.first.eta_seconds)
    text = (
        gettext("%(job)s · %(left)s left") % {"job": title, "left": left}
        if left
        else f"{title} · {per_cent(str(percent))}"
    )
    return {"running": summary.running, "waiting": summary.waiting, "percent": percent, "text": text}
