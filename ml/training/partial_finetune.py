"""Recipe `partial_finetune`: frozen first blocks, cached; last blocks and head trained in torch.

It may start from a kernel probe: the tail then learns what that does not know, and the model adds the logits of both.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml.backbones.embed import Matrix
from ml.backbones.export import export_onnx
from ml.backbones.networks import KernelClassifier, LiteTail, StartedLite, WholeLite, lite
from ml.backbones.registry import backbone
from ml.backbones.trunk import trunk
from ml.backbones.weights import find_weights
from ml.evaluation.metrics import Probabilities
from ml.specs import TrainSpec
from ml.training import probe_start
from ml.training.context import Context, Trained
from ml.training.continued import plain_tensors
from ml.training.data import DataSet
from ml.training.linear_probe import probe_out_of_fold
from ml.training.logistic import softmax
from ml.training.loop import Batch, Job, Loop, start_torch
from ml.training.midlevel import Maps, MidLevel, trim
from ml.training.probe_start import Start
from ml.training.sampling import epoch_rows, steps_per_epoch
from ml.training.transforms import Preprocess
from ml.training.trust import scale_head

_VAL_BATCH = 64
PROBE = "probe"


def plan(data: DataSet, spec: TrainSpec) -> dict[str, tuple[str, float]]:
    """Stages with their phase and expected seconds on two cores."""
    area = (spec.size / 224) ** 2
    stages = {"prepare": ("prepare", 5.0)}
    if spec.start == PROBE:
        stages |= probe_start.plan(data, spec)
    stages["view eval"] = ("features", len(data.val) * area / 200)
    for epoch in range(1, spec.epochs + 1):
        if epoch <= spec.views:
            stages[f"view {epoch - 1}"] = ("features", len(data.train) * area / 200)
        stages[f"epoch {epoch}"] = ("train", (len(data.train) + len(data.val) / 3) * area * 0.01)
    stages["export"] = ("export", 15.0)
    stages["evaluate"] = ("evaluate", (len(data.val) + len(data.test)) * area / 120 + 1.0)
    if spec.start != PROBE:
        stages["probe"] = ("evaluate", (len(data.train) + len(data.val)) * area / 110 + 4.0)
    return stages


def train_tail(context: Context) -> Trained:
    """Views of the frozen part as they are needed, the tail's epochs, and out-of-fold answers by a probe."""
    spec, data, store = context.spec, context.data, context.store
    source = trunk(store, spec.backbone)
    known = probe_start.kernel_start(context) if spec.start == PROBE else None
    start_torch(spec.seed)
    network = lite(spec.backbone, find_weights(store, spec.backbone).path)
    before = copy.deepcopy(network) if known else None
    tail = LiteTail(network, spec.frozen_blocks, data.classes)
    if known:  # it begins by saying nothing
        torch.nn.init.zeros_(tail.classifier.weight)
        torch.nn.init.zeros_(tail.classifier.bias)
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
        batches=lambda epoch: _batches(context, train, known.train if known else None, epoch),
        val_batches=lambda: _in_order(val_maps),
        prepare=prepare,
        val_start=known.val if known else None,
    )
    loop = Loop(context, job)
    best = loop.run()
    trim(store)
    info = backbone(spec.backbone)
    whole: Any = WholeLite(network, spec.frozen_blocks, tail)
    if known:
        scale_head(tail, loop.trust)
        whole = StartedLite(before, spec.frozen_blocks, tail, info, _as_constants(known))

    def write_model(path: Path) -> None:
        export_onnx(whole, spec.size, ["logits", "embedding"], path)

    return Trained(
        best_epoch=best,
        preprocess=Preprocess(spec.size, info.mean, info.std, spec.framing),
        write_model=write_model,
        tensors=lambda: plain_tensors(whole),
        out_of_fold=(lambda: _unseen(known)) if known else (lambda: probe_out_of_fold(context)),
        before_refit=known.before_refit if known else None,
    )


def _unseen(known: Start) -> Probabilities:
    """Answers on train and val by probes that had not seen the photo."""
    return softmax(np.concatenate([known.train, known.val]))


def _as_constants(known: Start) -> KernelClassifier:
    """The probe in torch, its scaling folded into the components."""
    projection, model = known.projection, known.model
    components = projection.components / projection.deviation[:, None]
    made = KernelClassifier(*components.shape, *model.coefficients.shape)
    values = {
        "components": components, "shift": -(projection.mean @ components), "centres": model.centres,
        "coefficients": model.coefficients, "bias": model.bias, "gamma": np.float32(model.gamma),
    }  # fmt: skip
    made.load_state_dict(
        {name: torch.from_numpy(np.array(value, np.float32)) for name, value in values.items()}
    )
    return made


def _batches(context: Context, train: MidLevel, known: Matrix | None, epoch: int) -> Iterator[Batch]:
    """Batches of the epoch's view as (maps float32, labels, what is known beforehand)."""
    spec, data = context.spec, context.data
    maps = train.view((epoch - 1) % spec.views)
    for rows in epoch_rows(spec, data.train, epoch):
        yield maps[rows].astype(np.float32), data.train.labels[rows], None if known is None else known[rows]


def _in_order(maps: Maps | None) -> Iterator[NDArray[np.float32]]:
    if maps is None:
        return
    for start in range(0, len(maps), _VAL_BATCH):
        yield maps[start : start + _VAL_BATCH].astype(np.float32)
