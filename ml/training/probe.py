"""The linear classifier on cached multi-level features: fit, strength by cross-validation, out-of-fold
answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import Probabilities, log_loss
from ml.training.data import Part
from ml.training.logistic import Fitter, Matrix, Problems, probabilities

STRENGTHS = (0.03, 0.01, 0.003)
# Enough that more changes no out-of-fold accuracy by more than a photo or two in a thousand.
_ITERATIONS = 30
_FOLDS, _FEW_FOLDS = 5, 3
# Rows times classes beyond which three folds must do, and a part of the rows to choose the strength: 18,000 photos
# of 55 classes.
_MANY = 1_000_000

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Scaling:
    """Mean and deviation of each feature over the training photos."""

    mean: Matrix
    deviation: Matrix

    @classmethod
    def of(cls, features: Matrix) -> Scaling:
        """Measured on `features` (n, d); a feature that hardly varies is left nearly alone."""
        return cls(features.mean(0), features.std(0) + np.float32(1e-3))

    def apply(self, features: Matrix) -> Matrix:
        """(n, d) -> (n, d), mean 0 and deviation 1."""
        return (features - self.mean) / self.deviation

    def fold(self, theta: Matrix) -> tuple[Matrix, Matrix]:
        """Weights (d, c) and bias (c,) that work on unscaled features."""
        weights = theta[:-1] / self.deviation[:, None]
        return weights, theta[-1] - self.mean @ weights


@dataclass(frozen=True)
class CrossValidation:
    """Answers for each row by a probe that did not see its group, at the strength that did best."""

    probabilities: Matrix
    l2: float
    scores: dict[float, float]


def cross_validate(
    features: Matrix,
    labels: Labels,
    groups: Labels,
    weights: Matrix,
    seed: int,
    l2: float = 0.0,
    check: Callable[[], None] | None = None,
) -> CrossValidation:
    """Out-of-fold probabilities (n, c) for scaled `features` (n, d); `weights` (c,) are the classes'.

    `l2` fixes the strength; 0 takes the one of STRENGTHS with the highest accuracy, the stronger on a tie. With
    many rows the strength is chosen on a part of them (whole groups), and three folds answer for all.
    Where a class has all its photos in one group its photos are answered by a probe that never saw the
    class.
    """
    parts = len(labels) * len(weights) // _MANY
    if not parts:
        return _try_strengths(features, labels, groups, weights, seed, l2, _FOLDS, check)
    scores: dict[float, float] = {}
    if l2 <= 0:
        part = group_folds(labels, groups, 2 * parts, seed) == 0
        chosen = _try_strengths(
            features[part], labels[part], groups[part], weights, seed, 0, _FEW_FOLDS, check
        )
        l2, scores = chosen.l2, chosen.scores
    whole = _try_strengths(features, labels, groups, weights, seed, l2, _FEW_FOLDS, check)
    return replace(whole, scores=scores or whole.scores)


def _try_strengths(
    features: Matrix,
    labels: Labels,
    groups: Labels,
    weights: Matrix,
    seed: int,
    l2: float,
    count: int,
    check: Callable[[], None] | None,
) -> CrossValidation:
    """`cross_validate` on all rows with `count` folds, all strengths and folds fitted side by side."""
    classes = len(weights)
    folds = group_folds(labels, groups, count, seed)
    strengths = np.array([l2] if l2 > 0 else STRENGTHS, np.float32)
    rows = np.stack([weights[labels] * (folds != fold) for fold in range(count) for _ in strengths])
    rows /= rows.sum(1, keepdims=True)
    problems = Problems(features, labels, rows.astype(np.float32), np.tile(strengths, count), classes)
    fitter = Fitter(problems)
    fitter.run(_ITERATIONS, check)
    answers = np.empty((len(strengths), len(labels), classes), np.float32)
    for fold in range(count):
        for place in range(len(strengths)):
            chosen = folds == fold
            theta = fitter.theta[fold * len(strengths) + place]
            answers[place, chosen] = probabilities(features[chosen], theta)
    scores = [float((answer.argmax(1) == labels).mean()) for answer in answers]
    best = int(np.argmax(scores))
    named = {float(f"{strength:g}"): score for strength, score in zip(strengths, scores, strict=True)}
    return CrossValidation(answers[best], float(f"{strengths[best]:g}"), named)


def group_folds(labels: Labels, groups: Labels, count: int, seed: int) -> Labels:
    """Fold 0 … count-1 of each row: no group in two folds, classes spread evenly, largest groups first."""
    rng = np.random.default_rng([seed, count])
    names, first, inverse, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros((int(labels.max()) + 1, count), np.int64)
    fold_of = np.empty(len(names), np.int64)
    for group in order:
        label = labels[first[group]]
        best = int(np.lexsort((filled.sum(0), filled[label]))[0])
        fold_of[group] = best
        filled[label, best] += sizes[group]
    return fold_of[inverse]


def signed_root(features: Matrix) -> Matrix:
    """sign(x) * sqrt(|x|), number by number: large activations say less the larger they are."""
    return np.asarray(np.sign(features) * np.sqrt(np.abs(features)), np.float32)


def loss_and_accuracy(probs: Probabilities, part: Part) -> tuple[float | None, float | None]:
    """Log loss and accuracy of probabilities (n, c) on the photos of a part; None where it has none."""
    if not len(part):
        return None, None
    return log_loss(probs, part.labels), float((probs.argmax(1) == part.labels).mean())
