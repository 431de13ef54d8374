"""Random changes of training pictures: what each may do, and that old names still draw what they drew."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ml.specs import SETTINGS
from ml.training.transforms import (
    Preprocess,
    eval_picture,
    flip,
    kept_picture,
    random_colours,
    roomy_side,
    train_picture,
)
from tests.ml.images.odd_files import picture

SIZE = 48


@pytest.fixture
def pixels() -> np.ndarray:
    return np.asarray(picture(120, 90, seed=4))


def drawn(pixels: np.ndarray, augment: str, seed: int = 0) -> np.ndarray:
    return train_picture(pixels, SIZE, np.random.default_rng(seed), augment)


def test_flips_are_those_of_opencv(pixels):
    assert np.array_equal(flip(pixels, True, False), cv2.flip(pixels, 1))
    assert np.array_equal(flip(pixels, False, True), cv2.flip(pixels, 0))


@pytest.mark.parametrize("augment", SETTINGS["augment"].choices)
def test_the_same_seed_draws_the_same_picture_of_the_asked_size(pixels, augment):
    first = drawn(pixels, augment, 3)
    assert (first.shape, first.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert np.array_equal(first, drawn(pixels, augment, 3))


def test_without_changes_training_sees_what_is_judged(pixels):
    assert np.array_equal(drawn(pixels, "none"), eval_picture(pixels, SIZE))


def test_flips_draw_all_four_ways_round_and_nothing_else(pixels):
    square = eval_picture(pixels, SIZE)
    ways = {flip(square, across, over).tobytes() for across in (False, True) for over in (False, True)}
    assert {drawn(pixels, "flips", seed).tobytes() for seed in range(40)} == ways


def test_colours_are_changed_after_the_crop_so_that_its_stream_stays_what_it_was(pixels):
    rng = np.random.default_rng(7)
    crop = train_picture(pixels, SIZE, rng, "crops_flips")
    assert np.array_equal(random_colours(crop, rng), drawn(pixels, "crops_flips_colour", 7))


def test_what_crops_and_flips_draw_has_not_changed(pixels):
    """Cached views were filled with these; another stream would need a new PREPROCESS_VERSION."""
    rng = np.random.default_rng(5)
    side = round(90 * np.sqrt(rng.uniform(0.7, 1.0)))
    top, left = rng.integers(0, 90 - side + 1), rng.integers(0, 120 - side + 1)
    square = cv2.resize(
        pixels[top : top + side, left : left + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA
    )
    across, over = rng.random(2) < 0.5
    assert np.array_equal(drawn(pixels, "crops_flips", 5), flip(square, across, over))


def test_colours_move_a_little_both_ways_and_keep_the_scene(pixels):
    square = eval_picture(pixels, SIZE).astype(float)
    variants = [random_colours(square.astype(np.uint8), np.random.default_rng(seed)) for seed in range(60)]
    light = np.array([variant.mean() / square.mean() for variant in variants])
    spread = np.array([variant.std() / square.std() for variant in variants])
    assert 0.7 < light.min() < 0.85
    assert 1.15 < light.max() < 1.3
    assert spread.min() < 0.85
    assert spread.max() > 1.1
    likeness = [np.corrcoef(variant.ravel(), square.ravel())[0, 1] for variant in variants]
    assert min(likeness) > 0.9


def test_grey_stays_grey_because_hue_and_saturation_leave_it_alone():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for seed in range(20):
        variant = random_colours(ramp, np.random.default_rng(seed)).astype(int)
        assert np.ptp(variant, axis=2).max() <= 1


def test_hue_turns_colours_by_a_few_degrees_only():
    red = np.full((1, 1, 3), (200, 60, 60), np.uint8)
    turned = [random_colours(red, np.random.default_rng(seed)) for seed in range(40)]
    hues = [int(cv2.cvtColor(one, cv2.COLOR_RGB2HSV)[0, 0, 0]) * 2 for one in turned]
    away = [min(hue, 360 - hue) for hue in hues]
    assert 4 < max(away) < 15


def test_a_mirrored_picture_gets_the_same_colours(pixels):
    mirrored = random_colours(pixels[:, ::-1], np.random.default_rng(1))
    assert np.array_equal(mirrored, random_colours(pixels, np.random.default_rng(1))[:, ::-1])


@pytest.mark.parametrize("augment", ["none", "flips"])
def test_what_is_kept_without_crops_is_the_evaluation_picture_and_draws_the_same(pixels, augment):
    kept = kept_picture(pixels, SIZE, augment)
    assert np.array_equal(kept, eval_picture(pixels, SIZE))
    for seed in range(4):
        rng = np.random.default_rng(seed)
        assert np.array_equal(
            train_picture(kept, SIZE, rng, augment, quick=True), drawn(pixels, augment, seed)
        )


@pytest.mark.parametrize("size", [32, 64])
def test_what_is_kept_for_crops_is_as_small_as_its_smallest_crop_allows(pixels, size):
    kept = kept_picture(pixels, size, "crops_flips")
    assert min(kept.shape[:2]) == min(90, roomy_side(size))
    assert kept.shape[1] / kept.shape[0] == pytest.approx(120 / 90, rel=0.03)
    smallest = round(roomy_side(size) * 0.7**0.5)
    assert size <= smallest <= size + 1


def test_quick_crops_are_the_same_squares_nearly_to_the_pixel():
    smooth = cv2.GaussianBlur(np.asarray(picture(300, 220, seed=4)), (0, 0), 2)
    kept = kept_picture(smooth, 160, "crops_flips")
    for seed in range(6):
        slow, quick = (
            train_picture(kept, 160, np.random.default_rng(seed), "crops_flips", quick=quick)
            for quick in (False, True)
        )
        assert np.abs(slow.astype(int) - quick).mean() < 1.5


def test_the_whole_photo_is_seen_up_to_its_edges():
    pixels = np.zeros((60, 100, 3), np.uint8)
    pixels[:, :8], pixels[:, -8:] = (255, 0, 0), (0, 0, 255)  # outside the centred square
    centre, whole = eval_picture(pixels, SIZE), eval_picture(pixels, SIZE, "whole")
    assert whole.shape == centre.shape == (SIZE, SIZE, 3)
    assert not centre.any()
    assert whole[:, 0, 0].min() > 200
    assert whole[:, -1, 2].min() > 200


def test_a_random_crop_of_the_whole_keeps_the_photos_shape():
    # Columns tell where they stand: the span of a crop is its width's share of the photo.
    pixels = np.repeat(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], 100, 0).repeat(3, 2)
    spans = []
    for seed in range(40):
        crop = train_picture(pixels, SIZE, np.random.default_rng(seed), "crops_flips", "whole").astype(int)
        spans.append((crop[0, :, 0].max() - crop[0, :, 0].min()) / 255)
    assert 0.78 < min(spans) < 0.9
    assert max(spans) > 0.95


def test_a_bundle_tells_how_its_pictures_are_framed():
    for framing, rule in (("centre", "centre_square_area"), ("whole", "whole_area")):
        preprocess = Preprocess(64, (0.5,) * 3, (0.5,) * 3, framing)
        assert preprocess.to_json()["resize"] == rule
        assert Preprocess.from_json(preprocess.to_json()) == preprocess
    with pytest.raises(ValueError, match="does not know"):
        Preprocess.from_json({**preprocess.to_json(), "resize": "padded"})
