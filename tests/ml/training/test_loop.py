import numpy as np
import pytest

from ml.training.loop import best_epoch, one_cycle, shuffled, steps_per_epoch


def line(epoch: int, accuracy: float | None, loss: float | None = 1.0) -> dict:
    return {"epoch": epoch, "val_accuracy": accuracy, "val_loss": loss}


def test_the_best_epoch_has_the_highest_accuracy_then_the_lowest_loss():
    assert best_epoch([line(1, 0.8), line(2, 0.9, 0.5), line(3, 0.9, 0.4), line(4, 0.85)]) == 3


def test_without_validation_the_last_epoch_is_taken():
    assert best_epoch([line(1, None, None), line(2, None, None)]) == 2


def test_the_rate_rises_to_its_peak_and_falls_to_nothing():
    rates = [one_cycle(step, 400) for step in range(400)]
    peak = int(np.argmax(rates))
    assert peak == 99
    assert rates[peak] == 1.0
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 1e-5


def test_an_epoch_of_one_step_has_a_rate():
    assert 0 < one_cycle(0, 1) <= 1


def test_batches_are_whole_disjoint_and_decided_by_seed_and_epoch():
    batches = list(shuffled(50, 8, seed=3, epoch=2))
    assert [len(batch) for batch in batches] == [8] * 6
    assert len(set(np.concatenate(batches))) == 48
    again, other = list(shuffled(50, 8, 3, 2)), list(shuffled(50, 8, 3, 3))
    assert np.array_equal(batches, again)
    assert not np.array_equal(batches, other)


def test_fewer_photos_than_a_batch_make_one_short_batch():
    assert steps_per_epoch(5, 32) == 1
    assert [len(batch) for batch in shuffled(5, 32, 0, 1)] == [5]
