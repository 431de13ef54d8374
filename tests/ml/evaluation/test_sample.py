import numpy as np
import pytest

from ml.evaluation.sample import even_sample


def test_few_photos_are_all_taken():
    assert even_sample(np.array([0, 1, 1]), 3, 0).tolist() == [0, 1, 2]


def test_each_class_gives_an_equal_share_and_a_small_one_all_it_has():
    labels = np.repeat([0, 1, 2], [1000, 500, 10])
    rows = even_sample(labels, 210, 0)
    assert np.bincount(labels[rows]).tolist() == [100, 100, 10]
    assert len(set(rows.tolist())) == 210
    assert rows.tolist() == sorted(rows.tolist())


@pytest.mark.parametrize("most", [1, 2, 7])
def test_never_more_than_asked_for(most):
    assert len(even_sample(np.arange(30) % 4, most, 0)) == most


def test_a_seed_chooses_the_same_and_another_seed_others():
    labels = np.arange(1000) % 5
    assert np.array_equal(even_sample(labels, 50, 1), even_sample(labels, 50, 1))
    assert not np.array_equal(even_sample(labels, 50, 1), even_sample(labels, 50, 2))
