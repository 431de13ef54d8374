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


def cloud(seed: int, n: int, centre: float, noise: float = 0.5) -> np.ndarray:
    """Features as a network's are: not negative, of a class around a centre of its own."""
    rng = np.random.default_rng(seed)
    direction = np.random.default_rng(int(centre * 10)).random(24)
    return np.maximum(0, direction * 2 + rng.normal(0, noise, (n, 24))).astype(np.float32)


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


def test_what_is_like_none_of_the_other_classes_is_not_taken_for_right():
    """Other classes are known, but not the one that is mixed in: they must not push it up."""
    alone = fit_candidates(CANDIDATES, cloud(3, 10, 1.0), NOTHING).values
    beside = fit_candidates(CANDIDATES, cloud(3, 10, 1.0), cloud(5, 60, 3.0)).values
    for values in (alone, beside):
        assert np.median(values[70:]) < 0.05
        assert first_half_right(values, 70) == 1.0


def test_one_photo_of_another_class_changes_little():
    """A single one may be a mistake of its own."""
    alone = fit_candidates(CANDIDATES, cloud(3, 10, 1.0), NOTHING).values
    beside = fit_candidates(CANDIDATES, cloud(3, 10, 1.0), cloud(6, 1, 1.0)).values
    assert np.corrcoef(alone, beside)[0, 1] > 0.95


def test_more_candidates_than_are_worked_from_are_all_ranked():
    """Those that the ridge was fitted on and the others stand in one order."""
    many = np.concatenate([cloud(1, 1_400, 1.0), cloud(2, 600, 2.0)])[
        np.random.default_rng(0).permutation(2_000)
    ]
    found = fit_candidates(many, cloud(3, 40, 1.0), cloud(4, 40, 2.0))
    fitted = np.isin(np.arange(2_000), spread(2_000))
    right = np.linalg.norm(many - many[found.values.argmax()], axis=1) < np.linalg.norm(
        many - many[found.values.argmin()], axis=1
    )
    for part in (fitted, ~fitted):
        assert found.values[part & right].min() > found.values[part & ~right].max()
    assert found.values[fitted & right].mean() == pytest.approx(
        found.values[~fitted & right].mean(), abs=0.02
    )


def test_with_references_it_promises_about_what_it_keeps():
    """Over crawls that are hard. References that helped to judge themselves would make it ask too much."""
    promised, right = [], []
    for seed in range(8):
        candidates = [cloud(10 * seed + 1, 70, 1.0, noise=2), cloud(10 * seed + 2, 30, 2.0, noise=2)]
        known = cloud(10 * seed + 3, 30, 1.0, noise=2)
        promised += fit_candidates(np.concatenate(candidates), known, NOTHING).values.tolist()
        right += [True] * 70 + [False] * 30
    assert np.mean(promised) == pytest.approx(0.7, abs=0.06)
    doubted = np.array(promised) < 0.5
    assert np.mean(np.array(promised)[doubted]) == pytest.approx(np.mean(np.array(right)[doubted]), abs=0.06)


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
@pytest.mark.parametrize("others", [0, 1, 7])
def test_candidates_that_are_all_the_same_have_the_same_fit(n, known, others):
    found = fit_candidates(
        np.repeat(CANDIDATES[:1], n, 0), CANDIDATES[1 : 1 + known], CANDIDATES[-1 : -1 - others : -1]
    )
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


@pytest.mark.parametrize(
    ("per_class", "seeds"), [(200, (20,)), pytest.param(None, (20, 21), marks=pytest.mark.full)]
)
def test_of_a_crawl_of_real_photos_with_three_in_ten_wrong_the_first_half_is_right(
    trashnet, tmp_path, per_class, seeds
):
    """The mean over TrashNet's classes; by chance it were 70 %."""
    photos = Photos.of(trashnet, Store(tmp_path, Path(os.environ["SORTYARD_TEST_CACHE"])), per_class)
    shares = {}
    for references in (0, 10, 100):
        crawls = list(mixtures(photos, references=references, others=0, seeds=seeds))
        found = [(one.label, one.ranked(photos)) for one in crawls]
        chance = np.mean([one.by_chance for one in crawls])
        shares[references] = float(np.mean([share for _label, share in found]))
        print(f"\n{references} references: {shares[references]:.1%}, by chance {chance:.1%}, {found}")
        assert chance < 0.8
    assert shares[100] >= 0.9
    # Of classes that nobody has seen, beside two that are known.
    for references in (10, 100):
        strange = mixtures(photos, references=references, others=100, seeds=seeds, known=2)
        share = np.mean([one.ranked(photos) for one in strange])
        print(f"\n{references} references, mixed in what nobody has seen: {share:.1%}")
        assert share >= 0.9
    # The figures of the docs, with room for two seeds.
    assert shares[0] >= 0.85
    assert shares[10] >= 0.87
