"""The same data set split again and again, with the probe of `linear_probe` for each split: what studies run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, Matrix, pooled_features
from ml.backbones.pipeline import Photo, Progress
from ml.backbones.registry import backbone
from ml.evaluation.metrics import Labels, Probabilities
from ml.manifest import Manifest
from ml.splits import TEST, TRAIN, VAL, SplitItem, plan_splits
from ml.store import Store
from ml.training.linear_probe import STAGE_ITERATIONS, STAGES
from ml.training.logistic import Fitter, Problems, softmax
from ml.training.probe import Scaling, cross_validate


@dataclass(frozen=True)
class Photos:
    """n originals: ids, class numbers (n,), groups (n,), multi-level features (n, d) as they are and mirrored; the
    first `embedding` columns are the embedding.
    """

    keys: Sequence[str]
    ids: Sequence[str]
    labels: Labels
    groups: Labels
    features: Matrix
    mirrored: Matrix
    embedding: int

    @property
    def embeddings(self) -> Matrix:
        """(n, embedding)."""
        return self.features[:, : self.embedding]


@dataclass(frozen=True)
class Trial:
    """Rows of the photos that train, validate and test under one seed."""

    seed: int
    train: Labels
    val: Labels
    test: Labels

    @property
    def rest(self) -> Labels:
        """Train and val, train first."""
        return np.concatenate([self.train, self.val])

    def without(self, photos: Photos, label: int) -> Trial:
        """The same split with one class left out of all parts."""
        kept = (rows[photos.labels[rows] != label] for rows in (self.train, self.val, self.test))
        return Trial(self.seed, *kept)


@dataclass(frozen=True)
class Probe:
    """A linear probe as `linear_probe` makes it: `theta` (d + 1, c) on scaled features; `out_of_fold` (n, c) answers on
    the trial's train and val.
    """

    scaling: Scaling
    theta: Matrix
    out_of_fold: Probabilities

    def logits(self, features: Matrix) -> Matrix:
        """(n, d) -> (n, c)."""
        return np.asarray(self.scaling.apply(features) @ self.theta[:-1] + self.theta[-1], np.float32)

    def probabilities(self, features: Matrix) -> Probabilities:
        """(n, d) -> (n, c)."""
        return softmax(self.logits(features))


def load_photos(store: Store, manifest: Manifest, progress: Progress, size: int = DEFAULT_SIZE) -> Photos:
    """The originals of a manifest, whatever their split, with their features from the cache."""
    items = list({item.sha256: item for item in manifest.items}.values())
    found = [Photo(item.sha256, item.path) for item in items]
    index = manifest.class_index

    def counted(before: int) -> Progress:
        return lambda done, total: progress(before + done, 2 * len(found))

    return Photos(
        keys=[info.key for info in manifest.classes],
        ids=[item.sha256 for item in items],
        labels=np.array([index[item.label] for item in items], np.int64),
        groups=np.array([item.group for item in items], np.int64),
        features=pooled_features(store, found, counted(0), size=size),
        mirrored=pooled_features(store, found, counted(len(found)), size=size, mirrored=True),
        embedding=backbone(DEFAULT_BACKBONE).embedding,
    )


def draw_trial(photos: Photos, seed: int) -> Trial:
    """A stratified, grouped split with a tenth each to validate and to test. ValueError where that leaves none."""
    items = [
        SplitItem(name, str(label), int(group))
        for name, label, group in zip(photos.ids, photos.labels, photos.groups, strict=True)
    ]
    dealt = plan_splits(items, val=0.1, test=0.1, seed=seed, rule="grouped").assignments
    parts = np.array([dealt[name] for name in photos.ids])
    trial = Trial(seed, *(np.flatnonzero(parts == part) for part in (TRAIN, VAL, TEST)))
    if not (len(trial.val) and len(trial.test)):
        raise ValueError(
            f"{len(photos.ids)} photos of {len(photos.keys)} classes are too few: none is left to validate or to test "
            "with; some ten of each class are needed"
        )
    return trial


def fit_probe(photos: Photos, trial: Trial, l2: float = 0.0) -> Probe:
    """What `linear_probe` does: strength by cross-validation (or `l2`), then the fit on train with mirrored copies."""
    labels, classes = photos.labels, len(photos.keys)
    weights = np.ones(classes, np.float32)
    scaling = Scaling.of(photos.features[trial.train])
    rest = trial.rest
    crossed = cross_validate(
        scaling.apply(photos.features[rest]), labels[rest], photos.groups[rest], weights, trial.seed, l2
    )
    x = scaling.apply(np.concatenate([photos.features[trial.train], photos.mirrored[trial.train]]))
    y = np.tile(labels[trial.train], 2)
    rows = np.full((1, len(y)), 1 / len(y), np.float32)
    fitter = Fitter(Problems(x, y, rows, np.array([crossed.l2], np.float32), classes))
    fitter.run(STAGES * STAGE_ITERATIONS)
    return Probe(scaling, fitter.theta[0], crossed.probabilities)


def without_class(photos: Photos, trial: Trial, label: int) -> tuple[Photos, Trial]:
    """The photos and the split without one class; the photos' other numbers close up."""
    kept = np.flatnonzero(photos.labels != label)
    place = np.full(len(photos.labels), -1)
    place[kept] = np.arange(len(kept))
    _, labels = np.unique(photos.labels[kept], return_inverse=True)
    fewer = Photos(
        [key for number, key in enumerate(photos.keys) if number != label],
        [photos.ids[int(row)] for row in kept],
        labels,
        photos.groups[kept],
        photos.features[kept],
        photos.mirrored[kept],
        photos.embedding,
    )
    rows = trial.without(photos, label)
    return fewer, Trial(trial.seed, place[rows.train], place[rows.val], place[rows.test])


def mean_and_sd(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Mean and deviation (n - 1) over the rows of each named number; rows without it are left out."""
    found = {}
    for name in names:
        values = [float(row[name]) for row in rows if row[name] is not None]
        found[name] = {
            "mean": round(float(np.mean(values)), 5) if values else None,
            "sd": round(float(np.std(values, ddof=1)), 5) if len(values) > 1 else None,
        }
    return found
