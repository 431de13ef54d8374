"""The preview of augmented pictures: a function, a contact sheet, and the command that writes one."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ml.training.preview import contact_sheet, preview, write_picture
from tests.ml.images.odd_files import jpeg, picture
from tests.ml.worlds import ml


@pytest.fixture
def pixels() -> np.ndarray:
    return np.asarray(picture(90, 120, seed=3))


def test_a_preview_is_so_many_different_variants_and_the_same_for_the_same_seed(pixels):
    first, again = (preview(pixels, 32, "crops_flips_colour", 1, 6) for _ in range(2))
    assert [one.shape for one in first] == [(32, 32, 3)] * 6
    assert len({one.tobytes() for one in first}) == 6
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    other = preview(pixels, 32, "crops_flips_colour", 2, 6)
    assert not {one.tobytes() for one in first} & {one.tobytes() for one in other}


@pytest.mark.parametrize(
    ("count", "columns", "shape"), [(9, 0, (104, 104, 3)), (5, 3, (68, 104, 3)), (2, 8, (32, 68, 3))]
)
def test_a_contact_sheet_has_rows_of_pictures_four_pixels_apart(count, columns, shape):
    pictures = [np.full((32, 32, 3), place, np.uint8) for place in range(count)]
    sheet = contact_sheet(pictures, columns)
    assert sheet.shape == shape
    assert set(np.unique(sheet)) == {*range(count), 255}
    assert (sheet[:32, 36:68] == 1).all()


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])


def test_a_written_picture_has_its_colours_in_order(tmp_path):
    write_picture(np.full((4, 4, 3), (250, 120, 10), np.uint8), tmp_path / "p.png")
    assert cv2.imread(tmp_path / "p.png", cv2.IMREAD_COLOR_RGB)[0, 0].tolist() == [250, 120, 10]


def test_the_command_writes_a_sheet_with_the_judged_picture_first(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(seed=3))
    out = tmp_path / "sheet.png"
    done = ml("preview", tmp_path / "a.jpg", "--augment", "flips", "--count", 3, "--size", 40, "--out", out)
    said = json.loads(done.stdout)
    assert (said["augment"], said["count"], said["width"], said["height"]) == ("flips", 3, 84, 84)
    assert cv2.imread(out).shape == (84, 84, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--out": "sheet.gif"}, "must end in"),
        ({"--count": 0}, "--count must be from 1"),
        ({"--size": 5}, "--size must be from 16"),
        ({"--seed": -1}, "--seed must be 0 or more"),
    ],
)
def test_bad_settings_end_with_2_and_what_to_do(tmp_path, change, said):
    (tmp_path / "a.jpg").write_bytes(jpeg(seed=3))
    words = {"--out": "sheet.png", **change}
    words["--out"] = tmp_path / words["--out"]
    done = ml("preview", tmp_path / "a.jpg", *(word for pair in words.items() for word in pair), check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("data", [b"", b"not a photo", None])
def test_what_is_no_photo_is_said(tmp_path, data):
    if data is not None:
        (tmp_path / "a.jpg").write_bytes(data)
    done = ml("preview", tmp_path / "a.jpg", "--out", tmp_path / "s.png", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a.jpg" in done.stderr
