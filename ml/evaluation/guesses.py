"""Guesses at the classes of photos without a label, by a linear probe on cached embeddings. NumPy only, and quick.

It is refitted after each handful of labels, while a person waits: so it takes a balanced part of the labels, the newest
first, and a fixed strength. Its confidence is calibrated on answers it gave to labelled photos it had not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.backbones.shards import ShardCache
from ml.evaluation.calibration import fit_temperature
from ml.evaluation.metrics import Labels
from ml.training.logistic import Fitter, Matrix, Problems, softmax
from ml.training.probe import Scaling, group_folds, signed_root

# Rows times classes in the fit: with folds beside it, half a second on two cores.
MOST_WORK = 60_000
MOST_ROWS = 4_000
_FOLDS = 3
_ITERATIONS = 12
_STRENGTH = 0.1
_CHUNK = 8_192
# Less sure than even odds is no guess.
LEAST = 0.5
# Of one class: more than a person looks through at a time.
SHOWN = 500


@dataclass(frozen=True)
class Guesser:
    """A fitted probe: scaling, weights with bias (d + 1, c), and what its logits are multiplied by."""

    scaling: Scaling
    theta: Matrix
    factor: float
    accuracy: float
    """On labelled photos that it had not seen; nan where there were too few to ask."""

    def probabilities(self, embeddings: Matrix) -> Matrix:
        """(n, d) -> (n, c)."""
        rows = self.scaling.apply(signed_root(embeddings))
        return softmax(np.float32(self.factor) * (rows @ self.theta[:-1] + self.theta[-1]))


def fit_guesser(
    embeddings: Matrix, labels: Labels, classes: int, seed: int = 0, check: Callable[[], None] | None = None
) -> Guesser:
    """Fit on labelled photos (n, d) of `labels` (n,), from 0 to `classes` - 1, each of which has a photo or more."""
    roots = signed_root(embeddings)
    scaling = Scaling.of(roots)
    rows = scaling.apply(roots)
    folds = group_folds(labels, np.arange(len(labels)), _FOLDS, seed)
    counts = np.bincount(labels, minlength=classes)
    fair = 1 / counts[labels].astype(np.float32)
    # All folds and the fit on everything side by side: each pass over the rows serves them all.
    weights = np.stack([fair * (folds != fold) for fold in range(_FOLDS)] + [fair])
    weights /= weights.sum(1, keepdims=True)
    strengths = np.full(len(weights), _STRENGTH, np.float32)
    fitter = Fitter(Problems(rows, labels, weights.astype(np.float32), strengths, classes))
    fitter.run(_ITERATIONS, check)
    logits = np.empty((len(rows), classes), np.float32)
    for fold in range(_FOLDS):
        chosen, theta = folds == fold, fitter.theta[fold]
        logits[chosen] = rows[chosen] @ theta[:-1] + theta[-1]
    # A class with one photo was unknown to the fold that asked for it.
    asked = counts[labels] > 1
    if not asked.any():
        return Guesser(scaling, fitter.theta[-1], 1.0, float("nan"))
    answers = softmax(logits[asked])
    accuracy = float((answers.argmax(1) == labels[asked]).mean())
    return Guesser(scaling, fitter.theta[-1], 1 / fit_temperature(answers, labels[asked]), accuracy)


def choose_rows(labels: Labels, classes: int) -> NDArray[np.int64]:
    """Places of the labels to fit on, at most MOST_ROWS and MOST_WORK / `classes`: the last ones of each class.

    `labels` (n,) in the order in which they were given.
    """
    most = min(MOST_ROWS, MOST_WORK // max(classes, 1))
    if len(labels) <= most:
        return np.arange(len(labels))
    # The how-manieth of its class each label is, from the end: the smallest of these numbers are taken.
    order = np.argsort(labels[::-1], kind="stable")
    ordered = labels[::-1][order]
    starts = np.r_[0, np.flatnonzero(np.diff(ordered)) + 1]
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels)) - np.repeat(starts, np.diff(np.r_[starts, len(labels)]))
    chosen = np.lexsort((np.arange(len(labels)), rank))[:most]
    return np.sort(len(labels) - 1 - chosen)


def guess(photos: Sequence[dict[str, Any]], cache: ShardCache, columns: slice) -> dict[str, Any]:
    """Fit on the labelled of `photos` and sort the others; see `ml.cli.guess` for what goes in and comes out.

    `columns` of the cached vectors are the embedding. Photos the cache lacks are left out, and counted.
    """
    keys = [bytes.fromhex(one["sha256"]) for one in photos]
    absent = {keys[place] for place in cache.missing(keys)}
    there = [place for place, key in enumerate(keys) if key not in absent]
    known = [place for place in there if photos[place]["label"] is not None]
    asked = [place for place in there if photos[place]["label"] is None]
    unlabelled = sum(1 for one in photos if one["label"] is None)
    counts = {"labels": len(known), "asked": len(asked), "missing": unlabelled - len(asked)}
    present, given = np.unique([photos[place]["label"] for place in known], return_inverse=True)
    if len(present) < 2 or not asked:
        return {"groups": {}, **counts, "accuracy": None}
    rows = choose_rows(given, len(present))
    guesser = fit_guesser(cache.read([keys[known[row]] for row in rows], columns), given[rows], len(present))
    groups: dict[int, list[tuple[float, int]]] = {int(label): [] for label in present}
    for start in range(0, len(asked), _CHUNK):
        part = asked[start : start + _CHUNK]
        answers = guesser.probabilities(cache.read([keys[place] for place in part], columns))
        for place, best, sure in zip(part, answers.argmax(1), answers.max(1), strict=True):
            label = int(present[best])
            if sure >= LEAST and label not in photos[place]["not"]:
                groups[label].append((-float(sure), place))
    accuracy = None if np.isnan(guesser.accuracy) else round(guesser.accuracy, 4)
    shown = {str(label): _shown(members) for label, members in groups.items() if members}
    return {"groups": shown, **counts, "accuracy": accuracy}


def _shown(members: list[tuple[float, int]]) -> dict[str, Any]:
    members.sort()
    return {"total": len(members), "rows": [[place, round(-sure, 4)] for sure, place in members[:SHOWN]]}
