import numpy as np
import pytest

from ml.evaluation.looks import colour_histogram, distance, texture_histogram


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((64, 64, 3), colour, np.uint8)


def stripes(step: int) -> np.ndarray:
    out = plain((40, 40, 40))
    out[:, (np.arange(64) // step) % 2 == 0] = 200
    return out


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)


def test_each_is_shares_that_add_up_to_one():
    for picture in (noise(), stripes(4), plain((0, 0, 0))):
        assert colour_histogram(picture).sum() == pytest.approx(1)
        assert texture_histogram(picture).sum() == pytest.approx(1)
    assert colour_histogram(noise()).shape == (128,)
    assert texture_histogram(noise()).shape == (59,)


def test_a_plain_picture_is_all_one_colour_and_all_one_texture():
    assert colour_histogram(plain((250, 10, 10))).max() == 1
    # Every neighbour is at least as bright: the pattern of eight ones.
    assert texture_histogram(plain((9, 9, 9)))[57] == 1


def test_red_and_blue_share_nothing_and_turning_a_picture_changes_no_colour():
    assert distance(colour_histogram(plain((250, 0, 0))), colour_histogram(plain((0, 0, 250)))) == 1
    assert distance(colour_histogram(noise()), colour_histogram(noise()[::-1])) == 0


def test_textures_differ_where_colours_do_not_and_the_other_way_round():
    wide, narrow = stripes(8), stripes(2)
    assert distance(colour_histogram(wide), colour_histogram(narrow)) < 0.05
    assert distance(texture_histogram(wide), texture_histogram(narrow)) > 0.3
    tinted = stripes(8) // np.array([1, 2, 4], np.uint8)
    assert distance(texture_histogram(wide), texture_histogram(tinted)) < 0.05
    assert distance(colour_histogram(wide), colour_histogram(tinted)) > 0.5


def test_a_single_dark_pixel_is_the_pattern_worked_out_by_hand():
    picture = plain((100, 100, 100))
    picture[30, 30] = 0
    shares = texture_histogram(picture) * 62 * 62
    # Eight pixels have one darker neighbour (seven ones in a row), all others eight ones, the dark one too.
    assert shares[57] == pytest.approx(62 * 62 - 8)
    assert sorted(shares[shares > 0]) == pytest.approx([1] * 8 + [62 * 62 - 8])
