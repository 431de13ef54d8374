import numpy as np
import pytest
from scipy.stats import binom

from ml.evaluation.calibration import (
    apply_temperature,
    calibrate,
    chance_of_so_few_errors,
    coverage_curve,
    fit_temperature,
)


def answers(n: int, temperature: float, seed: int = 0, strength: float = 3.0):
    """Answers of a known temperature: truth is drawn from softmax(logits), told is logits * temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((n, 5)) * strength
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (true.cumsum(1) < rng.random((n, 1))).sum(1).clip(0, 4)
    told = np.exp(logits * temperature)
    return (told / told.sum(1, keepdims=True)).astype(np.float32), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_it_finds_the_temperature_that_was_put_in(temperature):
    shares, truth = answers(4000, temperature)
    assert fit_temperature(shares, truth) == pytest.approx(temperature, rel=0.1)


def test_a_temperature_mends_overconfidence_and_moves_no_answer():
    shares, truth = answers(3000, 2.5)
    calibration = calibrate(shares, truth, "a drawing of lots")
    assert calibration.ece_after < 0.5 * calibration.ece_before
    assert np.array_equal(apply_temperature(shares, calibration.temperature).argmax(1), shares.argmax(1))


def test_the_promise_holds_at_the_threshold_and_at_every_higher_one():
    shares, truth = answers(4000, 1.0)
    calibration = calibrate(shares, truth, "x")
    assert calibration.promised
    confidence = apply_temperature(shares, calibration.temperature).max(1)
    right = shares.argmax(1) == truth
    for threshold in np.arange(calibration.threshold, 1, 0.01):
        kept = confidence >= threshold
        if kept.sum() >= 152:
            wrong = int((~right[kept]).sum())
            assert binom.cdf(wrong, int(kept.sum()), 0.03) <= 0.1
    assert calibration.coverage == pytest.approx((confidence >= calibration.threshold).mean())


def test_a_promise_is_rarely_broken_on_new_photos():
    promised = broken = 0
    for seed in range(20):
        calibration = calibrate(*answers(1500, 1.0, seed, strength=6.0), "x")
        shares, truth = answers(20_000, 1.0, seed + 1000, strength=6.0)
        sure = apply_temperature(shares, calibration.temperature).max(1) >= calibration.threshold
        promised += calibration.promised
        broken += calibration.promised and (shares.argmax(1) == truth)[sure].mean() < 0.968
    assert promised >= 10
    assert broken <= 2


def test_too_few_photos_promise_nothing_and_say_so():
    shares, truth = answers(25, 1.0)
    calibration = calibrate(shares, truth, "the validation photos")
    assert not calibration.promised
    assert calibration.threshold == 0.5
    assert "the validation photos (25 photos); not enough photos" in calibration.note


def test_no_photos_at_all_calibrate_nothing():
    calibration = calibrate(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), "x")
    assert calibration.temperature == 1.0
    assert calibration.curve == []
    assert not calibration.promised


def test_the_curve_falls_in_coverage_and_has_no_accuracy_where_nothing_is_answered():
    confidence = np.array([0.2, 0.5, 0.9], np.float32)
    curve, reached = coverage_curve(confidence, np.array([False, True, True]), 0.97)
    assert len(curve) == 100
    assert curve[0] == (0.0, 1.0, pytest.approx(2 / 3))
    assert curve[95][1:] == (0.0, None)
    assert [point[1] for point in curve] == sorted((point[1] for point in curve), reverse=True)
    assert reached is None


def test_the_chance_of_few_errors_is_the_binomial_tail():
    assert chance_of_so_few_errors(200, 1, 0.03) == pytest.approx(binom.cdf(1, 200, 0.03))
    assert chance_of_so_few_errors(76, 0, 0.03) <= 0.1 < chance_of_so_few_errors(75, 0, 0.03)
