"""Which photos stand in which batch of an epoch: decided by seed and epoch, so that an epoch can be done again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ml.specs import TrainSpec
from ml.training.data import Part
from ml.training.team import team

Rows = NDArray[np.int64]


def epoch_rows(spec: TrainSpec, part: Part, epoch: int) -> Iterator[Rows]:
    """Rows of `part` for each batch of that epoch, drawn as the spec's `sampling` says: this process's share."""
    if spec.sampling == "balanced":
        batches = balanced(part.labels, spec.batch, spec.seed, epoch)
    else:
        batches = shuffled(len(part), spec.batch, spec.seed, epoch)
    mine = team()
    return (rows[mine.rank :: mine.size] for rows in batches)


def shuffled(count: int, batch: int, seed: int, epoch: int) -> Iterator[Rows]:
    """Every row once, in random order; what fills no batch is left out."""
    return _batches(np.random.default_rng([seed, epoch]).permutation(count), count, batch)


def balanced(labels: NDArray[np.int64], batch: int, seed: int, epoch: int) -> Iterator[Rows]:
    """As many rows as `shuffled` gives, drawn with replacement so that each class that occurs is equally likely."""
    counts = np.bincount(labels)
    chances = 1 / counts[labels]
    drawn = np.random.default_rng([seed, epoch]).choice(len(labels), len(labels), p=chances / chances.sum())
    return _batches(drawn, len(labels), batch)


def steps_per_epoch(count: int, batch: int) -> int:
    """Whole batches in an epoch; one short batch where there are fewer photos than that."""
    return max(1, count // batch)


def _batches(order: Rows, count: int, batch: int) -> Iterator[Rows]:
    for start in range(0, steps_per_epoch(count, batch) * batch, batch):
        yield order[start : start + batch]
