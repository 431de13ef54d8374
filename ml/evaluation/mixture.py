"""Scores of a mixed lot as probabilities: two normal distributions of one width, by expectation-maximisation.

One width makes the probability a logistic function of the score, so that it never turns the order round. Photos that
are known to be right hold the upper one in place (Dempster, Laird and Rubin 1977, with some of the labels seen).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]

_ROUNDS = 200
# What is believed beforehand, in photos: the share that is right.
_BELIEF = 20.0
# Known photos shape the curve no more than the lot itself.
_KNOWN = 1.0
_NARROWEST = 0.2
# Log odds for each deviation of the scores, at the least: where no two kinds are seen, the order still shows.
_SLOPE = 0.3
_LEAST = 1e-6
# Scores of float32 that differ by less than this differ by rounding.
_FLAT = 1e-4
_REST = 1e-7
# Beyond so much the log odds are bent, towards a bound of 8 (3 in 10,000): nobody can be surer from scores, and what is
# far out keeps its order.
_STRAIGHT, _BENT = 5.0, 3.0


def two_normals(scores: Scores, known: Scores, right: float, trust: float = 1.0) -> NDArray[np.float64]:
    """The probability (n,) that each of `scores` (n,) is of the upper kind, in their order; never 0 nor 1.

    `known` (k,) scores of that kind for certain, `right` the share expected of the lot. Equal scores: equal numbers.
    `trust` in the scores, from 1 to 0, draws the log odds towards those of `right`.
    """
    both = np.r_[scores, known].astype(np.float64)
    n, k = len(scores), len(known)
    width = both.std()
    if width < _FLAT:
        return np.full(n, right)
    points = (both - both.mean()) / width
    weights = np.r_[np.ones(n), np.full(k, min(1.0, _KNOWN * n / max(k, 1)))]
    expected = float(np.log(right / (1 - right)))
    # To begin with, the upper `right` of the lot are of the upper kind.
    order = np.argsort(np.argsort(points[:n], kind="stable"), kind="stable")
    sure = np.r_[1 / (1 + np.exp(-8 * ((order + 0.5) / n - (1 - right)))), np.ones(k)]
    slope, bias = 0.0, expected
    for _ in range(_ROUNDS):
        slope, bias = _boundary(points, weights, sure, n, right)
        after = 1 / (1 + np.exp(-np.clip(slope * points + bias, -30, 30)))
        after[n:] = 1
        moved = float(np.abs(after - sure).max())
        sure = after
        if moved < _REST:
            break
    odds = trust * (slope * points[:n] + bias) + (1 - trust) * expected
    beyond = np.maximum(np.abs(odds) - _STRAIGHT, 0)
    bent = np.sign(odds) * (np.minimum(np.abs(odds), _STRAIGHT) + beyond / (1 + beyond / _BENT))
    return np.asarray(1 / (1 + np.exp(-bent)), np.float64)


def _boundary(
    points: NDArray[np.float64], weights: NDArray[np.float64], sure: NDArray[np.float64], n: int, right: float
) -> tuple[float, float]:
    """Slope and bias of the log odds, from how sure each point is now."""
    upper, lower = weights * sure, weights * (1 - sure)
    high = float(upper @ points / max(upper.sum(), _LEAST))
    low = float(lower @ points / max(lower.sum(), _LEAST))
    spread = upper @ (points - high) ** 2 + lower @ (points - low) ** 2
    variance = max(float(spread / weights.sum()), _NARROWEST**2)
    share = float((sure[:n].sum() + _BELIEF * right) / (n + _BELIEF))
    # Were the means to change places, the order would turn round.
    slope = max((high - low) / variance, _SLOPE)
    bias = -slope * (high + low) / 2 + float(np.log(share / (1 - share)))
    return slope, bias
