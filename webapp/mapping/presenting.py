"""The legend of a map: what it is coloured by, in which colours, and where a click on a line leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from webapp.core.templatetags.sortyard import localised
from webapp.datasets.filters import ANY_STATE
from webapp.datasets.models import Bin, ImageState
from webapp.datasets.selectors import ClassChoice
from webapp.datasets.selectors_gallery import GalleryCounts
from webapp.mapping.colours import colour_of
from webapp.mapping.query import CATEGORY, CLASS, NOT_ASKED, RIGHT, STATE, VERDICT, WRONG, MapQuery

NO_COLOUR = "var(--nobin)"
# Of what has no class or bin: drawn as a cross, since a class or a bin may be grey.
BARE = "var(--muted)"
_STATE_COLOURS = {
    ImageState.ACCEPTED.value: "var(--good)",
    ImageState.INBOX.value: "var(--focus)",
    ImageState.QUARANTINED.value: "var(--bad)",
}
_VERDICT_COLOURS = {RIGHT: "var(--good)", WRONG: "var(--bad)", NOT_ASKED: NO_COLOUR}


@dataclass(frozen=True)
class LegendLine:
    """`query` shows only what the line is about, or takes that away again where it is `on`; None: no filter does."""

    key: str
    name: str
    colour: str
    query: str | None
    on: bool = False
    n: int | None = None
    words: str = ""
    """What a search looks through: the other name, pinyin, initials, key."""
    digit: int | None = None
    """The key that gives a photo this class."""


@dataclass(frozen=True)
class Colouring:
    value: str
    label: Any
    query: str
    on: bool


def colourings(query: MapQuery, classes: Sequence[ClassChoice], *, has_runs: bool) -> list[Colouring]:
    """What a map can be coloured by. A verdict's filter goes with its colours."""
    names = {
        CLASS: _("Class"),
        CATEGORY: _("Bin") if any(one.bin for one in classes) else _("Category"),
        STATE: _("State"),
        VERDICT: _("Mistakes"),
    }
    offered = {CLASS: True, CATEGORY: any(one.category for one in classes), STATE: True, VERDICT: has_runs}
    return [
        Colouring(
            value,
            name,
            query.to_query(colour="" if value == CLASS else value, verdict="", run=_run(query, value)),
            value == query.colour,
        )
        for value, name in names.items()
        if offered[value] or value == query.colour
    ]


def _run(query: MapQuery, colour: str) -> str:
    return str(query.run) if colour == VERDICT and query.run is not None else ""


def legend(
    query: MapQuery,
    classes: Sequence[ClassChoice],
    counts: GalleryCounts,
    verdicts: Mapping[str, int],
    digits: Mapping[str, int],
) -> list[LegendLine]:
    """The lines of what the map is coloured by, in the data set's own order. `digits`: class key → 1 to 9."""
    if query.colour == STATE:
        return _states(query, counts)
    if query.colour == VERDICT:
        return _verdicts(query, verdicts)
    if query.colour == CATEGORY:
        return _categories(query, classes, counts)
    return _classes(query, classes, counts, digits)


def _classes(
    query: MapQuery, classes: Sequence[ClassChoice], counts: GalleryCounts, digits: Mapping[str, int]
) -> list[LegendLine]:
    lines = [
        LegendLine(
            one.key,
            localised(one.name_en, one.name_zh, one.key),
            one.colour or colour_of(place),
            _with_images(query, query.images.with_class_toggled(one.key)),
            one.key in query.images.classes,
            counts.by_label.get(one.pk, 0),
            "|".join((one.name_en, one.name_zh, one.pinyin, one.initials, one.key)),
            digits.get(one.key),
        )
        for place, one in enumerate(classes)
    ]
    bare = query.images.changed(classes=(), unlabelled=not query.images.unlabelled)
    if counts.unlabelled or query.images.unlabelled:
        words = f"{_('no label')}||||"
        on = query.images.unlabelled
        lines.append(
            LegendLine("", _("no label"), BARE, _with_images(query, bare), on, counts.unlabelled, words)
        )
    return lines


def _categories(query: MapQuery, classes: Sequence[ClassChoice], counts: GalleryCounts) -> list[LegendLine]:
    first: dict[str, ClassChoice] = {}
    n: dict[str, int] = {"": counts.unlabelled}
    for one in classes:
        first.setdefault(one.category, one)
        n[one.category] = n.get(one.category, 0) + counts.by_label.get(one.pk, 0)
    lines = []
    for place, (key, one) in enumerate(first.items()):
        if not key:
            continue
        chosen = query.images.categories
        toggled = tuple(k for k in chosen if k != key) if key in chosen else (*chosen, key)
        lines.append(
            LegendLine(
                key,
                localised(one.category_en, one.category_zh, key),
                one.category_colour or (f"var(--{one.bin})" if one.bin in Bin.values else colour_of(place)),
                _with_images(query, query.images.changed(categories=toggled, unlabelled=False)),
                key in chosen,
                n[key],
            )
        )
    return [*lines, LegendLine("", _("no bin"), BARE, None, n=n[""])] if n[""] else lines


def _states(query: MapQuery, counts: GalleryCounts) -> list[LegendLine]:
    return [
        LegendLine(
            value,
            str(name),
            _STATE_COLOURS[value],
            _with_images(
                query, query.images.changed(state=ANY_STATE if query.images.state == value else value)
            ),
            query.images.state == value,
            counts.by_state[value],
        )
        for value, name in ImageState.choices
    ]


def _verdicts(query: MapQuery, verdicts: Mapping[str, int]) -> list[LegendLine]:
    names = {RIGHT: _("answered right"), WRONG: _("answered wrong"), NOT_ASKED: _("not asked")}
    return [
        LegendLine(
            key,
            name,
            _VERDICT_COLOURS[key],
            query.to_query(verdict="" if query.verdict == key else key),
            query.verdict == key,
            verdicts.get(key),
        )
        for key, name in names.items()
    ]


def _with_images(query: MapQuery, images: Any) -> str:
    return replace(query, images=images).to_query()
