import json

import numpy as np
import pytest

from ml.evaluation.calibration import TARGET, apply_temperature
from ml.evaluation.metrics import expected_calibration_error
from ml.evaluation.study_calibration import (
    OUT_OF_FOLD,
    VALIDATION,
    ece_by_chance,
    judge_runs,
    study_calibration,
    summarise,
)
from ml.evaluation.trials import draw_trial, fit_probe
from tests.ml.evaluation.drawn_features import drawn_photos
from tests.ml.worlds import lines, read


@pytest.fixture(scope="module")
def photos():
    """Classes near enough to each other that some answers are wrong."""
    return drawn_photos(2000, apart=0.35)


@pytest.fixture(scope="module")
def study(photos):
    return study_calibration(photos, range(2))


def test_each_seed_has_a_row_for_each_source_judged_on_the_test_photos(study):
    assert [(row["seed"], row["source"]) for row in study["rows"]] == [
        (seed, source) for seed in (0, 1) for source in (OUT_OF_FOLD, VALIDATION)
    ]
    assert {row["photos"] for row in study["rows"]} == {200}
    assert [row["calibrated_on"] for row in study["rows"]] == [1800, 200] * 2


def test_a_row_is_what_plain_numpy_finds_with_its_temperature_and_threshold(photos, study):
    row, trial = study["rows"][0], draw_trial(photos, 0)
    told = fit_probe(photos, trial).probabilities(photos.features[trial.test])
    truth = photos.labels[trial.test]
    scaled = apply_temperature(told, row["temperature"])
    sure = scaled.max(1) >= row["threshold"]
    assert row["accuracy"] == pytest.approx((told.argmax(1) == truth).mean())
    assert row["coverage"] == pytest.approx(sure.mean())
    assert row["accuracy_answered"] == pytest.approx((told.argmax(1) == truth)[sure].mean())
    assert row["ece_after"] == expected_calibration_error(scaled, truth)
    assert row["ece_before"] == expected_calibration_error(told, truth)


def test_what_is_answered_is_right_more_often_than_the_whole_and_many_photos_promise(study):
    for row in study["rows"]:
        if row["source"] == OUT_OF_FOLD:
            assert row["promised"]
            assert 0 < row["coverage"] < 1
            assert row["accuracy_answered"] > row["accuracy"]


def test_exact_probabilities_err_by_chance_the_less_the_more_photos():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([0.3] * 4, size=3200).astype(np.float32)
    truth = (shares.cumsum(1) < rng.random((3200, 1))).sum(1).clip(max=3)
    few, many = ece_by_chance(shares[:200]), ece_by_chance(shares)
    assert few == pytest.approx(4 * many, rel=0.3), "it falls with the root of the number"
    assert expected_calibration_error(shares, truth) == pytest.approx(many, abs=0.5 * many)
    certain = np.eye(3, dtype=np.float32)
    assert ece_by_chance(certain) == 0


def test_the_summary_counts_promises_and_those_of_which_less_was_kept():
    common = {
        "source": "x",
        "accuracy": 0.9,
        "temperature": 1,
        "ece_before": 0,
        "ece_after": 0,
        "ece_by_chance": 0,
        "threshold": 0.5,
    }
    rows = [
        {
            **common,
            "promised": True,
            "answered": 100,
            "right": 98,
            "coverage": 0.5,
            "accuracy_answered": 0.98,
        },
        {**common, "promised": True, "answered": 50, "right": 45, "coverage": 0.5, "accuracy_answered": 0.90},
        {**common, "promised": True, "answered": 0, "right": 0, "coverage": 0.0, "accuracy_answered": None},
        {
            **common,
            "promised": False,
            "answered": 100,
            "right": 80,
            "coverage": 1.0,
            "accuracy_answered": 0.8,
        },
    ]
    found = summarise(rows)["x"]
    assert (found["splits"], found["promised"], found["below_target"]) == (4, 3, 1)
    assert (found["together"]["answered"], found["together"]["right"]) == (150, 143)
    assert found["together"]["accuracy"] == pytest.approx(143 / 150)
    assert found["together"]["interval"][0] < 143 / 150 < found["together"]["interval"][1]
    assert found["accuracy_answered"]["mean"] == pytest.approx(np.mean([0.98, 0.90, 0.8]), abs=1e-5)


def test_a_finished_run_is_judged_by_what_it_wrote(probe_world):
    found = judge_runs([probe_world.run])
    (row,) = found["rows"]
    written = read(probe_world.run / "evaluation.json")
    tested = [line for line in lines(probe_world.run / "predictions.jsonl") if line["split"] == "test"]
    assert row["photos"] == len(tested) == 9
    assert row["accuracy"] == pytest.approx(written["splits"]["test"]["accuracy"])
    assert row["threshold"] == written["calibration"]["threshold"]
    assert found["target"] == TARGET
    json.dumps(found)


def test_a_run_without_test_photos_is_refused(probe_world, tmp_path):
    (tmp_path / "evaluation.json").write_bytes((probe_world.run / "evaluation.json").read_bytes())
    (tmp_path / "predictions.jsonl").write_text("")
    with pytest.raises(ValueError, match="has no test photos"):
        judge_runs([tmp_path])
