"""The epoch loop that all torch recipes share."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ml.backbones.sessions import cpu_count
from ml.evaluation.metrics import log_loss
from ml.training.checkpoint import Checkpoints, restore, restore_network, seed_everything
from ml.training.context import Context
from ml.training.data import class_weights
from ml.training.logistic import softmax

log = logging.getLogger(__name__)

_STEPS_PER_LINE = 10

Batch = tuple[NDArray[np.float32], NDArray[np.int64]]


class HeadedNetwork(Protocol):
    """A torch module whose last layer learns at a rate of its own."""

    def head_parameters(self) -> list[nn.Parameter]:
        """The last layer's parameters."""
        ...


@dataclass(frozen=True)
class Job:
    """What one recipe trains and on what.

    `batches(epoch)` gives shuffled training batches (x, y), the same for the same epoch; `val_batches()` the
    validation inputs in order. `prepare(epoch)` runs before an epoch and may take long (it reports progress
    itself).
    """

    network: Any
    steps: int
    batches: Callable[[int], Iterator[Batch]]
    val_batches: Callable[[], Iterator[NDArray[np.float32]]]
    one_cycle: bool
    prepare: Callable[[int], None] = lambda epoch: None


def choose_device() -> tuple[torch.device, torch.dtype, str]:
    """Device, number format and the reason, as recorded in the run."""
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        if torch.cuda.is_bf16_supported():
            return torch.device("cuda"), torch.bfloat16, f"{name} is present and supports bfloat16"
        return torch.device("cuda"), torch.float32, f"{name} is present, without bfloat16"
    return torch.device("cpu"), torch.float32, "no GPU is present; bfloat16 is slower on most processors"


