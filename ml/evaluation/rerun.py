"""A finished model on any data set version: figures and answers anew. Never imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.backbones.pipeline import Photo, Progress, batches, read_pixels
from ml.bundle.familiarity import Matrix
from ml.bundle.predict import BundleCorruptError, Predictor
from ml.evaluation.calibration import Calibration
from ml.evaluation.evidence import gather
from ml.evaluation.metrics import Costs, Probabilities
from ml.evaluation.pairs import confused_pairs
from ml.evaluation.report import HOLDOUT, Predictions, empty, evaluation, prediction_rows
from ml.manifest import Manifest
from ml.store import Store
from ml.training.data import DataSet, Part, join_parts, part_of
from ml.training.transforms import Pixels


class ClassesDifferError(Exception):
    """The data set has classes that the model cannot answer, or the other way round."""


@dataclass(frozen=True)
class Rerun:
    """`content` as in evaluation.json (with `excluded`), `rows` as in predictions.jsonl, `pairs` as in pairs.json,
    `n_test`: how many test photos were looked at.
    """

    content: dict[str, Any]
    rows: list[dict[str, Any]]
    pairs: dict[str, Any]
    n_test: int


def evaluate_run(
    run: Path,
    manifest: Manifest,
    trained_on: Manifest,
    store: Store,
    progress: Progress | None = None,
    costs: Costs | None = None,
) -> Rerun:
    """The run's bundle on the val and test photos of `manifest`. `costs`: see `metrics.bin_cost`.

    Photos that the run was fitted on, mirrored or not, judge nothing: they are left out and counted as `excluded`. On
    the run's own data that is val where it joined the last fit; else its split, be it the leaky `paper`, is what was
    asked for. Raises BundleCorruptError, BundleIncompatibleError, UnreadablePhotoError, ClassesDifferError.
    """
    predictor = Predictor.load(run / "bundle")
    columns = _columns(predictor, manifest)
    told = _told(run)
    parts = {split: part_of(manifest, split) for split in ("val", "test")}
    if manifest.digest == trained_on.digest:
        clean = {
            split: part.take(np.arange(0)) if split in told["fitted_on"] else part
            for split, part in parts.items()
        }
    else:
        seen = {item.sha256 for split in told["fitted_on"] for item in trained_on.items_of(split)}
        clean = {split: _without(part, seen) for split, part in parts.items()}
    excluded = sum(len(parts[split]) - len(clean[split]) for split in parts)
    data = DataSet(manifest, part_of(manifest, "train"), clean["val"], clean["test"])
    both = join_parts(data.val, data.test)
    probabilities, embeddings = _answers(predictor, both, columns, store, progress)
    cut = len(data.val)
    answers = [
        Predictions("val", HOLDOUT, probabilities[:cut]), Predictions("test", HOLDOUT, probabilities[cut:])
    ]  # fmt: skip
    content = {**evaluation(data, answers, _calibration(told), costs), "excluded": excluded}
    beyond = _beyond(predictor, {"val": embeddings[:cut], "test": embeddings[cut:]})
    content["unfamiliar"] = {**told["unfamiliar"], "beyond": beyond}
    # Whether a label is doubtful can be told only of photos that a model of these labels had not seen.
    evidence = gather(store, data, probabilities, both.labels, both, embeddings, suspects=None)
    return Rerun(content, prediction_rows(data, answers), confused_pairs(evidence), len(data.test))


def _told(run: Path) -> dict[str, Any]:
    """What the run said of itself when it ended. BundleCorruptError where that is lost."""
    path = run / "evaluation.json"
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        return {
            "calibration": content["calibration"],
            "unfamiliar": content["unfamiliar"],
            "fitted_on": content.get("fitted_on", ["train"]),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleCorruptError(f"{path} is missing or damaged: train the run again") from error


def _calibration(told: Mapping[str, Any]) -> Calibration:
    """As the bundle has it: the model is judged as it answers, not as it would with a threshold chosen anew."""
    content = told["calibration"]
    return Calibration(**{**content, "curve": [tuple(point) for point in content["curve"]]})


def _beyond(predictor: Predictor, embeddings: Mapping[str, Matrix]) -> dict[str, float | None]:
    """The share of each split's photos that lie beyond the bundle's limit."""
    beyond: dict[str, float | None] = {}
    for split, rows in embeddings.items():
        distances = predictor.unfamiliarity(rows) if len(rows) else None
        beyond[split] = None if distances is None else float((distances > 1).mean())
    return beyond


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
    predictor: Predictor, part: Part, columns: list[int], store: Store, progress: Progress | None
) -> tuple[Probabilities, Matrix]:
    """Uncalibrated probabilities (n, classes of the manifest), as training writes them, and embeddings (n, d)."""
    if not len(part):
        return empty(len(columns)), np.zeros((0, 0), np.float32)

    def load(photo: Photo) -> Pixels:
        return predictor.preprocess.picture(read_pixels(store, photo))

    rows, embeddings = [], []
    for places, batch in batches(part.photos, load, predictor.preprocess):
        logits, embedding = predictor.logits(batch)
        exponent = np.exp(logits - logits.max(1, keepdims=True))
        rows.append((exponent / exponent.sum(1, keepdims=True))[:, columns])
        embeddings.append(embedding)
        if progress:
            progress(places.stop, len(part))
    return np.concatenate(rows), np.concatenate(embeddings)
