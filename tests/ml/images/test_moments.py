"""Mean and std from sums that were kept: what all pixels at once would give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.images.moments import Moments, Tally
from ml.images.quality import sum_channels
from tests.ml.images.odd_files import picture

SIZES = ((30, 20), (200, 100), (64, 64), (5, 300))


@pytest.fixture
def photos() -> list[np.ndarray]:
    """Pictures of different sizes, so that the two estimators differ."""
    return [np.asarray(picture(*size, seed=place)) for place, size in enumerate(SIZES)]


def tally_of(photos: list[np.ndarray]) -> Tally:
    tally = Tally()
    for photo in photos:
        sums = sum_channels(photo)
        tally.add(sums.n, sums.sum, sums.sumsq)
    return tally


def test_the_exact_figures_are_those_of_all_pixels_at_once(photos):
    pixels = np.concatenate([photo.reshape(-1, 3) for photo in photos]) / 255
    moments = tally_of(photos).moments()
    assert moments.images == 4
    assert moments.mean == pytest.approx(pixels.mean(axis=0), rel=1e-12)
    assert moments.std == pytest.approx(pixels.std(axis=0), rel=1e-10)


def test_the_papers_loop_takes_the_mean_of_each_photos_mean_and_std(photos):
    moments = tally_of(photos).moments()
    each = [photo.reshape(-1, 3) / 255 for photo in photos]
    assert moments.seed_mean == pytest.approx(np.mean([one.mean(axis=0) for one in each], axis=0), rel=1e-12)
    stds = [one.std(axis=0, ddof=1) for one in each]
    assert moments.seed_std == pytest.approx(np.mean(stds, axis=0), rel=1e-10)
    assert moments.seed_std != pytest.approx(moments.std, rel=1e-3)


def test_tallies_of_two_halves_add_up(photos):
    half = tally_of(photos[:1])
    half.merge(tally_of(photos[1:]))
    halves, whole = half.moments(), tally_of(photos).moments()
    assert halves.images == whole.images
    for name in ("mean", "std", "seed_mean", "seed_std"):
        assert getattr(halves, name) == pytest.approx(getattr(whole, name), rel=1e-12)


def test_a_photo_of_one_colour_has_no_spread_and_one_pixel_is_enough():
    flat = tally_of([np.full((7, 9, 3), 77, np.uint8), np.full((1, 1, 3), 77, np.uint8)]).moments()
    assert flat.mean == pytest.approx((77 / 255,) * 3)
    assert flat.std == pytest.approx((0,) * 3, abs=1e-7)
    assert flat.seed_std == pytest.approx((0,) * 3, abs=1e-7)


def test_no_photos_have_no_mean():
    with pytest.raises(ValueError, match="no photos"):
        Tally().moments()


def test_a_statistics_file_gives_back_every_digit(photos, tmp_path: Path):
    moments = tally_of(photos).moments()
    moments.write(tmp_path / "s.json")
    assert Moments.read(tmp_path / "s.json") == moments


@pytest.mark.parametrize(
    "change",
    [lambda text: text[:-9], lambda text: text.replace('"version": 1', '"version": 2'), lambda _: "[]"],
)
def test_another_file_is_no_statistics_file(photos, tmp_path: Path, change):
    path = tmp_path / "s.json"
    tally_of(photos).moments().write(path)
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match="no statistics file"):
        Moments.read(path)
