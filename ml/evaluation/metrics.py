"""Figures of a classifier from its probabilities. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]
Labels = NDArray[np.int64]
# Cost of putting a photo of one category (outer key) into the bin of another (inner key).
Costs = Mapping[str, Mapping[str, float]]

_RESAMPLES = 2000
_ECE_BINS = 15


def evaluate_split(
    probabilities: Probabilities,
    truth: Labels,
    groups: Labels,
    keys: Sequence[str],
    categories: Sequence[str],
    costs: Costs | None = None,
) -> dict[str, Any]:
    """All figures of one split, as evaluation.json holds them.

    `probabilities` (n, c), `truth` (n,), `groups` (n,): photos of one group count together in the interval.
    `keys` and `categories` (c,) name the classes and their categories ("" for none). `costs`: see `bin_cost`.
    A class that is neither true nor answered anywhere counts in no mean, one that is only answered has an F1 of 0.
    """
    n, classes = len(truth), len(keys)
    if n == 0:
        return {"n": 0}
    answer = probabilities.argmax(1)
    correct = answer == truth
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, answer), 1)
    per_class = per_label(confusion, keys)
    present = [row for row in per_class if row["n"]]
    named = [row for row, given in zip(per_class, confusion.sum(0), strict=True) if row["n"] or given]
    result: dict[str, Any] = {
        "n": n,
        "accuracy": float(correct.mean()),
        "interval": list(group_interval(correct, groups)),
        "wilson": list(wilson(int(correct.sum()), n)),
        "balanced_accuracy": _mean(row["recall"] for row in present),
        "macro_f1": _mean(row["f1"] for row in named),
        "top5": float(top_k(probabilities, truth, 5)),
        "loss": log_loss(probabilities, truth),
        "ece": expected_calibration_error(probabilities, truth),
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }
    return {**result, **_category_figures(confusion, keys, categories, costs)}


def _category_figures(
    confusion: NDArray[np.int64], keys: Sequence[str], categories: Sequence[str], costs: Costs | None
) -> dict[str, Any]:
    """Figures of the categories that the classes belong to; None and empty where there are none."""
    names = sorted({category for category in categories if category})
    if not names:
        return {"category_accuracy": None, "bin_cost": None, "per_category": []}
    # A class without a category counts as a category of its own.
    own = [category or f"\0{key}" for key, category in zip(keys, categories, strict=True)]
    every = names + [name for name in own if name not in names]
    place = np.array([every.index(name) for name in own])
    rolled = np.zeros((len(every), len(every)), np.int64)
    np.add.at(rolled, (place[:, None], place[None]), confusion)
    return {
        "category_accuracy": float(np.trace(rolled) / rolled.sum()),
        "bin_cost": bin_cost(rolled, every, costs),
        "per_category": per_label(rolled, every)[: len(names)],
    }


def bin_cost(confusion: NDArray[np.int64], names: Sequence[str], costs: Costs | None = None) -> float:
    """Mean cost of a photo's bin from the confusion matrix of categories `names` (rows truth).

    `costs[truth][answer]`; what it does not name costs 0 in the right category and 1 in a wrong one, so that
    without `costs` this is the share of photos in the wrong category.
    """
    matrix = 1.0 - np.eye(len(names))
    for row, truth in enumerate(names):
        for column, answer in enumerate(names):
            matrix[row, column] = (costs or {}).get(truth, {}).get(answer, matrix[row, column])
    return float((confusion * matrix).sum() / confusion.sum())


def per_label(confusion: NDArray[np.int64], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each label from a confusion matrix (rows truth); 0 where undefined."""
    rows = []
    for place, key in enumerate(keys):
        hit, given, true = (
            int(v) for v in (confusion[place, place], confusion[:, place].sum(), confusion[place].sum())
        )
        precision, recall = hit / given if given else 0.0, hit / true if true else 0.0
        f1 = 2 * hit / (given + true) if given + true else 0.0
        rows.append({"key": key, "n": true, "precision": precision, "recall": recall, "f1": f1})
    return rows


def top_k(probabilities: Probabilities, truth: Labels, k: int) -> float:
    """Share of photos whose true class is among the `k` likeliest."""
    k = min(k, probabilities.shape[1])
    best = np.argpartition(-probabilities, k - 1, axis=1)[:, :k]
    return float((best == truth[:, None]).any(1).mean())


def log_loss(probabilities: Probabilities, truth: Labels) -> float:
    """Mean over photos of -log p(truth)."""
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def expected_calibration_error(probabilities: Probabilities, truth: Labels) -> float:
    """ECE over 15 bins of equal width (Guo et al. 2017, On Calibration of Modern Neural Networks)."""
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == truth
    bins = np.minimum((confidence * _ECE_BINS).astype(int), _ECE_BINS - 1)
    gaps = np.bincount(bins, correct - confidence.astype(np.float64), minlength=_ECE_BINS)
    return float(np.abs(gaps).sum() / len(truth))


def group_interval(correct: NDArray[np.bool_], groups: Labels, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the accuracy by resampling groups with replacement (percentile bootstrap)."""
    _, place = np.unique(groups, return_inverse=True)
    sizes = np.bincount(place).astype(np.float64)
    hits = np.bincount(place, correct.astype(np.float64))
    rng = np.random.default_rng(seed)
    values = np.empty(_RESAMPLES)
    for draw in range(_RESAMPLES):
        times = np.bincount(rng.integers(0, len(sizes), len(sizes)), minlength=len(sizes))
        values[draw] = (times @ hits) / (times @ sizes)
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval for a share of `n` independent trials."""
    if n == 0:
        return 0.0, 1.0
    share, square = hits / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _mean(values: Any) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
