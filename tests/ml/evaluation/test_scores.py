import numpy as np
import pytest

from ml.evaluation.scores import SCORES

# Wider than the 128 directions that one score takes for the photos' own.
WIDTH, MORE, CLASSES = 200, 20, 3
# Far from the middle and from each other, so that each score, whatever it looks at, can tell.
CENTRES = 5 * np.random.default_rng(0).standard_normal((CLASSES + 1, WIDTH + MORE))


def photos(n: int, seed: int, labels=None):
    """Features (n, 220), of which the first 200 are the embedding, with their labels; class 3 is the stranger."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, n) if labels is None else np.full(n, labels)
    return (CENTRES[labels] + rng.standard_normal((n, WIDTH + MORE))).astype(np.float32), labels


@pytest.mark.parametrize("name", SCORES)
def test_a_stranger_scores_higher_than_photos_like_the_training_ones(name):
    score = SCORES[name](*photos(600, 1), WIDTH)
    known, strange = score(photos(300, 2)[0]), score(photos(300, 3, labels=CLASSES)[0])
    assert known.shape == (300,)
    larger = (strange[:, None] > known[None]).mean()  # the area under the ROC curve
    assert larger > (0.8 if name in {"energy", "confidence"} else 0.95)


def test_the_fifth_nearest_decides_the_cosine_score():
    train, labels = photos(50, 1)
    rows, _ = photos(7, 2)
    found = SCORES["cosine_5th_neighbour"](train, labels, WIDTH)(rows)
    points, asked = (
        x[:, :WIDTH] / np.linalg.norm(x[:, :WIDTH], axis=1, keepdims=True) for x in (train, rows)
    )
    assert found == pytest.approx(1 - np.sort(asked @ points.T, axis=1)[:, -5], abs=1e-5)


def test_only_the_probes_scores_look_beyond_the_embedding():
    train, labels = photos(300, 1)
    rows, _ = photos(20, 2)
    moved = rows.copy()
    moved[:, WIDTH:] += 3
    changed = {
        name
        for name, fit in SCORES.items()
        if not np.array_equal(fit(train, labels, WIDTH)(rows), fit(train, labels, WIDTH)(moved))
    }
    assert changed == {"energy", "confidence"}


def test_the_relative_score_takes_the_distance_to_all_photos_away():
    train, labels = photos(300, 1)
    rows, _ = photos(20, 2)
    crowd = SCORES["mahalanobis_unit"](train, np.zeros(300, np.int64), WIDTH)(rows)
    own = SCORES["mahalanobis_unit"](train, labels, WIDTH)(rows)
    found = SCORES["relative_mahalanobis_unit"](train, labels, WIDTH)(rows)
    assert found == pytest.approx(own - crowd, abs=1e-5)
