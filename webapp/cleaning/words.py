"""What the page “Clean” says of an act that was just done."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.cleaning.selectors import GroupRow
from webapp.cleaning.services import Act
from webapp.datasets.models import Dataset


@dataclass(frozen=True)
class Done:
    """An act that can be undone, and what it did."""

    act: str
    said: str


def of_act(dataset: Dataset, act: uuid.UUID | None) -> Done | None:
    """None where there is no such act, or something was done to its groups since."""
    if act is None:
        return None
    entries = dataset.duplicate_groups.filter(last_act=act).values_list("acts", flat=True)
    kinds = Counter(entry[-1]["what"] for entry in entries)
    if not kinds:
        return None
    what, n = kinds.most_common(1)[0]
    return Done(str(act), _said(what, n))


def _said(what: str, n: int) -> str:
    if what == "kept_best":
        text = ngettext(
            "%(n)d group decided: the best copy stays, the others are in quarantine.",
            "%(n)d groups decided: the best copies stay, the others are in quarantine.",
            n,
        )
        return text % {"n": n}
    if what == "kept_all":
        return _("These are no duplicates: you will not be asked about them again.")
    if what == "labelled":
        return _("All photos of the group have one label now.")
    return _("Another photo is the best copy now.")


def of_one(row: GroupRow | None) -> str:
    """Of the act that this group has just seen."""
    what = row.group.acts[-1]["what"] if row and row.group.acts else ""
    return _said(what, 1) if what else ""


def nothing_undone() -> str:
    return _("There is nothing to undo: the group was changed since.")


def undone(groups: int) -> str:
    text = ngettext("Undone: %(n)d group asks again.", "Undone: %(n)d groups ask again.", groups)
    return text % {"n": groups}


def tell_undone(request: HttpRequest, done: Act) -> None:
    if not done.groups:
        messages.warning(request, nothing_undone())
        return
    messages.success(request, undone(done.groups))
    if done.stale:
        text = ngettext(
            "%(n)d photo was changed since and left as it is.",
            "%(n)d photos were changed since and left as they are.",
            done.stale,
        )
        messages.warning(request, text % {"n": done.stale})
