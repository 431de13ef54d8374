"""Decoding: every odd file becomes upright RGB or an error whose code and sentence are right."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.images import decode, sniff
from ml.images.decode import decode_image
from ml.images.errors import (
    Broken,
    EmptyFile,
    NotAnImage,
    TooLarge,
    TooManyPixels,
    Truncated,
    UnsupportedFormat,
)
from tests.ml.images.odd_files import (
    bomb_png,
    bomb_webp,
    encoded,
    jpeg,
    picture,
    with_orientation,
    with_place_and_date,
)


def difference(first: np.ndarray, second: np.ndarray) -> int:
    return int(np.abs(first.astype(int) - np.asarray(second).astype(int)).max())


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_accepted_kinds_become_rgb_pixels(kind):
    decoded = decode_image(encoded(picture(), kind))
    assert decoded.pixels.shape == (48, 64, 3)
    assert decoded.pixels.dtype == np.uint8
    assert (decoded.width, decoded.height, decoded.format) == (64, 48, kind)
    assert np.abs(decoded.pixels.astype(int) - np.asarray(picture()).astype(int)).mean() < 8


def test_a_heic_photo_is_read_with_its_plug_in():
    heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif")
    heif.register_heif_opener()
    decoded = decode_image(encoded(picture(), "HEIF", quality=95))
    assert (decoded.width, decoded.height, decoded.format) == (64, 48, "HEIF")


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", [(64, 48), (61, 47), (1, 1), (17, 300)])
def test_the_quick_way_gives_pillows_pixels(subsampling, size, monkeypatch):
    data = jpeg(*size, subsampling=subsampling, quality=80)
    monkeypatch.setattr(decode, "_decode_by_pillow", lambda *_: pytest.fail("the slow way was taken"))
    assert difference(decode_image(data).pixels, by_pillow(data)) == 0


def test_real_photos_come_out_as_pillow_reads_them(trashnet):
    for path in sorted(trashnet.glob("*/*"))[::50]:
        data = path.read_bytes()
        assert difference(decode_image(data).pixels, by_pillow(data)) == 0


def test_a_grey_and_a_progressive_jpeg_are_read():
    grey = encoded(picture().convert("L"), "JPEG")
    assert difference(decode_image(grey).pixels, by_pillow(grey)) == 0
    progressive = jpeg(progressive=True)
    assert difference(decode_image(progressive).pixels, by_pillow(progressive)) == 0


def test_an_empty_file_is_called_empty():
    with pytest.raises(EmptyFile):
        decode_image(b"")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
def test_a_jpeg_cut_short_anywhere_is_called_truncated(progressive, keep):
    data = jpeg(256, 256, progressive=progressive)
    cut = data[: int(len(data) * keep)]
    with pytest.raises(Truncated):
        decode_image(cut)


def test_a_jpeg_without_its_last_bytes_or_with_zeros_instead_is_called_truncated():
    data = jpeg(256, 256)
    for missing in (2, 10, len(data) // 2):
        with pytest.raises(Truncated):
            decode_image(data[:-missing])
        with pytest.raises(Truncated):
            decode_image(data[:-missing] + bytes(missing))


def test_the_embedded_preview_of_a_cut_photo_does_not_pass_for_its_end():
    exif = Image.Exif()
    exif[0x010E] = "\u00ff"
    data = jpeg(256, 256, exif=exif.tobytes() + jpeg(16, 16))
    assert sniff.jpeg_layout(data) is not None
    with pytest.raises(Truncated):
        decode_image(data[:-200])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("keep", [0.2, 0.6, 0.95])
def test_png_and_webp_cut_short_are_called_truncated(kind, keep):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    with pytest.raises(Truncated):
        decode_image(data[: int(len(data) * keep)])


def test_damage_in_the_middle_of_a_png_is_called_broken():
    data = bytearray(encoded(picture(300, 300), "PNG"))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    with pytest.raises(Broken):
        decode_image(bytes(data))


@pytest.mark.parametrize(
    "text",
    [b"hello, this is text named .jpg", b"<!doctype html><html>", b"BM is how this note begins", bytes(99)],
)
def test_a_file_that_is_no_picture_is_refused(text):
    with pytest.raises(NotAnImage, match="JPEG, PNG or WebP"):
        decode_image(text)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encoded(picture(), "GIF"), "GIF"),
        (encoded(picture(), "BMP"), "BMP"),
        (encoded(picture(), "TIFF"), "TIFF"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    ],
)
def test_pictures_of_other_kinds_are_refused_by_name(data, name):
    with pytest.raises(UnsupportedFormat, match=name):
        decode_image(data)


def test_a_png_of_900_million_pixels_is_refused_before_it_is_decoded():
    data = bomb_png()
    assert len(data) < 2_000_000
    with pytest.raises(TooManyPixels, match="30,000 by 30,000"):
        decode_image(data)


def test_the_canvas_of_a_webp_is_judged_before_it_is_reserved():
    with pytest.raises(TooManyPixels, match="16,383 by 16,383"):
        decode_image(bomb_webp())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_caps_on_pixels_and_bytes_are_the_callers(kind):
    data = encoded(picture(), kind)
    assert decode_image(data, max_pixels=64 * 48, max_bytes=len(data)).width == 64
    with pytest.raises(TooManyPixels):
        decode_image(data, max_pixels=64 * 48 - 1)
    with pytest.raises(TooLarge):
        decode_image(data, max_bytes=len(data) - 1)


def test_a_cmyk_jpeg_keeps_its_colours():
    data = encoded(picture().convert("CMYK"), "JPEG", quality=95)
    assert np.abs(decode_image(data).pixels.astype(int) - np.asarray(picture()).astype(int)).mean() < 8


def test_a_16_bit_grey_png_keeps_its_greys():
    greys = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    data = cv2.imencode(".png", greys)[1].tobytes()
    pixels = decode_image(data).pixels
    assert difference(pixels, np.repeat((greys >> 8)[:, :, None], 3, axis=2)) == 0


def test_a_16_bit_colour_png_keeps_its_colours():
    deep = np.asarray(picture()).astype(np.uint16) * 257
    data = cv2.imencode(".png", deep[:, :, ::-1])[1].tobytes()
    assert difference(decode_image(data).pixels, np.asarray(picture())) <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 100}), ("JPEG", {"progressive": True, "quality": 100}), ("PNG", {})],
)
def test_every_exif_orientation_is_undone_once(orientation, kind, options):
    decoded = decode_image(with_orientation(picture(), orientation, kind, **options))
    assert (decoded.width, decoded.height) == (64, 48)
    assert np.abs(decoded.pixels.astype(int) - np.asarray(picture()).astype(int)).mean() < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_means_nothing_is_left_alone(orientation):
    decoded = decode_image(with_orientation(picture(), orientation))
    assert (decoded.width, decoded.height) == (64, 48)


def test_a_damaged_exif_block_does_not_cost_the_photo():
    data = jpeg()
    block = b"Exif\0\0" + b"II*\0" + b"\xff" * 30
    damaged = data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]
    assert decode_image(damaged).width == 64


def test_the_first_frame_of_an_animated_webp_is_taken():
    frames = [picture(seed=1), picture(seed=2)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert difference(decode_image(data).pixels, np.asarray(frames[0])) == 0


def test_transparency_is_laid_on_white():
    layer = picture().convert("RGBA")
    layer.putalpha(0)
    for kind in ("PNG", "WEBP"):
        assert (decode_image(encoded(layer, kind)).pixels == 255).all()
    layer.putalpha(128)
    half = decode_image(encoded(layer, "PNG")).pixels.astype(int)
    assert np.abs(half - (np.asarray(picture()).astype(int) + 255) / 2).max() < 3


def test_a_palette_with_a_transparent_colour_is_laid_on_white():
    image = Image.new("P", (10, 10), 0)
    image.putpalette([0, 0, 0, 200, 10, 10])
    image.paste(1, (5, 0, 10, 10))
    pixels = decode_image(encoded(image, "PNG", transparency=0)).pixels
    assert (pixels[:, :5] == 255).all()
    assert (pixels[:, 5:] == (200, 10, 10)).all()


def test_a_black_and_white_picture_and_grey_with_alpha_are_read():
    assert decode_image(encoded(picture().convert("1"), "PNG")).pixels.shape == (48, 64, 3)
    assert decode_image(encoded(picture().convert("LA"), "PNG")).pixels.shape == (48, 64, 3)


def test_the_time_of_the_photo_is_read_where_the_camera_wrote_it():
    assert decode_image(with_place_and_date()).exif_date == "2024-05-06T07:08:09"
    assert decode_image(jpeg()).exif_date is None


def test_random_damage_is_a_verdict_and_never_another_error():
    rng = np.random.default_rng(3)
    samples = [jpeg(), jpeg(progressive=True), encoded(picture(), "PNG"), encoded(picture(), "WEBP")]
    samples.append(with_place_and_date())
    samples.append(encoded(picture(), "WEBP", save_all=True, append_images=[picture(seed=5)]))
    outcomes = set()
    for data in samples:
        for _ in range(150):
            damaged = bytearray(data)
            for place in rng.integers(12, len(data), rng.integers(1, 20)):
                damaged[place] = rng.integers(0, 256)
            try:
                decode_image(bytes(damaged), max_pixels=4_000_000)
                outcomes.add("ok")
            except decode.DecodeError as error:
                outcomes.add(error.code)
    assert {"ok", "broken"} <= outcomes


@pytest.mark.parametrize(
    ("at_least", "share"),
    [(0, 1), (481, 1), (241, 1), (240, 2), (121, 2), (120, 4), (60, 8), (1, 8)],
)
def test_a_large_photo_is_decoded_smaller_while_its_shorter_side_keeps_what_is_asked(at_least, share):
    data = jpeg(640, 480)
    decoded = decode_image(data, at_least=at_least)
    shape = (640 // share, 480 // share)
    assert (decoded.width, decoded.height) == shape
    shrunk = cv2.resize(decode_image(data).pixels, shape, interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - decoded.pixels).mean() < 1


def test_odd_sides_are_rounded_up():
    decoded = decode_image(jpeg(641, 481), at_least=100)
    assert (decoded.width, decoded.height) == (161, 121)


def test_a_photo_decoded_smaller_stands_upright_too():
    data = with_orientation(picture(160, 120), 6)
    whole, small = decode_image(data), decode_image(data, at_least=10)
    assert small.width < whole.width
    assert (small.width < small.height) == (whole.width < whole.height)
    shrunk = cv2.resize(whole.pixels, (small.width, small.height), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - small.pixels).mean() < 8


def test_a_cut_photo_is_found_out_when_decoded_smaller():
    with pytest.raises(Truncated):
        decode_image(jpeg(641, 481)[:-200], at_least=20)
