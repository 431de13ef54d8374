"""How well candidates fit a class: right ones first, whatever is known beside them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.fit import AGREEMENT, CHOSEN, MOST, NONE, REFERENCES, fit_candidates, spread
from ml.evaluation.mixture import two_normals
from ml.store import Store
from tests.support.ranking import Photos, mixtures

NOTHING = np.zeros((0, 24), np.float32)


def cloud(seed: int, n: int, centre: float) -> np.ndarray:
    """Features as a network's are: not negative, of a class around a centre of its own."""
    rng = np.random.default_rng(seed)
    direction = np.random.default_rng(int(centre * 10)).random(24)
    return np.maximum(0, direction * 2 + rng.normal(0, 0.5, (n, 24))).astype(np.float32)


def first_half_right(values, right: int) -> float:
    order = np.argsort(-values, kind="stable")[: len(values) // 2]
    return float((order < right).mean())


CANDIDATES = np.concatenate([cloud(1, 70, 1.0), cloud(2, 30, 2.0)])


def test_candidates_like_the_references_come_first():
    found = fit_candidates(CANDIDATES, cloud(3, 40, 1.0), NOTHING)
    assert found.method == REFERENCES
    assert first_half_right(found.values, 70) == 1.0


def test_references_decide_even_against_the_larger_part():
    """Most of the crawl shows something else: the few like the references come first."""
    found = fit_candidates(CANDIDATES, cloud(3, 40, 2.0), cloud(4, 40, 1.0))
    assert found.values[70:].min() > np.median(found.values[:70])


def test_without_references_what_most_candidates_agree_about_comes_first():
    found = fit_candidates(CANDIDATES, NOTHING, NOTHING)
    assert found.method == AGREEMENT
    assert first_half_right(found.values, 70) > 0.95


def test_photos_of_other_classes_push_what_looks_like_them_down():
    found = fit_candidates(CANDIDATES, NOTHING, cloud(5, 60, 2.0))
    assert found.values[70:].max() < found.values[:70].min()


def test_fits_are_numbers_between_nought_and_one_and_the_same_each_time():
    first, again = (fit_candidates(CANDIDATES, cloud(3, 5, 1.0), cloud(4, 5, 2.0)).values for _ in range(2))
    assert np.array_equal(first, again)
    assert np.isfinite(first).all()
    assert (first > 0).all()
    assert (first < 1).all()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_to_agree_have_no_fit(n):
    found = fit_candidates(CANDIDATES[:n], NOTHING, NOTHING)
    assert (found.values, found.method) == (None, NONE)


@pytest.mark.parametrize("n", [1, 2, 3, 50])
@pytest.mark.parametrize("known", [0, 1, 30])
def test_candidates_that_are_all_the_same_have_the_same_fit(n, known):
    found = fit_candidates(np.repeat(CANDIDATES[:1], n, 0), CANDIDATES[:known], NOTHING)
    if found.values is None:
        assert known == 0
        assert n < 3
    else:
        assert np.isfinite(found.values).all()
        assert np.ptp(found.values) < 1e-6


def test_the_pictures_a_person_chose_always_count_of_a_large_pool():
    places = spread(10_000, first=CHOSEN)
    assert len(places) == MOST
    assert places[:CHOSEN].tolist() == list(range(CHOSEN))
    assert len(set(places.tolist())) == MOST
    assert places[-1] > 9_900
    assert spread(5).tolist() == [0, 1, 2, 3, 4]


def test_probabilities_of_a_mixture_keep_the_order_of_the_scores():
    rng = np.random.default_rng(0)
    scores = np.r_[rng.normal(1, 0.4, 70), rng.normal(-1, 0.4, 30)]
    found = two_normals(scores, scores[:0], 0.7)
    assert (np.diff(found[np.argsort(scores)]) >= 0).all()
    assert abs(found.mean() - 0.7) < 0.05
    assert found[:70].mean() > 0.95
    assert found[70:].mean() < 0.05


def test_of_a_crawl_of_real_photos_with_three_in_ten_wrong_the_first_half_is_right(trashnet, tmp_path):
    """The mean over TrashNet's classes; by chance it were 70 %."""
    photos = Photos.of(trashnet, Store(tmp_path, Path(os.environ["SORTYARD_TEST_CACHE"])))
    shares = {}
    for references in (0, 10, 100):
        found = [
            (one.label, one.ranked(photos))
            for one in mixtures(photos, references=references, others=0, seeds=(20, 21))
        ]
        shares[references] = float(np.mean([share for _label, share in found]))
        print(f"\n{references} references: {shares[references]:.1%}, {found}")
    assert shares[100] >= 0.9
    # The figures of the docs, with room for two seeds.
    assert shares[0] >= 0.85
    assert shares[10] >= 0.87
