"""Maps: what is alike lies together, the same photos give the same map, and few photos or copies are no trouble."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation import neighbourhoods, projection
from ml.evaluation.neighbourhoods import Rounds, memberships
from ml.evaluation.projection import into_square, principal_components, project, stratified_sample

WIDTH = 40


def clusters(n: int, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (n, WIDTH) around a centre per class, and their classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = 3 * rng.standard_normal((classes, WIDTH))
    return (centres[labels] + rng.standard_normal((n, WIDTH))).astype(np.float32), labels


def reader(embeddings: np.ndarray):
    return lambda start, stop: embeddings[start:stop]


def share_of_own_class(places: np.ndarray, labels: np.ndarray, k: int = 5) -> float:
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    nearest = np.argsort(distances, axis=1)[:, 1 : k + 1]
    return float((labels[nearest] == labels[:, None]).mean())


def test_photos_of_a_kind_lie_together():
    embeddings, labels = clusters(200)
    places = project(reader(embeddings), labels)
    assert share_of_own_class(places, labels) > 0.97


def test_the_same_photos_give_the_same_map_and_labels_have_no_say_in_it():
    embeddings, labels = clusters(120)
    first = project(reader(embeddings), labels)
    again = project(reader(embeddings), np.full(120, -1))
    assert np.array_equal(first, again)


def test_a_few_more_photos_do_not_turn_the_map_round():
    embeddings, labels = clusters(240)
    before = project(reader(embeddings[:230]), labels[:230])
    after = project(reader(embeddings), labels)[:230]
    for axis in (0, 1):
        assert np.corrcoef(before[:, axis], after[:, axis])[0, 1] > 0.8


def test_the_map_fills_the_square_and_is_wider_than_high():
    embeddings, labels = clusters(150, seed=3)
    places = project(reader(embeddings), labels)
    assert places.dtype == np.float32
    low, high = places.min(0), places.max(0)
    assert (low[0], high[0]) == pytest.approx((0, 1), abs=1e-6)
    assert 0 <= low[1] < high[1] <= 1
    assert low[1] + high[1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 13])
def test_a_handful_of_photos_has_a_map_as_well(n):
    embeddings, labels = clusters(n)
    places = project(reader(embeddings), labels)
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == n


def test_photos_that_are_all_the_same_lie_in_one_place():
    embeddings = np.ones((30, WIDTH), np.float32)
    assert np.array_equal(
        project(reader(embeddings), np.zeros(30, np.int64)), np.full((30, 2), 0.5, np.float32)
    )


def test_a_row_of_zeros_is_a_photo_like_any_other():
    embeddings, labels = clusters(30)
    embeddings[7] = 0
    assert np.isfinite(project(reader(embeddings), labels)).all()


def test_copies_share_their_place_and_crowd_nobody_out():
    embeddings, labels = clusters(60)
    embeddings[1::4] = embeddings[1]
    places = project(reader(embeddings), labels)
    assert len(np.unique(places[1::4], axis=0)) == 1
    assert len(np.unique(places, axis=0)) == 60 - 14


def test_of_many_photos_a_sample_is_learnt_and_the_others_find_their_kind(monkeypatch):
    monkeypatch.setattr(projection, "MOST_LEARNT", 100)
    embeddings, labels = clusters(300)
    told = []
    places = project(reader(embeddings), labels, progress=lambda what, share: told.append((what, share)))
    assert share_of_own_class(places, labels) > 0.95
    assert list(dict.fromkeys(what for what, _share in told)) == ["compare", "lay_out", "place"]
    assert told[-1] == ("place", 1.0)
    shares = [share for what, share in told if what == "lay_out"]
    assert shares == sorted(shares)
    assert len(shares) > 2


def test_a_sample_takes_classes_in_proportion_but_of_small_ones_all_it_needs():
    labels = np.repeat([0, 1, 2], [900, 95, 5])
    rows = stratified_sample(labels, 120, seed=0)
    counts = np.bincount(labels[rows])
    assert len(rows) <= 120
    assert len(np.unique(rows)) == len(rows)
    assert counts[2] == 5
    assert counts[1] >= 20
    assert counts[0] > counts[1]
    assert np.array_equal(stratified_sample(labels, 5000, 0), np.arange(1000))


def test_components_are_those_of_a_singular_value_decomposition():
    embeddings, _labels = clusters(90, seed=5)
    points = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    left, values, _right = np.linalg.svd(points - points.mean(0), full_matrices=False)
    found = principal_components(reader(embeddings), 90, 6)
    assert np.abs(found) == pytest.approx(np.abs(left * values)[:, :6], abs=1e-4)


def test_memberships_add_up_to_the_logarithm_of_the_neighbours():
    distances = np.sort(np.random.default_rng(0).random((20, 14)), axis=1).astype(np.float32) + 0.1
    sure = memberships(distances, nearest_is_sure=True)
    assert sure[:, 0] == pytest.approx(1)
    assert sure.sum(1) == pytest.approx(np.log2(15), abs=1e-3)
    assert memberships(distances, nearest_is_sure=False).sum(1) == pytest.approx(np.log2(15), abs=1e-3)
    assert memberships(np.ones((2, 14), np.float32), nearest_is_sure=True) == pytest.approx(1)


def test_places_are_turned_into_the_square_without_being_turned_over():
    corners = np.array([[0, 0], [4, 0], [4, 1], [0, 1]], np.float32)
    assert into_square(corners) == pytest.approx(
        np.array([[0, 0.375], [1, 0.375], [1, 0.625], [0, 0.625]]), abs=1e-6
    )


def test_progress_is_read_off_the_bar_of_the_descent():
    told = []
    rounds = Rounds(told.append)
    for text in ("\r3/200", "\r", "about", "7/0"):
        rounds.write(text)
    assert told == [3 / 200]


def test_neighbours_are_never_more_than_there_are_points():
    points = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
    hood = neighbourhoods.Neighbourhood(points)
    assert hood.lay_out().shape == (5, 2)
    assert hood.place(points[:2] + 0.01, hood.lay_out()).shape == (2, 2)
