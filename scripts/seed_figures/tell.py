"""docs/seed-figures.md: the tables, captions that name all that differs, and what may be concluded."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .effects import Estimate
from .plan import GRID, LARGE, PAIR, PAIR_LARGE
from .results import Row
from .words import (
    LAST_LAYERS,
    cell_words,
    differences,
    interval,
    network_words,
    percent,
    start_words,
    value_words,
)

Table = list[Sequence[str]]

WIDTH = 120

EFFECT_WORDS = {
    "start": "ImageNet start instead of a random one, mean over both optimisers",
    "optimizer": "Adam at its rates instead of SGD at its rate, mean over both starts",
    "interaction": "what Adam is worth with the ImageNet start, less what it is worth with the random one",
}
_PAIR_COLUMNS = ("optimizer", "lr", "head_lr", "batch", "normalisation")


def page(
    data: Mapping[str, Any],
    rows: Sequence[Row],
    cells: Mapping[str, Estimate],
    effects: Mapping[str, Estimate],
) -> str:
    """The whole page as Markdown. `rows` are those of the figures that are told."""
    parts = [_head(data, rows)]
    for figure, title in ((PAIR, "The two runs of the paper"), (PAIR_LARGE, f"The same at {LARGE} pixels")):
        if pair := [row for row in rows if row["figure"] == figure]:
            parts.append(_pair(figure, title, pair, data["train"]))
    if cells:
        parts.append(_grid([row for row in rows if row["figure"] == GRID], cells, effects))
    parts.append(_again(rows))
    return "\n\n".join(wrapped(part) for text in parts for part in text.split("\n\n")) + "\n"


def _head(data: Mapping[str, Any], rows: Sequence[Row]) -> str:
    devices = " and ".join(sorted({f"{row['device']}, {row['dtype']}" for row in rows}))
    threads = " or ".join(str(one) for one in sorted({row["threads"] for row in rows}))
    versions = ", ".join(f"`{one}`" for one in sorted({row["code_version"] for row in rows}))
    return f"""# The seed's figures, repeated

The paper that Sortyard grew from trains a ResNet-18 twice, once from random weights and once from ImageNet's, and
draws the loss and the accuracy of both over the first ten epochs: 62.8 % and 92.1 % at the end. Its photos of 55
classes are not public, its split put mirrored copies of one photo on both sides, and its two runs differ in more than
their start. Here the same comparison runs through Sortyard's queue on other photos, and a 2 × 2 asks which difference
did it.

- **Photos**: {data["name"]}, {len(data["classes"])} classes; one snapshot, split `{data["rule"]}`, for all runs:
  {data["train"]:,} to train, {data["val"]:,} to validate, {data["test"]:,} to test.
- **Reading**: the epoch with the best validation accuracy is kept, and the test photos are read once, by that epoch's
  model. Losses are means per photo. Intervals are 95 %, by resampling groups of near-duplicates among the test photos.
- **Machine**: {devices}; {threads} threads. Engine {versions}.
- All rows with their curves and answers: [seed-results.json](figures/seed-results.json)."""


def _pair(figure: str, title: str, rows: Sequence[Row], train: int) -> str:
    scratch, finetune = rows
    spec = scratch["spec"]
    differs = differences(finetune["spec"], spec)
    listed = "\n".join(f"- {what}: {one}; {other}" for what, one, other in differs)
    return f"""## {title}

{spec["size"]} pixels, {spec["epochs"]} epochs, seed {spec["seed"]}, flips at training time, one run each.

![Loss of both runs over {spec["epochs"]} epochs](figures/seed-{figure}-loss.svg)

![Accuracy of both runs over {spec["epochs"]} epochs](figures/seed-{figure}-accuracy.svg)

*Loss and accuracy an epoch, on the validation photos (solid) and on the training photos while they were being learned
(dotted).{_another_network(finetune, scratch)} These differ between “{_name(finetune)}” and “{_name(scratch)}”, in this
order:*

{listed}

{_pair_table(rows, train)}

