"""Gathers from a data set what `pairs` judges by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ml.backbones.pipeline import read_pixels
from ml.bundle.familiarity import Matrix
from ml.evaluation.looks import SIDE, colour_histogram, texture_histogram
from ml.evaluation.metrics import Labels, Probabilities
from ml.evaluation.pairs import Evidence, mean_looks
from ml.evaluation.sample import even_sample
from ml.evaluation.suspects import Suspect
from ml.store import Store
from ml.training.data import DataSet, Part
from ml.training.transforms import eval_picture

# Photos of a class whose colours and textures are looked at; the mean of more hardly moves.
LOOKED_AT_PER_CLASS = 60


def gather(
    store: Store,
    data: DataSet,
    answers: Probabilities,
    truth: Labels,
    sampled: Part,
    embeddings: Matrix,
    suspects: Sequence[Suspect] | None,
    check: Callable[[], None] | None = None,
) -> Evidence:
    """Evidence on the classes of `data`.

    `answers` (n, c) on photos of the classes `truth` (n,) by models that had not seen them; `embeddings` (m, d) of
    the photos `sampled`, some of which are opened again for their colours and textures. `check` runs now and then.
    """
    chosen = even_sample(sampled.labels, LOOKED_AT_PER_CLASS * data.classes, 0)
    colours, textures = [], []
    for row in chosen:
        picture = eval_picture(read_pixels(store, sampled.photos[row]), SIDE)
        colours.append(colour_histogram(picture))
        textures.append(texture_histogram(picture))
        if check:
            check()
    looked_at = sampled.labels[chosen]
    return Evidence(
        keys=[info.key for info in data.manifest.classes],
        answers=answers,
        truth=truth,
        labels=data.train.labels,
        groups=data.train.groups,
        held_labels=np.concatenate([data.val.labels, data.test.labels]),
        held_groups=np.concatenate([data.val.groups, data.test.groups]),
        sample_labels=sampled.labels,
        sample_groups=sampled.groups,
        embeddings=embeddings,
        colours=mean_looks(looked_at, data.classes, colours),
        textures=mean_looks(looked_at, data.classes, textures),
        suspects=suspects,
    )
