"""A finished model on any data set version: figures and answers anew. Never imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.backbones.pipeline import Photo, Progress, batches, read_pixels
from ml.bundle.predict import Predictor
from ml.evaluation.calibration import Calibration, calibrate
from ml.evaluation.metrics import Probabilities
from ml.evaluation.report import HOLDOUT, Predictions, empty, evaluation, prediction_rows
from ml.manifest import Manifest
from ml.store import Store
from ml.training.data import DataSet, Part, part_of
from ml.training.transforms import Pixels, eval_picture


class ClassesDifferError(Exception):
    """The data set has classes that the model cannot answer, or the other way round."""


@dataclass(frozen=True)
class Rerun:
    """`content` as in evaluation.json (with `excluded`), `rows` as in predictions.jsonl."""

    content: dict[str, Any]
    rows: list[dict[str, Any]]


def evaluate_run(
    run: Path, manifest: Manifest, trained_on: Manifest, store: Store, progress: Progress | None = None
) -> Rerun:
    """The run's bundle on the val and test photos of `manifest`.

    Photos that the run was trained on, mirrored or not, judge nothing: they are left out and counted as
    `excluded` (not on the run's own data, whose split, be it the leaky `paper`, is what was asked for). Raises
    BundleCorruptError, BundleIncompatibleError, UnreadablePhotoError, ClassesDifferError.
    """
    predictor = Predictor.load(run / "bundle")
    columns = _columns(predictor, manifest)
    is_own = manifest.digest == trained_on.digest
    seen = set() if is_own else {item.sha256 for item in trained_on.items_of("train")}
    parts = {split: part_of(manifest, split) for split in ("val", "test")}
    clean = {split: _without(part, seen) for split, part in parts.items()}
    excluded = sum(len(parts[split]) - len(clean[split]) for split in parts)
    data = DataSet(manifest, part_of(manifest, "train"), clean["val"], clean["test"])
    total, done = len(data.val) + len(data.test), 0
    answers = []
    for split in ("val", "test"):

        def count(here: int, _of: int, before: int = done) -> None:
            if progress:
                progress(before + here, total)

        answers.append(Predictions(split, HOLDOUT, _answers(predictor, clean[split], columns, store, count)))
        done += len(clean[split])
    calibration: Calibration = calibrate(answers[0].probabilities, data.val.labels, "the validation photos")
    content = {**evaluation(data, answers, calibration), "excluded": excluded}
    return Rerun(content, prediction_rows(data, answers))


def _columns(predictor: Predictor, manifest: Manifest) -> list[int]:
    """The model's output number of each class of the manifest."""
    place = {label.key: number for number, label in enumerate(predictor.labels)}
    unknown = [info.key for info in manifest.classes if info.key not in place]
    if unknown:
        raise ClassesDifferError(f"the model does not know the class {unknown[0]!r} of this data set version")
    return [place[info.key] for info in manifest.classes]


def _without(part: Part, seen: set[str]) -> Part:
    rows = [row for row, photo in enumerate(part.photos) if photo.sha256 not in seen]
    return Part([part.photos[row] for row in rows], part.labels[rows], part.groups[rows])


def _answers(
    predictor: Predictor, part: Part, columns: list[int], store: Store, progress: Progress
) -> Probabilities:
    """Uncalibrated probabilities (n, classes of the manifest), as training writes them."""
    if not len(part):
        return empty(len(columns))
    size = predictor.preprocess.size

    def load(photo: Photo) -> Pixels:
        return eval_picture(read_pixels(store, photo), size)

    rows = []
    for places, batch in batches(part.photos, load, predictor.preprocess):
        logits = predictor.logits(batch)[0]
        exponent = np.exp(logits - logits.max(1, keepdims=True))
        rows.append((exponent / exponent.sum(1, keepdims=True))[:, columns])
        progress(places.stop, len(part))
    return np.concatenate(rows)
