"""The last fit of a kernel probe: with the validation photos among its rows, once nothing is left to choose by them.

Never imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.backbones.embed import Matrix
from ml.evaluation.metrics import Probabilities
from ml.training.context import Context
from ml.training.data import DataSet, class_weights
from ml.training.features import view_of
from ml.training.kernel import KernelModel, Projection, fit_kernel
from ml.training.logistic import softmax

TRAIN_VAL = "train_val"
_MESSAGE = "Fitting once more with the validation photos"


@dataclass(frozen=True)
class Refit:
    """The model that saw the validation photos too, and what has to be added to its logits on them, (n_val, c), for
    the answers of the model that had not.
    """

    model: KernelModel
    before: Matrix


def plan(data: DataSet, views: int, area: float) -> dict[str, tuple[str, float]]:
    """The stage with its phase and expected seconds on two cores; `area` in squares of 224 px."""
    rows = len(data.train) + len(data.val)
    return {"refit": ("features", views * len(data.val) * area / 110 + 1.0 + rows * 1e-3)}


def refit_with_val(
    context: Context,
    projection: Projection,
    rows: list[Matrix],
    held: Matrix,
    model: KernelModel,
    ridge: float,
    factor: float,
) -> Refit:
    """Fit as `model` was, on `rows` (one (n, k) per view of the training photos) and the same views of val, the first
    of which is `held`.
    """
    context.progress.stage("refit", _MESSAGE)
    spec, data = context.spec, context.data
    report = context.count(_MESSAGE)
    views = range(1, len(rows))
    val = [held, *(projection.apply(view_of(context, data.val.photos, view, report)) for view in views)]
    labels = np.tile(np.concatenate([data.train.labels, data.val.labels]), len(rows))
    weights = class_weights(data.train, data.classes, spec.class_weights)
    every = np.concatenate([part for pair in zip(rows, val, strict=True) for part in pair])
    again = fit_kernel(every, labels, weights, projection.gamma, ridge, spec.seed, factor)
    return Refit(again, model.logits(held) - again.logits(held))


def without_refit(probabilities: Probabilities, before: Matrix) -> Probabilities:
    """The answers (n_val, c) of the model as it was before: `before` as in `Refit`."""
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    return softmax(logits + before)
