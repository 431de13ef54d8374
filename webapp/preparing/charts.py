"""Figures of preparation as plain Plotly dicts. Colours are named as in the style sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from django.utils.translation import gettext as _

from webapp.core.templatetags.sortyard import localised
from webapp.datasets.models import Bin

# Beyond so many classes without a bin they have no colours that could be told apart.
SERIES = 8
LABEL_LENGTH = 16

Row = Mapping[str, Any]


def name_of(row: Row) -> str:
    return localised(row["name_en"], row["name_zh"], row["key"])


def colour_of(row: Row) -> str:
    return f"var(--{row['bin']})" if row["bin"] else "var(--nobin)"


def sizes_figure(result: Mapping[str, Any], points: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Width × height of every photo: by bin where classes have one, by class where they are few."""
    classes: Sequence[Row] = result["classes"]
    groups = _groups(classes)
    data = []
    for name, (colour, places) in groups.items():
        mine = [point for point in points if point[2] in places]
        if mine:
            data.append(
                _dots(name, colour, mine, [name_of(classes[p[2]]) if p[2] >= 0 else "" for p in mine])
            )

    def axis(title: str, most: float) -> dict[str, Any]:
        return {"range": [0, 1.06 * most], "showline": True, "title": {"text": title, "standoff": 6}}

    return {
        "data": data,
        "layout": {
            "dragmode": "select",
            "showlegend": len(data) > 1,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemclick": False,
                       "itemdoubleclick": False},
            "xaxis": axis(_("width, px"), result["width"][-1]),
            "yaxis": axis(_("height, px"), result["height"][-1]),
            "margin": {"l": 60, "r": 12, "t": 40, "b": 44},
        },
    }  # fmt: skip


def _groups(classes: Sequence[Row]) -> dict[str, tuple[str, set[int]]]:
    """Name → its colour and the places of its classes; −1 is “no label”."""
    found: dict[str, tuple[str, set[int]]] = {}
    if any(row["bin"] for row in classes):
        for kind in Bin:
            places = {i for i, row in enumerate(classes) if row["bin"] == kind.value}
            found[str(kind.label)] = (f"var(--{kind.value})", places)
        found[_("no bin")] = ("var(--nobin)", {i for i, row in enumerate(classes) if not row["bin"]})
    elif len(classes) <= SERIES:
        for i, row in enumerate(classes):
            found[name_of(row)] = (f"var(--series-{i + 1})", {i})
    else:
        found[_("Photos")] = ("var(--ink)", set(range(len(classes))))
    found[_("no label")] = ("var(--muted)", {-1})
    return {name: (colour, places) for name, (colour, places) in found.items() if places}


def _dots(name: str, colour: str, points: Sequence[Sequence[int]], names: list[str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escape(name),
        "x": [point[0] for point in points],
        "y": [point[1] for point in points],
        "text": [escape(one) for one in names],
        "marker": {"color": colour, "size": 7, "opacity": 0.55},
        "unselected": {"marker": {"opacity": 0.12}},
        "hovertemplate": "%{x} × %{y} px<br>%{text}<extra></extra>",
    }


def classes_figure(classes: Sequence[Row]) -> dict[str, Any]:
    """Photos of each class; `keys` says which class a bar is."""
    bars = {
        "type": "bar",
        "x": list(range(len(classes))),
        "y": [row["n"] for row in classes],
        "text": [escape(name_of(row)) for row in classes],
        "textposition": "none",
        "marker": {"color": [colour_of(row) for row in classes]},
        "hovertemplate": "%{text}: %{y}<extra></extra>",
    }
    return {"data": [bars], "layout": _bars_layout(classes), "keys": [row["key"] for row in classes]}


def pairs_figure(classes: Sequence[Row], before: str, after: str, cap: int | None = None) -> dict[str, Any]:
    """Two bars a class, before and after; a line at the cap."""
    data = []
    for field, name, opacity in ((before, _("before"), 0.38), (after, _("after"), 1)):
        data.append(
            {
                "type": "bar",
                "name": name,
                "x": list(range(len(classes))),
                "y": [row[field] for row in classes],
                "text": [escape(name_of(row)) for row in classes],
                "textposition": "none",
                "marker": {"color": [colour_of(row) for row in classes], "opacity": opacity},
                "hovertemplate": f"%{{text}}, {name}: %{{y}}<extra></extra>",
            }
        )
    layout = _bars_layout(classes) | {"barmode": "group", "bargap": 0.25}
    if cap is not None:
        line = {"color": "var(--ink)", "width": 1.5, "dash": "dot"}
        layout["shapes"] = [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": cap, "y1": cap, "line": line}
        ]
    return {"data": data, "layout": layout, "keys": [row["key"] for row in classes]}


def _bars_layout(classes: Sequence[Row]) -> dict[str, Any]:
    names = [name_of(row) for row in classes]
    short = [name if len(name) <= LABEL_LENGTH else name[: LABEL_LENGTH - 1] + "…" for name in names]
    return {
        "showlegend": False,
        "dragmode": False,
        "xaxis": {
            "tickvals": list(range(len(classes))),
            "ticktext": [escape(name) for name in short],
            "tickangle": -60 if len(classes) > 6 else 0,
            "tickfont": {"size": 11 if len(classes) <= 30 else 10},
            "showgrid": False,
            "zeroline": False,
        },
        "yaxis": {"title": {"text": _("number of photos"), "standoff": 6}, "rangemode": "tozero"},
        "margin": {"l": 56, "r": 8, "t": 12, "b": 40},
    }
