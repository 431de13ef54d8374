import hashlib

import numpy as np
import pytest

from ml.backbones.embed import pooled_features
from ml.backbones.pipeline import Photo
from ml.evaluation.suspects import find_suspects, suspect_rows
from ml.training.probe import Scaling, cross_validate


def test_planted_wrong_labels_on_real_photos_come_first(trashnet, store):
    """60 photos of each of three classes, every tenth label changed."""
    paths = [
        path for name in ("cardboard", "glass", "paper") for path in sorted((trashnet / name).iterdir())[:60]
    ]
    photos = [Photo(hashlib.sha256(path.read_bytes()).hexdigest(), str(path)) for path in paths]
    truth = np.repeat(np.arange(3), 60)
    labels = truth.copy()
    planted = np.arange(0, 180, 10)
    labels[planted] = (truth[planted] + 1) % 3
    features = pooled_features(store, photos, size=96)
    scaled = Scaling.of(features).apply(features)
    crossed = cross_validate(scaled, labels, np.arange(180), np.ones(3, np.float32), 0, 0.03)
    found = find_suspects(crossed.probabilities, labels)
    first = [one.row for one in found[: len(planted)]]
    # Chance is one in ten.
    assert np.isin(first, planted).mean() >= 0.6
    assert np.isin(planted, [one.row for one in found]).mean() >= 0.7
    hits = [one for one in found if one.row in planted]
    assert np.mean([one.suggested == truth[one.row] for one in hits]) > 0.9


@pytest.fixture
def answers():
    """Sure and right, but for photos 3 and 7, which are labelled otherwise than answered."""
    labels = np.arange(30) % 3
    shares = np.full((30, 3), 0.02, np.float32)
    shares[np.arange(30), labels] = 0.96
    shares[3] = (0.01, 0.97, 0.02)
    shares[7] = (0.92, 0.05, 0.03)
    return shares, labels


def test_the_least_fitting_label_comes_first_with_what_was_answered(answers):
    found = find_suspects(*answers)
    assert [(one.row, one.given, one.suggested) for one in found] == [(3, 0, 1), (7, 1, 0)]
    assert [one.score for one in found] == pytest.approx([0.01, 0.05], abs=1e-5)


def test_a_class_that_no_photo_is_labelled_as_does_not_matter(answers):
    shares, labels = answers
    wider = np.concatenate([shares * 0.99, np.full((30, 1), 0.01, np.float32)], axis=1)
    assert [one.row for one in find_suspects(wider, labels)] == [3, 7]


def test_photos_of_a_single_class_have_no_suspects():
    assert find_suspects(np.full((5, 2), 0.5, np.float32), np.zeros(5, np.int64)) == []


def test_a_line_names_photo_split_and_both_classes(answers):
    shares, labels = answers
    photos = [Photo(f"{place:064x}") for place in range(30)]
    splits = ["train"] * 5 + ["val"] * 25
    rows = suspect_rows(find_suspects(shares, labels), photos, splits, ("cup", "can", "peel"))
    assert rows[0] == {
        "rank": 1, "sha256": f"{3:064x}", "split": "train", "label": "cup", "suggested": "can",
        "score": pytest.approx(0.01, abs=1e-5),
    }  # fmt: skip
    assert rows[1]["split"] == "val"
