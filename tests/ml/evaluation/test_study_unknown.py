import json

import numpy as np
import pytest

from ml.bundle.predict import Predictor
from ml.evaluation.far import far_pictures
from ml.evaluation.scores import SCORES
from ml.evaluation.study_unknown import OUT_OF_FOLD, VALIDATION, compare_scores, judge_runs, study_unknown
from ml.evaluation.trials import Photos
from tests.ml.evaluation.drawn_features import MORE, WIDTH, centres, drawn_photos

CLASSES = 4


@pytest.fixture(scope="module")
def far():
    """Features about another centre, and some that are like the photos."""
    noise = np.random.default_rng(7).standard_normal((60, WIDTH + MORE))
    other = noise + centres(CLASSES + 1, 2.0)[CLASSES]
    alike = drawn_photos(2000, seed=8, apart=2.0).features
    return {"other": other.astype(np.float32), "alike": alike}


@pytest.fixture(scope="module")
def study(far):
    return study_unknown(drawn_photos(800, apart=2.0), far, range(2))


def test_what_is_far_lies_beyond_and_what_is_alike_within_the_promised_loss(study):
    rows = {(row["seed"], row["source"]): row for row in study["rows"]}
    assert set(rows) == {(seed, source) for seed in (0, 1) for source in (OUT_OF_FOLD, VALIDATION)}
    for row in rows.values():
        assert row["other"] > 0.95
        assert row["tested"] == 80
    for seed in (0, 1):
        assert rows[seed, OUT_OF_FOLD]["alike"] < 0.06
        assert rows[seed, OUT_OF_FOLD]["loss"] < 0.12
    assert study["summary"][OUT_OF_FOLD]["other"]["mean"] > 0.95


def test_every_class_is_left_out_once_a_seed_and_asked_about_all_of_its_photos(study):
    assert [(row["seed"], row["class"]) for row in study["left_out"]] == [
        (seed, f"class-{number}") for seed in (0, 1) for number in range(CLASSES)
    ]
    assert {row["photos"] for row in study["left_out"]} == {200}
    for row in study["left_out"]:
        assert row["unfamiliar"] > 0.8, "classes far apart are easy to tell"
        assert row["not_answered"] >= row["unfamiliar"]
    assert set(study["left_out_summary"]) == {f"class-{number}" for number in range(CLASSES)}


def test_a_class_like_another_is_hardly_recognised_when_left_out():
    photos = drawn_photos(800, apart=2.0)
    # The photos of class 1 are drawn as those of class 0 are.
    twin = photos.features.copy()
    twin[photos.labels == 1] = drawn_photos(800, seed=5, apart=2.0).features[photos.labels == 0]
    alike = Photos(photos.keys, photos.ids, photos.labels, photos.groups, twin, twin, WIDTH)
    found = study_unknown(alike, {}, [0])["left_out"]
    assert found[0]["unfamiliar"] < 0.15
    assert found[1]["unfamiliar"] < 0.15
    assert found[2]["unfamiliar"] > 0.8


def test_too_few_photos_set_no_limit_and_no_share_is_made_up(far):
    row = study_unknown(drawn_photos(40, apart=2.0), far, [0])["rows"][0]
    assert row["limit"] is None
    assert row["loss"] is row["other"] is None


def test_every_score_is_compared_under_the_same_rule(far):
    photos = drawn_photos(600, apart=2.0)
    ticks = []
    rows = compare_scores(photos, far, [0], lambda: ticks.append(1))
    assert [row["score"] for row in rows] == list(SCORES)
    assert len(ticks) == len(SCORES)
    for row in rows:
        assert set(row) == {"score", "loss", *far, *(f"without class-{number}" for number in range(CLASSES))}
        assert row["alike"] < 0.08, f"{row['score']} turns away photos like the training ones"
    assert rows[0]["other"] == study_unknown(photos, far, [0])["rows"][0]["other"]


def test_a_finished_run_is_asked_through_its_own_bundle(probe_world):
    pictures = {kind: found[:4] for kind, found in far_pictures(4, 0)[0].items()}
    found = judge_runs([probe_world.run], pictures)
    (row,) = found["rows"]
    assert row["limit"] > 0
    assert all(0 <= row[kind] <= 1 for kind in pictures)
    assert row["uniform_noise"] == 1.0
    asked = Predictor.load(probe_world.run / "bundle")
    for kind, given in pictures.items():
        assert row[kind] == np.mean([asked.predict_array(one).reason == "unfamiliar" for one in given])
    json.dumps(found)
