"""predictions.jsonl and evaluation.json of a run, from arrays and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.evaluation.calibration import Calibration
from ml.evaluation.metrics import Costs, Probabilities, evaluate_split
from ml.training.data import DataSet, Part

HOLDOUT, OUT_OF_FOLD = "holdout", "out_of_fold"


@dataclass(frozen=True)
class Predictions:
    """Probabilities (n, c) per split in the split's order, and how they came about."""

    split: str
    fold: str
    probabilities: Probabilities


def evaluation(
    data: DataSet, predictions: list[Predictions], calibration: Calibration, costs: Costs | None = None
) -> dict[str, Any]:
    """The content of evaluation.json: figures of the held-out splits. `costs`: see `metrics.bin_cost`."""
    manifest = data.manifest
    keys = [info.key for info in manifest.classes]
    categories = [info.category for info in manifest.classes]
    splits = {}
    for one in predictions:
        if one.fold == HOLDOUT:
            part = data.part(one.split)
            splits[one.split] = evaluate_split(
                one.probabilities, part.labels, part.groups, keys, categories, costs
            )
    return {"classes": keys, "splits": splits, "calibration": calibration.to_json()}


def prediction_rows(data: DataSet, predictions: list[Predictions]) -> list[dict[str, Any]]:
    """The lines of predictions.jsonl: held-out answers first, then out-of-fold ones."""
    rows = []
    for one in predictions:
        part = data.part(one.split)
        for photo, label, probs in zip(part.photos, part.labels, one.probabilities, strict=True):
            row: dict[str, Any] = {
                "sha256": photo.sha256,
                "split": one.split,
                "truth": data.manifest.classes[int(label)].key,
                "probabilities": [round(float(p), 6) for p in probs],
                "fold": one.fold,
            }
            if photo.transform != "original":
                row["transform"] = photo.transform
            rows.append(row)
    return rows


def accuracy(probabilities: Probabilities, part: Part) -> float | None:
    """Share of right answers; None for an empty split."""
    return float((probabilities.argmax(1) == part.labels).mean()) if len(part) else None


def empty(classes: int) -> Probabilities:
    """No predictions of `classes` classes."""
    return np.zeros((0, classes), np.float32)
