"""The epoch loop that all torch recipes share."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ml.backbones.sessions import cpu_count
from ml.evaluation.metrics import log_loss
from ml.training.averaging import averaged
from ml.training.checkpoint import Checkpoints, Loaded, Parts, restore, restore_network, seed_everything
from ml.training.context import Context
from ml.training.data import class_weights
from ml.training.devices import ahead, choose_device
from ml.training.distributed import check_share, from_leader, summed, wrapped
from ml.training.history import Tally, best_epoch, has_stalled, in_words
from ml.training.logistic import softmax
from ml.training.mixup import draw_mix
from ml.training.optimizers import optimizer
from ml.training.schedules import rate_share
from ml.training.team import team
from ml.training.trust import choose_trust

log = logging.getLogger(__name__)

_STEPS_PER_LINE = 10

# Inputs, classes, and what is known of the inputs beforehand as logits (see `Job.start`), or None.
Batch = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32] | None]
Staged = tuple[Tensor, Tensor, Tensor | None]


@dataclass(frozen=True)
class Job:
    """What one recipe trains and on what.

    `batches(epoch)` gives the epoch's training batches (x, y, start), the same for the same epoch; they are drawn by a
    thread that runs ahead. `val_batches()` gives the validation inputs in order. `prepare(epoch)` runs before an epoch
    and may take long (it reports progress itself).

    Where another model's answers are the start, its logits are added to the network's, which then learns what that
    model does not know: `start` are its logits of the training inputs, by a model that had not seen them, and
    `val_start` (n, c) those of the validation inputs.
    """

    network: Any
    steps: int
    batches: Callable[[int], Iterator[Batch]]
    val_batches: Callable[[], Iterator[NDArray[np.float32]]]
    prepare: Callable[[int], None] = lambda epoch: None
    val_start: NDArray[np.float32] | None = None


class Loop:
    """Trains a job epoch by epoch, with a checkpoint and a metrics line after each."""

    def __init__(self, context: Context, job: Job) -> None:
        self.context = context
        self.job = job
        self.device = choose_device()
        self.team = team()
        self._tell_device()
        spec, folder, data = context.spec, context.folder, context.data
        self._batch = min(spec.batch, len(data.train))
        check_share(self.team, self._batch)
        if self.team.leads:
            from_leader(self.team, True)  # what the others need is prepared: they may begin
        self.network = self.device.place(job.network)
        self._trained = wrapped(self.team, self.network)
        self.scaler = self.device.scaler()
        average = averaged(self.network, spec.ema) if spec.ema else None
        self.parts = Parts(self.network, optimizer(spec, self.network), average, self.scaler)
        weights = class_weights(data.train, data.classes, spec.class_weights)
        self._weights = self.device.send(torch.from_numpy(weights))
        self.history: list[dict[str, Any]] = []
        self.best_epoch = 0
        self.checkpoints = Checkpoints(folder.path / "checkpoints", spec.digest(), folder.manifest_digest)

    def run(self) -> int:
        """Train what is left to train; then the network is the best epoch's, whose number is returned."""
        first = self._go_on()
        epochs = self.context.spec.epochs
        for epoch in range(first, epochs + 1):
            if has_stalled(self.history, self.context.spec.early_stopping):
                self._stop_early(epoch)
                break
            if self.team.leads:
                self.job.prepare(epoch)
            from_leader(self.team, True)
            self.context.progress.stage(f"epoch {epoch}", self._message(epoch))
            line = from_leader(self.team, self._epoch(epoch))
            self.history.append(line)
            self.best_epoch = best_epoch(self.history)
            note = {"step": epoch * self.job.steps, "history": self.history, "best_epoch": self.best_epoch}
            if self.team.leads:
                self.checkpoints.save(epoch, self.parts, note)
            self.context.folder.append_line("metrics.jsonl", line)
            self.context.keep_seconds()
            log.info("epoch %d of %d: %s", epoch, epochs, in_words(line))
            self.context.check()
        if self.team.leads:
            restore_network(self.checkpoints.load(self.best_epoch), self.network)
        self.network.eval()
        return self.best_epoch

    def _tell_device(self) -> None:
        folder, device = self.context.folder, self.device
        folder.state.update(device=str(device.device), dtype=str(device.dtype).removeprefix("torch."))
        folder.save()
        threads = torch.get_num_threads()
        folder.write_environment(device_reason=device.reason, torch_threads=threads, processes=self.team.size)

    def _stop_early(self, epoch: int) -> None:
        """The epochs from `epoch` on are not needed."""
        log.info("stopped early: validation was best in epoch %d", self.best_epoch)
        for left in range(epoch, self.context.spec.epochs + 1):
            self.context.progress.skip(f"epoch {left}")
            self.context.progress.skip(f"view {left - 1}")

    def _go_on(self) -> int:
        """Restore the last whole checkpoint and make the files agree with it; the epoch to begin with."""
        folder = self.context.folder
        loaded = self._last_checkpoint()
        epoch = 0
        if loaded is not None:
            restore(loaded, self.parts)
            self.history, self.best_epoch = list(loaded.note["history"]), int(loaded.note["best_epoch"])
            epoch = loaded.epoch
            log.info("going on after epoch %d", epoch)
        folder.write_lines("metrics.jsonl", self.history)
        folder.keep_steps_until(epoch)
        for done in range(1, epoch + 1):
            self.context.progress.done_before(f"epoch {done}")
            self.context.progress.done_before(f"view {done - 1}")
        return epoch + 1

    def _last_checkpoint(self) -> Loaded | None:
        """The last whole checkpoint, as the leader finds it."""
        found = self.checkpoints.latest() if self.team.leads else None
        epoch = from_leader(self.team, found.epoch if found else None)
        return found if self.team.leads or epoch is None else self.checkpoints.load(epoch)

    def _epoch(self, epoch: int) -> dict[str, Any]:
        began = time.monotonic()
        steps = self.job.steps
        self.network.train()
        tally = Tally(self._batch, partial(summed, self.team))
        with closing(ahead(self.job.batches(epoch), self._stage)) as batches:
            for step, (x, y, start) in enumerate(batches):
                self._set_rates((epoch - 1) * steps + step)
                given = None if start is None else self.device.send(start)
                tally.add(*self._step(self.device.send(x), self.device.send(y), given, epoch, step))
                if (step + 1) % _STEPS_PER_LINE == 0 or step + 1 == steps:
                    row = {"epoch": epoch, "step": (epoch - 1) * steps + step + 1, "loss": tally.read()}
                    self.context.folder.append_line("steps.jsonl", row)
                self.context.progress.update(step + 1, steps + 1, self._message(epoch))
                self.context.check()
        val_loss, val_accuracy, trust = self._validate() if self.team.leads else (None, None, None)
        return {
            "epoch": epoch,
            "epochs": self.context.spec.epochs,
            "train_loss": tally.loss / max(tally.seen, 1),
            "train_accuracy": tally.right / max(tally.seen, 1),
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "lr": float(self.parts.optimizer.param_groups[0]["lr"]),
            "seconds": round(time.monotonic() - began, 3),
            **({} if trust is None else {"trust": trust}),
        }

    def _step(
        self, x: Tensor, y: Tensor, start: Tensor | None, epoch: int, step: int
    ) -> tuple[Tensor, Tensor]:
        """One change of the weights; this share's part of the batch's loss and how many it got right, not yet
        waited for.
        """
        spec, parts = self.context.spec, self.parts
        mix = draw_mix(spec.mixup, len(y), self.device.device, spec.seed, epoch, step)
        with self.device.cast():
            logits = self._trained(x if mix is None else mix.inputs(x)).float()
            if start is not None:
                logits = logits + (start if mix is None else mix.inputs(start))
            losses = self._losses(logits, y)
            if mix is not None:
                losses = mix.losses(losses, self._losses(logits, y[mix.partner]))
            # The batch's mean is the sum of the shares' parts; averaging over processes takes `size` back.
            loss = losses.mean() if self.team.size == 1 else losses.sum() / self._batch
        parts.optimizer.zero_grad()
        self.scaler.scale(loss * self.team.size).backward()
        self.scaler.step(parts.optimizer)
        self.scaler.update()
        if parts.average is not None:
            parts.average.update_parameters(self.network)
        return loss.detach(), (logits.detach().argmax(1) == y).sum()

    def _losses(self, logits: Tensor, y: Tensor) -> Tensor:
        """Weighted cross-entropy of each input, (n,)."""
        smoothing = self.context.spec.label_smoothing
        losses = functional.cross_entropy(logits, y, reduction="none", label_smoothing=smoothing)
        return losses * self._weights[y]

    @property
    def trust(self) -> float:
        """What the best epoch's logits are to be multiplied by; see `trust`. 1 without validation photos."""
        return float(self.history[self.best_epoch - 1].get("trust", 1.0))

    def _validate(self) -> tuple[float | None, float | None, float | None]:
        """Loss and accuracy, and where another model's answers are the start, the trust in the corrections."""
        labels, start = self.context.data.val.labels, self.job.val_start
        if not len(labels):
            return None, None, None
        logits = self.logits(self.job.val_batches())
        trust = None
        if start is not None:
            trust = choose_trust(start, logits, labels)
            logits = start + np.float32(trust) * logits
        probs = softmax(logits)
        return log_loss(probs, labels), float((probs.argmax(1) == labels).mean()), trust

    def logits(self, inputs: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(n, c) for batches of inputs, in evaluation mode, by the averaged weights where they are kept."""
        network = self.network if self.parts.average is None else self.parts.average.module
        network.eval()
        rows = []
        with (
            torch.inference_mode(),
            self.device.cast(),
            closing(ahead(inputs, self.device.staged)) as batches,
        ):
            for x in batches:
                rows.append(network(self.device.send(x)).float().cpu().numpy())
                self.context.check()
        return np.concatenate(rows)

    def _stage(self, batch: Batch) -> Staged:
        x, y, start = batch
        return (
            self.device.staged(x),
            self.device.staged(y),
            None if start is None else self.device.staged(start),
        )

    def _set_rates(self, step: int) -> None:
        spec = self.context.spec
        factor = rate_share(spec.schedule, step, spec.epochs * self.job.steps)
        for group in self.parts.optimizer.param_groups:
            group["lr"] = group["highest_lr"] * factor

    def _message(self, epoch: int) -> str:
        text = f"Epoch {epoch} of {self.context.spec.epochs}"
        if self.history and self.history[-1]["val_accuracy"] is not None:
            text += f", validation {self.history[-1]['val_accuracy']:.1%} so far"
        return text


def start_torch(seed: int) -> None:
    """Threads and seeds, before a network is built."""
    torch.set_num_threads(cpu_count())
    seed_everything(seed)
