"""Fitting what tells familiar photos from foreign ones, and the limit beyond which a photo is foreign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ml.bundle.familiarity import Familiarity, Matrix, unit
from ml.evaluation.calibration import RISK, chance_of_so_few_errors
from ml.evaluation.metrics import Labels
from ml.training.probe import group_folds

MAX_LOSS = 0.05
_DIRECTIONS = 128
_FOLDS = 5
# Far below any variance seen (1e-4): it only keeps embeddings that are all equal from dividing by zero.
_LEAST_VARIANCE = 1e-9


@dataclass(frozen=True)
class Limit:
    """The distance beyond which a photo is called unfamiliar; None where too few photos would vouch for it."""

    value: float | None
    note: str

    def to_json(self) -> dict[str, Any]:
        """As in calibration.json."""
        return {"limit": self.value, "max_loss": MAX_LOSS, "note": self.note}


def fit_familiarity(embeddings: Matrix, labels: Labels) -> Familiarity:
    """Class means and shared covariance of embeddings (n, d) of training photos with their `labels` (n,).

    Rounded as the file will hold it, so that what is measured is what is served.
    """
    points = unit(embeddings)
    present, rows = np.unique(labels, return_inverse=True)
    counts = np.bincount(rows)[:, None]
    means = np.zeros((len(present), points.shape[1]), np.float64)
    np.add.at(means, rows, points)
    means /= counts
    residuals = points - means[rows]
    n, width = residuals.shape
    # Half of what the photos can show: the variance of the other directions is measured on what remains.
    directions = min(_DIRECTIONS, max(n - len(present), 0) // 2, width // 2)
    variances, basis = _main_directions(residuals, directions)
    left = float((residuals**2).sum() / n - variances.sum()) / (width - directions)
    fitted = Familiarity(
        means.astype(np.float32),
        basis.astype(np.float32),
        np.maximum(variances, _LEAST_VARIANCE).astype(np.float32),
        max(left, _LEAST_VARIANCE),
    )
    return Familiarity.from_bytes(fitted.to_bytes())


def _main_directions(
    residuals: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The `count` largest variances (k,) of residuals (n, d) and their directions (k, d)."""
    n, width = residuals.shape
    if count == 0:
        return np.zeros(0), np.zeros((0, width))
    # Single precision halves the time, and the file keeps less.
    covariance = (residuals.T @ residuals / n).astype(np.float32)
    values, vectors = eigh(covariance, subset_by_index=[width - count, width - 1])
    return values[::-1].astype(np.float64), vectors.T[::-1]


def choose_limit(distances: Matrix, source: str) -> Limit:
    """The lowest limit that turns away at most 5 % of photos like `distances` (n,), known photos that the fit had
    not seen: the upper 90 % bound (exact binomial) of the share beyond it is at most 5 %.

    One bound, not one of many looked at: the scores are sorted and the allowed number of them lies beyond.
    """
    n = len(distances)
    if n == 0 or chance_of_so_few_errors(n, 0, MAX_LOSS) > RISK:
        return Limit(None, f"{n} photos are too few to tell what is unfamiliar")
    beyond = 0
    while chance_of_so_few_errors(n, beyond + 1, MAX_LOSS) <= RISK:
        beyond += 1
    value = float(np.sort(distances)[::-1][beyond])
    return Limit(value, f"from {source} ({n:,} photos)")


def out_of_fold_distances(
    embeddings: Matrix,
    labels: Labels,
    groups: Labels,
    seed: int,
    check: Callable[[], None] | None = None,
) -> Matrix:
    """Distance (n,) of each photo by a fit that saw no photo of its group; for embeddings that no training shaped.

    `check` runs after each fold.
    """
    folds = group_folds(labels, groups, _FOLDS, seed)
    out = np.empty(len(labels), np.float32)
    for fold in np.unique(folds):
        held = folds == fold
        if held.all():
            return np.zeros(0, np.float32)  # a single group: nothing can be held out
        out[held] = fit_familiarity(embeddings[~held], labels[~held]).distances(embeddings[held])
        if check:
            check()
    return out


def share_beyond(familiarity: Familiarity, limit: Limit, embeddings: Matrix) -> float | None:
    """Share of photos with `embeddings` (n, d) that lie beyond the limit; None without photos or without a limit."""
    if limit.value is None or not len(embeddings):
        return None
    return float((familiarity.distances(embeddings) > limit.value).mean())
