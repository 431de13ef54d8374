"""Other ways to tell unknown photos, to compare with the one that bundles use (`ml.bundle.familiarity`).

Each takes what is known of the training photos and gives a score for photos, higher for the less familiar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from sklearn.covariance import ledoit_wolf

from ml.bundle.familiarity import Matrix, unit
from ml.evaluation.metrics import Labels
from ml.evaluation.unknown import fit_familiarity
from ml.training.logistic import Fitter, Problems
from ml.training.probe import Scaling

# (features (n, d), whose first `width` columns are the embedding; labels (n,); width) -> score of features.
Score = Callable[[Matrix], Matrix]
Fit = Callable[[Matrix, Labels, int], Score]

_NEIGHBOUR = 5
_DIRECTIONS = 128
_L2 = 0.01
_ITERATIONS = 30


def _in_use(features: Matrix, labels: Labels, width: int) -> Score:
    known = fit_familiarity(features[:, :width], labels)
    return lambda rows: known.distances(rows[:, :width])


def _relative(features: Matrix, labels: Labels, width: int) -> Score:
    """Less the distance to all photos taken as one class (Ren et al. 2021)."""
    known = fit_familiarity(features[:, :width], labels)
    crowd = fit_familiarity(features[:, :width], np.zeros(len(labels), np.int64))
    return lambda rows: known.distances(rows[:, :width]) - crowd.distances(rows[:, :width])


def _mahalanobis(features: Matrix, labels: Labels, width: int) -> Score:
    """Embeddings as they are, covariance shrunk by Ledoit and Wolf's rule (Lee et al. 2018)."""
    points = features[:, :width].astype(np.float64)
    means = np.stack([points[labels == label].mean(0) for label in np.unique(labels)])
    _, place = np.unique(labels, return_inverse=True)
    covariance, _ = ledoit_wolf(points - means[place], assume_centered=True)
    whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T
    centres = means @ whiten

    def score(rows: Matrix) -> Matrix:
        moved = rows[:, :width] @ whiten
        squares = (moved**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * moved @ centres.T
        return np.asarray(squares.min(1), np.float32)

    return score


def _cosine(features: Matrix, _labels: Labels, width: int) -> Score:
    """To the fifth nearest training photo (Sun et al. 2022)."""
    points = unit(features[:, :width])

    def score(rows: Matrix) -> Matrix:
        cosines = unit(rows[:, :width]) @ points.T
        return np.asarray(1 - np.partition(cosines, -_NEIGHBOUR, axis=1)[:, -_NEIGHBOUR], np.float32)

    return score


def _residual(features: Matrix, _labels: Labels, width: int) -> Score:
    """Share of the embedding's variance outside the main directions of all training photos."""
    points = unit(features[:, :width]).astype(np.float64)
    centre = points.mean(0)
    _, vectors = np.linalg.eigh((points - centre).T @ (points - centre))
    basis = vectors[:, -_DIRECTIONS:]

    def score(rows: Matrix) -> Matrix:
        moved = unit(rows[:, :width]) - centre
        return np.asarray(1 - ((moved @ basis) ** 2).sum(1) / (moved**2).sum(1), np.float32)

    return score


def _logits(features: Matrix, labels: Labels) -> Callable[[Matrix], Matrix]:
    scaling = Scaling.of(features)
    present, place = np.unique(labels, return_inverse=True)
    weights = np.full((1, len(labels)), 1 / len(labels), np.float32)
    problems = Problems(scaling.apply(features), place, weights, np.array([_L2], np.float32), len(present))
    fitter = Fitter(problems)
    fitter.run(_ITERATIONS)
    theta = fitter.theta[0]
    return lambda rows: np.asarray(scaling.apply(rows) @ theta[:-1] + theta[-1], np.float32)


def _energy(features: Matrix, labels: Labels, _width: int) -> Score:
    """Minus the log of the summed exponentials of the probe's scores (Liu et al. 2020)."""
    logits = _logits(features, labels)
    return lambda rows: -np.logaddexp.reduce(logits(rows), axis=1)


def _confidence(features: Matrix, labels: Labels, _width: int) -> Score:
    """Minus the probability of the probe's answer (Hendrycks and Gimpel 2017), as its logarithm."""
    logits = _logits(features, labels)

    def score(rows: Matrix) -> Matrix:
        found = logits(rows)
        return np.asarray(np.logaddexp.reduce(found, axis=1) - found.max(1), np.float32)

    return score


SCORES: Mapping[str, Fit] = MappingProxyType(
    {
        "mahalanobis_unit": _in_use,
        "mahalanobis": _mahalanobis,
        "relative_mahalanobis_unit": _relative,
        "cosine_5th_neighbour": _cosine,
        "residual_of_128": _residual,
        "energy": _energy,
        "confidence": _confidence,
    }
)
