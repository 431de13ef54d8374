"""The figures as SVG, drawn by Plotly in a Chromium that nobody sees."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from playwright.sync_api import Page, sync_playwright

from ml.durable import write_atomic
from tests.support.browser import launch

from .effects import Estimate
from .results import Row
from .words import cell_words, network_words, percent, start_words

PLOTLY = Path(__file__).resolve().parents[2] / "static/vendor/plotly/plotly.min.js"
WIDTH = 700
INK, MUTED, LINE = "#1b1c19", "#62655c", "#dfdfd7"
COLOURS = {"scratch": "#b4530a", "finetune": "#174ea6"}
FONT = {"family": "Arial, Helvetica, sans-serif", "size": 14, "color": INK}
DOTS_APART = 0.1
_RANDOM_NAME = re.compile(r"(?<=clip|race|gend|efs-)[0-9a-f]{6}")

Figure = dict[str, Any]

_DRAW = """async ([data, layout]) => {
  const place = document.body.appendChild(document.createElement("div"));
  await Plotly.newPlot(place, data, layout, {staticPlot: true});
  const texts = [...place.querySelectorAll("svg text")].filter((one) => one.textContent.trim());
  const boxes = texts.map((one) => [one.textContent, one.getBoundingClientRect()]);
  const outer = place.getBoundingClientRect();
  const faults = [];
  boxes.forEach(([text, box], index) => {
    if (box.left < outer.left || box.right > outer.left + layout.width) faults.push(`cut off: ${text}`);
    for (const [other, its] of boxes.slice(index + 1))
      if (box.left < its.right && its.left < box.right && box.top + 2 < its.bottom && its.top + 2 < box.bottom)
        faults.push(`${text} lies over ${other}`);
  });
  const image = await Plotly.toImage(place, {format: "svg", width: layout.width, height: layout.height});
  return [faults, image];
}"""


class FigureError(Exception):
    """A figure's words lie over each other or are cut off."""


