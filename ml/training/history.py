"""What an epoch came to, and what follows from the epochs so far."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Tally:
    """Loss and right answers of an epoch's batches, read from the device only now and then: reading waits for it."""

    def __init__(self, batch: int, whole: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> None:
        """`batch` photos stand in each. `whole` adds up what the processes of a team have each counted."""
        self.loss, self.right, self.seen = 0.0, 0, 0
        self._batch = batch
        self._whole = whole
        self._recent: list[tuple[Tensor, Tensor]] = []

    def add(self, loss: Tensor, right: Tensor) -> None:
        """Note a batch: this process's part of its mean loss, and how many of its share are right."""
        self._recent.append((loss, right))

    def read(self) -> float:
        """The mean loss of the batches since the last reading. FloatingPointError where it is no number."""
        losses = self._whole(torch.stack([loss for loss, _ in self._recent])).tolist()
        rights = self._whole(torch.stack([right for _, right in self._recent])).tolist()
        if not all(map(math.isfinite, losses)):
            raise FloatingPointError("the loss is no longer a number; try a smaller learning rate")
        for loss, right in zip(losses, rights, strict=True):
            self.loss += loss * self._batch
            self.right += right
            self.seen += self._batch
        self._recent = []
        return float(sum(losses) / len(losses))


def best_epoch(history: list[dict[str, Any]]) -> int:
    """The epoch with the best validation accuracy, on a tie the lower loss; the last without validation."""

    def merit(line: dict[str, Any]) -> tuple[float, float, int]:
        if line["val_accuracy"] is None:
            return 0.0, 0.0, line["epoch"]
        return line["val_accuracy"], -line["val_loss"], line["epoch"]

    return int(max(history, key=merit)["epoch"])


def has_stalled(history: list[dict[str, Any]], patience: int) -> bool:
    """Whether the last `patience` epochs brought no better validation; never with a patience of 0."""
    return bool(patience and history) and history[-1]["epoch"] - best_epoch(history) >= patience


def in_words(line: dict[str, Any]) -> str:
    """A metrics line for the log."""
    val = "no validation" if line["val_accuracy"] is None else f"val {line['val_accuracy']:.1%}"
    return (
        f"loss {line['train_loss']:.4f}, train {line['train_accuracy']:.1%}, {val}, {line['seconds']:.1f} s"
    )
