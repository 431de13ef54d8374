"""A plain folder per class, and the commands stats, split and groups on it."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from ml.images.folder import FolderError, manifest_from_folder
from ml.manifest import Manifest, Plan
from tests.ml.images.odd_files import encoded, jpeg, picture

ROOT = Path(__file__).resolve().parents[3]


def make(folder: Path, **classes: int) -> Path:
    """A folder of photos that look nothing alike."""
    folder.mkdir()
    for number, (label, n) in enumerate(classes.items()):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for place in range(n):
            (folder / label / f"{place}.jpg").write_bytes(jpeg(seed=1000 * number + place))
    return folder


def ml(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ml", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_a_folder_becomes_a_manifest_of_readable_photos(tmp_path):
    folder = make(tmp_path / "photos", glass=12, plastic_bottle=15)
    manifest, report = manifest_from_folder(folder, plan=Plan(seed=1), workers=2)
    assert [info.key for info in manifest.classes] == ["glass", "plastic_bottle"]
    assert [info.category for info in manifest.classes] == ["", ""]
    assert len(manifest.items) == 27
    assert {item.split for item in manifest.items} == {"train", "val", "test"}
    assert all(Path(item.path).is_file() for item in manifest.items)
    assert (report.unreadable, report.duplicates, report.empty_classes) == ((), (), ())


def test_the_same_folder_gives_the_same_digest(tmp_path):
    folder = make(tmp_path / "photos", a=5, b=5)
    assert manifest_from_folder(folder)[0].digest == manifest_from_folder(folder, workers=1)[0].digest


def test_near_duplicates_of_a_folder_lie_on_one_side(tmp_path):
    folder = make(tmp_path / "photos", a=30, b=30)
    for place in range(30):
        (folder / "a" / f"copy{place}.jpg").write_bytes(jpeg(seed=place, quality=60))
    manifest, _ = manifest_from_folder(folder, plan=Plan(val=0.2, test=0.2))
    sides = {Path(item.path).name: item.split for item in manifest.items if item.label == "a"}
    assert all(sides[f"{place}.jpg"] == sides[f"copy{place}.jpg"] for place in range(30))


def test_what_cannot_be_read_is_reported_and_everything_else_ignored(tmp_path):
    folder = make(tmp_path / "photos", a=3, b=3)
    (folder / "a" / "cut.jpg").write_bytes(jpeg()[:-9])
    (folder / "a" / "moving.gif").write_bytes(encoded(picture(), "GIF"))
    (folder / "a" / "notes.txt").write_text("not a picture")
    (folder / "a" / ".hidden.jpg").write_bytes(b"")
    (folder / "empty").mkdir()
    manifest, report = manifest_from_folder(folder)
    assert len(manifest.items) == 6
    assert [(one.path.name, one.code) for one in report.unreadable] == [
        ("cut.jpg", "truncated"),
        ("moving.gif", "unsupported_format"),
    ]
    assert report.empty_classes == ("empty",)


def test_the_same_bytes_in_two_classes_are_counted_once_and_reported(tmp_path):
    folder = make(tmp_path / "photos", a=3, b=3)
    (folder / "b" / "again.jpg").write_bytes((folder / "a" / "0.jpg").read_bytes())
    manifest, report = manifest_from_folder(folder)
    assert len(manifest.items) == 6
    (duplicate,) = report.duplicates
    assert (duplicate.label, duplicate.kept_label) == ("b", "a")


def test_chinese_names_newlines_and_nested_folders_are_fine(tmp_path):
    folder = make(tmp_path / "photos", a=3, **{"可回收物_鼠标": 3})
    nested = folder / "a" / "deep\nfolder"
    nested.mkdir()
    (nested / "照片\n1.JPG").write_bytes(jpeg(seed=77))
    manifest, _ = manifest_from_folder(folder)
    assert [info.name for info in manifest.classes] == ["a", "可回收物_鼠标"]
    assert len(manifest.items) == 7


def test_a_name_in_another_unicode_form_is_the_same_class(tmp_path):
    folder = make(tmp_path / "photos", b=3, **{unicodedata.normalize("NFD", "café"): 3})
    manifest, _ = manifest_from_folder(folder)
    assert [info.key for info in manifest.classes] == ["b", unicodedata.normalize("NFC", "café")]


def test_a_cap_takes_at_most_so_many_of_a_class(tmp_path):
    manifest, _ = manifest_from_folder(make(tmp_path / "photos", a=12, b=4), plan=Plan(cap=5))
    assert len(manifest.items) == 9


def test_an_enhanced_split_has_flips_first_then_the_cap_then_the_split(tmp_path):
    folder, out = make(tmp_path / "photos", a=12, b=12), tmp_path / "m.json"
    done = ml("split", folder, "--out", out, "--split", "paper", "--enhance", "--cap", 30, "--val", 0)
    assert done.returncode == 0, done.stderr
    manifest = Manifest.read(out)
    assert manifest.plan == Plan("paper", 0.0, 0.1, 0, 30, True)
    assert {split: json.loads(done.stdout)[split] for split in ("train", "val", "test")} == {
        "train": 54,
        "val": 0,
        "test": 6,
    }
    sides = {}
    for item in manifest.items:
        sides.setdefault(item.sha256, set()).add(item.split)
    assert any(len(splits) > 1 for splits in sides.values()), "twins lie on both sides: that is the leak"


def test_an_enhanced_grouped_split_keeps_copies_with_their_photo(tmp_path):
    plan = Plan(val=0.2, test=0.2, enhanced=True)
    manifest, _ = manifest_from_folder(make(tmp_path / "photos", a=10, b=10), plan=plan)
    assert len(manifest.items) == 60
    places = {(item.sha256, item.split, item.group) for item in manifest.items}
    assert len(places) == 20


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({}, "make one folder a class"),
        ({"a": 0, "b": 0}, "no photos"),
        ({"a": 5}, "at least two"),
        ({"a": 5, "b": 1}, "Only one readable photo in: b"),
    ],
)
def test_a_folder_that_is_no_data_set_says_what_to_do(tmp_path, classes, said):
    with pytest.raises(FolderError, match=said):
        manifest_from_folder(make(tmp_path / "photos", **classes))


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FolderError, match="no folder"):
        manifest_from_folder(tmp_path / "nowhere")


def test_a_folder_of_broken_files_shows_the_first(tmp_path):
    folder = make(tmp_path / "photos", a=0)
    (folder / "a" / "x.jpg").write_bytes(b"")
    with pytest.raises(FolderError, match=r"x\.jpg: The file is empty"):
        manifest_from_folder(folder)


def test_split_writes_a_manifest_that_stats_reads(tmp_path):
    folder = make(tmp_path / "photos", a=10, b=10)
    (folder / "a" / "cut.jpg").write_bytes(jpeg()[:-9])
    out = tmp_path / "m.json"
    done = ml("split", folder, "--out", out, "--val", 0.2, "--test", 0.2, "--seed", 3)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["digest"] == Manifest.read(out).digest
    assert (summary["train"], summary["val"], summary["test"], summary["unreadable"]) == (12, 4, 4, 1)
    assert "cut.jpg" in done.stderr
    statistics = json.loads(ml("stats", out).stdout)
    assert statistics["images"] == 20
    assert statistics.keys() == {"images", "mean", "std", "seed_estimator", "seconds"}
    assert json.loads(ml("stats", folder).stdout)["mean"] == pytest.approx(statistics["mean"])


@pytest.mark.parametrize("command", [["stats", "nowhere"], ["split", "nowhere", "--out", "m.json"]])
def test_bad_input_ends_with_2_and_one_sentence(command):
    done = ml(*command)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"ml {command[0]}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_groups_reads_a_list_and_writes_numbers_by_hash(tmp_path):
    lines = [
        {"sha256": f"{n:064x}", "label": "a", "phash": phash, "phash_mirror": "f0f0f0f0f0f0f0f0"}
        for n, phash in enumerate(["0000000000000000", "00000000000000ff", "ffffffffffffffff"])
    ]
    listing, out, progress = tmp_path / "list.jsonl", tmp_path / "groups.json", tmp_path / "progress.json"
    listing.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = ml(
        "groups",
        "--store",
        tmp_path,
        "--list",
        listing,
        "--out",
        out,
        "--hashes-only",
        "--progress",
        progress,
    )
    assert done.returncode == 0, done.stderr
    written = json.loads(out.read_text())
    assert list(written["groups"].values()) == [0, 0, 1]
    assert written["report"] == json.loads(done.stdout)
    assert json.loads(progress.read_text())["fraction"] == 1.0


def test_groups_names_the_line_that_is_no_photo(tmp_path):
    listing = tmp_path / "list.jsonl"
    listing.write_text('{"sha256": "x"}\n')
    done = ml("groups", "--list", listing, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "line 1" in done.stderr