def draw(figures: Mapping[Path, Figure]) -> None:
    """Write each figure to its path. FigureError where one could not be read."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 900, "height": 900})
        page.add_script_tag(path=PLOTLY)
        for path, figure in figures.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, _svg(page, figure, path.stem).encode())
        browser.close()


def _svg(page: Page, figure: Figure, name: str) -> str:
    faults, image = page.evaluate(_DRAW, [figure["data"], figure["layout"]])
    if faults:
        raise FigureError(f"{name}: {'; '.join(faults)}")
    return with_steady_names(unquote(str(image).partition(",")[2])) + "\n"


def with_steady_names(svg: str) -> str:
    """Plotly names clip paths and the like at random: named in their order, equal figures are equal files."""
    found = dict.fromkeys(_RANDOM_NAME.findall(svg))
    steady = {name: f"{number:06x}" for number, name in enumerate(found)}
    return _RANDOM_NAME.sub(lambda match: steady[match[0]], svg)


def curves(rows: Sequence[Row], measure: str) -> Figure:
    """Loss or accuracy of both runs of a pair, an epoch a point: validation whole, training dotted."""
    data = []
    for row in rows:
        for part, words in (("val", "validation"), ("train", "training")):
            data.append(_curve(row, f"{part}_{measure}", words))
    last = max(row["spec"]["epochs"] for row in rows)
    percents = {"tickformat": ".0%", "range": [0, 1.02]} if measure == "accuracy" else {"rangemode": "tozero"}
    title = "accuracy" if measure == "accuracy" else "mean loss per photo"
    layout = _layout(400) | {
        "xaxis": _axis("epoch", range=[0.7, last + 0.3], tickformat="d", dtick=1, showgrid=False),
        "yaxis": _axis(title, **percents),
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "entrywidth": 262,
            "font": {"size": 13},
        },
        "margin": {"l": 66, "r": 14, "t": 66, "b": 50},
    }
    return {"data": data, "layout": layout}


def _curve(row: Row, field: str, part: str) -> Figure:
    spec, is_val = row["spec"], field.startswith("val")
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"{start_words(spec)}, {network_words(spec)}: {part}",
        "x": [line["epoch"] for line in row["epochs"]],
        "y": [line[field] for line in row["epochs"]],
        "line": {
            "color": COLOURS[row["cell"]],
            "width": 2.5 if is_val else 1.5,
            "dash": "solid" if is_val else "dot",
        },
        "marker": {
            "size": 7 if is_val else 5,
            "color": COLOURS[row["cell"]],
            "symbol": "circle" if is_val else "x",
        },
    }


def grid(estimates: Mapping[str, Estimate]) -> Figure:
    """The 2 x 2: every seed a ring, the mean a dot with ± sd (thick) and the 95 % interval (thin)."""
    names = list(estimates)[::-1]
    data: list[Figure] = []
    for place, name in enumerate(names):
        data += _cell(estimates[name], place, COLOURS[name.split()[0]], first=place == 0)
    figures = [
        {"text": _figures(estimates[name]), "x": 1, "xref": "paper", "xanchor": "left", "xshift": 12,
         "y": place, "showarrow": False, "font": {"size": 14, "color": INK}}
        for place, name in enumerate(names)
    ]  # fmt: skip
    lows = [min(one.interval[0], *one.seeds) for one in estimates.values()]
    highs = [max(one.interval[1], *one.seeds) for one in estimates.values()]
    layout = _layout(330) | {
        "xaxis": _axis("test accuracy", tickformat=".0%", range=[max(0, min(lows) - 0.03), min(1, max(highs) + 0.03)]),
        "yaxis": _axis("", tickvals=list(range(len(names))), ticktext=[cell_words(name) for name in names],
                       range=[-0.6, len(names) - 0.4], showgrid=False, showline=False),
        "annotations": figures,
        "legend": {"orientation": "h", "x": 0, "y": 1.04, "yanchor": "bottom", "font": {"size": 13}},
        "margin": {"l": 150, "r": 120, "t": 44, "b": 50},
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _cell(estimate: Estimate, place: int, colour: str, *, first: bool) -> list[Figure]:
    """Interval, deviation, seeds and mean of one cell; the first one's stand in the legend."""
    low, high = estimate.interval
    mean, spread = estimate.mean, estimate.deviation or 0.0
    count = len(estimate.seeds)
    offsets = [(number - (count - 1) / 2) * DOTS_APART + 0.27 for number in range(count)]
    bar = {"type": "scatter", "mode": "lines", "y": [place, place], "showlegend": False}
    dots = {"type": "scatter", "mode": "markers", "showlegend": first}
    return [
        {**bar, "x": [low, high], "line": {"color": colour, "width": 1.5}, "name": "95 % interval",
         "showlegend": first},
        {**bar, "x": [mean - spread, mean + spread], "line": {"color": colour, "width": 6}, "name": "± sd over seeds",
         "showlegend": first},
        {**dots, "x": [mean], "y": [place], "name": "mean",
         "marker": {"size": 12, "color": colour, "line": {"color": "#ffffff", "width": 1.5}}},
        {**dots, "x": list(estimate.seeds), "y": [place + offset for offset in offsets], "name": "one seed",
         "marker": {"size": 7, "color": "#ffffff", "line": {"color": colour, "width": 1.5}}},
    ]  # fmt: skip


def _figures(estimate: Estimate) -> str:
    if estimate.deviation is None:
        return percent(estimate.mean)
    return f"{100 * estimate.mean:.1f} ± {100 * estimate.deviation:.1f} %"


def _layout(height: int) -> Figure:
    return {
        "width": WIDTH,
        "height": height,
        "font": FONT,
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
    }


def _axis(title: str, **more: Any) -> Figure:
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 14}}, "showline": True,
        "gridcolor": LINE, "linecolor": MUTED,
        "zeroline": False, "ticks": "outside", "tickcolor": MUTED, **more,
    }  # fmt: skip
