"""What a data set's own photos say about its labels: how well each fits, which are suspect, which photos are odd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.backbones.embed import Matrix
from ml.evaluation.metrics import Labels, Probabilities
from ml.evaluation.suspects import Suspect, find_suspects
from ml.evaluation.unknown import fit_familiarity, out_of_fold_distances
from ml.training.kernel import Projection, kernel_folds
from ml.training.logistic import softmax

# Beyond so many deviations of the logarithm a photo is called odd: the modified z-score of Iglewicz and Hoaglin 1993.
ODD = 3.5
# Another class is as good as certain from here on.
SURE = 0.9
# What turns a median absolute deviation into a standard deviation of normal values.
_MAD_SCALE = 1.4826
# One ridge for all: the best of three differs by a tenth of a percent and would cost three times as much.
_RIDGE = 0.1
UNLABELLED = -1


@dataclass(frozen=True)
class LabelCheck:
    """Of n photos: `suspicion` (n,) from 0 (the label fits) to 1, nan without a label or without a check; suspect
    labels, the worst first; `odd`: (row, modified z-score) of photos unlike all classes, the oddest first.
    """

    suspicion: NDArray[np.float32]
    suspects: list[Suspect]
    odd: list[tuple[int, float]]


def check_labels(
    embeddings: Matrix,
    labels: Labels,
    groups: Labels,
    seed: int = 0,
    check: Callable[[], None] = lambda: None,
) -> LabelCheck:
    """Check the labels (n,) of photos by their embeddings (n, d); UNLABELLED ones are only looked at for oddness.

    Each labelled photo is answered by a kernel probe (see `ml.training.kernel`) that saw no photo of its group. The
    suspects are those of confident learning on these answers and any that is surely of another class. Nothing is said
    with fewer than two labelled classes.
    """
    n = len(labels)
    suspicion = np.full(n, np.nan, np.float32)
    known = np.flatnonzero(labels != UNLABELLED)
    present, given = np.unique(labels[known], return_inverse=True)
    if len(present) < 2 or len(np.unique(groups[known])) < 2:
        return LabelCheck(suspicion, [], [])
    points = embeddings[known]
    projection = Projection.of(points, seed)
    weights = np.ones(len(present), np.float32)
    folds = kernel_folds(
        projection.apply(points), given, groups[known], weights, projection.gamma, seed, _RIDGE, check
    )
    answers = softmax(folds.logits)
    suspicion[known] = 1 - answers[np.arange(len(known)), given]
    suspects = [
        Suspect(int(known[one.row]), int(present[one.given]), int(present[one.suggested]), one.score)
        for one in _suspects(answers, given)
    ]
    return LabelCheck(suspicion, suspects, _odd(embeddings, labels, groups, seed, check))


def _suspects(answers: Probabilities, given: Labels) -> list[Suspect]:
    """Confident learning counts mistakes by pairs of classes and may find none where there is a single one; a photo
    that the probe surely takes for another class is asked about all the same.
    """
    found = {one.row: one for one in find_suspects(answers, given)}
    best = answers.argmax(1)
    for row in np.flatnonzero((best != given) & (answers.max(1) >= SURE)):
        fit = round(float(answers[row, given[row]]), 6)
        found.setdefault(int(row), Suspect(int(row), int(given[row]), int(best[row]), fit))
    return sorted(found.values(), key=lambda one: (one.score, one.row))


def _odd(
    embeddings: Matrix, labels: Labels, groups: Labels, seed: int, check: Callable[[], None]
) -> list[tuple[int, float]]:
    """Photos whose distance to the nearest class is far beyond what the labelled ones have among themselves."""
    known = labels != UNLABELLED
    own = out_of_fold_distances(embeddings[known], labels[known], groups[known], seed, check)
    if not len(own):
        return []
    distances = np.empty(len(labels), np.float32)
    distances[known] = own
    if not known.all():
        distances[~known] = fit_familiarity(embeddings[known], labels[known]).distances(embeddings[~known])
    logs = np.log(np.maximum(distances, 1e-9))
    middle = np.median(logs[known])
    deviation = _MAD_SCALE * float(np.median(np.abs(logs[known] - middle)))
    if deviation == 0:
        return []
    scores = (logs - middle) / deviation
    rows = np.flatnonzero(scores > ODD)
    return [
        (int(row), round(float(scores[row]), 2)) for row in rows[np.argsort(-scores[rows], kind="stable")]
    ]
