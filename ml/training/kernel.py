"""Kernel ridge regression on one-hot targets: a classifier in closed form. NumPy and SciPy only.

Features are pooled activations, whose large values say less the larger they are: their signed square root is taken,
each is scaled, and the first principal components are kept, which here removes noise as much as cost. On them works
a Gaussian kernel, exp(-GAMMA / width * distance^2) with the width before the components were taken. Beyond EXACT rows,
LANDMARKS of them serve as centres: the Nystroem approximation (Williams and Seeger 2001), whose time is linear in the
number of rows. Rasmussen and Williams 2006, 2.7 and 6.5, for least squares as a classifier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from sklearn.utils.extmath import randomized_svd

from ml.evaluation.calibration import fit_temperature
from ml.training.logistic import Matrix, softmax
from ml.training.probe import Labels, group_folds, signed_root

GAMMA = 0.7
COMPONENTS = 256
# Up to so many rows all of them are centres and the solution is exact.
EXACT = 8_000
LANDMARKS = 2_000
RIDGES = (0.03, 0.1, 0.3)
# Between scores around 0 … 1 and logits, before the temperature is fitted.
_SCALE = 10.0
FOLDS = 5
# Rows from which the principal components are taken: more move them hardly.
_COMPONENT_ROWS = 10_000
_CHUNK = 4_096
# Keeps the normal equations solvable where two rows are equal.
_JITTER = 1e-6

Check = Callable[[], None]
Square = NDArray[np.float64]


@dataclass(frozen=True)
class Projection:
    """From pooled features (n, d) to what the kernel sees (n, k): signed root, scaling, principal components."""

    mean: Matrix
    deviation: Matrix
    components: Matrix

    @classmethod
    def of(cls, features: Matrix, seed: int) -> Projection:
        """Measured on `features` (n, d); the seed decides the randomised SVD (Halko et al. 2011)."""
        rows = np.random.default_rng(seed).permutation(len(features))[:_COMPONENT_ROWS]
        roots = signed_root(features[np.sort(rows)])
        mean, deviation = roots.mean(0), roots.std(0) + np.float32(1e-3)
        scaled = (roots - mean) / deviation
        count = min(COMPONENTS, *scaled.shape)
        _, _, right = randomized_svd(scaled, count, random_state=seed)
        return cls(mean, deviation, np.ascontiguousarray(right.T, np.float32))

    def apply(self, features: Matrix) -> Matrix:
        """(n, d) -> (n, k)."""
        seen = np.zeros((len(features), self.components.shape[1]), np.float32)
        # In parts: the scaled features of all would fill the memory.
        for start in range(0, len(features), _CHUNK):
            part = slice(start, start + _CHUNK)
            seen[part] = (signed_root(features[part]) - self.mean) / self.deviation @ self.components
        return seen

    @property
    def gamma(self) -> float:
        """What a squared distance is multiplied by."""
        return GAMMA / len(self.mean)


@dataclass(frozen=True)
class KernelModel:
    """Centres (m, k), their coefficients (m, c) and a bias (c,): logits = kernel(x, centres) @ coefficients + bias."""

    centres: Matrix
    coefficients: Matrix
    bias: Matrix
    gamma: float

    def logits(self, rows: Matrix) -> Matrix:
        """(n, k) projected -> (n, c)."""
        parts = [
            kernel(rows[start : start + _CHUNK], self.centres, self.gamma) @ self.coefficients
            for start in range(0, len(rows), _CHUNK)
        ]
        found = np.concatenate(parts) if parts else np.zeros((0, len(self.bias)))
        return np.asarray(found + self.bias, np.float32)


@dataclass(frozen=True)
class KernelFolds:
    """Out-of-fold logits (n, c) at the ridge that did best, the factor that calibrates them, the accuracies tried."""

    logits: Matrix
    ridge: float
    factor: float
    scores: dict[float, float]


def kernel(rows: Matrix, centres: Matrix, gamma: float) -> Square:
    """exp(-gamma * |row - centre|^2), (n, k) and (m, k) -> (n, m)."""
    squares = (rows * rows).sum(1)[:, None] + (centres * centres).sum(1) - 2 * rows @ centres.T
    return np.asarray(np.exp(-gamma * np.maximum(squares, 0)), np.float64)


def fit_kernel(
    rows: Matrix, labels: Labels, weights: Matrix, gamma: float, ridge: float, seed: int, factor: float = 1.0
) -> KernelModel:
    """The model on projected `rows` (n, k); `weights` (c,) are the classes', `factor` scales its logits."""
    scale = np.float32(_SCALE * factor)
    if len(rows) <= EXACT:
        mean = _shares(labels, weights)
        left = kernel(rows, rows, gamma)
        # A row that counts twice is held to its target twice as firmly.
        left[np.diag_indices(len(left))] += ridge / weights[labels] + _JITTER
        targets = np.eye(len(weights))[labels] - mean
        coefficients = np.asarray(cho_solve(cho_factor(left, overwrite_a=True), targets), np.float32)
        return KernelModel(rows, scale * coefficients, scale * mean, gamma)
    system = _System(rows, labels, weights, gamma, np.zeros(len(rows), np.int64), 1, seed)
    return KernelModel(system.centres, scale * system.solve(ridge), scale * system.mean, gamma)


