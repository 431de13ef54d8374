"""A tiny network on numbers for photos, trained by the real loop in a moment. As a program it is one of a team."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ml.manifest import ClassInfo, Manifest, Plan
from ml.specs import make_spec
from ml.store import Store
from ml.training.context import Context, stop_on_sigterm
from ml.training.data import DataSet, Part
from ml.training.distributed import FollowersFolder, FollowersProgress, from_leader, joined
from ml.training.loop import Job, Loop, start_torch
from ml.training.progress import Progress
from ml.training.runfolder import RunFolder
from ml.training.sampling import epoch_rows, steps_per_epoch
from ml.training.team import team

PHOTOS = np.random.default_rng(0).standard_normal((72, 3, 8, 8)).astype(np.float32)
LABELS = np.repeat(np.arange(3), [40, 22, 10])
PHOTOS[:, 0] += LABELS[:, None, None] * 0.4
VAL = slice(0, 72, 6)
EPOCHS = 4
MANIFEST = Manifest("tiny", Plan(), tuple(ClassInfo(key) for key in ("red", "green", "blue")), ())


class Tiny(nn.Module):
    """A convolution, running statistics and dropout: everything in which a state may hide."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), *self.between(), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def between(self) -> list[nn.Module]:
        return [nn.BatchNorm2d(8), nn.Dropout(0.2)]

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))

    def head_parameters(self):
        return list(self.head.parameters())


class Plain(Tiny):
    """Without what depends on who stands in a batch beside a photo: shares of a batch add up to the batch."""

    def between(self):
        return []


def part(rows) -> Part:
    return Part([None] * len(LABELS[rows]), LABELS[rows], np.arange(len(LABELS[rows])))


def train(out, spec, before=lambda epoch, step: None, network_of=Tiny) -> dict[str, torch.Tensor]:
    """Train in the run folder `out`, or go on there; the final weights. `before` is called ahead of each batch."""
    data = DataSet(MANIFEST, part(slice(None)), part(VAL), part(slice(0, 0)))
    leads = team().leads

    def batches(epoch):
        for step, rows in enumerate(epoch_rows(spec, data.train, epoch)):
            before(epoch, step)
            yield PHOTOS[rows], LABELS[rows], None

    start_torch(spec.seed)
    plan = {f"epoch {epoch}": ("train", 1.0) for epoch in range(1, spec.epochs + 1)}
    with (RunFolder if leads else FollowersFolder)(out, spec, MANIFEST.digest) as folder:
        progress = (Progress if leads else FollowersProgress)(out / "progress.json", plan)
        context = Context(folder, spec, data, Store(out), progress)
        progress.stage("epoch 1")
        network = network_of()
        job = Job(network, steps_per_epoch(len(LABELS), spec.batch), batches, lambda: iter([PHOTOS[VAL]]))
        with stop_on_sigterm(context.stop):
            Loop(context, job).run()
    return network.state_dict()


def spec_with(seed=0, **settings):
    """A spec for the tiny network: SGD with momentum unless told otherwise, batches of 8."""
    usual = {
        "optimizer": "sgd",
        "momentum": "0.9",
        "lr": "0.05",
        "head_lr": "0.05",
        "batch": "8",
        "epochs": str(EPOCHS),
    }
    return make_spec("finetune", {**usual, **settings}, seed)


def main(out: Path, *settings: str) -> None:
    """Train the plain network with `settings` as one of the team that torchrun has made; the leader keeps it."""
    given = dict(setting.split("=") for setting in settings)
    kill_at = int(given.pop("kill_at", 0))

    def before(epoch, step):
        if epoch == kill_at and step == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    with joined(team()):
        if team().leads or from_leader(team(), False):
            weights = train(out, spec_with(**given), before, Plain)
    if team().leads:
        torch.save(weights, out / "weights.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
