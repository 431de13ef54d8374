"""A check of labels on drawn embeddings: wrong labels stand first, odd photos are told, copies do not vouch."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.label_check import UNLABELLED, check_labels

WIDTH, CLASSES = 40, 3


@pytest.fixture
def world():
    """240 photos around a centre per class, and their labels."""
    rng = np.random.default_rng(1)
    centres = 2 * rng.standard_normal((CLASSES, WIDTH))
    truth = np.arange(240) % CLASSES
    return (centres[truth] + rng.standard_normal((240, WIDTH))).astype(np.float32), truth


def test_wrong_labels_are_the_most_suspicious_with_the_right_class_suggested(world):
    embeddings, truth = world
    labels = truth.copy()
    wrong = np.arange(0, 240, 20)
    labels[wrong] = (labels[wrong] + 1) % CLASSES
    found = check_labels(embeddings, labels, np.arange(240))
    assert set(np.argsort(-found.suspicion)[: len(wrong)]) == set(wrong)
    suggested = {one.row: one.suggested for one in found.suspects}
    listed = [row for row in wrong if row in suggested]
    assert len(listed) >= 10  # of 12
    assert [suggested[row] for row in listed] == truth[listed].tolist()


def test_labels_keep_their_own_numbers_though_some_are_not_there(world):
    embeddings, truth = world
    labels = np.array([5, 100, 7])[truth]
    labels[0] = 100
    found = check_labels(embeddings, labels, np.arange(240))
    assert (found.suspects[0].row, found.suspects[0].given, found.suspects[0].suggested) == (0, 100, 5)


def test_copies_of_a_wrongly_labelled_photo_do_not_vouch_for_its_label(world):
    embeddings, truth = world
    copies = np.repeat(embeddings[:1], 30, 0)
    points, labels = np.concatenate([embeddings, copies]), np.r_[truth, np.full(30, 1)]
    apart = check_labels(points, labels, np.arange(270)).suspicion[240:]
    together = check_labels(points, labels, np.r_[np.arange(240), np.full(30, 240)]).suspicion[240:]
    assert together.min() > 0.9
    assert apart.max() < together.min()


def test_photos_far_from_every_class_are_odd_labelled_or_not_the_oddest_first(world):
    embeddings, truth = world
    rng = np.random.default_rng(2)
    far = rng.standard_normal((2, WIDTH)).astype(np.float32) * np.array([[6], [12]])
    points, labels = np.concatenate([embeddings, far]).astype(np.float32), np.r_[truth, [0, UNLABELLED]]
    found = check_labels(points, labels, np.arange(242))
    rows = [row for row, _score in found.odd]
    assert {240, 241} <= set(rows[:4])
    assert [score for _row, score in found.odd] == sorted((score for _row, score in found.odd), reverse=True)
    assert len(rows) < 15
    assert np.isnan(found.suspicion[241])


def test_nothing_is_said_of_a_single_class(world):
    embeddings, _truth = world
    found = check_labels(embeddings, np.zeros(240, np.int64), np.arange(240))
    assert np.isnan(found.suspicion).all()
    assert (found.suspects, found.odd) == ([], [])
