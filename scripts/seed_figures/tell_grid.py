"""The section on the 2 x 2: its tables, and what its effects support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .effects import Estimate
from .markdown import Table, table
from .results import Row
from .words import cell_words, interval, network_words, percent, value_words

EFFECT_WORDS = {
    "start": "ImageNet start instead of a random one, mean over both optimisers",
    "optimizer": "Adam at its rates instead of SGD at its rate, mean over both starts",
    "interaction": "what Adam is worth with the ImageNet start, less what it is worth with the random one",
    "larger": "the first effect less the second",
}


def grid_section(rows: Sequence[Row], cells: Mapping[str, Estimate], effects: Mapping[str, Estimate]) -> str:
    spec = rows[0]["spec"]
    count = len({row["spec"]["seed"] for row in rows})
    seeds = "1 seed" if count == 1 else f"{count} seeds"
    return f"""## Start × optimiser

The same network ({network_words(spec)}) in all four cells, {spec["size"]} pixels, {spec["epochs"]} epochs, batch
{spec["batch"]}, normalised by {value_words("normalisation", spec)}, flips at training time; {seeds} of training on
the one snapshot. SGD at 1e-3 for all layers, without momentum, as in the paper's first run; Adam at 1e-4 for the body
and 1e-3 for the last layer, as in its second. “Start” includes the last layer: Xavier uniform with the ImageNet start,
PyTorch's default with the random one.

![Test accuracy of the four cells](figures/seed-grid.svg)

*Test accuracy. Ring: one seed. Dot and thick bar: mean ± standard deviation over {seeds}. Thin line: 95 % interval of
that mean by resampling groups of test photos, the trainings held fixed.*

{_cells_table(cells, rows)}

{_effects_table(effects)}

The deviation says what another training would change, the interval what other test photos would. The effects are
differences on the same photos and the same seeds. An effect counts as shown where its interval leaves 0 out and every
seed has its sign.

What this supports:

{_conclusions(effects, rows)}"""


def _cells_table(cells: Mapping[str, Estimate], rows: Sequence[Row]) -> str:
    lines: Table = [
        [cell_words(name), percent(one.mean), _deviation(one), interval(one.interval),
         ", ".join(f"{100 * seed:.1f}" for seed in one.seeds), percent(_last_training_accuracy(rows, name))]
        for name, one in cells.items()
    ]  # fmt: skip
    head = ["start, optimiser", "test accuracy, mean", "sd over seeds", "95 % interval", "each seed, %"]
    return table([*head, "training accuracy, last epoch"], lines)


def _last_training_accuracy(rows: Sequence[Row], cell: str) -> float:
    return float(np.mean([row["epochs"][-1]["train_accuracy"] for row in rows if row["cell"] == cell]))


def _effects_table(effects: Mapping[str, Estimate]) -> str:
    lines: Table = [
        [EFFECT_WORDS[name], _points(one.mean), _deviation(one), points_interval(one),
         ", ".join(f"{100 * seed:+.1f}" for seed in one.seeds)]
        for name, one in effects.items()
    ]  # fmt: skip
    return table(
        ["effect on test accuracy", "points, mean", "sd over seeds", "95 % interval", "each seed"], lines
    )


def _conclusions(effects: Mapping[str, Estimate], rows: Sequence[Row]) -> str:
    slow = _last_training_accuracy(rows, "scratch sgd")
    start, optimizer, interaction = (effects[name] for name in ("start", "optimizer", "interaction"))
    lines = [
        _finding("The ImageNet start", start, "test accuracy"),
        _finding("Adam at its rates", optimizer, "test accuracy"),
        _interaction(interaction),
        _larger(effects["larger"]),
        "SGD and Adam come with their own rates, and no rate was searched for: this compares the recipes' optimisers,"
        f" not what each could do at its best. With the random start, SGD answers {percent(slow)} of its own training"
        " photos rightly in the last epoch.",
        "The figures hold for this network at this size and length. They say nothing about longer trainings.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _finding(subject: str, effect: Estimate, of: str) -> str:
    if not effect.is_shown:
        return f"{subject}: no effect on {of} is shown ({points_interval(effect)} points)."
    verb = "raises" if effect.mean > 0 else "lowers"
    return (
        f"{subject} {verb} {of} by {abs(100 * effect.mean):.1f} points ({points_interval(effect)}), in every seed,"
        " with the other factor averaged over."
    )


def _interaction(effect: Estimate) -> str:
    bounds = points_interval(effect)
    if not effect.is_shown:
        return (
            f"Whether Adam is worth more with one start than with the other is not shown ({bounds} points)."
        )
    start = "ImageNet" if effect.mean > 0 else "random"
    return (
        f"Adam is worth more with the {start} start, by {abs(100 * effect.mean):.1f} points ({bounds}): the two factors"
        " do not simply add up, so the averages above are not the effect in either row or column."
    )


def _larger(effect: Estimate) -> str:
    bounds, paper = (
        points_interval(effect),
        "In the paper both change at once, with the batch and the last layer.",
    )
    if not effect.is_shown:
        return f"Which of the two is worth more is not shown ({bounds} points). {paper}"
    first, second = ("start", "optimiser") if effect.mean > 0 else ("optimiser", "start")
    worth = f"{abs(100 * effect.mean):.1f} points ({bounds})"
    return f"The {first} is worth {worth} more than the {second}. {paper}"


def points_interval(effect: Estimate) -> str:
    """The interval of a difference, in points."""
    low, high = effect.interval
    return f"{100 * low:+.1f} to {100 * high:+.1f}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _deviation(estimate: Estimate) -> str:
    return "–" if estimate.deviation is None else f"{100 * estimate.deviation:.1f}"
