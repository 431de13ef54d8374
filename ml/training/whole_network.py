"""Recipes `finetune` and `scratch`: every layer of a network trained by a plain torch loop, as the paper
did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones.export import export_onnx
from ml.backbones.networks import ImageNetwork, WithEmbedding
from ml.backbones.pipeline import Photo, batches, read_pixels
from ml.backbones.registry import backbone
from ml.backbones.weights import backbone_available
from ml.specs import TrainSpec
from ml.training.context import Context, Trained
from ml.training.continued import plain_tensors
from ml.training.data import DataSet
from ml.training.kept import KeptPictures
from ml.training.linear_probe import PROBE_BACKBONE, probe_out_of_fold
from ml.training.loop import Batch, Job, Loop, start_torch
from ml.training.normalisation import data_statistics
from ml.training.sampling import epoch_rows, steps_per_epoch
from ml.training.transforms import (
    Pixels,
    Preprocess,
    crops,
    kept_picture,
    roomy_side,
    train_picture,
)

_MEASURING = "Measuring the colours of the training photos"


def plan(data: DataSet, spec: TrainSpec) -> dict[str, tuple[str, float]]:
    """Stages with their phase and expected seconds on two cores."""
    area = (spec.size / 224) ** 2
    stages = {"prepare": ("prepare", 5.0)}
    if spec.normalisation == "dataset":
        stages["statistics"] = ("prepare", len(data.train) / 400)
    for epoch in range(1, spec.epochs + 1):
        stages[f"epoch {epoch}"] = ("train", (len(data.train) / 7 + len(data.val) / 25) * area)
    stages["export"] = ("export", 15.0)
    stages["evaluate"] = ("evaluate", (len(data.val) + len(data.test)) * area / 25 + 1.0)
    stages["probe"] = ("evaluate", (len(data.train) + len(data.val)) * area / 110 + 4.0)
    return stages


def train_whole(context: Context) -> Trained:
    """Train all layers from the pretrained weights (`finetune`) or from random ones (`scratch`)."""
    spec, data = context.spec, context.data
    start_torch(spec.seed)
    pretrained = spec.recipe == "finetune"
    network = ImageNetwork(context.store, spec.backbone, data.classes, pretrained=pretrained)
    info = backbone(spec.backbone)
    mean, std = (info.mean, info.std)
    if spec.normalisation == "dataset":
        context.progress.stage("statistics", _MEASURING)
        mean, std = data_statistics(context, _MEASURING)
    preprocess = Preprocess(spec.size, mean, std, spec.framing)
    kept = KeptPictures(context.store.cache, lambda photo: _kept_picture(context, photo))
    kept_val = KeptPictures(
        context.store.cache, lambda photo: preprocess.picture(read_pixels(context.store, photo))
    )
    job = Job(
        network=network,
        steps=steps_per_epoch(len(data.train), spec.batch),
        batches=lambda epoch: _training_batches(context, preprocess, kept, epoch),
        val_batches=lambda: _val_batches(context, preprocess, kept_val),
    )
    best = Loop(context, job).run()
    kept.close()
    kept_val.close()

    def write_model(path: Path) -> None:
        export_onnx(WithEmbedding(network), spec.size, ["logits", "embedding"], path)

    can_probe = backbone_available(context.store, PROBE_BACKBONE) is None
    return Trained(
        best_epoch=best,
        preprocess=preprocess,
        write_model=write_model,
        tensors=lambda: plain_tensors(network),
        out_of_fold=(lambda: probe_out_of_fold(context)) if can_probe else None,
    )


@dataclass(frozen=True)
class _Draw:
    """A photo of an epoch; `again` counts from 0 how often it was drawn before (balanced sampling repeats photos)."""

    photo: Photo
    again: int

    def variant(self, seed: int, epoch: int) -> np.random.Generator:
        """The generator of the picture's random changes. By photo, not by place: shuffling changes no picture."""
        words = [seed, epoch, int(self.photo.sha256[:12], 16)]
        return np.random.default_rng(words + [self.again] * (self.again > 0))


def _kept_picture(context: Context, photo: Photo) -> Pixels:
    spec = context.spec
    # A picture that is evaluated too is made of all its pixels, as it is for the bundle.
    at_least = roomy_side(spec.size) if crops(spec.augment) else 0
    return kept_picture(read_pixels(context.store, photo, at_least), spec.size, spec.augment, spec.framing)


def _training_batches(
    context: Context, preprocess: Preprocess, kept: KeptPictures, epoch: int
) -> Iterator[Batch]:
    spec, data = context.spec, context.data
    rows = list(epoch_rows(spec, data.train, epoch))
    order = np.concatenate(rows)
    seen: Counter[int] = Counter()
    draws = []
    for row in order.tolist():
        draws.append(_Draw(data.train.photos[row], seen[row]))
        seen[row] += 1

    def load(draw: _Draw) -> Pixels:
        rng = draw.variant(spec.seed, epoch)
        return train_picture(kept.picture(draw.photo), spec.size, rng, spec.augment, spec.framing, quick=True)

    for places, batch in batches(draws, load, preprocess, len(rows[0]), channels_last=True):
        yield batch, data.train.labels[order[places]], None


def _val_batches(
    context: Context, preprocess: Preprocess, kept: KeptPictures
) -> Iterator[NDArray[np.float32]]:
    for _, batch in batches(context.data.val.photos, kept.picture, preprocess, channels_last=True):
        yield batch