{_pair_reading(scratch, finetune, len(differs))}"""


def _name(row: Row) -> str:
    return f"{start_words(row['spec'])}, {network_words(row['spec'])}"


def _another_network(finetune: Row, scratch: Row) -> str:
    if finetune["spec"]["backbone"] == scratch["spec"]["backbone"]:
        return ""
    own, papers = network_words(finetune["spec"]), network_words(scratch["spec"])
    return (
        f" **The pretrained run is another network**: {own}, whose ImageNet weights come with Sortyard,"
        f" because those of {papers} were not on this machine."
    )


def _pair_table(rows: Sequence[Row], train: int) -> str:
    head = ["", *(_name(row) for row in rows)]
    lines: Table = [
        ["last layer's start", *(LAST_LAYERS[row["spec"]["recipe"]] for row in rows)],
        *([_column(name), *(value_words(name, row["spec"]) for row in rows)] for name in _PAIR_COLUMNS),
        ["mean used, red green blue", *(_triple(row["mean"]) for row in rows)],
        ["deviation used", *(_triple(row["std"]) for row in rows)],
        ["optimiser steps", *(f"{_steps(row, train):,}" for row in rows)],
        ["best epoch", *(str(row["best_epoch"]) for row in rows)],
        ["validation accuracy", *(percent(row["val"]["accuracy"]) for row in rows)],
        ["**test accuracy**", *(f"**{percent(row['test']['accuracy'])}**" for row in rows)],
        ["its 95 % interval", *(interval(row["test"]["interval"]) for row in rows)],
        ["test loss", *(f"{row['test']['loss']:.3f}" for row in rows)],
    ]
    return table(head, lines)


def _column(name: str) -> str:
    words = {"optimizer": "optimiser", "lr": "rate, body", "head_lr": "rate, last layer"}
    return words.get(name, name)


def _steps(row: Row, train: int) -> int:
    """Of all epochs: what fills no batch is left out, as in the engine."""
    return int(row["spec"]["epochs"] * max(1, train // row["spec"]["batch"]))


def _pair_reading(scratch: Row, finetune: Row, count: int) -> str:
    gap = 100 * (finetune["test"]["accuracy"] - scratch["test"]["accuracy"])
    return (
        f"The gap is {gap:+.1f} points on the test photos (the paper: +29.3 on its own). {count} things differ between"
        " the two, so this figure cannot say which of them made it: it compares two recipes, as the paper's did, each"
        " trained once."
    )


def _grid(rows: Sequence[Row], cells: Mapping[str, Estimate], effects: Mapping[str, Estimate]) -> str:
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

The deviation says what another training would change, the interval what other test photos would. Both effects are
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
        _larger(start, optimizer),
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


def _larger(start: Estimate, optimizer: Estimate) -> str:
    first, second = sorted((("start", start), ("optimiser", optimizer)), key=lambda one: -abs(one[1].mean))
    return (
        f"Of the two, the {first[0]} moves the accuracy more here ({_points(first[1].mean)} against"
        f" {_points(second[1].mean)} points). In the paper both change at once, with the batch and the last layer."
    )


def _again(rows: Sequence[Row]) -> str:
    specs = {figure: [row["spec"] for row in rows if row["figure"] == figure] for figure in (PAIR, GRID)}
    words = [f"SIZE={spec['size']} EPOCHS={spec['epochs']}" for spec in specs[PAIR][:1]]
    words += [f"GRID_SIZE={spec['size']}" for spec in specs[GRID][:1]]
    words += [f"SEEDS={len({spec['seed'] for spec in specs[GRID]})}"] if specs[GRID] else []
    return f"""## Repeat it

```
make seed-figures {" ".join(words)} DATA=../shared/data/trashnet
```

starts a site of its own in `var/seed-figures` (`OUT=…`), imports the photos, trains through its queue, and writes this
page and its figures (`DOCS=…` for another place). Stop it at any time and call it again: finished trainings are kept in
`results.json`, and the one under way goes on after its last epoch. `PAIR224=1` adds the pair at {LARGE} pixels. Where
ResNet-18's ImageNet weights lie in the site's weights folder or in PyTorch's cache, the pretrained run of the pair is a
ResNet-18 too."""


def wrapped(paragraph: str) -> str:
    """A paragraph or list broken anew at WIDTH; tables, code, pictures and headings as they are."""
    if paragraph.startswith(("|", "```", "!", "#")):
        return paragraph
    if not paragraph.startswith("- "):
        return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)
    points = paragraph.replace("\n  ", " ").split("\n")
    return "\n".join(
        textwrap.fill(one, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for one in points
    )


def table(head: Sequence[str], lines: Table) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def points_interval(effect: Estimate) -> str:
    """The interval of a difference, in points."""
    low, high = effect.interval
    return f"{100 * low:+.1f} to {100 * high:+.1f}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _deviation(estimate: Estimate) -> str:
    return "–" if estimate.deviation is None else f"{100 * estimate.deviation:.1f}"


def _triple(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
