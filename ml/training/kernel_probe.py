"""Recipe `kernel_probe`: cached multi-level features of several views and a kernel classifier in closed form.

Never imports torch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from ml.backbones.embed import Matrix
from ml.backbones.pipeline import Photo
from ml.backbones.registry import backbone
from ml.backbones.trunk import trunk
from ml.bundle.join import KernelHead, join_kernel
from ml.evaluation.metrics import Probabilities
from ml.specs import TrainSpec
from ml.training import refit
from ml.training.context import Context, Trained
from ml.training.data import DataSet, class_weights
from ml.training.features import LOOKING, view_of
from ml.training.kernel import KernelFolds, KernelModel, Projection, fit_kernel, kernel_folds
from ml.training.logistic import softmax
from ml.training.probe import loss_and_accuracy
from ml.training.transforms import Preprocess

log = logging.getLogger(__name__)


def plan(data: DataSet, spec: TrainSpec) -> dict[str, tuple[str, float]]:
    """Stages with their phase and expected seconds on two cores."""
    area = (spec.size / 224) ** 2
    stages = {"prepare": ("prepare", 1.0)}
    stages["held"] = ("features", (len(data.val) + len(data.test)) * area / 110)
    for view in range(spec.views):
        stages[f"view {view}"] = ("features", len(data.train) * area / 110)
        stages[f"fit {view}"] = ("train", 1.0 + (view + 1) * len(data.train) * 1e-3)
    stages["choose"] = ("train", 2.0 + len(data.train) * 2e-3)
    if spec.refit == refit.TRAIN_VAL:
        stages |= refit.plan(data, spec.views, area)
    stages["evaluate"] = ("evaluate", 1.0)
    stages["export"] = ("export", 1.0)
    return stages


def train_kernel(context: Context) -> Trained:
    """One view of the training photos after another; after each the classifier is solved anew, which is an epoch."""
    spec, data = context.spec, context.data
    for name in ("metrics.jsonl", "steps.jsonl"):
        context.folder.write_lines(name, [])
    context.progress.stage("held", LOOKING)
    held = view_of(context, [*data.val.photos, *data.test.photos], 0)[: len(data.val)]
    first = _view(context, 0)
    projection = Projection.of(first, spec.seed)
    context.progress.stage("choose", "Choosing the strength of regularisation")
    rows, val = [projection.apply(first)], projection.apply(held)
    folds = _folds(context, np.concatenate([rows[0], val]), projection.gamma)
    log.info("out-of-fold accuracy by ridge: %s; taking %g", folds.scores, folds.ridge)
    weights = class_weights(data.train, data.classes, spec.class_weights)
    for view in range(spec.views):
        began = time.monotonic()
        if view:
            rows.append(projection.apply(_view(context, view)))
        context.progress.stage(f"fit {view}", "Fitting the classifier")
        labels = np.tile(data.train.labels, len(rows))
        model = fit_kernel(
            np.concatenate(rows), labels, weights, projection.gamma, folds.ridge, spec.seed, folds.factor
        )
        _tell(context, view + 1, model, rows[0], val, time.monotonic() - began)
        context.check()
    before = None
    if spec.refit == refit.TRAIN_VAL:
        joined = refit.refit_with_val(context, projection, rows, val, model, folds.ridge, folds.factor)
        model, before = joined.model, joined.before
    return _trained(context, projection, folds, model, before)


def _trained(
    context: Context, projection: Projection, folds: KernelFolds, model: KernelModel, before: Matrix | None
) -> Trained:
    spec = context.spec
    source, info = trunk(context.store, spec.backbone), backbone(spec.backbone)
    head = KernelHead(
        projection.mean, projection.deviation, projection.components,
        model.centres, model.coefficients, model.bias, model.gamma,
    )  # fmt: skip

    def write_model(path: Path) -> None:
        onnx.save(join_kernel(source, head, spec.size), str(path))

    def ask(photos: Sequence[Photo]) -> tuple[Probabilities, Matrix]:
        features = view_of(context, photos, 0)
        return softmax(model.logits(projection.apply(features))), features[:, : info.embedding]

    return Trained(
        best_epoch=spec.views,
        preprocess=Preprocess(spec.size, info.mean, info.std, spec.framing),
        write_model=write_model,
        ask=ask,
        tensors=lambda: {name: np.asarray(value, np.float32) for name, value in vars(head).items()},
        out_of_fold=lambda: softmax(folds.logits),
        calibrates=True,
        before_refit=before,
    )


def _view(context: Context, view: int) -> Matrix:
    context.progress.stage(f"view {view}", LOOKING)
    return view_of(context, context.data.train.photos, view)


def _folds(context: Context, rows: Matrix, gamma: float) -> KernelFolds:
    data, spec = context.data, context.spec
    labels = np.concatenate([data.train.labels, data.val.labels])
    groups = np.concatenate([data.train.groups, data.val.groups])
    weights = class_weights(data.train, data.classes, spec.class_weights)
    return kernel_folds(rows, labels, groups, weights, gamma, spec.seed, spec.l2, context.check)


def _tell(
    context: Context, epoch: int, model: KernelModel, train: Matrix, val: Matrix, seconds: float
) -> None:
    """A metrics line: the loss is that of the calibrated probabilities."""
    data, folder = context.data, context.folder
    figures = [
        loss_and_accuracy(softmax(model.logits(rows)), part)
        for rows, part in ((train, data.train), (val, data.val))
    ]
    line = {
        "epoch": epoch, "epochs": context.spec.views, "train_loss": figures[0][0], "train_accuracy": figures[0][1],
        "val_loss": figures[1][0], "val_accuracy": figures[1][1], "lr": 0.0, "seconds": seconds,
    }  # fmt: skip
    folder.append_line("metrics.jsonl", line)
    folder.append_line("steps.jsonl", {"epoch": epoch, "step": epoch, "loss": figures[0][0]})