def kernel_folds(
    rows: Matrix,
    labels: Labels,
    groups: Labels,
    weights: Matrix,
    gamma: float,
    seed: int,
    ridge: float = 0.0,
    check: Check = lambda: None,
) -> KernelFolds:
    """Out-of-fold logits on projected `rows` (n, k), no group in two folds; `ridge` 0 takes the best of RIDGES.

    Centres are places in feature space and tell no labels, so a fold's own rows may be among them.
    """
    folds = group_folds(labels, groups, FOLDS, seed)
    system = _System(rows, labels, weights, gamma, folds, FOLDS, seed)
    tried = (ridge,) if ridge > 0 else RIDGES
    answers = {one: np.zeros((len(rows), len(weights)), np.float32) for one in tried}
    for fold in range(FOLDS):
        chosen = np.flatnonzero(folds == fold)
        for one in tried:
            check()
            model = KernelModel(system.centres, system.solve(one, without=fold), system.mean, gamma)
            answers[one][chosen] = model.logits(rows[chosen])
    scores = {one: float((answer.argmax(1) == labels).mean()) for one, answer in answers.items()}
    best = max(tried, key=lambda one: scores[one])
    logits = np.float32(_SCALE) * answers[best]
    factor = 1 / fit_temperature(softmax(logits), labels)
    return KernelFolds(np.float32(factor) * logits, best, factor, scores)


def _shares(labels: Labels, weights: Matrix) -> Matrix:
    """Each class's share of the weighted rows (c,): what is answered far from all centres."""
    counts = np.bincount(labels, weights[labels], minlength=len(weights))
    return np.asarray(counts / counts.sum(), np.float32)


class _System:
    """The normal equations, summed fold by fold, so that any fold can be left out of them."""

    def __init__(
        self,
        rows: Matrix,
        labels: Labels,
        weights: Matrix,
        gamma: float,
        folds: Labels,
        count: int,
        seed: int,
    ) -> None:
        picked = np.random.default_rng([seed, len(rows)]).permutation(len(rows))[:LANDMARKS]
        self.centres = np.ascontiguousarray(rows[np.sort(picked)])
        self.mean = _shares(labels, weights)
        targets = np.eye(len(weights))[labels] - self.mean
        size = len(self.centres)
        self._gram: Square = np.zeros((count, size, size))
        self._right: Square = np.zeros((count, size, len(weights)))
        for fold in range(count):
            chosen = np.flatnonzero(folds == fold)
            for start in range(0, len(chosen), _CHUNK):
                part = chosen[start : start + _CHUNK]
                values = kernel(rows[part], self.centres, gamma)
                weighted = values * weights[labels[part], None]
                self._gram[fold] += weighted.T @ values
                self._right[fold] += weighted.T @ targets[part]
        self._whole = self._gram.sum(0), self._right.sum(0)
        self._penalty = kernel(self.centres, self.centres, gamma)

    def solve(self, ridge: float, without: int | None = None) -> Matrix:
        """Coefficients (m, c), the rows of fold `without` left out."""
        left, right = self._whole
        if without is not None:
            left, right = left - self._gram[without], right - self._right[without]
        left = left + ridge * self._penalty
        left[np.diag_indices(len(left))] += _JITTER
        return np.asarray(cho_solve(cho_factor(left, overwrite_a=True), right), np.float32)
