import numpy as np
import pytest

from ml.settings import SCHEDULES
from ml.training.schedules import cosine, one_cycle, rate_share


def test_one_cycle_rises_to_its_peak_and_falls_to_nothing():
    rates = [one_cycle(step, 400) for step in range(400)]
    peak = int(np.argmax(rates))
    assert peak == 99
    assert rates[peak] == 1.0
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 1e-5


def test_the_cosine_falls_from_the_whole_rate_to_nearly_nothing():
    rates = [cosine(step, 400) for step in range(400)]
    assert rates[0] == 1.0
    assert rates[200] == pytest.approx(0.5)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 1e-4


def test_a_constant_rate_is_the_one_that_was_set():
    assert {rate_share("constant", step, 10) for step in range(10)} == {1.0}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_of_one_step_has_a_rate(schedule):
    assert 0 < rate_share(schedule, 0, 1) <= 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_agree_with_their_names(schedule):
    expected = {"constant": 1.0, "cosine": cosine(30, 100), "one_cycle": one_cycle(30, 100)}
    assert rate_share(schedule, 30, 100) == expected[schedule]
