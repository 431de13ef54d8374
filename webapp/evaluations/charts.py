"""Figures of the evaluation page as plain Plotly dicts. Colours are named as in the style sheets."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from django.utils.translation import gettext as _

from webapp.evaluations.matrix import Matrix
from webapp.evaluations.selectors import display

# Beyond so many classes a cell has no room for a figure.
FIGURES_IN_CELLS = 16
LABEL_LENGTH = 18
# How much of its colour a cell takes over the pale ground; in these bounds its figure is readable.
RIGHT_FROM = 0.62
WRONG_FROM, WRONG_TO = 0.1, 0.52


def matrix_figure(matrix: Matrix, show: str) -> dict[str, Any]:
    """The heat map: right answers from pale to ink, wrong ones to red. Rows are truth, columns answers.

    What a cell says when hovered is put together in the page from `names` and `counts`: 3,025 sentences
    would outweigh everything else.
    """
    size = len(matrix.axes)
    totals = [sum(row) for row in matrix.counts]
    worst = max((_value(matrix, totals, i, j, show) for i, j in _wrong_cells(size)), default=0.0)
    right, wrong = _grid(size), _grid(size)
    # An absent text would be drawn as "null".
    right_text, wrong_text = _grid(size, ""), _grid(size, "")
    for i in range(size):
        for j in range(size):
            count = matrix.counts[i][j]
            if i == j:
                right[i][j] = RIGHT_FROM + (1 - RIGHT_FROM) * count / totals[i] if count else 0.0
                right_text[i][j] = _text(count, totals[i], show)
            else:
                # The root lets a single mix-up be seen beside a frequent one.
                share = _value(matrix, totals, i, j, show) / worst if worst else 0.0
                wrong[i][j] = WRONG_FROM + (WRONG_TO - WRONG_FROM) * math.sqrt(share) if count else 0.0
                wrong_text[i][j] = _text(count, totals[i], show)
    data = [
        _heat(wrong, wrong_text, ("var(--bad)", "var(--ink)"), size),
        _heat(right, right_text, ("var(--ink)", "var(--paper)"), size),
    ]
    return {
        "data": data,
        "layout": _matrix_layout(matrix),
        "keys": [axis.key for axis in matrix.axes],
        "names": [display(axis) for axis in matrix.axes],
        "counts": matrix.counts,
    }


def _grid(size: int, filling: str | None = None) -> list[list[Any]]:
    return [[filling] * size for _row in range(size)]


def _wrong_cells(size: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(size) for j in range(size) if i != j]


def _value(matrix: Matrix, totals: list[int], i: int, j: int, show: str) -> float:
    count = matrix.counts[i][j]
    return count / totals[i] if show == "rates" and totals[i] else float(count)


def _text(count: int, total: int, show: str) -> str:
    if not count:
        return ""
    return f"{100 * count / total:.0f}" if show == "rates" else str(count)


def _heat(z: list[list[Any]], text: list[list[Any]], colours: tuple[str, str], size: int) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "heatmap",
        "z": z,
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "var(--sunken)"], [1, colours[0]]],
        "showscale": False,
        "xgap": 2 if size <= FIGURES_IN_CELLS else 1,
        "ygap": 2 if size <= FIGURES_IN_CELLS else 1,
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
    }
    if size <= FIGURES_IN_CELLS:
        trace |= {
            "text": text,
            "texttemplate": "%{text}",
            "textfont": {"size": 13 if size <= 8 else 11, "color": colours[1]},
        }
    return trace


def _matrix_layout(matrix: Matrix) -> dict[str, Any]:
    size = len(matrix.axes)
    font = {
        "size": 12 if size <= FIGURES_IN_CELLS else 10.5 if size <= 30 else 10,
        "color": "var(--ink-soft)",
    }
    # The squares stand next to the cells on both sides.
    labels = [_label(matrix, i) for i in range(size)]
    axis = {
        "tickvals": list(range(size)),
        "tickfont": font,
        "showgrid": False,
        "showline": False,
        "zeroline": False,
        "ticks": "",
        "range": [-0.5, size - 0.5],
    }
    return {
        "xaxis": {
            **axis,
            "ticktext": [" ".join(label[::-1]) for label in labels],
            "side": "top",
            "tickangle": -90,
        },
        "yaxis": {**axis, "ticktext": [" ".join(label) for label in labels], "range": [size - 0.5, -0.5]},
        "margin": {"l": 8, "r": 4, "t": 8, "b": 4},
        "dragmode": False if size <= FIGURES_IN_CELLS else "zoom",
        "hovermode": "closest",
    }


def _label(matrix: Matrix, i: int) -> tuple[str, str]:
    """A tick label and a square in the colour of its bin."""
    axis = matrix.axes[i]
    name = display(axis)
    short = name if len(name) <= LABEL_LENGTH else name[: LABEL_LENGTH - 1] + "…"
    colour = f"var(--{axis.bin})" if axis.bin else "var(--nobin)"
    return escape(short), f'<span style="color:{colour}">■</span>'


def coverage_figure(calibration: dict[str, Any]) -> dict[str, Any]:
    """Accuracy of the answers given, over the share of photos that get one, the chosen threshold marked."""
    curve = calibration.get("curve") or []
    threshold, target = calibration.get("threshold"), calibration.get("target")
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [point[1] for point in curve],
            "y": [point[2] for point in curve],
            "customdata": [point[0] for point in curve],
            "line": {"color": "var(--ink)", "width": 2.5},
            "hovertemplate": _("answers %{x:.1%} of photos, right in %{y:.1%}")
            + "<br>"
            + _("threshold %{customdata:.2f}")
            + "<extra></extra>",
        }
    ]
    chosen = chosen_point(calibration)
    if chosen is not None:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [chosen[1]],
                "y": [chosen[2]],
                "marker": {"size": 13, "color": "var(--hi)", "line": {"color": "var(--ink)", "width": 2}},
                "hovertemplate": _("chosen threshold %(value).2f") % {"value": threshold} + "<extra></extra>",
            }
        )
    shapes = []
    if target:
        line = {"color": "var(--muted)", "width": 1, "dash": "dot"}
        shapes.append(
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": target, "y1": target, "line": line}
        )
    return {
        "data": data,
        "layout": {
            "showlegend": False,
            "shapes": shapes,
            "xaxis": _share_axis(_("photos that get an answer"), [point[1] for point in curve]),
            "yaxis": _share_axis(_("right among them"), [point[2] for point in curve]),
            "margin": {"l": 56, "r": 16, "t": 12, "b": 44},
        },
    }


def _share_axis(title: str, shares: list[float | None]) -> dict[str, Any]:
    """An axis of shares up to 100 %, from a little below the least; a share of nothing is None."""
    low = min((share for share in shares if share is not None), default=0.0)
    return {
        "title": {"text": title, "standoff": 6, "font": {"size": 12}},
        "tickformat": ".0%",
        "range": [low - 0.04 * (1.04 - low), 1 + 0.04 * (1.04 - low)],
    }


def chosen_point(calibration: dict[str, Any]) -> list[float] | None:
    """[threshold, coverage, accuracy] of the point whose threshold lies nearest to the chosen one."""
    curve, threshold = calibration.get("curve") or [], calibration.get("threshold")
    if threshold is None or not curve:
        return None
    nearest: list[float] = min(curve, key=lambda point: abs(point[0] - threshold))
    return nearest


def coverage_rows(calibration: dict[str, Any], at_most: int = 12) -> list[list[float]]:
    """The curve thinned for the table beside the figure."""
    curve: list[list[float]] = calibration.get("curve") or []
    stride = -(-len(curve) // at_most) or 1
    return curve[::stride]
