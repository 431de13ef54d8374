import numpy as np
import pytest

from ml.evaluation import far
from ml.evaluation.far import FASHION_FILE, FASHION_MISSING, far_pictures

DRAWN = ("uniform_noise", "gaussian_noise", "screenshots")


def test_as_many_pictures_of_each_kind_as_asked_all_different():
    found, _ = far_pictures(6, 0)
    for kind in DRAWN:
        assert len(found[kind]) == 6
        assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in found[kind])
        assert len({picture.tobytes() for picture in found[kind]}) == 6


def test_the_same_seed_gives_the_same_pictures_and_another_others():
    first, again, other = (far_pictures(3, seed)[0] for seed in (0, 0, 1))
    for kind in first:
        assert all(map(np.array_equal, first[kind], again[kind]))
        assert not any(map(np.array_equal, first[kind], other[kind]))


def test_a_screen_is_mostly_one_ground_and_has_writing_while_noise_has_neighbours_unlike():
    found, _ = far_pictures(8, 0)
    for screen in found["screenshots"]:
        _, counts = np.unique(screen.reshape(-1, 3), axis=0, return_counts=True)
        assert counts.max() > 0.4 * counts.sum()
        assert len(counts) > 10, "the smooth edges of letters"
    for noise in found["uniform_noise"]:
        steps = np.diff(noise.astype(float), axis=1)
        assert np.abs(steps).mean() == pytest.approx(256 / 3, rel=0.02)


def test_fashion_mnist_is_read_as_grey_pictures_of_28_pixels():
    if not FASHION_FILE.is_file():
        pytest.skip(FASHION_MISSING)
    found, left_out = far_pictures(20, 0)
    assert not left_out
    for picture in found["fashion_mnist"]:
        assert picture.shape == (28, 28, 3)
        assert np.array_equal(picture[..., 0], picture[..., 2])
        assert picture.max() > 100
        assert (picture == 0).mean() > 0.1, "the ground of these pictures is black"
    brightness = np.mean(found["fashion_mnist"], axis=(0, 1, 3))
    assert brightness[[0, -1]].max() < 0.5 * brightness[10:18].min(), "clothes stand in the middle"


def test_without_its_package_fashion_mnist_is_left_out_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(far, "FASHION_FILE", tmp_path / "absent.gz")
    found, left_out = far_pictures(1, 0)
    assert tuple(found) == DRAWN
    assert left_out == {"fashion_mnist": FASHION_MISSING}
