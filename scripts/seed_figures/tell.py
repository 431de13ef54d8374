"""docs/seed-figures.md: the tables, captions that name all that differs, and what may be concluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .effects import Estimate
from .markdown import Table, table, wrapped
from .plan import GRID, LARGE, PAIR, PAIR_LARGE
from .results import Row
from .tell_grid import grid_section
from .words import LAST_LAYERS, differences, interval, network_words, percent, start_words, value_words

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
        parts.append(grid_section([row for row in rows if row["figure"] == GRID], cells, effects))
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
    if finetune["spec"]["batch"] != spec["batch"]:
        own, papers = (f"{_steps(row, train):,}" for row in (finetune, scratch))
        differs.append(("optimiser steps, by the batch", own, papers))
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
    seen = [row["epochs"][-1]["train_accuracy"] for row in (scratch, finetune)]
    gap = 100 * (finetune["test"]["accuracy"] - scratch["test"]["accuracy"])
    return (
        f"The gap is {gap:+.1f} points on the test photos (the paper: +29.3 on its own). {count} things differ between"
        " the two, so this figure cannot say which of them made it: it compares two recipes, as the paper's did, each"
        f" trained once. In the last epoch the random start answers {percent(seen[0])} of its own training photos"
        f" rightly, the ImageNet start {percent(seen[1])}."
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


def _triple(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
