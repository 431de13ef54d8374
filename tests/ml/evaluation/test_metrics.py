import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, log_loss

from ml.evaluation import metrics


@pytest.fixture
def answers():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 4, 200)
    logits = rng.standard_normal((200, 4)) + 1.5 * np.eye(4)[truth]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return shares.astype(np.float32), truth.astype(np.int64)


KEYS, CATEGORIES = ("cup", "can", "peel", "bone"), ("dry", "dry", "wet", "wet")


def figures(answers, categories=CATEGORIES) -> dict:
    shares, truth = answers
    return metrics.evaluate_split(shares, truth, np.arange(len(truth)), KEYS, categories)


def test_the_figures_are_those_of_scikit_learn(answers):
    shares, truth = answers
    result, given = figures(answers), shares.argmax(1)
    assert result["accuracy"] == pytest.approx((given == truth).mean())
    assert result["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, given))
    assert result["macro_f1"] == pytest.approx(f1_score(truth, given, average="macro"))
    assert result["loss"] == pytest.approx(log_loss(truth, normalised(shares), labels=range(4)), rel=1e-4)
    assert result["confusion"] == confusion_matrix(truth, given).tolist()
    assert [row["f1"] for row in result["per_class"]] == pytest.approx(
        list(f1_score(truth, given, average=None))
    )


def normalised(shares) -> np.ndarray:
    return shares.astype(float) / shares.astype(float).sum(1, keepdims=True)


def test_a_mix_up_inside_a_category_is_no_mistake_of_the_category():
    shares = np.eye(4, dtype=np.float32)[[1, 0, 2, 1]]
    result = figures((shares, np.array([0, 0, 2, 3])))
    assert result["accuracy"] == 0.5
    assert result["category_accuracy"] == 0.75
    assert [(row["key"], row["n"], row["recall"]) for row in result["per_category"]] == [
        ("dry", 2, 1.0),
        ("wet", 2, 0.5),
    ]


def test_without_categories_there_is_no_category_figure(answers):
    result = figures(answers, ("", "", "", ""))
    assert result["category_accuracy"] is None
    assert result["per_category"] == []


def test_a_class_without_category_stands_for_itself():
    shares = np.eye(4, dtype=np.float32)[[0, 1, 2, 3]]
    result = figures((shares, np.array([0, 1, 3, 3])), ("dry", "dry", "", ""))
    assert result["category_accuracy"] == 0.75
    assert [row["key"] for row in result["per_category"]] == ["dry"]


def test_an_empty_split_has_no_figures():
    result = figures((np.zeros((0, 4), np.float32), np.zeros(0, np.int64)))
    assert result == {"n": 0}


def test_a_class_missing_from_a_split_does_not_spoil_the_mean():
    shares = np.eye(4, dtype=np.float32)[[0, 1]]
    assert figures((shares, np.array([0, 1])))["balanced_accuracy"] == 1.0


def test_top_k_counts_the_true_class_among_the_likeliest():
    shares = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], np.float32)
    truth = np.array([1, 0])
    assert [metrics.top_k(shares, truth, k) for k in (1, 2, 3, 5)] == [0.0, 0.5, 1.0, 1.0]


def test_wilsons_interval_is_the_published_one():
    # Agresti and Coull 1998: 0 of 10 gives 0 to 0.2775.
    assert metrics.wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert metrics.wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)


def test_photos_that_come_in_groups_make_the_interval_wider():
    rng = np.random.default_rng(0)
    correct = np.repeat(rng.random(40) < 0.7, 10)
    low, high = metrics.group_interval(correct, np.arange(400))
    grouped_low, grouped_high = metrics.group_interval(correct, np.repeat(np.arange(40), 10))
    assert grouped_high - grouped_low > 2 * (high - low)
    assert low < correct.mean() < high


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    shares = np.tile(np.array([[0.8, 0.2]], np.float32), (10, 1))
    truth = np.array([0] * 6 + [1] * 4)
    assert metrics.expected_calibration_error(shares, truth) == pytest.approx(0.2, abs=1e-6)
