"""Reads for the page of classes: what was done to them, as sentences, and what can be taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.core.templatetags.sortyard import display_name, localised
from webapp.datasets.models import ClassAct, ClassOperation, Dataset, LabelClass
from webapp.datasets.names import folded, names_shown, preset55
from webapp.datasets.operations import pk_of
from webapp.datasets.selectors import ClassChoice

# Names that one sentence lists; the rest is counted.
NAMED = 3


@dataclass(frozen=True)
class OperationRow:
    """An act on classes as the page tells it."""

    operation: ClassOperation
    text: str
    can_undo: bool


def operation_rows(dataset: Dataset, *, limit: int, before: int | None = None) -> list[OperationRow]:
    """The newest acts, in at most five queries. Only what was not taken back already can be."""
    rows = dataset.class_operations.select_related("actor").order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    operations = list(rows[:limit])
    if not operations:
        return []
    names = _Names(dataset)
    first = {one.operation for one in operations}
    undone = set(
        dataset.class_operations.filter(undoes__in=first).order_by().values_list("undoes", flat=True)
    )
    undid = dataset.class_operations.filter(operation__in=[one.undoes for one in operations if one.undoes])
    of_first = {one.operation: one for one in undid} if any(one.undoes for one in operations) else {}
    told = []
    for one in operations:
        text = _said(of_first.get(one.undoes, one) if one.undoes else one, names)
        if one.undoes:
            text = _("Undone: %(what)s") % {"what": text}
        told.append(OperationRow(one, text, one.operation not in undone))
    return told


def closed_by(operation: ClassOperation) -> list[str]:
    """Keys of the classes that an act closed: a page that still offers them takes them off its list."""
    ids = [pk_of(name) for name, change in operation.changes.items() if change["after"].get("is_retired")]
    return list(operation.dataset.classes.filter(pk__in=ids).values_list("key", flat=True))


def lacks_preset(choices: Iterable[ClassChoice]) -> bool:
    """Whether a class of the 55 is missing, or is there without advice."""
    choices = list(choices)
    there = {one.key: one.has_advice for one in choices}
    # One that is shown under such a name is that class under another key: it is advised by that key's name alone.
    names = {folded(name) for one in choices for name in names_shown(one.key, one.name_en, one.name_zh)}
    return any(
        not there.get(preset.zh, folded(preset.en) in names or folded(preset.zh) in names)
        for preset in preset55()
    )


class _Names:
    """What the classes and categories of a data set are called, closed ones among them."""

    def __init__(self, dataset: Dataset) -> None:
        self._names = {
            f"{kind}:{pk}": localised(name_en, name_zh, key)
            for kind, rows in (("class", dataset.classes), ("category", dataset.categories))
            for pk, key, name_en, name_zh in rows.order_by().values_list("pk", "key", "name_en", "name_zh")
        }

    def of(self, row: str) -> str:
        return self._names.get(row, "?")

    def listed(self, rows: Collection[str]) -> str:
        """“a”, “b”, “c” and 4 more."""
        shown = _(", ").join(f"“{self.of(row)}”" for row in sorted(rows)[:NAMED])
        more = len(rows) - NAMED
        if more <= 0:
            return shown
        return ngettext("%(names)s and %(n)d more", "%(names)s and %(n)d more", more) % {
            "names": shown,
            "n": more,
        }


def _said(one: ClassOperation, names: _Names) -> str:
    classes = names.listed(one.changes)
    photos = ngettext("%(n)s photo", "%(n)s photos", one.photos) % {"n": f"{one.photos:,}"}
    values = {"names": classes, "photos": photos, "into": ""}
    if one.moves and one.moves[0][1]:
        values["into"] = names.of(f"class:{one.moves[0][1]}")
    return _sentence(one, values) % values


def _sentence(one: ClassOperation, values: dict[str, str]) -> str:
    kind = one.kind
    if kind == ClassAct.MERGE:
        return _("%(names)s merged into “%(into)s” (%(photos)s)")
    if kind == ClassAct.DELETE and values["into"]:
        return _("%(names)s deleted, %(photos)s moved to “%(into)s”")
    if kind == ClassAct.EDIT:
        return _edited(one)
    return {
        ClassAct.CREATE: _("%(names)s added"),
        ClassAct.ORDER: _("Order of the classes changed: %(names)s"),
        ClassAct.BINS: _("Bins chosen for %(names)s"),
        ClassAct.CATEGORY: _("Category %(names)s changed"),
        ClassAct.DELETE: _("%(names)s deleted, %(photos)s without a label now"),
        ClassAct.SPLIT: _("%(names)s split off with %(photos)s"),
        ClassAct.RESTORE: _("Labels of an older snapshot restored (%(photos)s)"),
        ClassAct.PRESET: _("The 55 classes of household waste added: %(names)s"),
    }.get(ClassAct(kind), _("%(names)s changed"))


def _edited(one: ClassOperation) -> str:
    """Says which of the fields changed, a name with what it was."""
    fields = {field for change in one.changes.values() for field in change["after"]}
    parts = []
    if fields & {"name_en", "name_zh"}:
        change = next(iter(one.changes.values()))
        olds = [change["before"].get("name_en"), change["before"].get("name_zh")]
        old = ", ".join(name for name in olds if name)
        parts.append(_("name (was “%(old)s”)") % {"old": old} if old else _("name"))
    if fields & {"advice_en", "advice_zh"}:
        parts.append(_("advice"))
    if "category_id" in fields:
        parts.append(_("category"))
    if "colour" in fields:
        parts.append(_("colour"))
    # The names in `old` are data: a sign of per cent in them is no place for a value.
    listed = _(", ").join(parts).replace("%", "%%")
    return _("%(names)s changed: ") + listed


def merge_targets(dataset: Dataset, sources: Collection[LabelClass]) -> list[LabelClass]:
    """Classes that photos of `sources` can go to, by name."""
    gone = {row.pk for row in sources}
    rows = dataset.classes.filter(is_retired=False).select_related("category")
    return sorted((row for row in rows if row.pk not in gone), key=lambda row: display_name(row).casefold())
