"""A manifest as arrays for training, checked before anything long begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.backbones.pipeline import Photo
from ml.balance import balanced_weights
from ml.manifest import Manifest
from ml.training.errors import TrainingProblemError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Part:
    """One split: photos, class numbers (n,) int64 and groups (n,) int64, in the manifest's order."""

    photos: list[Photo]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def originals(self) -> NDArray[np.bool_]:
        """(n,) whether each is a photo as it was taken, not a mirrored copy of one."""
        return np.array([photo.transform == "original" for photo in self.photos], np.bool_)

    def take(self, rows: NDArray[np.int64]) -> Part:
        """The photos number `rows`, in that order."""
        return Part([self.photos[row] for row in rows], self.labels[rows], self.groups[rows])


@dataclass(frozen=True)
class DataSet:
    """The three splits of a manifest."""

    manifest: Manifest
    train: Part
    val: Part
    test: Part

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.manifest.classes)

    def part(self, split: str) -> Part:
        """The split of that name."""
        return {"train": self.train, "val": self.val, "test": self.test}[split]


def join_parts(*parts: Part) -> Part:
    """The photos of several parts, one part after the other."""
    return Part(
        [photo for part in parts for photo in part.photos],
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.groups for part in parts]),
    )


def load_data(manifest: Manifest) -> DataSet:
    """The manifest's splits. TrainingProblemError where no classifier can come of them."""
    check_trainable(manifest)
    return DataSet(manifest, *(part_of(manifest, split) for split in SPLITS))


def check_trainable(manifest: Manifest) -> None:
    """TrainingProblemError with one sentence unless each of two or more classes has photos to train with."""
    if not manifest.items:
        raise TrainingProblemError("there are no photos to train with; add photos to at least two classes")
    if len(manifest.classes) < 2:
        raise TrainingProblemError("there is only one class; a classifier needs at least two")
    counts = manifest.counts()
    for info in manifest.classes:
        total = sum(counts[split][info.key] for split in counts)
        if total < 2:
            have = "no photos" if total == 0 else "one photo"
            raise TrainingProblemError(
                f"the class {info.key!r} has {have}; give it at least two, or leave it out of the data set"
            )
        if not counts["train"][info.key]:
            raise TrainingProblemError(f"the class {info.key!r} has no photo in the training split")


def class_weights(part: Part, classes: int, kind: str) -> NDArray[np.float32]:
    """Weight of each class in the loss: ones, or inverse to its count with mean one over the photos."""
    if kind == "none":
        return np.ones(classes, np.float32)
    counts = np.bincount(part.labels, minlength=classes)
    return np.array(balanced_weights([int(n) for n in counts]), np.float32)


def part_of(manifest: Manifest, split: str) -> Part:
    """One split of a manifest as arrays; of val and test what is to be scored (`Manifest.judges`)."""
    items = [item for item in manifest.items_of(split) if split == "train" or manifest.judges(item)]
    index = manifest.class_index
    return Part(
        [Photo(item.sha256, item.path, item.transform) for item in items],
        np.array([index[item.label] for item in items], np.int64),
        np.array([item.group for item in items], np.int64),
    )
