"""A kernel probe as the start of another recipe: what it answers, and what it would have answered had it not seen.

Never imports torch.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from ml.backbones.embed import Matrix
from ml.evaluation.calibration import fit_temperature
from ml.specs import TrainSpec
from ml.training import refit
from ml.training.context import Context
from ml.training.data import DataSet, class_weights
from ml.training.features import LOOKING, view_of
from ml.training.kernel import FOLDS, KernelModel, Projection, fit_kernel, kernel_folds
from ml.training.logistic import softmax
from ml.training.probe import group_folds

log = logging.getLogger(__name__)

# Of each training photo: as it is, mirrored, and random crops.
VIEWS = 4
# Where the probe is always right its temperature says nothing, and a start that is too sure could not be corrected.
_SUREST = 1.0


@dataclass(frozen=True)
class Start:
    """`model` works on what `projection` gives. Logits (n, c) of the training photos by models that had not seen their
    group, and of the validation photos by one that had not seen them. `before_refit`: see `Trained`.
    """

    projection: Projection
    model: KernelModel
    train: Matrix
    val: Matrix
    before_refit: Matrix | None = None


def plan(data: DataSet, spec: TrainSpec) -> dict[str, tuple[str, float]]:
    """Stages with their phase and expected seconds on two cores."""
    area = (spec.size / 224) ** 2
    stages = {"start held": ("features", len(data.val) * area / 110)}
    for view in range(VIEWS):
        stages[f"start view {view}"] = ("features", len(data.train) * area / 110)
    stages["start fit"] = ("features", 3.0 + len(data.train) * 5e-3)
    if spec.refit == refit.TRAIN_VAL:
        stages |= refit.plan(data, VIEWS, area)
    return stages


def kernel_start(context: Context) -> Start:
    """Fit the probe of `kernel_probe` on the training photos, and once more without each fold of groups."""
    spec, data = context.spec, context.data
    context.progress.stage("start held", LOOKING)
    seen = view_of(context, data.val.photos, 0)
    projection, rows = _projected_views(context)
    held = projection.apply(seen)
    context.progress.stage("start fit", "Fitting the classifier")
    labels, weights = data.train.labels, class_weights(data.train, data.classes, spec.class_weights)
    folds = kernel_folds(
        rows[0], labels, data.train.groups, weights, projection.gamma, spec.seed, check=context.check
    )
    unseen = np.zeros((len(labels), data.classes), np.float32)
    part = group_folds(labels, data.train.groups, FOLDS, spec.seed)
    for fold in range(FOLDS):
        context.check()
        unseen[part == fold] = _fit(
            rows, labels, weights, projection, folds.ridge, spec, part != fold
        ).logits(rows[0][part == fold])
    # Of all views and not of one: their own temperature.
    factor = np.float32(min(1 / fit_temperature(softmax(unseen), labels), _SUREST))
    log.info(
        "the start is right on %.1f %% of the training photos", 100 * (unseen.argmax(1) == labels).mean()
    )
    model = _fit(
        rows, labels, weights, projection, folds.ridge, spec, np.ones(len(labels), bool), float(factor)
    )
    train, val = factor * unseen, model.logits(held)
    if spec.refit != refit.TRAIN_VAL:
        return Start(projection, model, train, val)
    joined = refit.refit_with_val(context, projection, rows, held, model, folds.ridge, float(factor))
    return Start(projection, joined.model, train, val, joined.before)


def _projected_views(context: Context) -> tuple[Projection, list[Matrix]]:
    """The projection and what it makes of each view of the training photos; the views are not kept."""
    photos = context.data.train.photos
    context.progress.stage("start view 0", LOOKING)
    first = view_of(context, photos, 0)
    projection = Projection.of(first, context.spec.seed)
    rows = [projection.apply(first)]
    for view in range(1, VIEWS):
        context.progress.stage(f"start view {view}", LOOKING)
        rows.append(projection.apply(view_of(context, photos, view)))
    return projection, rows


def _fit(
    rows: list[Matrix],
    labels: np.ndarray,
    weights: Matrix,
    projection: Projection,
    ridge: float,
    spec: TrainSpec,
    kept: np.ndarray,
    factor: float = 1.0,
) -> KernelModel:
    every = np.concatenate([one[kept] for one in rows])
    repeated = np.tile(labels[kept], len(rows))
    return fit_kernel(every, repeated, weights, projection.gamma, ridge, spec.seed, factor)
