import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ml.training.logistic import Fitter, Problems, probabilities, softmax


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 240)
    x = rng.standard_normal((240, 12)).astype(np.float32) + 1.2 * np.eye(4, 12, dtype=np.float32)[labels]
    return x, labels.astype(np.int64)


def problems(data, l2, weights=None) -> Problems:
    x, labels = data
    weights = np.ones((len(l2), len(x))) if weights is None else weights
    weights = weights / weights.sum(1, keepdims=True)
    return Problems(x, labels, weights.astype(np.float32), np.array(l2, np.float32), 4)


def fitted(given: Problems) -> np.ndarray:
    fitter = Fitter(given)
    fitter.run(300)
    return fitter.theta


def test_it_finds_what_scikit_learn_finds(data):
    x, labels = data
    (theta,) = fitted(problems(data, [0.05]))
    other = LogisticRegression(C=1 / (0.05 * len(x)), tol=1e-8, max_iter=1000).fit(x, labels)
    assert np.abs(probabilities(x, theta) - other.predict_proba(x)).max() < 5e-3


def test_problems_fitted_together_come_out_as_if_fitted_alone(data):
    rng = np.random.default_rng(0)
    weights = (rng.random((3, 240)) < 0.7).astype(np.float32)
    together = fitted(problems(data, [0.3, 0.03, 0.01], weights))
    for place, l2 in enumerate((0.3, 0.03, 0.01)):
        (alone,) = fitted(problems(data, [l2], weights[place : place + 1]))
        assert np.abs(together[place] - alone).max() < 2e-2


def test_a_row_of_weight_zero_has_no_influence(data):
    x, labels = data
    weights = np.ones((1, 240))
    weights[0, ::3] = 0
    (masked,) = fitted(problems(data, [0.1], weights))
    kept = np.flatnonzero(weights[0])
    (dropped,) = fitted(problems((x[kept], labels[kept]), [0.1]))
    assert np.abs(masked - dropped).max() < 1e-2


def test_the_gradient_is_the_slope_of_the_loss(data):
    given = problems(data, [0.1])
    rng = np.random.default_rng(1)
    theta = rng.standard_normal((1, 13, 4)).astype(np.float32) * 0.3
    move = rng.standard_normal(theta.shape).astype(np.float32)
    _, gradient = given.evaluate(theta, np.arange(1))
    up, _ = given.evaluate(theta + 1e-2 * move, np.arange(1))
    down, _ = given.evaluate(theta - 1e-2 * move, np.arange(1))
    assert (up - down)[0] / 2e-2 == pytest.approx((gradient * move).sum(), rel=1e-2)


def test_the_loss_never_rises_from_stage_to_stage(data):
    fitter = Fitter(problems(data, [0.001]))
    losses = []
    for _ in range(6):
        fitter.run(5)
        losses.append(float(fitter.loss[0]))
    assert losses == sorted(losses, reverse=True)


def test_softmax_bears_large_logits():
    assert np.allclose(
        softmax(np.array([[1000.0, 0.0], [-1000.0, -1000.0]], np.float32)), [[1, 0], [0.5, 0.5]]
    )
