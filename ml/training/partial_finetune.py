"""Recipe `partial_finetune`: frozen first blocks, cached; last blocks and head trained in torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones.export import export_onnx
from ml.backbones.networks import LiteTail, WholeLite, lite
from ml.backbones.registry import backbone
from ml.backbones.trunk import trunk
from ml.backbones.weights import find_weights
from ml.specs import TrainSpec
from ml.training.context import Context, Trained
from ml.training.continued import plain_tensors
from ml.training.data import DataSet
from ml.training.linear_probe import probe_out_of_fold
from ml.training.loop import Batch, Job, Loop, start_torch
from ml.training.midlevel import Maps, MidLevel, trim
from ml.training.sampling import epoch_rows, steps_per_epoch
from ml.training.transforms import Preprocess

_VAL_BATCH = 64


def plan(data: DataSet, spec: TrainSpec) -> dict[str, tuple[str, float]]:
    """Stages with their phase and expected seconds on two cores."""
    area = (spec.size / 224) ** 2
    stages = {"prepare": ("prepare", 5.0), "view eval": ("features", len(data.val) * area / 200)}
    for epoch in range(1, spec.epochs + 1):
        if epoch <= spec.views:
            stages[f"view {epoch - 1}"] = ("features", len(data.train) * area / 200)
        stages[f"epoch {epoch}"] = ("train", (len(data.train) + len(data.val) / 3) * area * 0.01)
    stages["export"] = ("export", 15.0)
    stages["evaluate"] = ("evaluate", (len(data.val) + len(data.test)) * area / 120 + 1.0)
    stages["probe"] = ("evaluate", (len(data.train) + len(data.val)) * area / 110 + 4.0)
    return stages


def train_tail(context: Context) -> Trained:
    """Views of the frozen part as they are needed, the tail's epochs, and out-of-fold answers by a probe."""
    spec, data, store = context.spec, context.data, context.store
    source = trunk(store, spec.backbone)
    start_torch(spec.seed)
    network = lite(spec.backbone, find_weights(store, spec.backbone).path)
    tail = LiteTail(network, spec.frozen_blocks, data.classes)
    train = MidLevel(
        store, source, data.train, spec.size, spec.frozen_blocks, spec.augment, spec.seed, spec.framing
    )
    val = MidLevel(store, source, data.val, spec.size, spec.frozen_blocks, "none", 0, spec.framing)
    context.progress.stage("view eval", "Preparing the validation photos")
    val_maps = val.view(None, context.count("Preparing the validation photos")) if len(data.val) else None

    def prepare(epoch: int) -> None:
        view = (epoch - 1) % spec.views
        if epoch <= spec.views or not train.has(view):
            message = f"Preparing view {view + 1} of {spec.views} of the training photos"
            context.progress.stage(f"view {view}", message)
            train.view(view, context.count(message))

    job = Job(
        network=tail,
        steps=steps_per_epoch(len(data.train), spec.batch),
        batches=lambda epoch: _batches(context, train, epoch),
        val_batches=lambda: _in_order(val_maps),
        prepare=prepare,
    )
    best = Loop(context, job).run()
    trim(store)
    whole = WholeLite(network, spec.frozen_blocks, tail)

    def write_model(path: Path) -> None:
        export_onnx(whole, spec.size, ["logits", "embedding"], path)

    info = backbone(spec.backbone)
    return Trained(
        best_epoch=best,
        preprocess=Preprocess(spec.size, info.mean, info.std, spec.framing),
        write_model=write_model,
        tensors=lambda: plain_tensors(whole),
        out_of_fold=lambda: probe_out_of_fold(context),
    )


def _batches(context: Context, train: MidLevel, epoch: int) -> Iterator[Batch]:
    """Batches of the epoch's view as (maps float32, labels)."""
    spec, data = context.spec, context.data
    maps = train.view((epoch - 1) % spec.views)
    for rows in epoch_rows(spec, data.train, epoch):
        yield maps[rows].astype(np.float32), data.train.labels[rows]


def _in_order(maps: Maps | None) -> Iterator[NDArray[np.float32]]:
    if maps is None:
        return
    for start in range(0, len(maps), _VAL_BATCH):
        yield maps[start : start + _VAL_BATCH].astype(np.float32)
