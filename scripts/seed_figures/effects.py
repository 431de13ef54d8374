"""Means over seeds, and what each factor of the 2 x 2 was worth, from the answers to the same test photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import group_interval

from .plan import OPTIMIZERS, STARTS, cell_name
from .results import Row

Values = NDArray[np.float64]

_SCRATCH, _FINETUNE = STARTS
_SGD, _ADAM = OPTIMIZERS
# Each effect as weights of the cells. The interaction: what Adam is worth with the ImageNet start, less what it is
# worth with the random one.
CONTRASTS: Mapping[str, Mapping[str, float]] = {
    "start": {
        cell_name(_FINETUNE, _SGD): 0.5, cell_name(_FINETUNE, _ADAM): 0.5,
        cell_name(_SCRATCH, _SGD): -0.5, cell_name(_SCRATCH, _ADAM): -0.5,
    },
    "optimizer": {
        cell_name(_FINETUNE, _ADAM): 0.5, cell_name(_SCRATCH, _ADAM): 0.5,
        cell_name(_FINETUNE, _SGD): -0.5, cell_name(_SCRATCH, _SGD): -0.5,
    },
    "interaction": {
        cell_name(_FINETUNE, _ADAM): 1.0, cell_name(_FINETUNE, _SGD): -1.0,
        cell_name(_SCRATCH, _ADAM): -1.0, cell_name(_SCRATCH, _SGD): 1.0,
    },
    # The start's effect less the optimizer's: all but two cells cancel.
    "larger": {cell_name(_FINETUNE, _SGD): 1.0, cell_name(_SCRATCH, _ADAM): -1.0},
}  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """A share (or a difference of shares) over seeds.

    `deviation` is the standard deviation of `seeds` (n - 1), None for one seed: what another training would change.
    `interval` (95 %) comes from resampling groups of test photos: what other test photos would change.
    """

    seeds: tuple[float, ...]
    interval: tuple[float, float]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.seeds))

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the seeds."""
        return float(np.std(self.seeds, ddof=1)) if len(self.seeds) > 1 else None

    @property
    def is_shown(self) -> bool:
        """Whether it has one sign in every seed and its interval leaves 0 out."""
        low, high = self.interval
        return (low > 0 and min(self.seeds) > 0) or (high < 0 and max(self.seeds) < 0)


def answers(rows: Sequence[Row]) -> tuple[Values, NDArray[np.int64]]:
    """Right answers (seeds, photos) as 0 and 1, and the photos' groups. The rows' test photos are the same ones."""
    pairs = np.array([row["answers"] for row in rows], np.int64)
    return pairs[:, :, 1].astype(np.float64), pairs[0, :, 0]


def cells(rows: Sequence[Row]) -> dict[str, Estimate]:
    """The test accuracy of each cell; `rows` are those of the 2 x 2, seeds in the same order in every cell."""
    return {name: _combined(rows, {name: 1.0}) for name in dict.fromkeys(row["cell"] for row in rows)}


def effects(rows: Sequence[Row]) -> dict[str, Estimate]:
    """What each contrast is worth in accuracy, paired: the same photos, the same seeds."""
    return {name: _combined(rows, weights) for name, weights in CONTRASTS.items()}


def _combined(rows: Sequence[Row], weights: Mapping[str, float]) -> Estimate:
    total, groups = [], np.zeros(0, np.int64)
    for cell, weight in weights.items():
        right, groups = answers(sorted((row for row in rows if row["cell"] == cell), key=_seed))
        total.append(weight * right)
    values = np.sum(total, axis=0)
    return Estimate(tuple(values.mean(1).tolist()), group_interval(values.mean(0), groups))


def _seed(row: Row) -> int:
    return int(row["spec"]["seed"])
