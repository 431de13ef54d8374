"""Photos with their mirrored copies as files: names, exact flips, nothing of a camera's notes, a full disk."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.images.decode import decode_image
from ml.images.flips import QUALITY, wanted_of_folder, wanted_of_manifest, write_zip
from ml.images.folder import list_photos
from ml.manifest import ClassInfo, Item, Manifest, Plan
from ml.store import Store
from tests.ml.worlds import ml
from tests.support.photos import exif_rotated, jpeg, picture, saved


def encoded(pixels: np.ndarray) -> bytes:
    """As cv2.imwrite would write it; OpenCV counts channels from blue."""
    ok, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert ok
    return data.tobytes()


def stored(store: Store, data: bytes) -> str:
    return store.put_blob(io.BytesIO(data)).sha256


def manifest_of(rows: list[tuple[str, str, str, str]], classes: tuple[ClassInfo, ...]) -> Manifest:
    items = tuple(
        Item(sha, label, split, number, transform)
        for number, (sha, label, split, transform) in enumerate(rows)
    )
    return Manifest("test", Plan(rule="paper", enhanced=True), classes, items)


MOUSE = ClassInfo("鼠标", category="可回收物")


def test_a_manifest_becomes_the_papers_files_and_flips_are_exactly_opencvs(tmp_path):
    store = Store(tmp_path / "store")
    photo = jpeg(3)
    sha = stored(store, photo)
    manifest = manifest_of(
        [(sha, "鼠标", "train", "original"), (sha, "鼠标", "test", "hflip"), (sha, "鼠标", "train", "vflip")],
        (MOUSE,),
    )
    written = write_zip(tmp_path / "out.zip", wanted_of_manifest(manifest, store))
    assert (written.photos, written.files, written.unreadable) == (1, 3, ())
    decoded = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {
        "train/可回收物_鼠标/img_鼠标_1_original.jpg": photo,
        "test/可回收物_鼠标/img_鼠标_1_horizontal.jpg": encoded(cv2.flip(decoded, 1)),
        "train/可回收物_鼠标/img_鼠标_1_vertical.jpg": encoded(cv2.flip(decoded, 0)),
    }


def test_a_photo_with_a_cameras_notes_is_written_upright_and_without_them(tmp_path):
    store = Store(tmp_path / "store")
    sha = stored(store, exif_rotated())
    write_zip(
        tmp_path / "out.zip",
        wanted_of_manifest(manifest_of([(sha, "鼠标", "train", "original")], (MOUSE,)), store),
    )
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        image = Image.open(io.BytesIO(archive.read(archive.namelist()[0])))
    assert image.size == (120, 160)
    assert not image.getexif()


def test_a_png_becomes_the_jpeg_that_its_name_promises(tmp_path):
    store = Store(tmp_path / "store")
    sha = stored(store, saved(picture(4), "PNG"))
    write_zip(
        tmp_path / "out.zip",
        wanted_of_manifest(manifest_of([(sha, "鼠标", "train", "original")], (MOUSE,)), store),
    )
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert decode_image(archive.read(archive.namelist()[0])).format == "JPEG"


def test_classes_whose_names_no_folder_can_bear_get_folders_of_their_own(tmp_path):
    store = Store(tmp_path / "store")
    classes = (ClassInfo("a/b"), ClassInfo("a:b"), ClassInfo("A_b"), ClassInfo("../../etc"))
    rows = [(stored(store, jpeg(i)), one.key, "train", "original") for i, one in enumerate(classes)]
    wanted = wanted_of_manifest(manifest_of(rows, classes), store)
    folders = [Path(next(iter(one.names.values()))).parent.as_posix() for one in wanted]
    assert folders == ["train/a_b", "train/a_b_2", "train/A_b_3", "train/_.._etc"]


def test_a_photo_that_is_gone_or_broken_is_left_out_and_named(tmp_path):
    store = Store(tmp_path / "store")
    good, broken = stored(store, jpeg(1)), stored(store, b"no photo at all")
    gone = hashlib.sha256(b"gone").hexdigest()
    rows = [(sha, "鼠标", "train", "hflip") for sha in (good, broken, gone)]
    written = write_zip(tmp_path / "out.zip", wanted_of_manifest(manifest_of(rows, (MOUSE,)), store))
    assert written.files == 1
    assert [path.name for path, _sentence in written.unreadable] == [broken, gone]


def test_a_folder_is_flipped_first_and_cut_to_the_cap_after(tmp_path):
    folder = tmp_path / "photos" / "可回收物_鼠标"
    folder.mkdir(parents=True)
    for seed in range(4):
        (folder / f"{seed}.jpg").write_bytes(jpeg(seed))
    wanted = wanted_of_folder(list_photos(tmp_path / "photos"), cap=7, seed=0)
    names = [name for one in wanted for name in one.names.values()]
    assert len(names) == 7
    assert all(name.startswith("可回收物_鼠标/img_鼠标_") for name in names)
    assert {name.rsplit("_", 1)[1] for name in names} > {"original.jpg"}
    assert names == [
        name
        for one in wanted_of_folder(list_photos(tmp_path / "photos"), cap=7, seed=0)
        for name in one.names.values()
    ]


ON_A_SMALL_DISK = """mount -t tmpfs -o size=400k none "$1" &&
"$2" -m ml enhance "$3" --out "$1/out.zip"; code=$?; ls -A "$1"; exit $code"""


def test_a_full_disk_is_said_plainly_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "photos" / "a").mkdir(parents=True)
    for seed in range(40):
        (tmp_path / "photos" / "a" / f"{seed}.jpg").write_bytes(jpeg(seed, size=(640, 480)))
    (tmp_path / "disk").mkdir()
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("needs a mount namespace of its own for a small disk")
    done = subprocess.run(
        [*words, ON_A_SMALL_DISK, "sh", tmp_path / "disk", sys.executable, tmp_path / "photos"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("ml enhance: The disk is full. Free some space")
    assert done.stdout == ""  # no file is left on it


def test_the_command_writes_a_folder_and_refuses_one_that_is_not_empty(tmp_path):
    (tmp_path / "photos" / "a").mkdir(parents=True)
    (tmp_path / "photos" / "a" / "1.jpg").write_bytes(jpeg(1))
    answer = json.loads(ml("enhance", tmp_path / "photos", "--out", tmp_path / "out").stdout)
    assert (answer["files"], answer["photos"], answer["left_out"]) == (3, 1, 0)
    names = {path.name for path in (tmp_path / "out" / "a").iterdir()}
    assert names == {"img_a_1_original.jpg", "img_a_1_horizontal.jpg", "img_a_1_vertical.jpg"}
    again = ml("enhance", tmp_path / "photos", "--out", tmp_path / "out", check=False)
    assert (again.returncode, again.stdout) == (2, "")
    assert "not empty" in again.stderr
