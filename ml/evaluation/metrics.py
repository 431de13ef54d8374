"""Figures of a classifier from its probabilities. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]
Labels = NDArray[np.int64]

_RESAMPLES = 2000
_ECE_BINS = 15


def evaluate_split(
    probabilities: Probabilities,
    truth: Labels,
    groups: Labels,
    keys: Sequence[str],
    categories: Sequence[str],
) -> dict[str, Any]:
    """All figures of one split, as evaluation.json holds them.

    `probabilities` (n, c), `truth` (n,), `groups` (n,): photos of one group count together in the interval.
    `keys` and `categories` (c,) name the classes and their categories ("" for none).
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
    result: dict[str, Any] = {
        "n": n,
        "accuracy": float(correct.mean()),
        "interval": list(group_interval(correct, groups)),
        "wilson": list(wilson(int(correct.sum()), n)),
        "balanced_accuracy": _mean(row["recall"] for row in present),
        "macro_f1": _mean(row["f1"] for row in present),
        "top5": float(top_k(probabilities, truth, 5)),
        "loss": log_loss(probabilities, truth),
        "ece": expected_calibration_error(probabilities, truth),
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }
    names = sorted({category for category in categories if category})
    result["category_accuracy"], result["per_category"] = None, []
    if names:
        # A class without a category counts as a category of its own.
        every = names + [f"\0{key}" for key, category in zip(keys, categories, strict=True) if not category]
        own = [category or f"\0{key}" for key, category in zip(keys, categories, strict=True)]
        place = np.array([every.index(category) for category in own])
        rolled = np.zeros((len(every), len(every)), np.int64)
        np.add.at(rolled, (place[truth], place[answer]), 1)
        result["category_accuracy"] = float(np.trace(rolled) / n)
        result["per_category"] = per_label(rolled, every)[: len(names)]
    return result


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
