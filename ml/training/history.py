"""What an epoch came to, and what follows from the epochs so far."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor


class Tally:
    """Loss and right answers of an epoch's batches, read from the device only now and then: reading waits for it."""

    def __init__(self) -> None:
        self.loss, self.right, self.seen = 0.0, 0, 0
        self._recent: list[tuple[Tensor, Tensor, int]] = []

    def add(self, loss: Tensor, right: Tensor, count: int) -> None:
        """Note a batch of `count`: its mean loss, and how many it got right."""
        self._recent.append((loss, right, count))

    def read(self) -> float:
        """The mean loss of the batches since the last reading. FloatingPointError where it is no number."""
        losses = [float(loss) for loss, _, _ in self._recent]
        if not all(map(math.isfinite, losses)):
            raise FloatingPointError("the loss is no longer a number; try a smaller learning rate")
        for loss, (_, right, count) in zip(losses, self._recent, strict=True):
            self.loss += loss * count
            self.right += int(right)
            self.seen += count
        self._recent = []
        return sum(losses) / len(losses)


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
