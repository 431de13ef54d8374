"""What is recognised as unknown, and what that costs: pictures of another kind, and each class left out in turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.bundle.familiarity import Matrix
from ml.bundle.predict import Predictor
from ml.evaluation.calibration import apply_temperature, calibrate
from ml.evaluation.scores import SCORES, Fit
from ml.evaluation.trials import Photos, Trial, draw_trial, fit_probe, mean_and_sd, without_class
from ml.evaluation.unknown import MAX_LOSS, choose_limit, fit_familiarity, out_of_fold_distances
from ml.training.probe import group_folds
from ml.training.transforms import Pixels, eval_picture

OUT_OF_FOLD, VALIDATION = "out_of_fold", "validation"
_FOLDS = 5
# The strength that the cross-validation of `linear_probe` prefers on small sets; with a class left out it is not
# looked for again, which would take most of the time.
_L2 = 0.01
_BATCH = 32

Row = dict[str, Any]
Tick = Callable[[], None]


def study_unknown(
    photos: Photos, far: Mapping[str, Matrix], seeds: Iterable[int], progress: Tick = lambda: None
) -> dict[str, Any]:
    """For each seed the limit and the shares beyond it: of the test photos (the loss), of `far` features (kind to
    (m, d)) and of each class left out; and their summary.

    The limit comes from `out_of_fold` distances on train and val, as in `linear_probe`, or from `validation` alone,
    as in recipes that fine-tune.
    """
    rows: list[Row] = []
    near: list[Row] = []
    for seed in seeds:
        trial = draw_trial(photos, seed)
        rows += _far_rows(photos, far, trial)
        progress()
        for label in range(len(photos.keys)):
            near.append(_left_out(photos, trial, label))
            progress()
    return {
        "max_loss": MAX_LOSS,
        "rows": rows,
        "left_out": near,
        "summary": {
            source: mean_and_sd([row for row in rows if row["source"] == source], ("loss", *far))
            for source in (OUT_OF_FOLD, VALIDATION)
        },
        "left_out_summary": {
            key: mean_and_sd(
                [row for row in near if row["class"] == key], ("unfamiliar", "not_answered", "loss")
            )
            for key in photos.keys
        },
    }


def _far_rows(photos: Photos, far: Mapping[str, Matrix], trial: Trial) -> list[Row]:
    """One row for each source of the limit."""
    embeddings, width = photos.embeddings, photos.embedding
    known = fit_familiarity(embeddings[trial.train], photos.labels[trial.train])
    rest = trial.rest
    distances = {
        OUT_OF_FOLD: out_of_fold_distances(
            embeddings[rest], photos.labels[rest], photos.groups[rest], trial.seed
        ),
        VALIDATION: known.distances(embeddings[trial.val]),
    }
    tested = known.distances(embeddings[trial.test])
    beyond = {kind: known.distances(features[:, :width]) for kind, features in far.items()}
    rows = []
    for source, own in distances.items():
        limit = choose_limit(own, source).value
        row: Row = {"seed": trial.seed, "source": source, "limit": limit, "tested": len(tested)}
        row["loss"] = _beyond(tested, limit)
        rows.append({**row, **{kind: _beyond(found, limit) for kind, found in beyond.items()}})
    return rows


def _left_out(photos: Photos, trial: Trial, label: int) -> Row:
    """A probe and a limit that have never seen class `label`, asked about all of its photos."""
    fewer, rows = without_class(photos, trial, label)
    embeddings, rest = fewer.embeddings, rows.rest
    known = fit_familiarity(embeddings[rows.train], fewer.labels[rows.train])
    own = out_of_fold_distances(embeddings[rest], fewer.labels[rest], fewer.groups[rest], trial.seed)
    limit = choose_limit(own, OUT_OF_FOLD).value
    probe = fit_probe(fewer, rows, _L2)
    calibration = calibrate(probe.out_of_fold, fewer.labels[rest], OUT_OF_FOLD)
    strangers = np.flatnonzero(photos.labels == label)
    distances = known.distances(photos.embeddings[strangers])
    shares = apply_temperature(probe.probabilities(photos.features[strangers]), calibration.temperature)
    is_unfamiliar = distances > (np.inf if limit is None else limit)
    return {
        "seed": trial.seed,
        "class": photos.keys[label],
        "photos": len(strangers),
        "unfamiliar": None if limit is None else float(is_unfamiliar.mean()),
        # Unfamiliar or unsure: no class is named.
        "not_answered": float((is_unfamiliar | (shares.max(1) < calibration.threshold)).mean()),
        "loss": _beyond(known.distances(embeddings[rows.test]), limit),
    }


def compare_scores(
    photos: Photos, far: Mapping[str, Matrix], seeds: Iterable[int], progress: Tick = lambda: None
) -> list[Row]:
    """Each score of `SCORES` under the same rule for the limit: loss on test, share of each kind and each class left
    out beyond it, mean over the seeds.
    """
    rows: dict[str, list[Row]] = {name: [] for name in SCORES}
    for seed in seeds:
        trial = draw_trial(photos, seed)
        for name, fit in SCORES.items():
            limit = choose_limit(_held_scores(fit, photos, trial), OUT_OF_FOLD).value
            score = fit(photos.features[trial.train], photos.labels[trial.train], photos.embedding)
            row: Row = {"loss": _beyond(score(photos.features[trial.test]), limit)}
            row.update({kind: _beyond(score(features), limit) for kind, features in far.items()})
            for label, key in enumerate(photos.keys):
                row[f"without {key}"] = _stranger_share(fit, photos, trial, label)
            rows[name].append(row)
            progress()
    return [
        {"score": name, **{key: value["mean"] for key, value in mean_and_sd(own, list(own[0])).items()}}
        for name, own in rows.items()
    ]


def _stranger_share(fit: Fit, photos: Photos, trial: Trial, label: int) -> float | None:
    fewer, rows = without_class(photos, trial, label)
    limit = choose_limit(_held_scores(fit, fewer, rows), OUT_OF_FOLD).value
    score = fit(fewer.features[rows.train], fewer.labels[rows.train], fewer.embedding)
    return _beyond(score(photos.features[photos.labels == label]), limit)


def _held_scores(fit: Fit, photos: Photos, trial: Trial) -> Matrix:
    """Score of each train and val photo by a fit that saw no photo of its group."""
    rest = trial.rest
    folds = group_folds(photos.labels[rest], photos.groups[rest], _FOLDS, trial.seed)
    out = np.empty(len(rest), np.float32)
    for fold in range(_FOLDS):
        held, seen = rest[folds == fold], rest[folds != fold]
        out[folds == fold] = fit(photos.features[seen], photos.labels[seen], photos.embedding)(
            photos.features[held]
        )
    return out


def judge_runs(runs: Sequence[Path], pictures: Mapping[str, Sequence[Pixels]]) -> dict[str, Any]:
    """The far unknowns asked of finished runs' own bundles, beside the loss on their test photos.

    Raises what `Predictor.load` raises; OSError, ValueError or KeyError where a folder is no finished run.
    """
    rows = []
    for folder in runs:
        predictor = Predictor.load(folder / "bundle")
        evaluation = json.loads((folder / "evaluation.json").read_bytes())
        row: Row = {"run": folder.name, "limit": predictor.limit}
        row["loss"] = evaluation["unfamiliar"]["beyond"]["test"]
        for kind, given in pictures.items():
            found = predictor.unfamiliarity(embed_pictures(predictor, given))
            row[kind] = None if found is None else float((found > 1).mean())
        rows.append(row)
    return {"max_loss": MAX_LOSS, "rows": rows, "summary": mean_and_sd(rows, ("loss", *pictures))}


def embed_pictures(predictor: Predictor, pictures: Sequence[Pixels]) -> Matrix:
    """Embeddings (n, d) of pictures by a bundle's model."""
    preprocess, rows = predictor.preprocess, []
    for start in range(0, len(pictures), _BATCH):
        part = [eval_picture(picture, preprocess.size) for picture in pictures[start : start + _BATCH]]
        rows.append(predictor.logits(preprocess.batch(part))[1])
    return np.concatenate(rows)


def _beyond(scores: Matrix, limit: float | None) -> float | None:
    return None if limit is None or not len(scores) else float((scores > limit).mean())