class Loop:
    """Trains a job epoch by epoch, with a checkpoint and a metrics line after each."""

    def __init__(self, context: Context, job: Job) -> None:
        self.context = context
        self.job = job
        self.device, self.dtype, reason = choose_device()
        context.folder.state.update(device=str(self.device), dtype=str(self.dtype).removeprefix("torch."))
        context.folder.save()
        context.folder.write_environment(device_reason=reason, torch_threads=torch.get_num_threads())
        self.network = job.network.to(self.device, memory_format=torch.channels_last)
        self.optimizer = _optimizer(context, self.network)
        weights = class_weights(context.data.train, context.data.classes, context.spec.class_weights)
        self._weights = torch.from_numpy(weights).to(self.device)
        self.history: list[dict[str, Any]] = []
        self.best_epoch = 0
        spec, folder = context.spec, context.folder
        self.checkpoints = Checkpoints(folder.path / "checkpoints", spec.digest(), folder.manifest_digest)

    def run(self) -> int:
        """Train what is left to train; then the network is the best epoch's, whose number is returned."""
        first = self._go_on()
        epochs = self.context.spec.epochs
        for epoch in range(first, epochs + 1):
            self.job.prepare(epoch)
            self.context.progress.stage(f"epoch {epoch}", self._message(epoch))
            line = self._epoch(epoch)
            self.history.append(line)
            self.best_epoch = best_epoch(self.history)
            note = {"step": epoch * self.job.steps, "history": self.history, "best_epoch": self.best_epoch}
            self.checkpoints.save(epoch, self.network, self.optimizer, note)
            self.context.folder.append_line("metrics.jsonl", line)
            self.context.keep_seconds()
            log.info("epoch %d of %d: %s", epoch, epochs, _in_words(line))
            self.context.check()
        restore_network(self.checkpoints.load(self.best_epoch), self.network)
        self.network.eval()
        return self.best_epoch

    def _go_on(self) -> int:
        """Restore the last whole checkpoint and make the files agree with it; the epoch to begin with."""
        folder = self.context.folder
        loaded = self.checkpoints.latest()
        epoch = 0
        if loaded is not None:
            restore(loaded, self.network, self.optimizer)
            self.history, self.best_epoch = list(loaded.note["history"]), int(loaded.note["best_epoch"])
            epoch = loaded.epoch
            log.info("going on after epoch %d", epoch)
        folder.write_lines("metrics.jsonl", self.history)
        folder.keep_steps_until(epoch)
        for done in range(1, epoch + 1):
            self.context.progress.done_before(f"epoch {done}")
            self.context.progress.done_before(f"view {done - 1}")
        return epoch + 1

    def _epoch(self, epoch: int) -> dict[str, Any]:
        began = time.monotonic()
        spec, steps = self.context.spec, self.job.steps
        self.network.train()
        loss_sum, right, seen = 0.0, 0, 0
        recent: list[float] = []
        for step, (x, y) in enumerate(self.job.batches(epoch)):
            self._set_rates((epoch - 1) * steps + step)
            loss, hits = self._step(x, y)
            loss_sum, right, seen = loss_sum + loss * len(y), right + hits, seen + len(y)
            recent.append(loss)
            if (step + 1) % _STEPS_PER_LINE == 0 or step + 1 == steps:
                row = {
                    "epoch": epoch,
                    "step": (epoch - 1) * steps + step + 1,
                    "loss": sum(recent) / len(recent),
                }
                self.context.folder.append_line("steps.jsonl", row)
                recent = []
            self.context.progress.update(step + 1, steps + 1, self._message(epoch))
            self.context.check()
        val_loss, val_accuracy = self._validate()
        return {
            "epoch": epoch,
            "epochs": spec.epochs,
            "train_loss": loss_sum / max(seen, 1),
            "train_accuracy": right / max(seen, 1),
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "lr": float(self.optimizer.param_groups[0]["lr"]),
            "seconds": round(time.monotonic() - began, 3),
        }

    def _step(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> tuple[float, int]:
        inputs, target = self._tensor(x), torch.from_numpy(y).to(self.device)
        with self._cast():
            logits = self.network(inputs)
            losses = functional.cross_entropy(
                logits.float(), target, reduction="none", label_smoothing=self.context.spec.label_smoothing
            )
        loss = (losses * self._weights[target]).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError("the loss is no longer a number; try a smaller learning rate")
        return value, int((logits.detach().argmax(1) == target).sum())

    def _validate(self) -> tuple[float | None, float | None]:
        labels = self.context.data.val.labels
        if not len(labels):
            return None, None
        probs = softmax(self.logits(self.job.val_batches()))
        return log_loss(probs, labels), float((probs.argmax(1) == labels).mean())

    def logits(self, inputs: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(n, c) for batches of inputs, in evaluation mode."""
        self.network.eval()
        rows = []
        with torch.inference_mode(), self._cast():
            for x in inputs:
                rows.append(self.network(self._tensor(x)).float().cpu().numpy())
                self.context.check()
        return np.concatenate(rows)

    def _tensor(self, x: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(x).to(self.device).contiguous(memory_format=torch.channels_last)

    def _cast(self) -> torch.autocast:
        enabled = self.dtype != torch.float32
        return torch.autocast(
            self.device.type, dtype=self.dtype if enabled else torch.bfloat16, enabled=enabled
        )

    def _set_rates(self, step: int) -> None:
        factor = one_cycle(step, self.context.spec.epochs * self.job.steps) if self.job.one_cycle else 1.0
        for group in self.optimizer.param_groups:
            group["lr"] = group["highest_lr"] * factor

    def _message(self, epoch: int) -> str:
        text = f"Epoch {epoch} of {self.context.spec.epochs}"
        if self.history and self.history[-1]["val_accuracy"] is not None:
            text += f", validation {self.history[-1]['val_accuracy']:.1%} so far"
        return text


def best_epoch(history: list[dict[str, Any]]) -> int:
    """The epoch with the best validation accuracy, on a tie the lower loss; the last without validation."""

    def merit(line: dict[str, Any]) -> tuple[float, float, int]:
        if line["val_accuracy"] is None:
            return 0.0, 0.0, line["epoch"]
        return line["val_accuracy"], -line["val_loss"], line["epoch"]

    return int(max(history, key=merit)["epoch"])


def one_cycle(step: int, total: int, rise: float = 0.25) -> float:
    """Share of the highest rate: cosine up from 1/25, then down to nothing (Smith and Topin 2018)."""
    peak = max(1.0, rise * total - 1)
    if step <= peak:
        return _between(1 / 25, 1.0, step / peak)
    return _between(1.0, 4e-6, (step - peak) / max(1.0, total - 1 - peak))


def shuffled(count: int, batch: int, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """Rows of each batch of an epoch, decided by seed and epoch; what fills no batch is left out."""
    order = np.random.default_rng([seed, epoch]).permutation(count)
    for start in range(0, steps_per_epoch(count, batch) * batch, batch):
        yield order[start : start + batch]


def steps_per_epoch(count: int, batch: int) -> int:
    """Whole batches in an epoch; one short batch where there are fewer photos than that."""
    return max(1, count // batch)


def start_torch(seed: int) -> None:
    """Threads and seeds, before a network is built."""
    torch.set_num_threads(cpu_count())
    seed_everything(seed)


def _optimizer(context: Context, network: Any) -> torch.optim.Optimizer:
    spec = context.spec
    head = network.head_parameters()
    own = {id(parameter) for parameter in head}
    body = [
        parameter
        for parameter in network.parameters()
        if id(parameter) not in own and parameter.requires_grad
    ]
    groups = [
        {"params": body, "lr": spec.lr, "highest_lr": spec.lr},
        {"params": head, "lr": spec.head_lr, "highest_lr": spec.head_lr},
    ]
    if spec.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)
    if spec.optimizer == "adam":
        return torch.optim.Adam(groups, lr=spec.lr, weight_decay=spec.weight_decay)
    return torch.optim.AdamW(groups, lr=spec.lr, weight_decay=spec.weight_decay)


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(max(share, 0.0), 1.0))) / 2


def _in_words(line: dict[str, Any]) -> str:
    val = "no validation" if line["val_accuracy"] is None else f"val {line['val_accuracy']:.1%}"
    return (
        f"loss {line['train_loss']:.4f}, train {line['train_accuracy']:.1%}, {val}, {line['seconds']:.1f} s"
    )
