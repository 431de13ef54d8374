"""Three classes, a handful of photos, every figure worked out on paper."""

import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from ml.evaluation.metrics import bin_cost, evaluate_split
from tests.ml.worlds import lines, read

KEYS = ("cup", "can", "peel")
DRY_WET = ("dry", "dry", "wet")


def figures(truth: list[int], answers: list[list[float]], categories=DRY_WET, costs=None) -> dict:
    shares = np.array(answers, np.float32)
    return evaluate_split(shares, np.array(truth), np.arange(len(truth)), KEYS, categories, costs)


CUP, CAN, PEEL = [0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6]


def test_all_classes_present():
    #        cup  cup  cup  can  can  peel
    answers = [CUP, CUP, CAN, CAN, PEEL, PEEL]
    got = figures([0, 0, 0, 1, 1, 2], answers)
    assert got["n"] == 6
    assert got["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert got["accuracy"] == pytest.approx(4 / 6)
    # Recalls 2/3, 1/2, 1; precisions 2/2, 1/2, 1/2.
    assert got["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert [row["precision"] for row in got["per_class"]] == pytest.approx([1, 1 / 2, 1 / 2])
    assert [row["f1"] for row in got["per_class"]] == pytest.approx([4 / 5, 1 / 2, 2 / 3])
    assert got["macro_f1"] == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    # Shares given to the truth: .8 .8 .2 .6 .3 .6
    assert got["loss"] == pytest.approx(-np.log([0.8, 0.8, 0.2, 0.6, 0.3, 0.6]).mean(), rel=1e-5)
    # Two answers of confidence .8, both right; four of .6, two right: (2 * .2 + |2 - 2.4|) / 6.
    assert got["ece"] == pytest.approx((2 * 0.2 + 0.4) / 6, abs=1e-6)
    # Only the can that was called a peel is in the wrong bin.
    assert got["category_accuracy"] == pytest.approx(5 / 6)
    assert got["bin_cost"] == pytest.approx(1 / 6)
    assert [(row["key"], row["precision"], row["recall"]) for row in got["per_category"]] == [
        ("dry", 1.0, pytest.approx(4 / 5)),
        ("wet", 1 / 2, 1.0),
    ]


def test_a_class_without_a_photo_but_with_answers():
    got = figures([0, 0, 1], [CUP, PEEL, CAN])
    assert got["per_class"][2] == {"key": "peel", "n": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert got["balanced_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    # Called once, never rightly: its F1 of 0 counts.
    assert got["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert got["bin_cost"] == pytest.approx(1 / 3)


def test_a_class_with_photos_that_is_never_answered():
    got = figures([0, 1, 2], [CUP, CAN, CAN])
    assert got["per_class"][2] == {"key": "peel", "n": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert got["per_class"][1]["precision"] == 1 / 2
    assert got["balanced_accuracy"] == pytest.approx(2 / 3)
    assert got["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_a_class_without_photos_and_without_answers_counts_nowhere():
    got = figures([0, 1], [CUP, CAN])
    assert got["balanced_accuracy"] == got["macro_f1"] == got["accuracy"] == 1.0
    assert got["confusion"][2] == [0, 0, 0]


def test_a_single_photo():
    got = figures([1], [CUP])
    assert got["accuracy"] == 0.0
    assert got["interval"] == [0.0, 0.0]
    assert got["balanced_accuracy"] == 0.0
    assert got["bin_cost"] == 0.0  # a can called a cup goes into the right bin


@pytest.mark.parametrize("absent", ["none", "truth", "answer"])
def test_absent_classes_are_treated_as_scikit_learn_treats_them(absent):
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2 if absent == "truth" else 3, 60)
    given = rng.integers(0, 2 if absent == "answer" else 3, 60)
    got = figures(list(truth), np.eye(3)[given].tolist())
    assert got["macro_f1"] == pytest.approx(f1_score(truth, given, average="macro", zero_division=0))
    if absent == "truth":  # scikit-learn warns of it, and leaves the class out as we do
        with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
            expected = balanced_accuracy_score(truth, given)
    else:
        expected = balanced_accuracy_score(truth, given)
    assert got["balanced_accuracy"] == pytest.approx(expected)


def test_a_cost_matrix_weighs_the_bins():
    truth, answers = [0, 1, 2, 2], [CUP, PEEL, PEEL, CAN]
    assert figures(truth, answers)["bin_cost"] == pytest.approx(2 / 4)
    assert figures(truth, answers, costs={"wet": {"dry": 10}})["bin_cost"] == pytest.approx((1 + 10) / 4)
    assert figures(truth, answers, costs={"dry": {"dry": 0.5}})["bin_cost"] == pytest.approx(
        (0.5 + 1 + 1) / 4
    )
    assert bin_cost(np.array([[3, 1], [0, 4]]), ("dry", "wet"), {"dry": {"wet": 4.0}}) == pytest.approx(4 / 8)


def test_without_categories_a_wrong_bin_costs_nothing_that_could_be_told():
    assert figures([0], [CUP], ("", "", ""))["bin_cost"] is None


@pytest.mark.parametrize("world", ["probe_world", "tail_world"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_the_figures_are_those_of_plain_numpy_on_the_exported_predictions(world, split, request):
    run = request.getfixturevalue(world).run
    evaluation = read(run / "evaluation.json")
    keys, got = evaluation["classes"], evaluation["splits"][split]
    rows = [row for row in lines(run / "predictions.jsonl") if row["split"] == split]
    shares = np.array([row["probabilities"] for row in rows])
    truth = np.array([keys.index(row["truth"]) for row in rows])
    given = shares.argmax(1)
    confusion = np.zeros((3, 3), int)
    for true, answer in zip(truth, given, strict=True):
        confusion[true, answer] += 1
    assert got["n"] == len(rows) == 9
    assert got["confusion"] == confusion.tolist()
    assert got["accuracy"] == pytest.approx((truth == given).mean())
    recalls = np.diag(confusion) / confusion.sum(1)
    assert got["balanced_accuracy"] == pytest.approx(recalls.mean())
    both = confusion.sum(0) + confusion.sum(1)
    f1 = 2 * np.diag(confusion) / both
    assert [row["f1"] for row in got["per_class"]] == pytest.approx(f1)
    assert got["macro_f1"] == pytest.approx(f1.mean())
    assert got["loss"] == pytest.approx(-np.log(shares[np.arange(9), truth]).mean(), abs=1e-4)
    confidence, bins = shares.max(1), np.minimum((shares.max(1) * 15).astype(int), 14)
    gaps = [abs((truth == given)[bins == b].sum() - confidence[bins == b].sum()) for b in range(15)]
    assert got["ece"] == pytest.approx(sum(gaps) / 9, abs=1e-4)
    assert got["top5"] == 1.0
    assert got["bin_cost"] == 0.0
    assert json.dumps(got)
