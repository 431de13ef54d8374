"""Hashes, quality measures and thumbnails of one photo."""

from __future__ import annotations

import io

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image, ImageFilter

from ml.images.decode import decode_image
from ml.images.hashes import grey_of, hamming, pack_hashes, perceptual_hashes
from ml.images.quality import ChannelSummer, measure_quality, sum_channels
from ml.images.thumbnails import make_pictures
from tests.ml.images.odd_files import picture, with_place_and_date


def hashes_of(image: Image.Image) -> tuple[str, str]:
    return perceptual_hashes(grey_of(np.asarray(image.convert("RGB"))))


def bits_between(first: str, second: str) -> int:
    return int(hamming(pack_hashes([first]), pack_hashes([second]))[0])


def test_hashes_are_those_of_imagehash(trashnet):
    paths = sorted(trashnet.glob("*/*"))[::10]
    equal = 0
    for path in paths:
        image = Image.open(path)
        plain, mirrored = hashes_of(image)
        turned = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        assert bits_between(plain, str(imagehash.phash(image))) <= 2
        assert bits_between(mirrored, str(imagehash.phash(turned))) <= 2
        equal += plain == str(imagehash.phash(image))
    assert equal >= 0.97 * len(paths)


@pytest.mark.parametrize("size", [(2000, 1500), (3000, 1100), (40, 4000), (20, 20), (1, 1)])
def test_pictures_of_any_size_hash_like_imagehash(size):
    image = picture(*size)
    assert bits_between(hashes_of(image)[0], str(imagehash.phash(image))) <= (2 if min(size) > 20 else 64)
    assert len(hashes_of(image)[1]) == 16


def test_flat_pictures_hash_alike_every_time():
    assert len({hashes_of(Image.new("RGB", (50, side), (99, 99, 99))) for side in range(40, 60)}) == 1


def test_hamming_counts_differing_bits():
    packed = pack_hashes(["0000000000000000", "ffffffffffffffff", "0000000000000003"])
    assert hamming(packed[:, None], packed[None, :]).tolist() == [[0, 64, 2], [64, 0, 62], [2, 62, 0]]


@pytest.mark.parametrize("bad", ["abc", "0" * 17, "zz" * 8])
def test_what_is_no_hash_is_refused(bad):
    with pytest.raises(ValueError):
        pack_hashes([bad])


def test_brightness_goes_from_black_to_white():
    levels = [measure_quality(np.full((30, 40), grey, np.uint8)).brightness for grey in (0, 128, 255)]
    assert levels == pytest.approx([0, 128 / 255, 1])


def test_a_blurred_photo_is_less_sharp_at_any_size():
    image = picture(900, 700, seed=4)
    image = Image.fromarray(
        np.asarray(image) // 2 + np.random.default_rng(0).integers(0, 128, (700, 900, 1), dtype=np.uint8)
    )
    for size in ((900, 700), (450, 350)):
        sharp = image.resize(size)
        blurred = sharp.filter(ImageFilter.GaussianBlur(size[0] / 100))
        values = [measure_quality(grey_of(np.asarray(one))).sharpness for one in (sharp, blurred)]
        assert values[0] > 5 * values[1]


def test_entropy_is_that_of_the_histogram():
    assert measure_quality(np.full((256, 256), 7, np.uint8)).entropy == 0
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    assert measure_quality(ramp).entropy == pytest.approx(8)


def test_channel_sums_are_exact():
    pixels = np.asarray(picture(123, 77))
    sums = sum_channels(pixels)
    exact = pixels.astype(np.float64) / 255
    assert sums.n == 123 * 77
    assert sums.sum == pytest.approx(exact.sum(axis=(0, 1)), rel=1e-12)
    assert sums.sumsq == pytest.approx((exact**2).sum(axis=(0, 1)), rel=1e-12)


def test_kept_buffers_change_no_sum_whatever_size_comes_next():
    photos = [
        np.asarray(picture(*size, seed=size[0])) for size in ((60, 40), (60, 40), (40, 60), (200, 9), (3, 2))
    ]
    sums_of = ChannelSummer()
    assert [sums_of(photo) for photo in photos] == [sum_channels(photo) for photo in photos]


def test_channel_sums_are_in_rgb_order():
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., 0], pixels[:2, :, 2] = 255, 255
    sums = sum_channels(pixels)
    assert sums.sum == pytest.approx((16, 0, 8))
    assert sums.sumsq == pytest.approx((16, 0, 8))


def test_channel_sums_of_a_large_white_photo_lose_nothing():
    sums = sum_channels(np.full((5000, 6000, 3), 255, np.uint8))
    assert sums.sum == pytest.approx((30_000_000,) * 3, rel=1e-15)
    assert sums.sumsq == pytest.approx((30_000_000,) * 3, rel=1e-15)


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("size", "thumb", "view"),
    [
        ((300, 200), (300, 200), None),
        ((384, 384), (384, 384), None),
        ((800, 400), (384, 192), (800, 400)),
        ((1000, 4000), (96, 384), (320, 1280)),
        ((5000, 3), (384, 1), (1280, 1)),
    ],
)
def test_thumbnail_and_view_have_the_sizes_of_the_contract(size, thumb, view):
    pictures = make_pictures(np.asarray(picture(*size)))
    assert opened(pictures.thumb).size == thumb
    assert (pictures.view is None) if view is None else (opened(pictures.view).size == view)


def test_a_thumbnail_keeps_the_colours():
    red = np.zeros((500, 500, 3), np.uint8)
    red[..., 0] = 250
    pixels = np.asarray(opened(make_pictures(red).thumb))
    assert np.abs(pixels.astype(int) - (250, 0, 0)).max() < 6


def test_nothing_of_the_metadata_is_in_what_pages_show():
    data = with_place_and_date()
    assert b"SECRET" in data
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)
    pictures = make_pictures(decode_image(data).pixels)
    for shown in (pictures.thumb, pictures.view):
        assert shown is not None
        assert b"SECRET" not in shown
        assert b"Exif" not in shown
        assert not opened(shown).getexif()
        assert cv2.imdecode(np.frombuffer(shown, np.uint8), cv2.IMREAD_COLOR) is not None
