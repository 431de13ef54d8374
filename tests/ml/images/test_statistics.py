"""Mean and std of a data set: exact over all pixels, and as the usual loop has them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ml.images.statistics import measure_statistics
from tests.ml.images.odd_files import picture


@pytest.fixture
def folder(tmp_path):
    """Photos of different sizes, so that the two estimators differ."""
    for place, size in enumerate([(30, 20), (200, 100), (64, 64), (5, 300)]):
        picture(*size, seed=place).save(tmp_path / f"{place}.png")
    return tmp_path


def test_the_exact_estimator_is_that_of_all_pixels_at_once(folder):
    paths = sorted(folder.glob("*.png"))
    pixels = np.concatenate([np.asarray(Image.open(path)).reshape(-1, 3) for path in paths]) / 255
    statistics = measure_statistics(paths, workers=2).moments
    assert statistics.images == 4
    assert statistics.mean == pytest.approx(pixels.mean(axis=0), rel=1e-12)
    assert statistics.std == pytest.approx(pixels.std(axis=0), rel=1e-12)


def test_the_usual_loops_estimator_averages_over_photos(folder):
    paths = sorted(folder.glob("*.png"))
    photos = [np.asarray(Image.open(path)).reshape(-1, 3) / 255 for path in paths]
    statistics = measure_statistics(paths, workers=2).moments
    means, stds = [photo.mean(axis=0) for photo in photos], [photo.std(axis=0, ddof=1) for photo in photos]
    assert statistics.seed_mean == pytest.approx(np.mean(means, axis=0), rel=1e-12)
    assert statistics.seed_std == pytest.approx(np.mean(stds, axis=0), rel=1e-12)
    printed = measure_statistics(paths).as_json()
    assert printed.keys() == {"images", "mean", "std", "seed_estimator", "seconds"}


def test_the_number_of_threads_changes_nothing(folder):
    paths = sorted(folder.glob("*.png"))
    one, three = (measure_statistics(paths, workers=n).moments for n in (1, 3))
    assert one.mean == pytest.approx(three.mean, rel=1e-12)
    assert one.std == pytest.approx(three.std, rel=1e-12)


def test_unreadable_files_are_reported_and_the_rest_counted(folder):
    (folder / "broken.png").write_bytes(b"text")
    seen = []
    statistics = measure_statistics(sorted(folder.glob("*.png")), workers=2, progress=seen.append)
    assert statistics.moments.images == 4
    assert [(one.path.name, one.code) for one in statistics.unreadable] == [("broken.png", "not_an_image")]
    assert sum(seen) == 5


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="No photo could be read"):
        measure_statistics([tmp_path / "a.jpg"])
