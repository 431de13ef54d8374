"""Temperature and the threshold below which a model says "not sure". NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import Labels, Probabilities, expected_calibration_error, log_loss

TARGET = 0.97
RISK = 0.10
_FALLBACK_THRESHOLD = 0.5
_GRID = np.arange(100) / 100


@dataclass(frozen=True)
class Calibration:
    """How a model's confidence is to be read. `curve`: (threshold, coverage, accuracy or None)."""

    temperature: float
    threshold: float
    target: float
    coverage: float
    promised: bool
    note: str
    ece_before: float
    ece_after: float
    curve: list[tuple[float, float, float | None]]

    def to_json(self) -> dict[str, Any]:
        """As in evaluation.json."""
        return {
            "temperature": self.temperature,
            "threshold": self.threshold,
            "target": self.target,
            "coverage": self.coverage,
            "promised": self.promised,
            "note": self.note,
            "ece_before": self.ece_before,
            "ece_after": self.ece_after,
            "curve": [list(point) for point in self.curve],
        }


def calibrate(
    probabilities: Probabilities, truth: Labels, source: str, target: float = TARGET
) -> Calibration:
    """Temperature and threshold from answers on photos the model did not train on; `source` says which.

    The threshold is the lowest from which on, at every higher one too, the lower 90 % bound (exact
    binomial) of the accuracy of what is answered reaches `target`. Going down until the first failure
    keeps the risk of an empty promise at 10 % over all thresholds looked at (fixed-sequence testing, as
    in Angelopoulos et al. 2021, Learn then Test).
    """
    if len(truth) == 0:
        note = "no photos outside training: nothing could be calibrated"
        return Calibration(1.0, _FALLBACK_THRESHOLD, target, 1.0, False, note, 0.0, 0.0, [])
    temperature = fit_temperature(probabilities, truth)
    scaled = apply_temperature(probabilities, temperature)
    confidence = scaled.max(1)
    correct = scaled.argmax(1) == truth
    curve, reached = coverage_curve(confidence, correct, target)
    promised = reached is not None
    threshold = reached if reached is not None else _FALLBACK_THRESHOLD
    coverage = float((confidence >= threshold).mean())
    note = f"from {source} ({len(truth):,} photos)"
    if not promised:
        note += f"; not enough photos, or not enough right answers, to promise {target:.0%}"
    before = expected_calibration_error(probabilities, truth)
    after = expected_calibration_error(scaled, truth)
    return Calibration(temperature, threshold, target, coverage, promised, note, before, after, curve)


def coverage_curve(
    confidence: NDArray[np.float32], correct: NDArray[np.bool_], target: float
) -> tuple[list[tuple[float, float, float | None]], float | None]:
    """Coverage and accuracy over thresholds 0, 0.01 … 0.99, and the lowest threshold that keeps `target`."""
    curve: list[tuple[float, float, float | None]] = []
    reached, holds = None, True
    # Half as many prove the target if all are right; but there one unlucky answer would end the search.
    fewest = 2 * math.ceil(math.log(RISK) / math.log(target))
    for threshold in _GRID[::-1]:
        kept = confidence >= threshold
        count, hits = int(kept.sum()), int(correct[kept].sum())
        curve.append((float(threshold), count / len(correct), hits / count if count else None))
        if holds and count >= fewest:
            holds = chance_of_so_few_errors(count, count - hits, 1 - target) <= RISK
            reached = float(threshold) if holds else reached
    return curve[::-1], reached


def chance_of_so_few_errors(n: int, errors: int, rate: float) -> float:
    """P(at most `errors` errors in `n` answers) if each is wrong with chance `rate`: the binomial tail."""
    total = 0.0
    for k in range(errors + 1):
        ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        total += math.exp(ways + k * math.log(rate) + (n - k) * math.log1p(-rate))
        if total > RISK:  # the answer is known; far tails would only cost time
            break
    return min(total, 1.0)


def fit_temperature(probabilities: Probabilities, truth: Labels) -> float:
    """The temperature in 0.2 … 8 with the least log loss, by golden-section search over its logarithm."""
    low, high = math.log(0.2), math.log(8.0)
    golden = (math.sqrt(5) - 1) / 2

    def loss(exponent: float) -> float:
        return log_loss(apply_temperature(probabilities, math.exp(exponent)), truth)

    left, right = high - golden * (high - low), low + golden * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    while high - low > 1e-4:
        if loss_left < loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - golden * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + golden * (high - low)
            loss_right = loss(right)
    return math.exp((low + high) / 2)


def apply_temperature(probabilities: Probabilities, temperature: float) -> Probabilities:
    """softmax(log p / temperature): the same as dividing the logits."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-30)) / temperature
    exponent = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(exponent / exponent.sum(1, keepdims=True), np.float32)
