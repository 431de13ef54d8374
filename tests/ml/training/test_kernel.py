import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ml.training import kernel as kernels
from ml.training.kernel import Projection, fit_kernel, kernel, kernel_folds
from ml.training.probe import signed_root

ONES = np.ones(3, np.float32)


def blobs(per_class: int, spread: float = 1.0, seed: int = 0):
    """Points around two rings and a centre: no line tells these classes apart."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(3), per_class).astype(np.int64)
    angle = rng.uniform(0, 2 * np.pi, len(labels))
    radius = 4.0 * labels + rng.normal(0, 0.5 * spread, len(labels))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32), labels


def test_the_kernel_is_the_gaussian_of_the_distance():
    rows, _ = blobs(5)
    expected = np.exp(-0.3 * cdist(rows, rows[:4]) ** 2)
    assert np.allclose(kernel(rows, rows[:4], 0.3), expected, atol=1e-4)


@pytest.mark.parametrize("exact", [8000, 0])
def test_with_every_row_a_centre_it_is_kernel_ridge_regression(monkeypatch, exact):
    monkeypatch.setattr(kernels, "EXACT", exact)
    from sklearn.kernel_ridge import KernelRidge

    rows, labels = blobs(20)
    model = fit_kernel(rows, labels, ONES, gamma=0.2, ridge=0.1, seed=0)
    targets = np.eye(3)[labels]
    reference = KernelRidge(alpha=0.1, kernel="rbf", gamma=0.2).fit(rows, targets - targets.mean(0))
    asked, _ = blobs(10, seed=1)
    expected = reference.predict(asked) + targets.mean(0)
    assert np.allclose(model.logits(asked) / kernels._SCALE, expected, atol=2e-3)


def test_it_separates_what_no_line_separates():
    rows, labels = blobs(60)
    asked, truth = blobs(40, seed=1)
    model = fit_kernel(rows, labels, ONES, gamma=0.3, ridge=0.1, seed=0)
    assert (model.logits(asked).argmax(1) == truth).mean() > 0.95


def test_few_centres_serve_many_rows_nearly_as_well(monkeypatch):
    rows, labels = blobs(200)
    asked, truth = blobs(60, seed=1)
    monkeypatch.setattr(kernels, "EXACT", 100)
    monkeypatch.setattr(kernels, "LANDMARKS", 60)
    model = fit_kernel(rows, labels, ONES, gamma=0.3, ridge=0.1, seed=0)
    assert len(model.centres) == 60
    assert (model.logits(asked).argmax(1) == truth).mean() > 0.93


def test_out_of_fold_answers_are_those_of_a_model_without_the_fold():
    rows, labels = blobs(30)
    groups = np.arange(len(rows))
    found = kernel_folds(rows, labels, groups, ONES, 0.3, seed=0, ridge=0.1)
    folds = kernels.group_folds(labels, groups, 5, 0)
    system = kernels._System(rows, labels, ONES, 0.3, folds, 5, 0)
    kept, fold = folds != 2, folds == 2
    values, targets = kernel(rows[kept], rows, 0.3), np.eye(3)[labels[kept]] - system.mean
    left = values.T @ values + 0.1 * kernel(rows, rows, 0.3) + 1e-6 * np.eye(len(rows))
    alone = kernel(rows[fold], rows, 0.3) @ np.linalg.solve(left, values.T @ targets) + system.mean
    assert np.allclose(found.logits[fold] / (kernels._SCALE * found.factor), alone, atol=2e-3)


def test_no_answer_comes_from_a_model_that_saw_the_group():
    rng = np.random.default_rng(0)
    # Rows that name the group and say nothing of the class: only a leak could answer right.
    groups = np.repeat(np.arange(100), 2)
    labels = np.repeat(rng.integers(0, 2, 100), 2).astype(np.int64)
    rows = rng.standard_normal((100, 20)).astype(np.float32)[groups]
    weights = np.ones(2, np.float32)
    found = kernel_folds(rows, labels, groups, weights, 0.1, seed=0)
    assert 0.3 < (found.logits.argmax(1) == labels).mean() < 0.7
    leaky = kernel_folds(rows, labels, np.arange(200), weights, 0.1, seed=0)
    assert (leaky.logits.argmax(1) == labels).mean() > 0.75


def test_the_ridge_that_did_best_is_taken_and_a_given_one_is_kept():
    rows, labels = blobs(30, spread=2.0)
    groups = np.arange(len(rows))
    found = kernel_folds(rows, labels, groups, ONES, 0.3, seed=0)
    assert set(found.scores) == set(kernels.RIDGES)
    assert found.scores[found.ridge] == max(found.scores.values())
    assert kernel_folds(rows, labels, groups, ONES, 0.3, seed=0, ridge=0.5).ridge == 0.5


def test_class_weights_count_like_repeated_photos():
    rows, labels = blobs(12)
    weights = np.array([1, 2, 1], np.float32)
    twice = np.concatenate([np.arange(len(rows)), np.flatnonzero(labels == 1)])
    asked, _ = blobs(10, seed=1)
    weighted = fit_kernel(rows, labels, weights, 0.3, 0.1, seed=0).logits(asked)
    repeated = fit_kernel(rows[twice], labels[twice], ONES, 0.3, 0.1, seed=0).logits(asked)
    assert np.allclose(weighted, repeated, atol=0.05)


def test_the_projection_keeps_distances_that_matter_and_is_decided_by_the_seed():
    rng = np.random.default_rng(0)
    plane = rng.standard_normal((200, 6)) @ rng.standard_normal((6, 300)) + 0.01 * rng.standard_normal(
        (200, 300)
    )
    features = plane.astype(np.float32)
    projection, again = Projection.of(features, 0), Projection.of(features, 0)
    assert np.array_equal(projection.components, again.components)
    seen = projection.apply(features)
    whole = (signed_root(features) - projection.mean) / projection.deviation
    assert np.allclose(cdist(seen, seen), cdist(whole, whole), atol=0.1 * cdist(whole, whole).max())


def test_the_projection_of_many_is_that_of_each(monkeypatch):
    features = np.random.default_rng(0).standard_normal((50, 30)).astype(np.float32)
    projection = Projection.of(features, 0)
    whole = projection.apply(features)
    monkeypatch.setattr(kernels, "_CHUNK", 7)
    assert np.allclose(projection.apply(features), whole, atol=1e-5)
    assert projection.apply(features[:0]).shape == (0, whole.shape[1])


@pytest.mark.parametrize("count", [0, 1])
def test_any_number_of_rows_can_be_asked(count):
    rows, labels = blobs(10)
    model = fit_kernel(rows, labels, ONES, 0.3, 0.1, seed=0)
    assert model.logits(rows[:count]).shape == (count, 3)
