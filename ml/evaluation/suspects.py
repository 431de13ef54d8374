"""Labels that are probably wrong, by confident learning (Northcutt et al. 2021) on out-of-fold answers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.backbones.pipeline import Photo
from ml.evaluation.metrics import Labels, Probabilities

SUSPECTS_FILE = "suspects.jsonl"


@dataclass(frozen=True)
class Suspect:
    """Photo number `row`, given class and suggested class; `score`: how well the given label fits, 0 to 1."""

    row: int
    given: int
    suggested: int
    score: float


def find_suspects(probabilities: Probabilities, labels: Labels) -> list[Suspect]:
    """Suspect labels, the worst first, from answers (n, c) of models that had not seen the photo and `labels` (n,).

    One process: inside a Celery child cleanlab's own would be forbidden.
    """
    if len(np.unique(labels)) < 2:
        return []
    from cleanlab.filter import (
        find_label_issues,
    )  # pandas and scikit-learn: seconds that others need not wait

    # Rows add up to one in float32 only nearly.
    shares = probabilities.astype(np.float64)
    shares /= shares.sum(1, keepdims=True)
    with warnings.catch_warnings():
        # It warns of each class of fewer than five photos, and small classes are nothing unusual.
        warnings.simplefilter("ignore")
        rows = find_label_issues(labels, shares, return_indices_ranked_by="self_confidence", n_jobs=1)
    best = shares.argmax(1)
    return [
        Suspect(int(row), int(labels[row]), int(best[row]), round(float(shares[row, labels[row]]), 6))
        for row in rows
        if best[row] != labels[row]
    ]


def suspect_rows(
    suspects: Sequence[Suspect], photos: Sequence[Photo], splits: Sequence[str], keys: Sequence[str]
) -> list[dict[str, Any]]:
    """The lines of suspects.jsonl; `photos` and `splits` in the order of the answers."""
    return [
        {
            "rank": rank,
            "sha256": photos[one.row].sha256,
            "split": splits[one.row],
            "label": keys[one.given],
            "suggested": keys[one.suggested],
            "score": one.score,
        }
        for rank, one in enumerate(suspects, 1)
    ]
