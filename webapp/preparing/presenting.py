"""What the page of one run shows of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from webapp.core.pagination import whole_number
from webapp.preparing import charts, selectors
from webapp.preparing.models import Preparation, Step
from webapp.preparing.rules import NAMES, Limits

# What the paper printed over its 15,442 photos, by its own loop.
SEED_PHOTOS = 15_442
SEED_MEAN = [0.6391828, 0.5712495, 0.5060598]
SEED_STD = [0.21158008, 0.2197067, 0.22926107]

Query = Mapping[str, str]


@dataclass(frozen=True)
class ClassRow:
    """A class of a result, as it was called then."""

    key: str
    name_en: str
    name_zh: str
    bin: str
    n: int
    before: int = 0
    after: int = 0

    @property
    def left(self) -> int:
        return self.before - self.after


def of(one: Preparation, query: Query) -> dict[str, Any]:
    """The parts of the page that follow from the step; only its settings until there is a result."""
    found: dict[str, Any] = {"setting_lines": settings_of(one)}
    if not one.result:
        return found
    if one.step == Step.BALANCE:
        return found | _balance(one, query)
    return found | (_PARTS[one.step](one) if one.step in _PARTS else {})


def settings_of(one: Preparation) -> list[tuple[str, str]]:
    """Name and value of each setting."""
    if one.step == Step.RULES:
        limits = Limits.read(one.settings)
        return [(str(NAMES[rule]), f"{getattr(limits, rule):g}") for rule in limits.queries()]
    if one.step == Step.BALANCE:
        flips = _("yes") if one.settings["flips"] else _("no")
        return [
            (_("At most a class"), f"{one.settings['cap']:,}"),
            (_("Seed"), str(one.settings["seed"])),
            (_("With mirrored copies"), flips),
        ]
    if one.step == Step.ENHANCE:
        return [(_("Snapshot"), str(one.settings["snapshot"]))]
    return []


def rows_of(result: Mapping[str, Any]) -> list[ClassRow]:
    return [ClassRow(**{k: v for k, v in row.items() if k != "pk"}) for row in result["classes"]]


def _sizes(one: Preparation) -> dict[str, Any]:
    result = one.result
    names = (("width", _("Width, px")), ("height", _("Height, px")), ("aspect", _("Long side / short side")))
    return {
        "figures": {
            "sizes-figure": charts.sizes_figure(result, one.details.get("points", [])),
            "classes-figure": charts.classes_figure(result["classes"]),
        },
        "classes": rows_of(result),
        "is_sampled": result["points"] < result["photos"],
        "spread": [(name, [f"{value:g}" for value in result[key]]) for key, name in names],
        "square": result["photos"] - result["landscape"] - result["portrait"],
    }


def _rules(one: Preparation) -> dict[str, Any]:
    return {
        "moved": [(str(NAMES[rule]), n) for rule, n in one.result["rules"].items()],
        "caught": selectors.caught_photos(one),
    }


def _flips(one: Preparation) -> dict[str, Any]:
    tripled = [{**row, "after": 3 * row["n"], "before": row["n"]} for row in one.result["classes"]]
    return {
        "figures": {"pairs-figure": charts.pairs_figure(tripled, "before", "after")},
        "classes": rows_of({"classes": tripled}),
    }


def _balance(one: Preparation, query: Query) -> dict[str, Any]:
    key, start = query.get("class", ""), whole_number(query.get("from")) or 0
    return {
        "figures": {
            "pairs-figure": charts.pairs_figure(one.result["classes"], "before", "after", one.settings["cap"])
        },
        "classes": rows_of(one.result),
        "left": selectors.left_out(one, key, start) if key else None,
        "left_class": next((row for row in rows_of(one.result) if row.key == key), None),
    }


def _statistics(one: Preparation) -> dict[str, Any]:
    exact, loop = one.result, one.result["seed_estimator"]
    return {
        "estimates": [
            (_("Exact, over all pixels"), one.result["photos"], exact["mean"], exact["std"]),
            (_("As the paper’s loop"), one.result["photos"], loop["mean"], loop["std"]),
            (_("What the paper printed, for its own photos"), SEED_PHOTOS, SEED_MEAN, SEED_STD),
        ]
    }


_PARTS: dict[str, Callable[[Preparation], dict[str, Any]]] = {
    Step.SIZES: _sizes,
    Step.RULES: _rules,
    Step.FLIPS: _flips,
    Step.STATISTICS: _statistics,
}
