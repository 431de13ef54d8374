import numpy as np

from ml.training import probe
from ml.training.probe import Scaling, cross_validate, group_folds


def test_no_group_stands_in_two_folds_and_classes_are_spread():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 300)
    labels = groups % 3
    folds = group_folds(labels, groups, 5, seed=1)
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups))
    for label in range(3):
        counts = np.bincount(folds[labels == label], minlength=5)
        assert counts.min() > 0.5 * counts.mean()


def test_folds_are_decided_by_the_seed():
    labels, groups = np.arange(90) % 3, np.arange(90)
    first, again, other = (group_folds(labels, groups, 5, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_answers_come_from_a_probe_that_did_not_see_the_group():
    rng = np.random.default_rng(0)
    # Features that name the group and say nothing of the class: only a leak could answer right.
    groups = np.repeat(np.arange(100), 2)
    labels = np.repeat(rng.integers(0, 2, 100), 2).astype(np.int64)
    features = rng.standard_normal((100, 400)).astype(np.float32)[groups]
    crossed = cross_validate(features, labels, groups, np.ones(2, np.float32), seed=0)
    accuracy = (crossed.probabilities.argmax(1) == labels).mean()
    assert 0.3 < accuracy < 0.7
    leaky = cross_validate(features, labels, np.arange(200), np.ones(2, np.float32), seed=0)
    assert (leaky.probabilities.argmax(1) == labels).mean() > 0.8


def test_a_given_strength_is_taken_and_else_the_best_of_those_tried():
    rng = np.random.default_rng(0)
    labels = (np.arange(120) % 3).astype(np.int64)
    features = rng.standard_normal((120, 5)).astype(np.float32) + 2 * np.eye(3, 5, dtype=np.float32)[labels]
    groups, weights = np.arange(120), np.ones(3, np.float32)
    assert cross_validate(features, labels, groups, weights, 0, l2=0.5).l2 == 0.5
    chosen = cross_validate(features, labels, groups, weights, 0)
    assert chosen.scores[chosen.l2] == max(chosen.scores.values())


def test_scaling_folds_into_weights_for_unscaled_features():
    rng = np.random.default_rng(0)
    features = (rng.standard_normal((50, 7)) * 3 + 2).astype(np.float32)
    theta = rng.standard_normal((8, 4)).astype(np.float32)
    scaling = Scaling.of(features)
    weights, bias = scaling.fold(theta)
    assert np.allclose(features @ weights + bias, scaling.apply(features) @ theta[:-1] + theta[-1], atol=1e-4)


def test_with_many_rows_a_part_chooses_the_strength_and_every_row_is_answered_out_of_fold(monkeypatch):
    monkeypatch.setattr(probe, "_MANY", 500)
    rng = np.random.default_rng(0)
    labels = (np.arange(600) % 3).astype(np.int64)
    features = rng.standard_normal((600, 5)).astype(np.float32) + 2 * np.eye(3, 5, dtype=np.float32)[labels]
    crossed = cross_validate(features, labels, np.arange(600), np.ones(3, np.float32), seed=0)
    assert crossed.l2 in probe.STRENGTHS
    assert np.allclose(crossed.probabilities.sum(1), 1, atol=1e-5)
    assert (crossed.probabilities.argmax(1) == labels).mean() > 0.8
    # Each row's answer comes from a probe that did not see it: random features with leaking groups stay at chance.
    groups = np.repeat(np.arange(300), 2)
    random_labels = np.repeat(rng.integers(0, 2, 300), 2).astype(np.int64)
    random = rng.standard_normal((300, 900)).astype(np.float32)[groups]
    blind = cross_validate(random, random_labels, groups, np.ones(2, np.float32), seed=0)
    assert 0.35 < (blind.probabilities.argmax(1) == random_labels).mean() < 0.65
