import numpy as np
import pytest

from ml.specs import make_spec
from ml.training.data import Part
from ml.training.sampling import balanced, epoch_rows, shuffled, steps_per_epoch

RARE = np.repeat([0, 1, 2], [900, 90, 10])


def test_shuffled_batches_are_whole_disjoint_and_decided_by_seed_and_epoch():
    batches = list(shuffled(50, 8, seed=3, epoch=2))
    assert [len(batch) for batch in batches] == [8] * 6
    assert len(set(np.concatenate(batches))) == 48
    again, other = list(shuffled(50, 8, 3, 2)), list(shuffled(50, 8, 3, 3))
    assert np.array_equal(batches, again)
    assert not np.array_equal(batches, other)


def test_fewer_photos_than_a_batch_make_one_short_batch():
    assert steps_per_epoch(5, 32) == 1
    assert [len(batch) for batch in shuffled(5, 32, 0, 1)] == [5]
    assert [len(batch) for batch in balanced(np.zeros(5, np.int64), 32, 0, 1)] == [5]


def test_balanced_batches_take_each_class_equally_often():
    drawn = RARE[np.concatenate(list(balanced(RARE, 32, seed=1, epoch=1)))]
    shares = np.bincount(drawn, minlength=3) / len(drawn)
    # 992 draws: the standard deviation of a share of a third is 0.015.
    assert np.abs(shares - 1 / 3).max() < 4 * 0.015


def test_balanced_batches_take_photos_of_one_class_equally_often():
    rows = np.concatenate([batch for epoch in range(30) for batch in balanced(RARE, 32, 1, epoch)])
    rare = np.bincount(rows[RARE[rows] == 2] - 990, minlength=10)
    assert rare.min() > 0.8 * rare.mean()


def test_balanced_batches_are_decided_by_seed_and_epoch_and_as_many_as_shuffled_ones():
    first, again, other = (list(balanced(RARE, 32, 1, epoch)) for epoch in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(first) == len(list(shuffled(len(RARE), 32, 1, 1)))


def test_a_class_without_photos_is_never_drawn():
    labels = np.array([0, 0, 0, 2])
    drawn = labels[np.concatenate(list(balanced(labels, 2, 0, 1)))]
    assert set(drawn) <= {0, 2}


@pytest.mark.parametrize("sampling", ["shuffled", "balanced"])
def test_an_epochs_rows_are_drawn_as_the_spec_says(sampling):
    part = Part([None] * len(RARE), RARE, RARE)  # photos are not looked at
    spec = make_spec("finetune", {"sampling": sampling, "batch": "10"}, seed=4)
    expected = {"shuffled": shuffled(len(RARE), 10, 4, 7), "balanced": balanced(RARE, 10, 4, 7)}[sampling]
    assert np.array_equal(list(epoch_rows(spec, part, 7)), list(expected))
