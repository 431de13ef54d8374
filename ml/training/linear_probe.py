"""Recipe `linear_probe`: cached multi-level features and a multinomial logistic regression.

Never imports torch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from ml.backbones.embed import Matrix, pooled_features
from ml.backbones.pipeline import Photo
from ml.backbones.registry import backbone
from ml.backbones.trunk import trunk
from ml.bundle.join import join_probe
from ml.evaluation.metrics import Probabilities
from ml.specs import TRUNK_STEP
from ml.training.context import Context, Trained
from ml.training.data import DataSet, class_weights
from ml.training.logistic import Fitter, Problems, probabilities
from ml.training.probe import STRENGTHS, CrossValidation, Scaling, cross_validate, loss_and_accuracy
from ml.training.transforms import Preprocess

log = logging.getLogger(__name__)

PROBE_BACKBONE = "efficientnet_lite0"
STAGES = 8
STAGE_ITERATIONS = 5


def plan(data: DataSet, size: int, views: int) -> dict[str, tuple[str, float]]:
    """Stages with their phase and expected seconds on two cores."""
    photos = len(data.val) + len(data.test) + views * len(data.train)
    values = (len(data.train) + len(data.val)) * data.classes
    return {
        "prepare": ("prepare", 1.0),
        "features": ("features", photos * (size / 224) ** 2 / 110),
        "choose": ("train", values * 3e-4 + 0.5),
        "fit": ("train", values * views * 1e-4 + 0.5),
        "evaluate": ("evaluate", 1.0),
        "export": ("export", 1.0),
    }


def train_probe(context: Context) -> Trained:
    """Features, strength by cross-validation over train and val, then the fit on train alone."""
    spec = context.spec
    features = _features(context)
    scaling = Scaling.of(features["train"])
    scaled = {name: scaling.apply(matrix) for name, matrix in features.items()}
    context.progress.stage("choose", "Choosing the strength of regularisation")
    crossed = out_of_fold(context, np.concatenate([scaled["train"], scaled["val"]]), spec.l2)
    log.info("out-of-fold accuracy by strength: %s; taking %g", crossed.scores, crossed.l2)
    theta = _fit(context, scaled, crossed.l2)
    source = trunk(context.store, spec.backbone)
    weights, bias = scaling.fold(theta)

    def write_model(path: Path) -> None:
        onnx.save(join_probe(source, weights, bias, spec.size), str(path))

    info = backbone(spec.backbone)

    def ask(photos: Sequence[Photo]) -> tuple[Probabilities, Matrix]:
        rows = pooled_features(context.store, photos, None, spec.backbone, spec.size, framing=spec.framing)
        return probabilities(scaling.apply(rows), theta), rows[:, : info.embedding]

    return Trained(
        best_epoch=STAGES,
        preprocess=Preprocess(spec.size, info.mean, info.std, spec.framing),
        write_model=write_model,
        ask=ask,
        tensors=lambda: {"probe_weights": weights, "probe_bias": bias},
        out_of_fold=lambda: crossed.probabilities,
        calibrates=True,
    )


def out_of_fold(context: Context, features: Matrix, l2: float = 0.0) -> CrossValidation:
    """Answers on train and val (scaled `features`, train first) by probes that did not see the group."""
    data = context.data
    labels = np.concatenate([data.train.labels, data.val.labels])
    groups = np.concatenate([data.train.groups, data.val.groups])
    weights = class_weights(data.train, data.classes, context.spec.class_weights)
    return cross_validate(features, labels, groups, weights, context.spec.seed, l2, context.check)


def probe_out_of_fold(context: Context) -> Probabilities:
    """Out-of-fold answers on train and val by a probe, for recipes that train something else; stage
    `probe`.
    """
    data, spec = context.data, context.spec
    context.progress.stage("probe", "Asking a quick probe about the training photos")
    photos = [*data.train.photos, *data.val.photos]
    report = context.count("Asking a quick probe about the training photos")
    side = -(-spec.size // TRUNK_STEP) * TRUNK_STEP  # a whole network may see pictures of other sides
    features = pooled_features(context.store, photos, report, PROBE_BACKBONE, side, framing=spec.framing)
    scaled = Scaling.of(features[: len(data.train)]).apply(features)
    return out_of_fold(context, scaled, STRENGTHS[-1]).probabilities


def _features(context: Context) -> dict[str, Matrix]:
    """Features of each split and, with two views, of the mirrored training photos."""
    spec, data = context.spec, context.data
    wanted = [("train", data.train, False), ("val", data.val, False), ("test", data.test, False)]
    if spec.views == 2:
        wanted.append(("mirrored", data.train, True))
    total = sum(len(part) for _, part, _ in wanted)
    context.progress.stage("features", "Looking at the photos")
    began, found, before = time.monotonic(), {}, 0
    for name, part, mirrored in wanted:
        report = context.count("Looking at the photos", before, total)
        found[name] = pooled_features(
            context.store,
            part.photos,
            report,
            spec.backbone,
            spec.size,
            mirrored=mirrored,
            framing=spec.framing,
        )
        before += len(part)
    log.info("features of %d pictures ready after %.1f s", total, time.monotonic() - began)
    return found


def _fit(context: Context, scaled: dict[str, Matrix], l2: float) -> Matrix:
    """The final fit on the training photos, a metrics line after every five optimiser steps: theta (d + 1,
    c).
    """
    data, spec = context.data, context.spec
    x, y = scaled["train"], data.train.labels
    if "mirrored" in scaled:
        x, y = np.concatenate([x, scaled["mirrored"]]), np.tile(y, 2)
    weights = class_weights(data.train, data.classes, spec.class_weights)[y]
    weights = (weights / weights.sum())[None].astype(np.float32)
    fitter = Fitter(Problems(x, y, weights, np.array([l2], np.float32), data.classes))
    context.progress.stage("fit", "Fitting the classifier")
    context.folder.write_lines("metrics.jsonl", [])
    context.folder.write_lines("steps.jsonl", [])
    for stage in range(1, STAGES + 1):
        began = time.monotonic()
        fitter.run(STAGE_ITERATIONS, context.check)
        theta = fitter.theta[0]
        train = loss_and_accuracy(probabilities(scaled["train"], theta), data.train)
        val = loss_and_accuracy(probabilities(scaled["val"], theta), data.val)
        line = {
            "epoch": stage, "epochs": STAGES, "train_loss": train[0], "train_accuracy": train[1],
            "val_loss": val[0], "val_accuracy": val[1], "lr": 0.0, "seconds": time.monotonic() - began,
        }  # fmt: skip
        context.folder.append_line("metrics.jsonl", line)
        steps = stage * STAGE_ITERATIONS
        context.folder.append_line(
            "steps.jsonl", {"epoch": stage, "step": steps, "loss": float(fitter.loss[0])}
        )
        context.progress.update(stage, STAGES)
    return np.asarray(fitter.theta[0])
