import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.backbones.pipeline import Photo, UnreadablePhotoError, batches, read_pixels
from ml.store import Store
from ml.training.transforms import Preprocess
from tests.support.photos import jpeg

PREPROCESS = Preprocess(48, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (48, 48, 3), np.uint8)


@pytest.mark.parametrize("channels_last", [False, True])
def test_batches_hold_the_normalised_pictures_in_order(channels_last):
    places, seen = [], []
    for where, batch in batches(range(70), picture, PREPROCESS, 32, channels_last=channels_last):
        places += range(70)[where]
        seen.append(batch)
    assert places == list(range(70))
    assert [len(batch) for batch in seen] == [32, 32, 6]
    assert np.array_equal(np.concatenate(seen), PREPROCESS.batch([picture(number) for number in range(70)]))


def test_by_pixel_a_batch_needs_no_copy_to_suit_convolutions():
    (_, batch), *_ = batches(range(4), picture, PREPROCESS, channels_last=True)
    tensor = torch.from_numpy(batch)
    assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_mirrored_pictures_are_normalised_as_well():
    def mirrored(number):
        return picture(number)[:, ::-1][::-1]

    ((_, by_pixel),) = batches(range(3), mirrored, PREPROCESS, channels_last=True)
    assert np.array_equal(by_pixel, PREPROCESS.batch([mirrored(number) for number in range(3)]))


def photo_of(path: Path, transform: str = "original") -> Photo:
    return Photo(hashlib.sha256(path.read_bytes()).hexdigest(), str(path), transform)


def test_a_photo_whose_bytes_have_changed_is_not_taken_for_the_one_that_was_meant(tmp_path):
    path = tmp_path / "0.jpg"
    path.write_bytes(jpeg(0))
    meant = photo_of(path)
    path.write_bytes(jpeg(1))
    with pytest.raises(UnreadablePhotoError, match=r"0\.jpg is no longer the one that was meant"):
        read_pixels(Store(tmp_path), meant)


def test_an_unreadable_photo_is_told_by_its_name_in_its_turn(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number, size=(48, 48)) if number < 2 else b"")
    photos = [photo_of(tmp_path / f"{number}.jpg") for number in range(3)]
    store = Store(tmp_path)
    done = batches(photos, lambda photo: read_pixels(store, photo), PREPROCESS, 1)
    assert [where.start for where, _ in (next(done), next(done))] == [0, 1]
    with pytest.raises(UnreadablePhotoError, match=r"2\.jpg cannot be used: The file is empty"):
        next(done)


def test_a_large_photo_may_be_read_smaller_and_mirrored_all_the_same(tmp_path):
    path = tmp_path / "large.jpg"
    path.write_bytes(jpeg(1, size=(640, 480)))
    store = Store(tmp_path)
    small = read_pixels(store, photo_of(path, "hflip"), at_least=100)
    assert small.shape == (120, 160, 3)
    assert np.array_equal(small[:, ::-1], read_pixels(store, photo_of(path), at_least=100))
