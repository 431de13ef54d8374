"""What a person or a disk gets wrong on the command line: one sentence each, and nothing spoilt."""

import json
from pathlib import Path

import pytest

from ml.manifest import Manifest
from tests.ml.worlds import ml, read, reseal, store_with_trunk, tiny_manifest, written

PROBE = ("--recipe", "kernel_probe", "--set", "size=96", "--set", "views=1")


def refused(*words: object, code: int = 2) -> str:
    """The one sentence with which a command ends."""
    done = ml(*words, check=False)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.fixture
def site(tmp_path, trunks):
    """A manifest in a file and an empty store."""
    manifest = tiny_manifest(tmp_path / "photos", 10)
    return written(manifest, tmp_path / "manifest.json"), store_with_trunk(tmp_path / "store", trunks).root


def test_photos_that_changed_since_the_split_are_refused_and_spoil_no_later_run(site, tmp_path):
    manifest, store = site
    items = Manifest.read(manifest).items
    right = {item.path: Path(item.path).read_bytes() for item in items}
    for item, other in zip(items, items[1:] + items[:1], strict=True):
        Path(item.path).write_bytes(right[other.path])
    words = ("train", "--manifest", manifest, *PROBE, "--store", store, "--out")
    assert "its bytes have changed; put the original back, or split the folder again" in refused(
        *words, tmp_path / "wrong", code=1
    )
    for path, data in right.items():
        Path(path).write_bytes(data)
    assert json.loads(ml(*words, tmp_path / "after").stdout)["test"]["accuracy"] == 1.0


def test_a_photo_that_is_gone_is_told_before_any_work(site, tmp_path):
    manifest, store = site
    gone = Manifest.read(manifest).items[7].path
    Path(gone).unlink()
    words = ("train", "--manifest", manifest, *PROBE, "--store", store, "--out", tmp_path / "run")
    assert (
        refused(*words)
        == f"ml train: the photo {gone} is not there; put it back, or leave it out of the data set"
    )
    assert not (tmp_path / "run").exists()


def test_a_folder_below_a_file_is_refused(site, tmp_path, probe_world):
    manifest, store = site
    (tmp_path / "file").write_text("")
    words = ("train", "--manifest", manifest, *PROBE, "--store", store, "--out", tmp_path / "file" / "run")
    assert f"{tmp_path / 'file'} cannot be used" in refused(*words)
    below = tmp_path / "file" / "again"
    assert "cannot be used" in refused("evaluate", probe_world.run, "--store", store, "--out", below)


def test_settings_without_a_name_are_told_as_typed(tmp_path):
    words = (
        "train",
        "--data",
        tmp_path,
        "--recipe",
        "kernel_probe",
        "--out",
        tmp_path / "run",
        "--set",
        "=5",
    )
    assert refused(*words) == "ml train: --set needs NAME=VALUE, not '=5'"


@pytest.mark.parametrize("command", ["explain", "preview"])
def test_the_photo_that_is_read_is_never_written_over(command, probe_world, tmp_path):
    photo = tmp_path / "mine.jpg"
    photo.write_bytes(Path(probe_world.manifest.items[0].path).read_bytes())
    before = photo.read_bytes()
    bundle = [probe_world.run / "bundle"] if command == "explain" else []
    assert "it would be lost; choose another name" in refused(command, *bundle, photo, "--out", photo)
    assert photo.read_bytes() == before


def test_a_folder_is_no_name_for_a_manifest_and_no_photo_is_read_for_it(tmp_path):
    assert (
        refused("split", tmp_path, "--out", tmp_path)
        == f"ml split: --out {tmp_path} is a folder; name a file"
    )


def test_a_run_folder_in_place_of_its_bundle_is_answered_with_a_hint(probe_world):
    run = probe_world.run
    assert refused("predict", run, "photo.jpg").endswith(f"; did you mean {run / 'bundle'}?")


@pytest.mark.parametrize("command", ["evaluate", "export", "neighbours"])
def test_an_unfinished_run_is_said_to_be_one(command, probe_world, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(json.dumps({**read(probe_world.run / "run.json"), "state": "running"}))
    more = {"export": ["--out", tmp_path / "x"], "neighbours": ["photo.jpg"], "evaluate": []}[command]
    assert "is not finished (running): start “train” again with the same --out" in refused(
        command, run, *more
    )
    assert "holds no run" in refused(command, tmp_path, *more)


def test_a_finished_run_whose_bundle_is_damaged_is_no_success(site, tmp_path):
    manifest, store = site
    words = ("train", "--manifest", manifest, *PROBE, "--store", store, "--out", tmp_path / "run")
    ml(*words)
    model = tmp_path / "run" / "bundle" / "model.onnx"
    model.write_bytes(model.read_bytes()[:100])
    assert "the run is finished, but" in refused(*words, code=1)


@pytest.mark.parametrize("name", ["temperature", "threshold"])
def test_a_calibration_that_is_no_number_is_refused(name, probe_world, tmp_path):
    bundle = tmp_path / "bundle"
    ml("export", probe_world.run, "--out", bundle)
    calibration = read(bundle / "calibration.json")
    (bundle / "calibration.json").write_text(json.dumps({**calibration, name: float("nan")}))
    reseal(bundle)
    assert f"the {name} must be a number, not nan" in refused("predict", bundle, "photo.jpg")


def test_evaluating_again_reads_confidence_as_the_bundle_does(probe_world):
    again = json.loads(ml("evaluate", probe_world.run, "--store", probe_world.store.root).stdout)
    told = read(probe_world.run / "evaluation.json")
    assert again["calibration"] == told["calibration"]
    assert {name: again["unfamiliar"][name] for name in ("limit", "note")} == {
        name: told["unfamiliar"][name] for name in ("limit", "note")
    }


def test_a_study_of_too_few_photos_says_how_many_are_needed(tmp_path, trunks):
    store = store_with_trunk(tmp_path / "store", trunks)
    tiny = tiny_manifest(tmp_path / "photos", 8)
    few = Manifest("few", tiny.plan, tiny.classes, tuple(item for item in tiny.items if item.group % 8 < 2))
    words = (
        "study",
        "calibration",
        "--manifest",
        written(few, tmp_path / "m.json"),
        "--seeds",
        "1",
        "--size",
        "64",
    )
    assert "are too few" in refused(*words, "--store", store.root)


def test_the_log_of_a_known_mistake_holds_no_traceback(site, tmp_path):
    manifest, store = site
    changed = Path(Manifest.read(manifest).items[9].path)
    changed.write_bytes(changed.read_bytes() + b"more")
    ml("train", "--manifest", manifest, *PROBE, "--store", store, "--out", tmp_path / "run", check=False)
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "its bytes have changed" in log
    assert "Traceback" not in log
