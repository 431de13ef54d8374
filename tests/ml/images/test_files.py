"""Files that people name: some never end, some are none."""

import os

import pytest

from ml.images import files
from ml.images.errors import NotAnImage, TooLarge
from ml.images.files import read_photo
from ml.images.folder import manifest_from_folder
from ml.manifest import Plan
from tests.support.photos import class_folders


def test_the_bytes_of_a_file_come_whole(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"\x00\x01" * 70_000)
    assert read_photo(tmp_path / "photo.jpg") == b"\x00\x01" * 70_000


@pytest.mark.timeout(20)
def test_a_pipe_that_nobody_writes_into_is_no_photo_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "photo.jpg")
    with pytest.raises(NotAnImage, match="a pipe or a device and no file"):
        read_photo(tmp_path / "photo.jpg")


@pytest.mark.timeout(20)
def test_a_device_that_never_ends_is_no_photo():
    with pytest.raises(NotAnImage):
        read_photo("/dev/zero")


def test_a_folder_and_a_file_that_is_not_there_are_errors_of_the_system(tmp_path):
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        read_photo(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_photo(tmp_path / "none.jpg")


def test_a_file_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    (tmp_path / "photo.jpg").write_bytes(bytes(1001))
    with pytest.raises(TooLarge):
        read_photo(tmp_path / "photo.jpg")


@pytest.mark.timeout(60)
def test_a_pipe_in_a_class_folder_is_left_out_and_told(tmp_path):
    photos = class_folders(tmp_path / "photos", {"red": 4, "blue": 4})
    os.mkfifo(photos / "red" / "x.jpg")
    manifest, report = manifest_from_folder(photos, plan=Plan())
    assert len(manifest.items) == 8
    assert [one.path.name for one in report.unreadable] == ["x.jpg"]
