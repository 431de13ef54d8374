import numpy as np
import pytest
from scipy.stats import binom

from ml.bundle.familiarity import Familiarity, FamiliarityError, unit
from ml.evaluation.unknown import choose_limit, fit_familiarity, out_of_fold_distances, share_beyond

WIDTH = 40


def photos(n: int, seed: int, classes: int = 3, shift: float = 0.0):
    """Embeddings (n, 40) about a centre per class, stretched along a few directions, with their labels."""
    centres = 4 * np.random.default_rng(100).standard_normal((classes + 1, WIDTH))
    stretch = np.concatenate([np.full(5, 2.0), np.full(WIDTH - 5, 0.3)])
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    points = centres[labels] + rng.standard_normal((n, WIDTH)) * stretch + shift * centres[classes]
    return points.astype(np.float32), labels


def test_the_distance_is_mahalanobis_to_the_nearest_class():
    train, labels = photos(2000, 0)
    known = fit_familiarity(train, labels)
    points = unit(photos(50, 1)[0]).astype(np.float64)
    basis, rest = known.basis.astype(np.float64), known.rest
    precision = np.eye(WIDTH) / rest + basis.T @ np.diag(1 / known.variances - 1 / rest) @ basis
    gaps = points[:, None] - known.means[None]
    expected = np.einsum("ncd,de,nce->nc", gaps, precision, gaps).min(1) / WIDTH
    # The stored directions are rounded to half precision, so they are not quite of length one.
    assert known.distances(points.astype(np.float32)) == pytest.approx(expected, rel=0.02)


def test_its_covariance_is_that_of_the_residuals_in_its_directions():
    train, labels = photos(4000, 0)
    known = fit_familiarity(train, labels)
    points = unit(train)
    means = np.stack([points[labels == label].mean(0) for label in range(3)])
    inside = (points - means[labels]) @ known.basis.T
    assert inside.var(0) == pytest.approx(known.variances, rel=0.02)
    assert len(known.variances) == WIDTH // 2
    assert known.means == pytest.approx(means, abs=1e-3)


def test_the_length_of_an_embedding_does_not_matter():
    train, labels = photos(500, 0)
    known = fit_familiarity(train, labels)
    others, _ = photos(20, 1)
    assert known.distances(7 * others) == pytest.approx(known.distances(others), rel=1e-4)


def test_photos_of_another_kind_lie_beyond_the_limit_and_those_of_the_classes_within():
    train, labels = photos(1000, 0)
    known = fit_familiarity(train, labels)
    limit = choose_limit(known.distances(photos(400, 1)[0]), "other photos")
    assert share_beyond(known, limit, photos(2000, 2)[0]) < 0.06
    foreign = np.abs(np.random.default_rng(3).standard_normal((200, WIDTH))).astype(np.float32)
    assert share_beyond(known, limit, foreign) == 1.0


def test_the_limit_turns_away_more_than_5_percent_in_one_draw_of_ten_at_most():
    rng = np.random.default_rng(0)
    broken = 0
    for _ in range(400):
        limit = choose_limit(rng.exponential(size=300).astype(np.float32), "x").value
        broken += np.exp(-limit) > 0.05  # the true share beyond
    assert 5 < broken < 60


@pytest.mark.parametrize("n", [45, 199, 1808])
def test_as_many_lie_beyond_as_the_binomial_bound_allows(n):
    distances = np.arange(n, dtype=np.float32)
    beyond = int((distances > choose_limit(distances, "x").value).sum())
    assert binom.cdf(beyond, n, 0.05) <= 0.10 < binom.cdf(beyond + 1, n, 0.05)


def test_fewer_than_45_photos_set_no_limit_and_say_so():
    limit = choose_limit(np.arange(44, dtype=np.float32), "x")
    assert limit.value is None
    assert "44 photos are too few" in limit.note
    train, labels = photos(100, 0)
    assert share_beyond(fit_familiarity(train, labels), limit, train) is None


def test_out_of_fold_distances_are_those_of_photos_not_yet_seen():
    train, labels = photos(300, 0)
    held = out_of_fold_distances(train, labels, np.arange(300), 0)
    seen = fit_familiarity(train, labels).distances(train)
    fresh = fit_familiarity(train, labels).distances(photos(3000, 1)[0])
    assert seen.mean() < held.mean()
    assert held.mean() == pytest.approx(fresh.mean(), rel=0.1)


def test_a_single_group_holds_nothing_out():
    train, labels = photos(30, 0)
    assert len(out_of_fold_distances(train, labels, np.zeros(30, np.int64), 0)) == 0


@pytest.mark.parametrize("n", [3, 4, 9])
def test_a_handful_of_photos_can_be_fitted(n):
    train, _ = photos(n, 0)
    known = fit_familiarity(train, np.arange(n) % 3)
    assert np.isfinite(known.distances(photos(5, 1)[0])).all()


def test_embeddings_that_are_all_alike_can_be_fitted():
    same = np.ones((10, WIDTH), np.float32)
    known = fit_familiarity(same, np.arange(10) % 2)
    assert np.isfinite(known.distances(np.zeros((1, WIDTH), np.float32))).all()


def test_it_comes_back_from_its_file_byte_for_byte():
    train, labels = photos(200, 0)
    known = fit_familiarity(train, labels)
    again = Familiarity.from_bytes(known.to_bytes())
    assert again.to_bytes() == known.to_bytes()
    assert np.array_equal(again.distances(train), known.distances(train))


def test_embeddings_of_another_length_are_refused():
    train, labels = photos(200, 0)
    with pytest.raises(ValueError, match="width of 40"):
        fit_familiarity(train, labels).distances(np.zeros((1, 8), np.float32))


@pytest.mark.parametrize("change", [{"variances": -np.ones(2)}, {"rest": 0.0}, {"means": np.zeros((0, 8))}])
def test_a_file_whose_numbers_make_no_sense_is_refused(change):
    whole = {"means": np.ones((3, 8)), "basis": np.eye(8)[:2], "variances": np.ones(2), "rest": 1.0}
    data = Familiarity(**{**whole, **change}).to_bytes()
    with pytest.raises(FamiliarityError):
        Familiarity.from_bytes(data)
    Familiarity.from_bytes(Familiarity(**whole).to_bytes())


def test_nothing_in_the_file_is_executed(tmp_path):
    np.savez(tmp_path / "evil.npz", means=np.array([object()]), basis=1, variances=1, rest=1)
    with pytest.raises(FamiliarityError, match="holds no means") as refused:
        Familiarity.from_bytes((tmp_path / "evil.npz").read_bytes())
    assert "pickle" not in str(refused.value), "nobody here can change how it is read"
