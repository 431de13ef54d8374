"""Does the promise hold? Temperature and threshold chosen as a run chooses them, judged on photos not yet touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluation.calibration import TARGET, Calibration, apply_temperature, calibrate
from ml.evaluation.metrics import Labels, Probabilities, expected_calibration_error, wilson
from ml.evaluation.trials import Photos, draw_trial, fit_probe, mean_and_sd

OUT_OF_FOLD, VALIDATION = "out_of_fold", "validation"
_NUMBERS = (
    "accuracy", "temperature", "ece_before", "ece_after", "ece_by_chance", "threshold", "coverage",
    "accuracy_answered",
)  # fmt: skip

_DRAWS = 200

Row = dict[str, Any]


@dataclass(frozen=True)
class _Judged:
    """What decides a row: answers on untouched photos, and how their confidence is to be read."""

    source: str
    probabilities: Probabilities
    truth: Labels
    calibration: Calibration

    def row(self, **more: Any) -> Row:
        """Figures on the untouched photos; accuracy_answered None where nothing is answered."""
        scaled = apply_temperature(self.probabilities, self.calibration.temperature)
        right = scaled.argmax(1) == self.truth
        answered = scaled.max(1) >= self.calibration.threshold
        count, hits = int(answered.sum()), int(right[answered].sum())
        return {
            **more,
            "source": self.source,
            "photos": len(self.truth),
            "accuracy": float(right.mean()),
            "temperature": self.calibration.temperature,
            "ece_before": expected_calibration_error(self.probabilities, self.truth),
            "ece_after": expected_calibration_error(scaled, self.truth),
            "ece_by_chance": ece_by_chance(scaled),
            "threshold": self.calibration.threshold,
            "promised": self.calibration.promised,
            "answered": count,
            "right": hits,
            "coverage": count / len(self.truth),
            "accuracy_answered": hits / count if count else None,
        }


def ece_by_chance(probabilities: Probabilities) -> float:
    """The calibration error expected of answers (n, c) even if every probability were exact: truth is drawn from them.

    The error is a mean of absolute gaps, so it never averages out to 0; with few photos this is most of it.
    """
    rng = np.random.default_rng(0)
    reached = probabilities.astype(np.float64).cumsum(1)
    last = probabilities.shape[1] - 1
    errors = [
        expected_calibration_error(
            probabilities, (reached < rng.random((len(reached), 1))).sum(1).clip(max=last)
        )
        for _ in range(_DRAWS)
    ]
    return float(np.mean(errors))


def study_calibration(
    photos: Photos, seeds: Iterable[int], progress: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Rows of each seed and their summary, by where the calibration came from.

    `out_of_fold`: answers on train and val by probes that had not seen the group, as `linear_probe` does;
    `validation`: the same probe calibrated by its answers on val alone, as recipes that fine-tune do.
    """
    rows = []
    for seed in seeds:
        trial = draw_trial(photos, seed)
        probe = fit_probe(photos, trial)
        truth = photos.labels[trial.test]
        answers = probe.probabilities(photos.features[trial.test])
        own = calibrate(probe.out_of_fold, photos.labels[trial.rest], "out-of-fold answers")
        val = probe.probabilities(photos.features[trial.val])
        alone = calibrate(val, photos.labels[trial.val], "the validation photos")
        rows.append(_Judged(OUT_OF_FOLD, answers, truth, own).row(seed=seed, calibrated_on=len(trial.rest)))
        rows.append(_Judged(VALIDATION, answers, truth, alone).row(seed=seed, calibrated_on=len(trial.val)))
        progress()
    return {"target": TARGET, "rows": rows, "summary": summarise(rows)}


def judge_runs(runs: Sequence[Path]) -> dict[str, Any]:
    """The same figures for finished runs, from what they wrote: their calibration against their test photos.

    OSError, ValueError or KeyError where a folder is no finished run with test photos.
    """
    rows = []
    for folder in runs:
        evaluation = json.loads((folder / "evaluation.json").read_bytes())
        lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
        tested = [row for row in map(json.loads, lines) if row["split"] == "test"]
        if not tested:
            raise ValueError(f"{folder} has no test photos")
        calibration = Calibration(
            **{name: value for name, value in evaluation["calibration"].items() if name != "curve"}, curve=[]
        )
        shares = np.array([row["probabilities"] for row in tested], np.float32)
        truth = np.array([evaluation["classes"].index(row["truth"]) for row in tested], np.int64)
        rows.append(_Judged("run", shares, truth, calibration).row(run=folder.name, note=calibration.note))
    return {"target": TARGET, "rows": rows, "summary": summarise(rows)}


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """By source: mean and deviation over splits, how often something was promised and how often less was kept, and all
    answers of the splits that promised taken together.
    """
    found = {}
    for source in dict.fromkeys(row["source"] for row in rows):
        own = [row for row in rows if row["source"] == source]
        promised = [row for row in own if row["promised"]]
        answered, right = (sum(row[name] for row in promised) for name in ("answered", "right"))
        found[source] = {
            "splits": len(own),
            **mean_and_sd(own, _NUMBERS),
            "promised": len(promised),
            "below_target": sum(
                row["accuracy_answered"] is not None and row["accuracy_answered"] < TARGET for row in promised
            ),
            "together": {
                "answered": answered,
                "right": right,
                "accuracy": right / answered if answered else None,
                "interval": list(wilson(right, answered)) if answered else None,
            },
        }
    return found
