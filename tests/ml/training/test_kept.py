import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ml.backbones.pipeline import Photo
from ml.training.kept import KeptPictures

PHOTOS = [Photo(f"{number:064x}") for number in range(12)]


class Maker:
    """Makes a picture of a photo's own size and colour, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[Photo] = []

    def __call__(self, photo: Photo) -> np.ndarray:
        self.asked.append(photo)
        number = int(photo.sha256, 16)
        return np.random.default_rng(number).integers(0, 256, (10 + number, 20, 3), np.uint8)


@pytest.fixture
def maker() -> Maker:
    return Maker()


def test_a_picture_is_made_once_and_comes_back_as_it_was(tmp_path, maker):
    kept = KeptPictures(tmp_path, maker)
    first = [kept.picture(photo) for photo in PHOTOS]
    again = [kept.picture(photo) for photo in reversed(PHOTOS)]
    assert maker.asked == PHOTOS
    assert all(np.array_equal(a, b) for a, b in zip(first, reversed(again), strict=True))


def test_what_is_kept_cannot_be_changed_by_whoever_reads_it(tmp_path, maker):
    kept = KeptPictures(tmp_path, maker)
    kept.picture(PHOTOS[0])
    with pytest.raises(ValueError, match="read-only"):
        kept.picture(PHOTOS[0])[:] = 0


def test_a_mirrored_copy_is_a_picture_of_its_own(tmp_path, maker):
    kept = KeptPictures(tmp_path, maker)
    for transform in ("original", "hflip"):
        kept.picture(Photo(PHOTOS[0].sha256, transform=transform))
    assert len(maker.asked) == 2


def test_threads_that_ask_at_once_get_the_right_pictures(tmp_path, maker):
    kept = KeptPictures(tmp_path, maker)
    expected = {photo: Maker()(photo) for photo in PHOTOS}
    with ThreadPoolExecutor(8) as pool:
        asked = PHOTOS * 40
        for photo, picture in zip(asked, pool.map(kept.picture, asked), strict=True):
            assert np.array_equal(picture, expected[photo])


def test_beyond_the_cap_pictures_are_made_anew_and_still_right(tmp_path, maker):
    kept = KeptPictures(tmp_path, maker, cap_bytes=2000)
    for photo in PHOTOS * 2:
        assert np.array_equal(kept.picture(photo), Maker()(photo))
    assert len(PHOTOS) < len(maker.asked) < 2 * len(PHOTOS)


def test_a_full_disk_only_ends_the_keeping(tmp_path, maker):
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=8k none {tmp_path} 2>/dev/null") != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        kept = KeptPictures(tmp_path, maker)
        for photo in PHOTOS * 2:
            assert np.array_equal(kept.picture(photo), Maker()(photo))
        assert len(PHOTOS) < len(maker.asked) < 2 * len(PHOTOS)
        kept.close()
        assert os.system(f"umount {tmp_path}") == 0  # nothing holds the disk any more
    finally:
        os.system(f"umount -l {tmp_path} 2>/dev/null")


def test_nothing_lies_on_the_disk_by_name(tmp_path, maker):
    kept = KeptPictures(tmp_path / "new", maker)
    kept.picture(PHOTOS[0])
    assert list((tmp_path / "new").iterdir()) == []
