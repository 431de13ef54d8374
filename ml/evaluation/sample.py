"""A seeded, even choice of photos where all of them would take too long."""

from __future__ import annotations

import numpy as np

from ml.evaluation.metrics import Labels


def even_sample(labels: Labels, most: int, seed: int) -> Labels:
    """Rows (at most `most`, ascending) of `labels` (n,): as many of each class as there are, or an equal share."""
    if len(labels) <= most:
        return np.arange(len(labels), dtype=np.int64)
    order = np.random.default_rng([seed, most]).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    turn = np.concatenate(
        [np.arange(count) for count in counts]
    )  # first of each class, second of each class, …
    return np.sort(by_class[np.argsort(turn, kind="stable")[:most]])
