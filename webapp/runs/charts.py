"""What the curve figures draw, as plain JSON. The figures themselves are made by static/js/runs/curves.js."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from webapp.runs.models import EpochMetric, Run
from webapp.runs.selectors import recipe_title

EPOCH_FIELDS = (
    "epoch",
    "epochs",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "lr",
    "seconds",
)
# More points than a figure has pixels add nothing but weight.
STEPS_AT_MOST = 600


def epoch_rows(epochs: Iterable[EpochMetric]) -> list[dict[str, Any]]:
    """One dict an epoch: losses are means per image, accuracies shares of 1, seconds the epoch's own."""
    return [{name: getattr(epoch, name) for name in EPOCH_FIELDS} for epoch in epochs]


def step_rows(steps: list[Any]) -> list[list[float]]:
    """[[epoch, step, loss], …], thinned evenly to STEPS_AT_MOST; the last one always stays."""
    stride = -(-len(steps) // STEPS_AT_MOST) or 1
    thinned = steps[::stride]
    if steps and thinned[-1] is not steps[-1]:
        thinned.append(steps[-1])
    return thinned


def steps_per_epoch(run: Run) -> int:
    """How many optimiser steps an epoch takes: what fills no batch is left out, as in ml.training.loop."""
    return max(1, run.snapshot.n_train // max(1, int(run.spec.get("batch") or 1)))


def curve_data(run: Run, epochs: Iterable[EpochMetric]) -> dict[str, Any]:
    """A run for the curve figures: {"number", "name", "best_epoch", "planned", "epochs": […], …}."""
    return {
        "number": run.number,
        "name": f"{run.number} · {recipe_title(run.recipe)}",
        "best_epoch": run.best_epoch,
        "planned": run.spec.get("epochs") or 1,
        "steps_per_epoch": steps_per_epoch(run),
        "epochs": epoch_rows(epochs),
        "steps": step_rows(run.steps),
    }
